//! Authorization: whether a user may do what a request asks for.
//!
//! So far `system:masters` may do everything, and everybody may ask whether the server is healthy.
//! RBAC and reviews by a cluster have their place here.

use crate::request::{ResourcePath, Target};
use pintle_meta::{GroupResource, Status, User};

/// Proof that a request was allowed; the verbs are reached with nothing less.
#[derive(Debug)]
pub(crate) struct Permit(());

/// The paths that need no permission.
const ALWAYS_ALLOWED: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// Decides.
pub(crate) fn authorize(
    user: &User,
    target: &Target,
    verb: &str,
    method: &http::Method,
    path: &str,
) -> Result<Permit, Status> {
    if user.in_group("system:masters") || ALWAYS_ALLOWED.contains(&path) {
        return Ok(Permit(()));
    }
    Err(match target {
        Target::Other => Status::forbidden_path(&user.name, &method.as_str().to_lowercase(), path),
        Target::Resource(at) => forbidden(user, at, verb),
    })
}

/// 403 in the words of Kubernetes, which people search for.
fn forbidden(user: &User, at: &ResourcePath, verb: &str) -> Status {
    let resource = match &at.subresource {
        Some(subresource) => format!("{}/{subresource}", at.resource),
        None => at.resource.clone(),
    };
    let scope = match &at.namespace {
        Some(namespace) => format!("in the namespace {namespace:?}"),
        None => "at the cluster scope".to_owned(),
    };
    let (user, group) = (&user.name, &at.group);
    let why =
        format!("User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {scope}");
    let on = GroupResource { group: at.group.clone(), resource: at.resource.clone() };
    Status::forbidden(&on, at.name.as_deref().unwrap_or_default(), why)
}
