//! What a rule allows, and whether rules together allow what another one does.

use crate::json::quote;
use k8s_openapi::api::rbac::v1::PolicyRule;

/// Single permissions (one verb on one thing) that are looked at before a question is refused as
/// too long: the lists of a rule are multiplied with each other.
pub const PERMISSIONS_MAX: usize = 20_000;
/// Missing permissions that are told.
pub const MISSING_MAX: usize = 1_000;

/// The lists of a rule multiply to more than [`PERMISSIONS_MAX`] permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

fn list(list: &Option<Vec<String>>) -> &[String] {
    list.as_deref().unwrap_or_default()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == wanted)
}

/// A list in which `*` stands for everything.
fn has_or_all(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

/// Whether a rule allows a verb on a resource, which has its subresource behind a slash; the name
/// is `""` where no object is named.
#[must_use]
pub fn allows(rule: &PolicyRule, verb: &str, group: &str, resource: &str, name: &str) -> bool {
    has_or_all(&rule.verbs, verb)
        && has_or_all(list(&rule.api_groups), group)
        && list(&rule.resources).iter().any(|one| names_resource(one, resource))
        && (list(&rule.resource_names).is_empty() || has(list(&rule.resource_names), name))
}

/// `*`, `foos`, `foos/status`, and `*/status` for the subresource of every resource.
fn names_resource(pattern: &str, resource: &str) -> bool {
    if pattern == "*" || pattern == resource {
        return true;
    }
    let subresource = resource.split_once('/').map(|(_, subresource)| subresource);
    subresource.is_some() && pattern.strip_prefix("*/") == subresource
}

/// Whether a rule allows a verb on a path that is not one of a resource.
#[must_use]
pub fn allows_path(rule: &PolicyRule, verb: &str, path: &str) -> bool {
    has_or_all(&rule.verbs, verb)
        && list(&rule.non_resource_urls).iter().any(|pattern| names_path(pattern, path))
}

fn names_path(pattern: &str, path: &str) -> bool {
    pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

/// The permissions of `wanted` that no rule of `held` gives, each a rule of its own; the first
/// [`MISSING_MAX`] of them.
///
/// Whoever grants a role must hold what is in it.
///
/// # Errors
/// Where there are too many permissions to look at.
pub fn missing(held: &[&PolicyRule], wanted: &[PolicyRule]) -> Result<Vec<PolicyRule>, TooMany> {
    let mut looked_at = 0;
    let mut missing = Vec::new();
    for rule in wanted {
        looked_at += permissions(rule);
        if looked_at > PERMISSIONS_MAX {
            return Err(TooMany);
        }
        each_permission(rule, |permission| {
            let held = held.iter().any(|held| covers(held, &permission));
            if !held && missing.len() < MISSING_MAX {
                missing.push(permission);
            }
        });
    }
    Ok(missing)
}

/// How many permissions a rule has.
fn permissions(rule: &PolicyRule) -> usize {
    let resources = [&rule.api_groups, &rule.resources].map(|one| list(one).len());
    let names = list(&rule.resource_names).len().max(1);
    let on_resources = resources.iter().fold(names, |all, len| all.saturating_mul(*len));
    let on_all = on_resources.saturating_add(list(&rule.non_resource_urls).len());
    on_all.saturating_mul(rule.verbs.len())
}

fn each_permission(rule: &PolicyRule, mut visit: impl FnMut(PolicyRule)) {
    let one = |text: &String| Some(vec![text.clone()]);
    for group in list(&rule.api_groups) {
        for resource in list(&rule.resources) {
            for verb in &rule.verbs {
                let permission = PolicyRule {
                    api_groups: one(group),
                    resources: one(resource),
                    verbs: vec![verb.clone()],
                    ..PolicyRule::default()
                };
                if list(&rule.resource_names).is_empty() {
                    visit(permission.clone());
                }
                for name in list(&rule.resource_names) {
                    visit(PolicyRule { resource_names: one(name), ..permission.clone() });
                }
            }
        }
    }
    for path in list(&rule.non_resource_urls) {
        for verb in &rule.verbs {
            let (non_resource_urls, verbs) = (one(path), vec![verb.clone()]);
            visit(PolicyRule { non_resource_urls, verbs, ..PolicyRule::default() });
        }
    }
}

/// Whether a rule gives a single permission.
fn covers(held: &PolicyRule, wanted: &PolicyRule) -> bool {
    let verbs = wanted.verbs.iter().all(|verb| has_or_all(&held.verbs, verb));
    let groups = list(&wanted.api_groups).iter();
    let mut resources = list(&wanted.resources).iter();
    let mut paths = list(&wanted.non_resource_urls).iter();
    let names = match (list(&held.resource_names), list(&wanted.resource_names)) {
        ([], _) => true,
        (_, []) => false,
        (held, wanted) => wanted.iter().all(|name| has(held, name)),
    };
    verbs
        && names
        && groups.into_iter().all(|group| has_or_all(list(&held.api_groups), group))
        && resources.all(|wanted| list(&held.resources).iter().any(|h| names_resource(h, wanted)))
        && paths.all(|wanted| list(&held.non_resource_urls).iter().any(|h| names_path(h, wanted)))
}

/// Puts permissions that differ in their verbs only into one rule each.
#[must_use]
pub fn compact(permissions: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let mut compact: Vec<PolicyRule> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for rule in permissions {
        let lists = [&rule.api_groups, &rule.resources, &rule.resource_names];
        let simple = list(&rule.non_resource_urls).is_empty()
            && lists[..2].iter().all(|one| list(one).len() == 1)
            && list(lists[2]).len() <= 1;
        if !simple {
            compact.push(rule);
            continue;
        }
        let place = places.entry(lists.map(Clone::clone)).or_insert(compact.len());
        match compact.get_mut(*place) {
            Some(known) => known.verbs.extend(rule.verbs),
            None => compact.push(rule),
        }
    }
    compact
}

/// A rule in one line: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`.
#[must_use]
pub fn describe(rule: &PolicyRule) -> String {
    let lists = [
        ("APIGroups", list(&rule.api_groups)),
        ("Resources", list(&rule.resources)),
        ("NonResourceURLs", list(&rule.non_resource_urls)),
        ("ResourceNames", list(&rule.resource_names)),
        ("Verbs", &rule.verbs),
    ];
    let some = lists.iter().filter(|(_, list)| !list.is_empty());
    let parts = some.map(|(name, list)| format!("{name}:{}", quoted(list)));
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

/// A list as Go prints it with `%q`: `["a" "b"]`.
#[must_use]
pub fn quoted(list: &[String]) -> String {
    let items: Vec<String> = list.iter().map(|item| quote(item)).collect();
    format!("[{}]", items.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Option<Vec<String>> {
        (!text.is_empty())
            .then(|| text.split(',').map(|one| one.trim_matches('\'').to_owned()).collect())
    }

    /// `verbs groups resources names`, lists with commas, `''` for an empty text.
    fn rule(text: &str) -> PolicyRule {
        let mut parts = text.split(' ').map(words);
        let mut next = || parts.next().flatten();
        PolicyRule {
            verbs: next().unwrap_or_default(),
            api_groups: next(),
            resources: next(),
            resource_names: next(),
            non_resource_urls: None,
        }
    }

    fn paths(verbs: &str, paths: &str) -> PolicyRule {
        let verbs = words(verbs).unwrap_or_default();
        PolicyRule { verbs, non_resource_urls: words(paths), ..PolicyRule::default() }
    }

    #[test]
    fn what_a_rule_allows() {
        for (of, verb, group, resource, name, want) in [
            ("get,list '' pods", "get", "", "pods", "", true),
            ("get,list '' pods", "get", "", "pods", "a", true),
            ("get,list '' pods", "watch", "", "pods", "", false),
            ("get,list '' pods", "get", "apps", "pods", "", false),
            ("get '' pods", "get", "", "pods/log", "a", false),
            ("get '' pods/log", "get", "", "pods/log", "a", true),
            ("get '' pods/log", "get", "", "pods", "a", false),
            ("get '' */log", "get", "", "pods/log", "a", true),
            ("get '' */log", "get", "", "pods/status", "a", false),
            ("get '' */log", "get", "", "log", "a", false),
            ("get '' *", "get", "", "pods/log", "a", true),
            ("* * *", "anything", "any.group", "any/thing", "x", true),
            ("get '' pods a,b", "get", "", "pods", "b", true),
            ("get '' pods a,b", "get", "", "pods", "c", false),
            ("get '' pods a,b", "get", "", "pods", "", false),
        ] {
            assert_eq!(allows(&rule(of), verb, group, resource, name), want, "{of} {resource}");
        }
        for (pattern, path, want) in [
            ("/metrics", "/metrics", true),
            ("/metrics", "/metrics/slis", false),
            ("/metrics/*", "/metrics/slis", true),
            ("/metrics/*", "/metrics", false),
            ("*", "/metrics", true),
        ] {
            assert_eq!(allows_path(&paths("get", pattern), "get", path), want, "{pattern} {path}");
            assert!(!allows_path(&paths("get", pattern), "put", path), "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_missing() {
        fn check(held: &[PolicyRule], wanted: PolicyRule, want: &[&str]) {
            let held: Vec<&PolicyRule> = held.iter().collect();
            let missing = missing(&held, &[wanted]).unwrap();
            let mut lines: Vec<String> = compact(missing).iter().map(describe).collect();
            lines.sort();
            assert_eq!(lines, want);
        }
        let held = [rule("get,list '' pods"), rule("* apps */scale"), paths("get", "/a/*")];
        check(&held, rule("get '' pods x"), &[]);
        check(&held, rule("list,get '' pods"), &[]);
        check(
            &held,
            rule("get,put,delete '' pods,nodes"),
            &[
                r#"{APIGroups:[""], Resources:["nodes"], Verbs:["get" "put" "delete"]}"#,
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["put" "delete"]}"#,
            ],
        );
        check(&held, rule("get apps deployments/scale"), &[]);
        check(&held, rule("get apps */scale"), &[]);
        check(&held, rule("* '' pods"), &[r#"{APIGroups:[""], Resources:["pods"], Verbs:["*"]}"#]);
        check(&held, paths("get", "/a/b,/a/*"), &[]);
        check(&held, paths("get", "/a*"), &[r#"{NonResourceURLs:["/a*"], Verbs:["get"]}"#]);
        let named = [rule("get '' pods a,b")];
        check(&named, rule("get '' pods a"), &[]);
        check(
            &named,
            rule("get '' pods c"),
            &[r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["c"], Verbs:["get"]}"#],
        );
        check(
            &named,
            rule("get '' pods"),
            &[r#"{APIGroups:[""], Resources:["pods"], Verbs:["get"]}"#],
        );
    }

    #[test]
    fn a_question_without_end_is_refused() {
        let many: Vec<String> = (0..300).map(|i| i.to_string()).collect();
        let huge = PolicyRule {
            verbs: many.clone(),
            api_groups: Some(many.clone()),
            resources: Some(many.clone()),
            resource_names: Some(many),
            non_resource_urls: None,
        };
        assert_eq!(missing(&[], &[huge]), Err(TooMany));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        /// Whoever holds what a role has may do what the role allows.
        #[test]
        fn nobody_gains_by_a_role_that_is_covered(
            held in "(get|list|\\*)(,put)? (''|apps|\\*) (pods|pods/log|\\*|\\*/log)( a| a,b)?",
            wanted in "(get|list|\\*)(,put)? (''|apps|\\*) (pods|pods/log|\\*|\\*/log)( a| a,b)?",
        ) {
            let (held, wanted) = (rule(&held), rule(&wanted));
            if !missing(&[&held], std::slice::from_ref(&wanted)).unwrap().is_empty() {
                return Ok(());
            }
            for verb in ["get", "list", "put", "delete"] {
                for group in ["", "apps", "batch"] {
                    for resource in ["pods", "pods/log", "nodes", "nodes/log", "nodes/x"] {
                        for name in ["", "a", "b", "c"] {
                            if allows(&wanted, verb, group, resource, name) {
                                prop_assert!(allows(&held, verb, group, resource, name));
                            }
                        }
                    }
                }
            }
        }
    }
}
