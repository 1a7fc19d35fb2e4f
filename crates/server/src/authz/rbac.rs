//! RBAC: roles and bindings that are served as objects decide who may do what.
//!
//! They are read from the watch caches of their kinds. A request first takes in what has changed
//! since the last one, so a decision is as new as the caches. See
//! [RBAC](https://kubernetes.io/docs/reference/access-authn-authz/rbac/).

use super::tables::{Found, Tables};
use super::{Attributes, Decision, On, Verdict};
use crate::cache::{Cache, Entry, Watcher};
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};
use pintle_meta::rbac::rules;
use pintle_meta::{KindInfo, User};
use pintle_storage::Revision;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Who may do what, as the stored roles and bindings have it.
#[derive(Debug)]
pub(crate) struct Rbac {
    /// Roles, cluster roles, role bindings, cluster role bindings.
    sources: Vec<Source>,
    state: RwLock<State>,
    bootstrapped: AtomicBool,
}

/// A kind and where its objects are.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub kind: Arc<KindInfo>,
    pub cache: Arc<Cache>,
}

#[derive(Debug)]
struct State {
    watchers: Vec<Option<Watcher>>,
    /// The revisions of the caches that the tables show.
    shown: Vec<Revision>,
    tables: Tables,
}

/// The roles have not been loaded from the storage yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotLoaded;

/// The rules that a user has in a namespace, and what is wrong with the bindings to them.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub rules: Vec<PolicyRule>,
    pub problems: Vec<String>,
}

impl Rbac {
    /// Decides by the objects of these kinds: roles, cluster roles, role bindings, cluster role
    /// bindings.
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        let watchers = sources.iter().map(|_| None).collect();
        let shown = vec![0; sources.len()];
        let state = RwLock::new(State { watchers, shown, tables: Tables::default() });
        Self { sources, state, bootstrapped: AtomicBool::new(false) }
    }

    /// Whether the default roles are there; `/readyz` waits for that.
    pub(crate) fn is_bootstrapped(&self) -> bool {
        self.bootstrapped.load(Ordering::Acquire)
    }

    /// Says that the default roles are there.
    pub(super) fn bootstrapped(&self) {
        self.bootstrapped.store(true, Ordering::Release);
    }

    /// Whether a role allows what is asked; nothing is denied here, others may still allow it.
    pub(super) fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let Ok(state) = self.tables() else {
            return Verdict::failed("the roles have not been loaded yet");
        };
        let (resource, namespace) = match &attributes.on {
            On::Resource(on) => (on.full_resource(), on.namespace),
            On::Path(_) => ("".into(), ""),
        };
        let allows = |rule: &PolicyRule| match &attributes.on {
            On::Resource(on) => {
                rules::allows(rule, &attributes.verb, on.group, &resource, &on.name)
            }
            On::Path(path) => rules::allows_path(rule, &attributes.verb, path),
        };
        let mut allowed_by = None;
        let mut problems = Vec::new();
        state.tables.visit(attributes.user, namespace, |found| {
            match found {
                Found::Rule(rule, binding) if allows(rule) => {
                    let by = || format!("RBAC: allowed by {}", binding.describe(attributes.user));
                    allowed_by = Some(if attributes.explain { by() } else { String::new() });
                    return ControlFlow::Break(());
                }
                Found::Rule(..) => {}
                Found::Missing(problem) => problems.push(problem),
            }
            ControlFlow::Continue(())
        });
        match allowed_by {
            Some(by) => Verdict::new(Decision::Allow, by),
            None if problems.is_empty() => Verdict::new(Decision::NoOpinion, ""),
            None => Verdict::new(Decision::NoOpinion, format!("RBAC: {}", joined(problems))),
        }
    }

    /// The rules that a user has in a namespace, and in all.
    pub(crate) fn held(&self, user: &User, namespace: &str) -> Result<Held, NotLoaded> {
        let state = self.tables()?;
        let mut held = Held::default();
        state.tables.visit(user, namespace, |found| {
            match found {
                Found::Rule(rule, _) => held.rules.push(rule.clone()),
                Found::Missing(problem) => held.problems.push(problem),
            }
            ControlFlow::Continue(())
        });
        Ok(held)
    }

    /// The rules of the role that a binding in a namespace refers to; `None` where there is none.
    pub(crate) fn rules_of(
        &self,
        role: &RoleRef,
        namespace: &str,
    ) -> Result<Option<Vec<PolicyRule>>, NotLoaded> {
        let state = self.tables()?;
        Ok(state.tables.rules_of(role, namespace).map(<[PolicyRule]>::to_vec))
    }

    /// The tables, as new as the caches are now.
    fn tables(&self) -> Result<RwLockReadGuard<'_, State>, NotLoaded> {
        let reached = self.sources.iter().map(|source| source.cache.revision());
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let state = if state.shown.iter().copied().eq(reached) {
            state
        } else {
            drop(state);
            self.take_in();
            self.state.read().unwrap_or_else(PoisonError::into_inner)
        };
        if state.shown.contains(&0) { Err(NotLoaded) } else { Ok(state) }
    }

    /// Takes in what has changed in the caches.
    fn take_in(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (i, source) in self.sources.iter().enumerate() {
            let State { watchers, shown, tables } = &mut *state;
            if shown[i] == source.cache.revision() {
                continue;
            }
            if let Some(watcher) = &mut watchers[i]
                && let Ok((changes, reached)) = watcher.take(usize::MAX)
            {
                changes.iter().for_each(|change| source.put(tables, &change.new));
                shown[i] = reached;
                continue;
            }
            source.load(tables, &mut watchers[i], &mut shown[i]);
        }
    }
}

impl Source {
    /// Takes in all objects, and follows them from there on.
    fn load(&self, tables: &mut Tables, watcher: &mut Option<Watcher>, shown: &mut Revision) {
        if !self.cache.is_ready() {
            return;
        }
        let (entries, revision) = self.cache.all("");
        tables.clear(self.holds_bindings(), self.kind.namespaced);
        entries.iter().for_each(|entry| self.put(tables, entry));
        *watcher = self.cache.watch_after(revision);
        *shown = revision;
    }

    fn holds_bindings(&self) -> bool {
        self.kind.plural.ends_with("bindings")
    }

    fn put(&self, tables: &mut Tables, entry: &Entry) {
        let key = format!("{}/{}", entry.namespace(), entry.name());
        match entry.object(&self.kind) {
            Ok(object) if !entry.removed => tables.insert(object.as_ref()),
            _ if self.holds_bindings() => tables.remove_binding(&key),
            _ => tables.remove_role(&key),
        }
    }
}

/// Several errors in the form of Go's aggregates.
pub(super) fn joined(mut errors: Vec<String>) -> String {
    let mut seen = std::collections::HashSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    match errors.len() {
        0 | 1 => errors.pop().unwrap_or_default(),
        _ => format!("[{}]", errors.join(", ")),
    }
}
