//! The roles and bindings that are there from the start, as far as they mean something here.
//!
//! See [default roles](https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings).
//! `view` and `edit` allow what this server serves in namespaces: a server with kinds of its own has
//! no others.

use crate::registry::Resource;
use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use pintle_meta::rbac::GROUP;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where this is `false`, a role or binding is not completed at the next start.
pub(super) const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];

/// The roles of a server that serves these resources.
pub(super) fn roles(served: &[Arc<Resource>]) -> Vec<ClusterRole> {
    let discovery = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    let public = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let monitoring = [
        "/healthz",
        "/healthz/*",
        "/livez",
        "/livez/*",
        "/metrics",
        "/metrics/slis",
        "/readyz",
        "/readyz/*",
    ];
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    let admin = vec![
        on(&["create"], "authorization.k8s.io", &["localsubjectaccessreviews"]),
        on(&[&READ[..], &WRITE].concat(), GROUP, &["rolebindings", "roles"]),
    ];
    vec![
        role("cluster-admin", None, vec![on(&["*"], "*", &["*"]), paths(&["*"], &["*"])]),
        role("system:discovery", None, vec![paths(&["get"], &discovery)]),
        role("system:public-info-viewer", None, vec![paths(&["get"], &public)]),
        role("system:monitoring", None, vec![paths(&["get"], &monitoring)]),
        role(
            "system:basic-user",
            None,
            vec![
                on(&["create"], "authorization.k8s.io", &reviews),
                on(&["create"], "authentication.k8s.io", &["selfsubjectreviews"]),
            ],
        ),
        aggregate("admin", None),
        aggregate("edit", Some("admin")),
        aggregate("view", Some("edit")),
        role("system:aggregate-to-admin", Some("admin"), admin),
        role("system:aggregate-to-edit", Some("edit"), of_served(served, &WRITE)),
        role("system:aggregate-to-view", Some("view"), of_served(served, &READ)),
    ]
}

/// Who has the default roles.
pub(super) fn bindings() -> Vec<ClusterRoleBinding> {
    let (everybody, nobody) = ("system:authenticated", "system:unauthenticated");
    vec![
        binding("cluster-admin", &["system:masters"]),
        binding("system:discovery", &[everybody]),
        binding("system:basic-user", &[everybody]),
        binding("system:public-info-viewer", &[everybody, nobody]),
        binding("system:monitoring", &["system:monitoring"]),
    ]
}

/// The verbs among these that namespaced resources and their subresources have, a rule for each
/// group and set of verbs.
fn of_served(served: &[Arc<Resource>], verbs: &[&str]) -> Vec<PolicyRule> {
    let mut rules: BTreeMap<(String, Vec<&str>), Vec<String>> = BTreeMap::new();
    let mut add = |group: &str, has: &[&'static str], name: String| {
        let has: Vec<&str> = has.iter().copied().filter(|verb| verbs.contains(verb)).collect();
        if !has.is_empty() {
            rules.entry((group.to_owned(), has)).or_default().push(name);
        }
    };
    for resource in served.iter().filter(|resource| resource.kind.namespaced) {
        let (group, plural) = (resource.kind.group.as_str(), &resource.kind.plural);
        add(group, resource.verbs(), plural.clone());
        for (name, verbs) in resource.subresources() {
            add(group, verbs, format!("{plural}/{name}"));
        }
    }
    let rules = rules.into_iter().map(|((group, verbs), resources)| {
        let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
        on(&verbs, &group, &resources)
    });
    rules.collect()
}

fn on(verbs: &[&str], group: &str, resources: &[&str]) -> PolicyRule {
    PolicyRule {
        verbs: texts(verbs),
        api_groups: Some(texts(&[group])),
        resources: Some(texts(resources)),
        ..PolicyRule::default()
    }
}

fn paths(verbs: &[&str], paths: &[&str]) -> PolicyRule {
    let non_resource_urls = Some(texts(paths));
    PolicyRule { verbs: texts(verbs), non_resource_urls, ..PolicyRule::default() }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn label(to: &str) -> BTreeMap<String, String> {
    [(format!("{GROUP}/aggregate-to-{to}"), "true".to_owned())].into()
}

fn role(name: &str, part_of: Option<&str>, rules: Vec<PolicyRule>) -> ClusterRole {
    let metadata = metadata(name, part_of);
    ClusterRole { metadata, rules: Some(rules), ..ClusterRole::default() }
}

/// A role whose rules are those of others, which say so by a label.
fn aggregate(name: &str, part_of: Option<&str>) -> ClusterRole {
    let selector = LabelSelector { match_labels: Some(label(name)), ..LabelSelector::default() };
    let rule = AggregationRule { cluster_role_selectors: Some(vec![selector]) };
    ClusterRole { aggregation_rule: Some(rule), ..role(name, part_of, Vec::new()) }
}

fn binding(name: &str, groups: &[&str]) -> ClusterRoleBinding {
    let subjects = groups.iter().map(|group| Subject {
        api_group: Some(GROUP.to_owned()),
        kind: "Group".to_owned(),
        name: (*group).to_owned(),
        namespace: None,
    });
    ClusterRoleBinding {
        metadata: metadata(name, None),
        role_ref: RoleRef {
            api_group: GROUP.to_owned().into(),
            kind: "ClusterRole".to_owned(),
            name: name.to_owned(),
        },
        subjects: Some(subjects.collect()),
    }
}

fn metadata(name: &str, part_of: Option<&str>) -> ObjectMeta {
    let mut labels = part_of.map(label).unwrap_or_default();
    labels.insert("kubernetes.io/bootstrapping".to_owned(), "rbac-defaults".to_owned());
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels),
        annotations: Some([(AUTOUPDATE.to_owned(), "true".to_owned())].into()),
        ..ObjectMeta::default()
    }
}
