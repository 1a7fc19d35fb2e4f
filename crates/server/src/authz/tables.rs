//! Roles and bindings in memory, found by who asks.

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use pintle_meta::json::quote;
use pintle_meta::{Object, User};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, ControlFlow};

/// The roles and bindings of a server.
///
/// Keys are `namespace/name`, of what lives in no namespace `/name`.
#[derive(Debug, Default)]
pub(super) struct Tables {
    rules: HashMap<String, Vec<PolicyRule>>,
    bindings: HashMap<String, Binding>,
    /// The keys of the bindings of a user, and of a group.
    users: HashMap<String, BTreeSet<String>>,
    groups: HashMap<String, BTreeSet<String>>,
}

/// Who has a role.
#[derive(Debug)]
pub(super) struct Binding {
    name: String,
    /// `""` where it is valid in all namespaces and beyond.
    namespace: String,
    role: RoleRef,
    /// The key of the role.
    role_key: String,
    subjects: Vec<Subject>,
}

/// What is found on the way through the bindings of a user.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Rule(&'a PolicyRule, &'a Binding),
    /// A binding refers to a role that is not there.
    Missing(String),
}

/// Who a subject is.
enum Who {
    User(String),
    Group(String),
    Nobody,
}

impl Binding {
    fn who(&self, subject: &Subject) -> Who {
        match subject.kind.as_str() {
            "User" => Who::User(subject.name.clone()),
            "Group" => Who::Group(subject.name.clone()),
            "ServiceAccount" => match self.namespace_of(subject) {
                "" => Who::Nobody,
                namespace => {
                    Who::User(format!("system:serviceaccount:{namespace}:{}", subject.name))
                }
            },
            _ => Who::Nobody,
        }
    }

    /// A service account that names no namespace is of the binding's.
    fn namespace_of<'a>(&'a self, subject: &'a Subject) -> &'a str {
        let given = subject.namespace.as_deref().unwrap_or_default();
        if given.is_empty() { &self.namespace } else { given }
    }

    /// Who it is and why it is the user's, in the words of Kubernetes.
    pub(super) fn describe(&self, user: &User) -> String {
        let is_user = |subject: &&Subject| match self.who(subject) {
            Who::User(name) => name == user.name,
            Who::Group(name) => user.in_group(&name),
            Who::Nobody => false,
        };
        let to = match self.subjects.iter().find(is_user) {
            Some(subject) if subject.kind == "ServiceAccount" => {
                let name = format!("{}/{}", subject.name, self.namespace_of(subject));
                format!("ServiceAccount {}", quote(&name))
            }
            Some(subject) => format!("{} {}", subject.kind, quote(&subject.name)),
            None => String::new(),
        };
        let (kind, name) = match self.namespace.as_str() {
            "" => ("ClusterRoleBinding", self.name.clone()),
            namespace => ("RoleBinding", format!("{}/{namespace}", self.name)),
        };
        let (role_kind, role) = (&self.role.kind, quote(&self.role.name));
        format!("{kind} {} of {role_kind} {role} to {to}", quote(&name))
    }
}

impl Tables {
    /// Takes in an object of one of the kinds.
    pub(super) fn insert(&mut self, object: &dyn Object) {
        let key = format!("{}/{}", object.namespace(), object.name());
        if let Some(role) = object.downcast::<Role>() {
            self.rules.insert(key, role.rules.clone().unwrap_or_default());
        } else if let Some(role) = object.downcast::<ClusterRole>() {
            self.rules.insert(key, role.rules.clone().unwrap_or_default());
        } else if let Some(binding) = object.downcast::<RoleBinding>() {
            self.bind(key, object, &binding.role_ref, &binding.subjects);
        } else if let Some(binding) = object.downcast::<ClusterRoleBinding>() {
            self.bind(key, object, &binding.role_ref, &binding.subjects);
        }
    }

    fn bind(
        &mut self,
        key: String,
        object: &dyn Object,
        role: &RoleRef,
        subjects: &Option<Vec<Subject>>,
    ) {
        self.remove_binding(&key);
        let binding = Binding {
            name: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
            role: role.clone(),
            role_key: key_of(role, object.namespace()),
            subjects: subjects.clone().unwrap_or_default(),
        };
        for subject in &binding.subjects {
            let keys = match binding.who(subject) {
                Who::User(name) => self.users.entry(name).or_default(),
                Who::Group(name) => self.groups.entry(name).or_default(),
                Who::Nobody => continue,
            };
            keys.insert(key.clone());
        }
        self.bindings.insert(key, binding);
    }

    /// Forgets a role.
    pub(super) fn remove_role(&mut self, key: &str) {
        self.rules.remove(key);
    }

    /// Forgets a binding.
    pub(super) fn remove_binding(&mut self, key: &str) {
        let Some(binding) = self.bindings.remove(key) else { return };
        for subject in &binding.subjects {
            let (table, name) = match binding.who(subject) {
                Who::User(name) => (&mut self.users, name),
                Who::Group(name) => (&mut self.groups, name),
                Who::Nobody => continue,
            };
            if let Some(keys) = table.get_mut(&name) {
                keys.remove(key);
                if keys.is_empty() {
                    table.remove(&name);
                }
            }
        }
    }

    /// Forgets what is in a namespace, or in none, of roles or of bindings.
    pub(super) fn clear(&mut self, bindings: bool, namespaced: bool) {
        let meant = |key: &&String| key.starts_with('/') != namespaced;
        if bindings {
            let keys: Vec<String> = self.bindings.keys().filter(meant).cloned().collect();
            keys.iter().for_each(|key| self.remove_binding(key));
        } else {
            self.rules.retain(|key, _| !meant(&key));
        }
    }

    /// Shows the rules that a user has, of bindings without a namespace first.
    pub(super) fn visit<'a>(
        &'a self,
        user: &User,
        namespace: &str,
        mut visit: impl FnMut(Found<'a>) -> ControlFlow<()>,
    ) {
        let scopes = if namespace.is_empty() { &[""][..] } else { &["", namespace] };
        for scope in scopes {
            let named = Some(*scope).filter(|scope| !scope.is_empty());
            let prefix = named.map_or(Cow::Borrowed("/"), |scope| format!("{scope}/").into());
            let from = (Bound::Included(&*prefix), Bound::Unbounded);
            let of_groups = user.groups.iter().filter_map(|group| self.groups.get(group));
            for keys in self.users.get(&user.name).into_iter().chain(of_groups) {
                let keys = keys.range::<str, _>(from).take_while(|key| key.starts_with(&*prefix));
                for binding in keys.filter_map(|key| self.bindings.get(key)) {
                    if self.visit_binding(binding, &mut visit).is_break() {
                        return;
                    }
                }
            }
        }
    }

    fn visit_binding<'a>(
        &'a self,
        binding: &'a Binding,
        visit: &mut impl FnMut(Found<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.rules.get(&binding.role_key) {
            Some(rules) => rules.iter().try_for_each(|rule| visit(Found::Rule(rule, binding))),
            None => {
                let kind = binding.role.kind.to_lowercase();
                let name = quote(&binding.role.name);
                let group = pintle_meta::rbac::GROUP;
                visit(Found::Missing(format!("{kind}.{group} {name} not found")))
            }
        }
    }

    /// The rules of the role that a binding in this namespace refers to.
    pub(super) fn rules_of(&self, role: &RoleRef, namespace: &str) -> Option<&[PolicyRule]> {
        self.rules.get(&key_of(role, namespace)).map(Vec::as_slice)
    }
}

/// The key of the role that a binding in this namespace refers to.
fn key_of(role: &RoleRef, namespace: &str) -> String {
    match role.kind.as_str() {
        "Role" => format!("{namespace}/{}", role.name),
        _ => format!("/{}", role.name),
    }
}
