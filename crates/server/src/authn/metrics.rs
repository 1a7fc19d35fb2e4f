//! What the authentication has done, for `/metrics`.

use super::Authenticator;
use crate::delegation::Delegation;
use crate::metrics::{head, line};
use std::sync::atomic::{AtomicU64, Ordering};

/// The users who are told apart, as in Kubernetes; the others are counted together.
const USERS: [&str; 7] = [
    "admin",
    "client",
    "kube_proxy",
    "kubelet",
    "system:serviceaccount:kube-system:default",
    "email_id",
    "other",
];

/// How attempts ended.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    pub(super) success: AtomicU64,
    /// Nothing was shown, and that is not enough.
    pub(super) failure: AtomicU64,
    /// What was shown is not accepted, or nobody could tell.
    pub(super) error: AtomicU64,
    pub(super) users: [AtomicU64; USERS.len()],
}

/// The place of a user among those that are told apart.
pub(super) fn place(name: &str) -> usize {
    let known = USERS[..5].iter().position(|it| *it == name);
    known.unwrap_or(if name.contains('@') { 5 } else { 6 })
}

impl Authenticator {
    /// Writes what was counted.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let Attempts { success, failure, error, users } = &self.attempts;
        let name = "authentication_attempts";
        head(out, name, "counter", "Attempts to authenticate, by how they ended.");
        for (result, count) in [("error", error), ("failure", failure), ("success", success)] {
            line(out, name, &[("result", result)], count.load(Ordering::Relaxed));
        }
        let name = "authenticated_user_requests";
        head(out, name, "counter", "Requests of users that were authenticated.");
        for (user, count) in USERS.into_iter().zip(users) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                line(out, name, &[("username", user)], count);
            }
        }
        self.delegation.write_metrics(out);
    }
}

impl Delegation {
    /// Writes how the cluster answered.
    fn write_metrics(&self, out: &mut String) {
        for (name, cluster) in [
            ("apiserver_delegated_authn_request_total", &self.authentication),
            ("apiserver_delegated_authz_request_total", &self.authorization),
        ] {
            if let Some(cluster) = cluster {
                head(out, name, "counter", "Requests to the cluster, by the code of the answer.");
                for (code, count) in cluster.answered() {
                    line(out, name, &[("code", code.as_str())], count);
                }
            }
        }
    }
}
