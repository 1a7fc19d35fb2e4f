//! Nobody gives away more than they have: what Kubernetes checks before a role or a binding is
//! written.
//!
//! See [privilege escalation prevention](https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).

use super::rbac::{Held, NotLoaded, Rbac};
use super::{Attributes, Authorizers, Decision, MASTERS, On, OnResource};
use crate::admission::{self, Admission, Operation};
use async_trait::async_trait;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
};
use pintle_meta::json::quote;
use pintle_meta::rbac::{GROUP, role_ref_group, rules};
use pintle_meta::{GroupResource, Object, Request, Served, Status};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Refuses roles and bindings that give more than their author has.
#[derive(Debug)]
pub(crate) struct Escalation {
    pub rbac: Arc<Rbac>,
    pub authorizers: Arc<Authorizers>,
}

#[async_trait]
impl Admission for Escalation {
    async fn mutate(
        &self,
        at: &admission::Attributes<'_>,
        object: &mut dyn Object,
    ) -> Result<(), Status> {
        let request = at.request;
        let writes = matches!(at.operation, Operation::Create | Operation::Update);
        if request.group != GROUP || !writes || request.user.in_group(MASTERS) {
            return Ok(());
        }
        let object = &*object;
        if let Some(role) = object.downcast::<Role>() {
            let unchanged = is_same(role, at.old);
            self.check_role(request, object, role.rules.as_deref(), false, unchanged).await
        } else if let Some(role) = object.downcast::<ClusterRole>() {
            let old = at.old.and_then(|old| old.downcast::<ClusterRole>());
            let aggregates = [Some(role), old];
            let aggregates = aggregates.iter().flatten().any(|it| it.aggregation_rule.is_some());
            let unchanged = is_same(role, at.old);
            self.check_role(request, object, role.rules.as_deref(), aggregates, unchanged).await
        } else if let Some(binding) = object.downcast::<RoleBinding>() {
            let unchanged = is_same(binding, at.old);
            self.check_binding(request, object, &binding.role_ref, unchanged).await
        } else if let Some(binding) = object.downcast::<ClusterRoleBinding>() {
            let unchanged = is_same(binding, at.old);
            self.check_binding(request, object, &binding.role_ref, unchanged).await
        } else {
            Ok(())
        }
    }
}

impl Escalation {
    async fn check_role(
        &self,
        request: &Request,
        role: &dyn Object,
        rules: Option<&[PolicyRule]>,
        aggregates: bool,
        unchanged: bool,
    ) -> Result<(), Status> {
        let on = OnResource::new(GROUP, "v1", &request.resource, role.name());
        if unchanged || self.may(request, "escalate", on).await {
            return Ok(());
        }
        self.check_held(request, role.name(), rules.unwrap_or_default())?;
        let everything = [([Some("*"), Some("*"), None], "*"), ([None, None, Some("*")], "*")].map(
            |([group, resource, path], verb)| PolicyRule {
                api_groups: group.map(|it| vec![it.to_owned()]),
                resources: resource.map(|it| vec![it.to_owned()]),
                non_resource_urls: path.map(|it| vec![it.to_owned()]),
                verbs: vec![verb.to_owned()],
                resource_names: None,
            },
        );
        if aggregates && self.check_held(request, role.name(), &everything).is_err() {
            let why = "must have cluster-admin privileges to use an aggregationRule";
            return Err(forbidden(request, role.name(), why));
        }
        Ok(())
    }

    async fn check_binding(
        &self,
        request: &Request,
        binding: &dyn Object,
        role: &RoleRef,
        unchanged: bool,
    ) -> Result<(), Status> {
        let resource = match role.kind.as_str() {
            "Role" => "roles",
            "ClusterRole" => "clusterroles",
            // What the kind cannot be is for the validation to say.
            _ => return Ok(()),
        };
        let on = OnResource::new(role_ref_group(role), "v1", resource, &role.name);
        if unchanged || self.may(request, "bind", on).await {
            return Ok(());
        }
        let rules = self.rbac.rules_of(role, &request.namespace).map_err(|_| not_loaded())?;
        let Some(rules) = rules else {
            let (group, resource) = (GROUP.to_owned(), resource.to_owned());
            return Err(Status::not_found(&GroupResource { group, resource }, &role.name));
        };
        self.check_held(request, binding.name(), &rules)
    }

    /// Whether the user may do this to a role in the namespace of the request.
    async fn may(&self, request: &Request, verb: &'static str, on: OnResource<'_>) -> bool {
        let on = OnResource { namespace: &request.namespace, ..on };
        let attributes = Attributes::new(&request.user, verb, On::Resource(on));
        self.authorizers.decide(&attributes).await.decision == Decision::Allow
    }

    /// Refuses rules that the user does not have.
    fn check_held(
        &self,
        request: &Request,
        name: &str,
        wanted: &[PolicyRule],
    ) -> Result<(), Status> {
        let user = &request.user;
        let held = self.rbac.held(user, &request.namespace).map_err(|NotLoaded| not_loaded())?;
        let Held { rules: held, problems } = held;
        let held: Vec<&PolicyRule> = held.iter().collect();
        let missing = rules::missing(&held, wanted).map_err(|rules::TooMany| {
            let max = rules::PERMISSIONS_MAX;
            forbidden(
                request,
                name,
                &format!("a role of more than {max} permissions needs the verb escalate"),
            )
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        let lines: BTreeSet<String> = rules::compact(missing).iter().map(rules::describe).collect();
        let lines: Vec<String> = lines.into_iter().collect();
        let mut why = format!(
            "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            quote(&user.name),
            rules::quoted(&user.groups),
            lines.join("\n")
        );
        if !problems.is_empty() {
            why = format!("{why}; resolution errors: [{}]", problems.join(", "));
        }
        Err(forbidden(request, name, &why))
    }
}

fn forbidden(request: &Request, name: &str, why: &str) -> Status {
    let (group, resource) = (request.group.clone(), request.resource.clone());
    Status::forbidden(&GroupResource { group, resource }, name, why)
}

fn not_loaded() -> Status {
    Status::too_many_requests("storage is (re)initializing", 1)
}

/// Whether an update changes only what the garbage collector must be able to change.
fn is_same<T: Served + PartialEq>(new: &T, old: Option<&dyn Object>) -> bool {
    let Some(old) = old.and_then(|old| old.downcast::<T>()) else { return false };
    let mut new = new.clone();
    let (meta, old_meta) = (new.meta_mut(), old.meta());
    meta.owner_references.clone_from(&old_meta.owner_references);
    meta.finalizers.clone_from(&old_meta.finalizers);
    meta.managed_fields.clone_from(&old_meta.managed_fields);
    meta.resource_version.clone_from(&old_meta.resource_version);
    new == *old
}
