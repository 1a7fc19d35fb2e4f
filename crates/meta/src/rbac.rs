//! Roles and their bindings as kinds: the group `rbac.authorization.k8s.io` of Kubernetes.
//!
//! The types are those of `k8s-openapi`; here is what their hooks do, in the words of Kubernetes.
//! What a rule allows is in [`rules`]. See
//! [RBAC](https://kubernetes.io/docs/reference/access-authn-authz/rbac/).

pub mod rules;

use crate::columns::Columns;
use crate::field::FieldErrors;
use crate::kind::Hub;
use crate::selector::{LabelSelector, Operator, Requirement};
use crate::validation::{NameRule, is_qualified_name, is_valid_label_value};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1;

/// The group of these kinds, and the one that users and groups are subjects of.
pub const GROUP: &str = "rbac.authorization.k8s.io";

macro_rules! stored_as_in_kubernetes {
    () => {
        fn name_rule() -> NameRule {
            NameRule::PathSegment
        }

        fn allows_unconditional_update() -> bool {
            true
        }

        fn allows_create_on_update() -> bool {
            true
        }
    };
}

impl Hub for Role {
    fn validate(&self, errors: &mut FieldErrors) {
        validate_rules(self.rules.as_deref(), true, errors);
    }

    stored_as_in_kubernetes!();
}

impl Hub for ClusterRole {
    fn validate(&self, errors: &mut FieldErrors) {
        validate_rules(self.rules.as_deref(), false, errors);
        let Some(aggregation) = &self.aggregation_rule else { return };
        let field = "aggregationRule.clusterRoleSelectors";
        let selectors = aggregation.cluster_role_selectors.as_deref().unwrap_or_default();
        if selectors.is_empty() {
            let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
            errors.required_because(field, why);
        }
        for (i, selector) in selectors.iter().enumerate() {
            validate_selector(selector, &format!("{field}[{i}]"), errors);
        }
    }

    stored_as_in_kubernetes!();
}

impl Hub for RoleBinding {
    fn set_defaults(&mut self) {
        default_binding(&mut self.role_ref, self.subjects.as_deref_mut());
    }

    fn validate(&self, errors: &mut FieldErrors) {
        validate_role_ref(&self.role_ref, &["Role", "ClusterRole"], errors);
        validate_subjects(self.subjects.as_deref(), true, errors);
    }

    fn validate_update(&self, old: &Self, errors: &mut FieldErrors) {
        self.validate(errors);
        role_ref_stays(&self.role_ref, &old.role_ref, errors);
    }

    fn columns(table: &mut Columns<Self>) {
        table.column("Role", |binding| role_cell(&binding.role_ref).into());
        table.age();
        subject_columns(table, |binding| binding.subjects.as_deref());
    }

    stored_as_in_kubernetes!();
}

impl Hub for ClusterRoleBinding {
    fn set_defaults(&mut self) {
        default_binding(&mut self.role_ref, self.subjects.as_deref_mut());
    }

    fn validate(&self, errors: &mut FieldErrors) {
        validate_role_ref(&self.role_ref, &["ClusterRole"], errors);
        validate_subjects(self.subjects.as_deref(), false, errors);
    }

    fn validate_update(&self, old: &Self, errors: &mut FieldErrors) {
        self.validate(errors);
        role_ref_stays(&self.role_ref, &old.role_ref, errors);
    }

    fn columns(table: &mut Columns<Self>) {
        table.column("Role", |binding| role_cell(&binding.role_ref).into());
        table.age();
        subject_columns(table, |binding| binding.subjects.as_deref());
    }

    stored_as_in_kubernetes!();
}

/// The group of a reference, which is optional in some versions of the types and not in others.
#[must_use]
pub fn role_ref_group(role: &RoleRef) -> &str {
    Option::<&String>::from(&role.api_group).map_or("", String::as_str)
}

fn subject_group(subject: &Subject) -> &str {
    subject.api_group.as_deref().unwrap_or_default()
}

fn default_binding(role: &mut RoleRef, subjects: Option<&mut [Subject]>) {
    if role_ref_group(role).is_empty() {
        role.api_group = GROUP.to_owned().into();
    }
    for subject in subjects.unwrap_or_default() {
        if subject_group(subject).is_empty() && matches!(subject.kind.as_str(), "User" | "Group") {
            subject.api_group = Some(GROUP.to_owned());
        }
    }
}

fn validate_rules(rules: Option<&[PolicyRule]>, namespaced: bool, errors: &mut FieldErrors) {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    for (i, rule) in rules.unwrap_or_default().iter().enumerate() {
        let field = |name: &str| format!("rules[{i}].{name}");
        if rule.verbs.is_empty() {
            errors.required_because(field("verbs"), "verbs must contain at least one value");
        }
        let [groups, resources, names] =
            [&rule.api_groups, &rule.resources, &rule.resource_names].map(some);
        if some(&rule.non_resource_urls) {
            let shown = serde_json::Value::from(rule.non_resource_urls.clone());
            if namespaced {
                let why = "namespaced rules cannot apply to non-resource URLs";
                errors.invalid(field("nonResourceURLs"), &shown, why);
            }
            if groups || resources || names {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                errors.invalid(field("nonResourceURLs"), &shown, why);
            }
            continue;
        }
        if !groups {
            let why = "resource rules must supply at least one api group";
            errors.required_because(field("apiGroups"), why);
        }
        if !resources {
            let why = "resource rules must supply at least one resource";
            errors.required_because(field("resources"), why);
        }
    }
}

/// A label selector of the types as one that selects.
///
/// # Errors
/// Where an operator or a value makes no sense.
pub fn selector(selector: &v1::LabelSelector) -> Result<LabelSelector, String> {
    let labels = selector.match_labels.iter().flatten();
    let mut all = labels
        .map(|(key, value)| Requirement::new(key, Operator::Equals, vec![value.clone()]))
        .collect::<Result<Vec<_>, _>>()?;
    for expression in selector.match_expressions.iter().flatten() {
        let operator = match expression.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(format!("{other:?} is not a valid label selector operator")),
        };
        let values = expression.values.clone().unwrap_or_default();
        all.push(Requirement::new(&expression.key, operator, values)?);
    }
    Ok(all.into_iter().collect())
}

fn validate_selector(selector: &v1::LabelSelector, field: &str, errors: &mut FieldErrors) {
    for (key, value) in selector.match_labels.iter().flatten() {
        let problems = [is_qualified_name(key), is_valid_label_value(value)].concat();
        for why in problems {
            errors.invalid(format!("{field}.matchLabels"), key, why);
        }
    }
    for (i, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let field = format!("{field}.matchExpressions[{i}]");
        let some = expression.values.as_ref().is_some_and(|values| !values.is_empty());
        match expression.operator.as_str() {
            "In" | "NotIn" if some => {}
            "In" | "NotIn" => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.required_because(format!("{field}.values"), why);
            }
            "Exists" | "DoesNotExist" if some => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(format!("{field}.values"), why);
            }
            "Exists" | "DoesNotExist" => {}
            other => {
                errors.invalid(format!("{field}.operator"), other, "not a valid selector operator");
            }
        }
        for why in is_qualified_name(&expression.key) {
            errors.invalid(format!("{field}.key"), &expression.key, why);
        }
        for value in expression.values.iter().flatten() {
            for why in is_valid_label_value(value) {
                errors.invalid(format!("{field}.values"), value, why);
            }
        }
    }
}

fn validate_role_ref(role: &RoleRef, kinds: &[&str], errors: &mut FieldErrors) {
    let group = role_ref_group(role);
    if group != GROUP {
        errors.not_supported("roleRef.apiGroup", group, &[GROUP]);
    }
    if !kinds.contains(&role.kind.as_str()) {
        errors.not_supported("roleRef.kind", &role.kind, kinds);
    }
    if role.name.is_empty() {
        errors.required("roleRef.name");
    } else {
        for why in NameRule::PathSegment.validate(&role.name, false) {
            errors.invalid("roleRef.name", &role.name, why);
        }
    }
}

fn role_ref_stays(new: &RoleRef, old: &RoleRef, errors: &mut FieldErrors) {
    if new != old {
        let shown = serde_json::json!({
            "apiGroup": role_ref_group(new), "kind": new.kind, "name": new.name,
        });
        errors.invalid("roleRef", shown, "cannot change roleRef");
    }
}

fn validate_subjects(subjects: Option<&[Subject]>, namespaced: bool, errors: &mut FieldErrors) {
    for (i, subject) in subjects.unwrap_or_default().iter().enumerate() {
        let field = |name: &str| format!("subjects[{i}].{name}");
        if subject.name.is_empty() {
            errors.required(field("name"));
        }
        let group = subject_group(subject);
        match subject.kind.as_str() {
            "ServiceAccount" => {
                if !subject.name.is_empty() {
                    for why in NameRule::Dns1123Subdomain.validate(&subject.name, false) {
                        errors.invalid(field("name"), &subject.name, why);
                    }
                }
                if !group.is_empty() {
                    errors.not_supported(field("apiGroup"), group, &[""]);
                }
                if !namespaced && subject.namespace.as_deref().unwrap_or_default().is_empty() {
                    errors.required(field("namespace"));
                }
            }
            "User" | "Group" if group != GROUP => {
                errors.not_supported(field("apiGroup"), group, &[GROUP]);
            }
            "User" | "Group" => {}
            other => {
                errors.not_supported(field("kind"), other, &["ServiceAccount", "User", "Group"]);
            }
        }
    }
}

fn role_cell(role: &RoleRef) -> String {
    format!("{}/{}", role.kind, role.name)
}

/// The columns that only `kubectl get -o wide` shows.
fn subject_columns<K: Hub>(
    table: &mut Columns<K>,
    subjects: impl Fn(&K) -> Option<&[Subject]> + Copy + Send + Sync + 'static,
) {
    let cell = move |binding: &K, kind: &str| {
        let subjects = subjects(binding).unwrap_or_default().iter();
        let names = subjects.filter(|subject| subject.kind == kind).map(|subject| {
            match subject.namespace.as_deref() {
                Some(namespace) if kind == "ServiceAccount" => {
                    format!("{namespace}/{}", subject.name)
                }
                _ => subject.name.clone(),
            }
        });
        names.collect::<Vec<_>>().join(", ")
    };
    for (heading, kind) in
        [("Users", "User"), ("Groups", "Group"), ("ServiceAccounts", "ServiceAccount")]
    {
        table.wide(heading, move |binding| cell(binding, kind).into());
    }
}
