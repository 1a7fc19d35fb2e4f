//! The policy: which requests are written down, and how much of them.
//!
//! See [audit policy](https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#audit-policy).

use crate::authz::{Attributes, On, OnResource};
use pintle_meta::yaml;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The largest policy that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How much of a request is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) enum Level {
    None,
    Metadata,
    Request,
    RequestResponse,
}

/// A point on the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Stage {
    RequestReceived,
    ResponseStarted,
    ResponseComplete,
    Panic,
}

/// The rules, of which the first that fits decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Policy {
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    level: Level,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    user_groups: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    resources: Vec<GroupResources>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default, rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    omit_managed_fields: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupResources {
    #[serde(default)]
    group: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

/// What is written down of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub level: Level,
    pub omit_stages: Vec<Stage>,
    pub omit_managed_fields: bool,
}

impl Policy {
    /// Reads a policy from a file.
    ///
    /// # Errors
    /// With one line that names the file, where it cannot be read or is no policy.
    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        let invalid = |why: String| {
            let message = format!("{why}: from file {}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let size = std::fs::metadata(path).map_err(|error| invalid(error.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(invalid(format!("the policy is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read(path).map_err(|error| invalid(error.to_string()))?;
        Self::parse(&text).map_err(invalid)
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let parsed = yaml::decode(text).map_err(|error| format!("failed decoding: {error}"))?;
        let value = parsed.value;
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let (version, kind) = (field("apiVersion"), field("kind"));
        if (version.as_str(), kind.as_str()) != ("audit.k8s.io/v1", "Policy") {
            return Err(format!("unknown group version field {version}, Kind={kind} in policy"));
        }
        let mut unknown = Vec::new();
        let policy: Self = serde_ignored::deserialize(value, |path| unknown.push(path.to_string()))
            .map_err(|error| format!("failed decoding: {error}"))?;
        unknown.retain(|path| !matches!(path.as_str(), "apiVersion" | "kind" | "metadata"));
        if !unknown.is_empty() {
            tracing::warn!("the audit policy has unknown fields: {}", unknown.join(", "));
        }
        if policy.rules.is_empty() {
            return Err("loaded illegal policy with 0 rules".to_owned());
        }
        for (i, rule) in policy.rules.iter().enumerate() {
            rule.check().map_err(|why| format!("rules[{i}].{why}"))?;
        }
        Ok(policy)
    }

    /// What is to be written down of a request.
    pub(crate) fn extent(&self, attributes: &Attributes<'_>) -> Extent {
        let rule = self.rules.iter().find(|rule| rule.fits(attributes));
        let mut omit_stages = self.omit_stages.clone();
        omit_stages.extend(rule.iter().flat_map(|rule| rule.omit_stages.iter().copied()));
        Extent {
            level: rule.map_or(Level::None, |rule| rule.level),
            omit_stages,
            omit_managed_fields: rule
                .and_then(|rule| rule.omit_managed_fields)
                .unwrap_or(self.omit_managed_fields),
        }
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == wanted)
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let on_resources = !self.resources.is_empty() || !self.namespaces.is_empty();
        if on_resources && !self.non_resource_urls.is_empty() {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            return Err(format!("nonResourceURLs: Invalid value: {why}"));
        }
        for url in self.non_resource_urls.iter().filter(|url| *url != "*") {
            let why = match url.strip_suffix('*').unwrap_or(url) {
                path if !path.starts_with('/') => {
                    "non-resource URL rules must begin with a '/' character"
                }
                path if path.contains('*') => {
                    "non-resource URL wildcards '*' must be the final character of the rule"
                }
                _ => continue,
            };
            return Err(format!("nonResourceURLs: Invalid value: {url:?}: {why}"));
        }
        let nameless =
            |on: &&GroupResources| on.resources.is_empty() && !on.resource_names.is_empty();
        if self.resources.iter().find(nameless).is_some() {
            let why = "using resourceNames requires at least one resource";
            return Err(format!("resources: Invalid value: {why}"));
        }
        Ok(())
    }

    fn fits(&self, attributes: &Attributes<'_>) -> bool {
        let user = attributes.user;
        let mut groups = user.groups.iter();
        let who = (self.users.is_empty() || has(&self.users, &user.name))
            && (self.user_groups.is_empty() || groups.any(|group| has(&self.user_groups, group)));
        if !who || !(self.verbs.is_empty() || has(&self.verbs, &attributes.verb)) {
            return false;
        }
        let on_resources = !self.resources.is_empty() || !self.namespaces.is_empty();
        match &attributes.on {
            On::Resource(on) if on_resources => self.fits_resource(on),
            On::Path(_) if on_resources => false,
            On::Resource(_) => self.non_resource_urls.is_empty(),
            On::Path(path) => {
                self.non_resource_urls.is_empty()
                    || self.non_resource_urls.iter().any(|pattern| fits_path(pattern, path))
            }
        }
    }

    fn fits_resource(&self, on: &OnResource<'_>) -> bool {
        let here = self.namespaces.is_empty() || has(&self.namespaces, on.namespace);
        let full = on.full_resource();
        let fits = |pattern: &String| {
            pattern == "*"
                || *pattern == full
                || (!on.subresource.is_empty()
                    && pattern.strip_prefix("*/") == Some(on.subresource))
                || pattern.strip_suffix("/*") == Some(on.resource)
        };
        let named =
            |of: &GroupResources| of.resource_names.is_empty() || has(&of.resource_names, &on.name);
        let what = self.resources.is_empty()
            || self.resources.iter().any(|of| {
                (of.group == on.group || of.group == "*")
                    && (of.resources.is_empty() || (named(of) && of.resources.iter().any(fits)))
            });
        here && what
    }
}

fn fits_path(pattern: &str, path: &str) -> bool {
    pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_meta::User;
    use proptest::prelude::*;

    const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, users: [system:probe]}
- {level: None, nonResourceURLs: ["/healthz*", "/version"]}
- {level: Metadata, resources: [{group: g, resources: [secrets, "*/token"]}]}
- {level: Request, resources: [{group: g, resources: [foos], resourceNames: [one]}], omitManagedFields: false}
- {level: RequestResponse, verbs: [create], namespaces: ["n"], omitStages: [ResponseStarted]}
- {level: Metadata, userGroups: [watched], resources: [{group: "*", resources: ["foos/*"]}]}
"#;

    fn extent(policy: &Policy, user: &User, verb: &str, on: On<'_>) -> Extent {
        policy.extent(&Attributes::new(user, verb, on))
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let policy = Policy::parse(POLICY.as_bytes()).unwrap();
        let jane = User { name: "jane".into(), groups: vec!["watched".into()], ..User::default() };
        let probe = User { name: "system:probe".into(), ..User::default() };
        let on = |resource, subresource, name, namespace| {
            On::Resource(OnResource {
                subresource,
                namespace,
                ..OnResource::new("g", "v1", resource, name)
            })
        };
        for (user, verb, target, want) in [
            (&probe, "get", on("secrets", "", "", "n"), Level::None),
            (&jane, "get", on("secrets", "", "", "n"), Level::Metadata),
            (&jane, "create", on("foos", "token", "x", "n"), Level::Metadata),
            (&jane, "get", on("foos", "", "one", "n"), Level::Request),
            // As in Kubernetes, `foos/*` is also foos themselves.
            (&jane, "get", on("foos", "", "two", "n"), Level::Metadata),
            (&jane, "create", on("foos", "", "", "n"), Level::RequestResponse),
            (&jane, "create", on("foos", "", "", "m"), Level::Metadata),
            (&jane, "create", on("bars", "", "", "m"), Level::None),
            (&jane, "get", on("foos", "status", "x", "m"), Level::Metadata),
            (&probe, "get", on("foos", "status", "x", "m"), Level::None),
            (&jane, "get", On::Path("/healthz/etcd".into()), Level::None),
            (&jane, "get", On::Path("/metrics".into()), Level::None),
        ] {
            assert_eq!(extent(&policy, user, verb, target).level, want, "{verb}");
        }
        let got = extent(&policy, &jane, "create", on("foos", "", "", "n"));
        assert_eq!(got.omit_stages, [Stage::RequestReceived, Stage::ResponseStarted]);
        assert!(got.omit_managed_fields);
        assert!(!extent(&policy, &jane, "get", on("foos", "", "one", "n")).omit_managed_fields);
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        let head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";
        for (text, why) in [
            ("kind: Policy", "unknown group version field , Kind=Policy in policy"),
            (head, "loaded illegal policy with 0 rules"),
            ("a: [", "failed decoding"),
            (&format!("{head}rules: [{{level: Everything}}]"), "failed decoding"),
            (
                &format!("{head}rules: [{{level: None, nonResourceURLs: [x]}}]"),
                "must begin with a '/'",
            ),
            (
                &format!("{head}rules: [{{level: None, namespaces: [x], nonResourceURLs: [/x]}}]"),
                "rules cannot apply to both",
            ),
            (
                &format!("{head}rules: [{{level: None, resources: [{{resourceNames: [x]}}]}}]"),
                "requires at least one resource",
            ),
        ] {
            let got = Policy::parse(text.as_bytes()).unwrap_err();
            assert!(got.contains(why), "{text}: {got}");
        }
        assert!(Policy::parse(format!("{head}rules: [{{level: None, x: 1}}]").as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_a_policy_or_is_refused(text in any::<String>(), at in 0..200_usize, byte in any::<u8>()) {
            let _ = Policy::parse(text.as_bytes());
            let mut near = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [Panic]\nrules:\n\
                - {level: Request, resources: [{group: '', resources: [pods/*], resourceNames: [a]}]}\n\
                - {level: None, nonResourceURLs: ['/x*'], omitManagedFields: true}\n"
                .to_vec();
            let at = at % near.len();
            near[at] = byte;
            let _ = Policy::parse(&near);
        }
    }
}
