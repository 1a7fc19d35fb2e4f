//! The task that makes the default roles, and keeps the rules of aggregated roles.
//!
//! Several servers on one storage may do so at a time: what is written is what each would write,
//! and a write that comes second is not made.

use super::defaults::{self, AUTOUPDATE};
use super::rbac::Rbac;
use crate::cache::Slice;
use crate::clock::Clock;
use crate::names;
use crate::registry::Resource;
use crate::store::Store;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use pintle_meta::kind::of;
use pintle_meta::rbac::{rules, selector};
use pintle_meta::selector::LabelSelector;
use pintle_meta::{Served, Status};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before the storage is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Changes that are taken in before rules are worked out again.
const CHANGES_AT_ONCE: usize = 1_000;

/// What the task works on.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    pub rbac: Arc<Rbac>,
    pub roles: Store,
    pub bindings: Store,
    /// What `view` and `edit` are about.
    pub served: Vec<Arc<Resource>>,
    pub clock: Clock,
}

impl Bootstrap {
    /// Runs until the task is aborted.
    pub(crate) async fn run(self) {
        while let Err(status) = self.make_defaults().await {
            tracing::warn!(%status, "the default roles cannot be made yet");
            tokio::time::sleep(RETRY).await;
        }
        self.aggregate(|| self.rbac.bootstrapped()).await;
    }

    async fn make_defaults(&self) -> Result<(), Status> {
        for role in defaults::roles(&self.served) {
            let name = role.metadata.name.clone().unwrap_or_default();
            self.make(&self.roles, &name, role, complete_role).await?;
        }
        for binding in defaults::bindings() {
            let name = binding.metadata.name.clone().unwrap_or_default();
            self.make(&self.bindings, &name, binding, complete_binding).await?;
        }
        Ok(())
    }

    /// Makes an object where there is none, and otherwise adds what it lacks.
    async fn make<K: Served>(
        &self,
        store: &Store,
        key: &str,
        mut wanted: K,
        complete: fn(&mut K, K) -> bool,
    ) -> Result<(), Status> {
        loop {
            let Some(entry) = store.get_stored(key).await? else {
                let meta: &mut ObjectMeta = wanted.meta_mut();
                meta.uid = Some(names::uid());
                meta.creation_timestamp = Some(Time(names::whole_second(self.clock.now())));
                match store.create(store.draft(key, &wanted, 0)?).await? {
                    Some(_) => return Ok(()),
                    None => continue,
                }
            };
            let stored = store.decode(&entry)?;
            let mut stored: K = of::<K>(stored.as_ref()).clone();
            let kept = stored.meta().annotations.as_ref().and_then(|all| all.get(AUTOUPDATE));
            let left_alone = kept.is_some_and(|value| value == "false");
            if left_alone || !complete(&mut stored, wanted.clone()) {
                return Ok(());
            }
            let draft = store.draft(key, &stored, entry.revision)?;
            if store.update(draft).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Keeps the rules of aggregated roles what those of their parts are; `begun` is called when
    /// all are so for the first time.
    async fn aggregate(&self, begun: impl Fn()) {
        let cache = self.roles.cache();
        loop {
            while cache.not_older_than(1).await.is_err() {}
            let (roles, revision) = cache.all("");
            match self.write_rules(&roles).await {
                Ok(true) => continue,
                Ok(false) => begun(),
                Err(status) => {
                    tracing::warn!(%status, "aggregated roles cannot be written");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
            let Some(mut watcher) = cache.watch_after(revision) else { continue };
            // What was lost is read anew at the beginning of the loop.
            let _ = watcher.next(CHANGES_AT_ONCE).await;
        }
    }

    /// Writes the rules that are not what they should be; whether there were any. Returns when the
    /// cache has them.
    async fn write_rules(&self, entries: &Slice) -> Result<bool, Status> {
        let entries = entries.iter().filter(|entry| !entry.removed);
        let mut roles = Vec::new();
        for entry in entries {
            let object = self.roles.decode(entry)?;
            roles.push((entry, of::<ClusterRole>(object.as_ref()).clone()));
        }
        let mut written = 0;
        for (entry, role) in roles.iter().filter(|(_, role)| role.aggregation_rule.is_some()) {
            let rules = parts(role, roles.iter().map(|(_, role)| role));
            if role.rules.as_deref().unwrap_or_default() == rules {
                continue;
            }
            let mut role = role.clone();
            role.rules = Some(rules);
            role.metadata.resource_version = None;
            let draft = self.roles.draft(&entry.key, &role, entry.revision)?;
            if let Some(new) = self.roles.update(draft).await? {
                written = new.revision;
            }
        }
        if written > 0 {
            // The cache follows at once; where it does not, the next look finds the same again.
            let _ = self.roles.cache().not_older_than(written).await;
        }
        Ok(written > 0)
    }
}

/// The rules of the roles that an aggregated role selects, by name, each rule once.
fn parts<'a>(role: &ClusterRole, all: impl Iterator<Item = &'a ClusterRole>) -> Vec<PolicyRule> {
    let selectors = role.aggregation_rule.iter().flat_map(|it| &it.cluster_role_selectors);
    let selectors: Vec<LabelSelector> =
        selectors.flatten().filter_map(|it| selector(it).ok()).collect();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for part in all.filter(|part| part.metadata.name != role.metadata.name) {
        let labels = part.metadata.labels.clone().unwrap_or_default();
        let label = |key: &str| labels.get(key).map(String::as_str);
        if selectors.iter().any(|selector| selector.matches(label)) {
            for rule in part.rules.iter().flatten() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

/// Adds the rules that a default role lacks. Rules of its own stay.
fn complete_role(stored: &mut ClusterRole, wanted: ClusterRole) -> bool {
    let held: Vec<&PolicyRule> = stored.rules.iter().flatten().collect();
    let wanted_rules = wanted.rules.unwrap_or_default();
    let missing = rules::missing(&held, &wanted_rules).unwrap_or_default();
    let aggregates = wanted.aggregation_rule.is_some() && stored.aggregation_rule.is_none();
    if missing.is_empty() && !aggregates {
        return false;
    }
    if aggregates {
        stored.aggregation_rule = wanted.aggregation_rule;
    }
    stored.rules.get_or_insert_default().extend(rules::compact(missing));
    true
}

/// Adds the subjects that a default binding lacks.
fn complete_binding(stored: &mut ClusterRoleBinding, wanted: ClusterRoleBinding) -> bool {
    let subjects = stored.subjects.get_or_insert_default();
    let before = subjects.len();
    for subject in wanted.subjects.unwrap_or_default() {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects.len() > before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, all: &[ClusterRole]) -> ClusterRole {
        all.iter().find(|role| role.metadata.name.as_deref() == Some(name)).cloned().unwrap()
    }

    #[test]
    fn a_default_role_is_completed_and_keeps_what_it_has() {
        let wanted = named("system:basic-user", &defaults::roles(&[]));
        let mut stored = wanted.clone();
        assert!(!complete_role(&mut stored, wanted.clone()));
        let own = PolicyRule { verbs: vec!["get".to_owned()], ..PolicyRule::default() };
        let rules = stored.rules.get_or_insert_default();
        rules.remove(0);
        rules.push(own.clone());
        assert!(complete_role(&mut stored, wanted.clone()));
        assert!(stored.rules.as_ref().unwrap().contains(&own));
        let held: Vec<&PolicyRule> = stored.rules.iter().flatten().collect();
        assert_eq!(rules::missing(&held, &wanted.rules.clone().unwrap()), Ok(vec![]));
        assert!(!complete_role(&mut stored, wanted));
    }

    #[test]
    fn a_default_binding_is_completed() {
        let wanted = defaults::bindings().remove(0);
        let mut stored = ClusterRoleBinding { subjects: None, ..wanted.clone() };
        assert!(complete_binding(&mut stored, wanted.clone()));
        assert!(!complete_binding(&mut stored, wanted));
    }

    #[test]
    fn an_aggregated_role_has_the_rules_of_its_parts_once() {
        let mut all = defaults::roles(&[]);
        let admin = named("admin", &all);
        let rules = named("system:aggregate-to-admin", &all).rules.unwrap();
        assert_eq!(parts(&admin, all.iter()), rules);
        let twice = ClusterRole {
            metadata: ObjectMeta { name: Some("x".to_owned()), ..named("edit", &all).metadata },
            rules: Some(rules.clone()),
            ..ClusterRole::default()
        };
        all.push(twice);
        assert_eq!(parts(&admin, all.iter()), rules);
        assert_eq!(parts(&named("system:discovery", &all), all.iter()), []);
    }
}
