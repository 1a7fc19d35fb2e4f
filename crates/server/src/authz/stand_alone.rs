//! What a server needs that decides for itself who may do what: the kinds of RBAC, the questions
//! about access, and the authorizers.

use super::bootstrap::Bootstrap;
use super::escalation::Escalation;
use super::rbac::{Rbac, Source};
use super::reviews::{Question, Review};
use super::{Authorizer, Authorizers};
use crate::admission::Admission;
use crate::clock::Clock;
use crate::kinds::{Kind, Registration};
use crate::options::AuthorizationMode;
use crate::registry::{Backing, Resource};
use crate::store::{Place, Store};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use std::marker::PhantomData;
use std::sync::Arc;

/// How a server decides, and what it serves for that.
#[derive(Debug)]
pub(crate) struct Access {
    pub authorizers: Arc<Authorizers>,
    /// The kinds of RBAC and the questions about access.
    pub resources: Vec<Arc<Resource>>,
    /// Keeps roles from giving away more than their author has.
    pub plugin: Option<Arc<dyn Admission>>,
    pub rbac: Option<Arc<Rbac>>,
    /// The task that makes the default roles.
    pub bootstrap: Option<Bootstrap>,
}

/// Puts together how a server with these resources decides: as `authorizers` do, and then in these
/// modes.
pub(crate) fn access(
    mut authorizers: Vec<Authorizer>,
    modes: &[AuthorizationMode],
    place: Place<'_>,
    served: &[Arc<Resource>],
    clock: &Clock,
) -> Access {
    let mut resources = Vec::new();
    let mut rbac = None;
    for mode in modes {
        authorizers.push(match mode {
            AuthorizationMode::AlwaysAllow => Authorizer::AlwaysAllow,
            AuthorizationMode::AlwaysDeny => Authorizer::AlwaysDeny,
            AuthorizationMode::Rbac => {
                resources = rbac_kinds(place);
                let made = Arc::new(Rbac::new(sources(&resources)));
                rbac = Some(Arc::clone(&made));
                Authorizer::Rbac(made)
            }
        });
    }
    let authorizers = Arc::new(Authorizers(authorizers));
    let stores: Vec<Store> = resources.iter().filter_map(|it| store(it).cloned()).collect();
    let mut access = Access {
        plugin: None,
        bootstrap: None,
        rbac: rbac.clone(),
        resources,
        authorizers: Arc::clone(&authorizers),
    };
    if let (Some(rbac), [_, roles, _, bindings]) = (rbac, &stores[..]) {
        access.plugin = Some(Arc::new(Escalation { rbac: Arc::clone(&rbac), authorizers }));
        access.bootstrap = Some(Bootstrap {
            rbac,
            roles: roles.clone(),
            bindings: bindings.clone(),
            served: served.to_vec(),
            clock: clock.clone(),
        });
    }
    if !modes.is_empty() {
        access.resources.extend(reviews(&access.authorizers, place));
    }
    access
}

/// Roles, cluster roles, role bindings, cluster role bindings.
fn rbac_kinds(place: Place<'_>) -> Vec<Arc<Resource>> {
    let kinds: [Registration; 4] = [
        Kind::<Role>::plain().protobuf().into(),
        Kind::<ClusterRole>::plain().protobuf().into(),
        Kind::<RoleBinding>::plain().protobuf().into(),
        Kind::<ClusterRoleBinding>::plain().protobuf().into(),
    ];
    kinds.into_iter().map(|kind| Arc::new(kind.into_resource(place))).collect()
}

fn store(resource: &Resource) -> Option<&Store> {
    match &resource.backing {
        Backing::Store(store) => Some(store),
        Backing::Rest(_) => None,
    }
}

fn sources(resources: &[Arc<Resource>]) -> Vec<Source> {
    let source = |resource: &Arc<Resource>| {
        let cache = Arc::clone(store(resource)?.cache());
        Some(Source { kind: Arc::clone(&resource.kind), cache })
    };
    resources.iter().filter_map(source).collect()
}

/// The questions about access.
fn reviews(to: &Arc<Authorizers>, place: Place<'_>) -> Vec<Arc<Resource>> {
    fn kind<Q: Question>(to: &Arc<Authorizers>) -> Registration
    where
        Q::Scope: 'static,
    {
        Kind::<Q>::plain().protobuf().kept_by(Review::<Q>(Arc::clone(to), PhantomData)).into()
    }
    let kinds = [
        kind::<LocalSubjectAccessReview>(to),
        kind::<SelfSubjectAccessReview>(to),
        kind::<SelfSubjectRulesReview>(to),
        kind::<SubjectAccessReview>(to),
        kind::<SelfSubjectReview>(to),
    ];
    kinds.into_iter().map(|kind| Arc::new(kind.into_resource(place))).collect()
}
