//! What the authentication has done, for `/metrics`.

use super::Authenticator;
use crate::delegation::Delegation;
use crate::metrics::{FAST, Histogram, head, line, write_times};
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

const AUTHN_REQUESTS: [&str; 2] = [
    "apiserver_delegated_authn_request_total",
    "apiserver_delegated_authn_request_duration_seconds",
];
const AUTHZ_REQUESTS: [&str; 2] = [
    "apiserver_delegated_authz_request_total",
    "apiserver_delegated_authz_request_duration_seconds",
];

/// How attempts ended.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(super) success: Histogram,
    /// Nothing was shown, and that is not enough.
    pub(super) failure: Histogram,
    /// What was shown is not accepted, or nobody could tell.
    pub(super) error: Histogram,
    pub(super) users: [AtomicU64; USERS.len()],
    /// How long the certificates of users are still good.
    pub(super) certificates: Histogram,
}

/// From the end of a certificate to a year before it, in seconds.
const EXPIRATION: &[f64] = &[
    0.0,
    1_800.0,
    3_600.0,
    7_200.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    345_600.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    15_552_000.0,
    31_104_000.0,
];

impl Default for Attempts {
    fn default() -> Self {
        Self {
            success: Histogram::new(FAST),
            failure: Histogram::new(FAST),
            error: Histogram::new(FAST),
            users: Default::default(),
            certificates: Histogram::new(EXPIRATION),
        }
    }
}

/// The place of a user among those that are told apart.
pub(super) fn place(name: &str) -> usize {
    let known = USERS[..5].iter().position(|it| *it == name);
    known.unwrap_or(if name.contains('@') { 5 } else { 6 })
}

impl Authenticator {
    /// Writes what was counted.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let Attempts { success, failure, error, users, certificates } = &self.attempts;
        let names = ["authentication_attempts", "authentication_duration_seconds"];
        let help = ["Attempts to authenticate, by how they ended.", "How long they took."];
        let results = [("error", error), ("failure", failure), ("success", success)];
        let results = results.map(|(result, times)| (vec![("result", result)], times));
        write_times(out, names, help, results.into_iter());
        let name = "apiserver_client_certificate_expiration_seconds";
        head(out, name, "histogram", "How long the certificates of users are still good.");
        certificates.write(out, name, &[]);
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
        for (names, cluster) in
            [(AUTHN_REQUESTS, &self.authentication), (AUTHZ_REQUESTS, &self.authorization)]
        {
            if let Some(cluster) = cluster {
                let help =
                    ["Requests to the cluster, by the code of the answer.", "How long they took."];
                let answered = cluster.answered();
                let series = answered.iter();
                let series = series.map(|(code, times)| (vec![("code", code.as_str())], &**times));
                write_times(out, names, help, series);
            }
        }
    }
}
