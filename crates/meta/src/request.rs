//! Who asks for what: the part of a request that hooks and admission may look at.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A user as the authentication found it.
///
/// See [Authenticating](https://kubernetes.io/docs/reference/access-authn-authz/authentication/).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name, for example `system:anonymous` or `jane`.
    pub name: String,
    /// The UID, which tells users of equal names apart; often empty.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What else the authentication says of the user.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Whether the user is in a group.
    #[must_use]
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The user on whose behalf it runs; shared, as a client comes back with the same credential.
    pub user: Arc<User>,
    /// The verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or
    /// `deletecollection`.
    pub verb: &'static str,
    /// The API group.
    pub group: String,
    /// The version of the path.
    pub version: String,
    /// The resource, for example `foos`.
    pub resource: String,
    /// The subresource, or `""`.
    pub subresource: String,
    /// The namespace of the path, or `""`.
    pub namespace: String,
    /// The name of the path, or `""`.
    pub name: String,
    /// Whether nothing may be changed in the end.
    pub dry_run: bool,
    /// When the request arrived; what hooks should take for the present.
    pub time: Timestamp,
}
