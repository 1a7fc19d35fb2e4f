//! The namespaces of a cluster: nothing is made in one that is not there, or that is about to go.
//!
//! It does what the plugin
//! [`NamespaceLifecycle`](https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle)
//! does in Kubernetes. Without it a namespace could be deleted and objects be left behind that
//! nobody finds.

use super::{Admission, Attributes, Operation};
use crate::memo::Memo;
use crate::upstream::{Failure, Upstream};
use async_trait::async_trait;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_meta::status::Cause;
use pintle_meta::{GroupResource, Object, Status};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How long it is believed that a namespace is there; that one is not is never believed for long.
const KEEP: Duration = Duration::from_secs(1);
/// How many namespaces are remembered.
const NAMESPACES_MAX: usize = 8_192;

/// Asks a cluster about the namespace of each new object.
#[derive(Debug)]
pub(crate) struct Namespaces {
    cluster: Arc<Upstream>,
    phases: Memo<String, Result<Phase, Failure>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Missing,
    Active,
    Terminating,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(default)]
    status: NamespaceStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamespaceStatus {
    phase: String,
}

impl Namespaces {
    pub(crate) fn new(cluster: Arc<Upstream>) -> Self {
        Self { cluster, phases: Memo::new(NAMESPACES_MAX) }
    }

    async fn phase(&self, name: &String) -> Result<Phase, Failure> {
        let keep = |phase: &Result<Phase, Failure>| match phase {
            Ok(Phase::Active) => KEEP,
            _ => Duration::ZERO,
        };
        self.phases.get(name, async || self.ask(name).await, keep).await
    }

    async fn ask(&self, name: &str) -> Result<Phase, Failure> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let body = match self.cluster.get(&format!("/api/v1/namespaces/{name}")).await {
            Err(Failure { code: Some(404), .. }) => return Ok(Phase::Missing),
            answered => answered?,
        };
        match serde_json::from_slice::<Namespace>(&body) {
            Ok(namespace) if namespace.status.phase == "Terminating" => Ok(Phase::Terminating),
            Ok(_) => Ok(Phase::Active),
            Err(error) => {
                let message = format!("the answer is no Namespace: {error}");
                Err(Failure { code: None, message, transient: false })
            }
        }
    }
}

#[async_trait]
impl Admission for Namespaces {
    async fn mutate(&self, at: &Attributes<'_>, _: &mut dyn Object) -> Result<(), Status> {
        let name = &at.request.namespace;
        if at.operation != Operation::Create || name.is_empty() {
            return Ok(());
        }
        match self.phase(name).await {
            Ok(Phase::Active) => Ok(()),
            Ok(Phase::Missing) => {
                let on = GroupResource { group: String::new(), resource: "namespaces".to_owned() };
                Err(Status::not_found(&on, name))
            }
            Ok(Phase::Terminating) => Err(terminating(at, name)),
            Err(failure) => Err(Status::internal(failure)),
        }
    }
}

fn terminating(at: &Attributes<'_>, name: &str) -> Status {
    let mut status = at.forbidden(format_args!(
        "unable to create new content in namespace {name} because it is being terminated"
    ));
    status.details.get_or_insert_default().causes.push(Cause {
        reason: "NamespaceTerminating".to_owned(),
        message: format!("namespace {name} is being terminated"),
        field: "metadata.namespace".to_owned(),
    });
    status
}
