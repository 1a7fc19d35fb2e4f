//! Authorization: whether a user may do what a request asks for.
//!
//! A list of authorizers is asked in order, as in Kubernetes: the first that allows or denies has
//! decided, and what nobody has an opinion on is refused. See
//! [Authorization](https://kubernetes.io/docs/reference/access-authn-authz/authorization/).

mod bootstrap;
mod defaults;
mod escalation;
mod rbac;
mod review;
mod reviews;
mod stand_alone;
mod tables;

use crate::request::{ResourcePath, Target, query_value};
use pintle_meta::json::quote;
use pintle_meta::selector::{FieldSelector, LabelSelector};
use pintle_meta::validation::NameRule;
use pintle_meta::{GroupResource, Status, User};
use std::borrow::Cow;
use std::sync::Arc;

pub(crate) use bootstrap::Bootstrap;
pub(crate) use rbac::Rbac;
pub(crate) use review::AccessReviews;
pub(crate) use stand_alone::access;

/// The group that may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// Proof that a request was allowed; the verbs are reached with nothing less.
#[derive(Debug)]
pub(crate) struct Permit {
    reason: String,
}

impl Permit {
    /// Why it was allowed, for the audit; often `""`.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

/// Who wants to do what: all that a decision may depend on.
#[derive(Debug)]
pub(crate) struct Attributes<'a> {
    pub user: &'a User,
    /// The verb of a resource; for another path the method in lower case.
    pub verb: Cow<'a, str>,
    pub on: On<'a>,
    /// Whether somebody wants to know why it is allowed.
    pub explain: bool,
}

/// What it is done to.
#[derive(Clone, Debug)]
pub(crate) enum On<'a> {
    Resource(OnResource<'a>),
    /// A path that is not one of a resource.
    Path(Cow<'a, str>),
}

/// A resource, a subresource, or one object; what is not named is `""`.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnResource<'a> {
    pub group: &'a str,
    pub version: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: Cow<'a, str>,
    /// The selectors of a list, a watch or a deletion of a collection, as they were sent.
    pub selectors: [&'a str; 2],
}

impl<'a> Attributes<'a> {
    /// A question that is not a request.
    pub(crate) fn new(user: &'a User, verb: &'a str, on: On<'a>) -> Self {
        Self { user, verb: verb.into(), on, explain: true }
    }

    /// The attributes of a request, which is allowed without a word.
    pub(crate) fn of_request(
        user: &'a User,
        target: &'a Target,
        verb: &'static str,
        method: &http::Method,
        path: &'a str,
        query: &'a [(String, String)],
    ) -> Self {
        match target {
            Target::Resource(at) => {
                let on = On::Resource(OnResource::of_path(at, verb, query));
                Self { user, verb: verb.into(), on, explain: false }
            }
            Target::Other => {
                let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
                let verb = method.as_str().to_lowercase().into();
                Self { user, verb, on: On::Path(path), explain: false }
            }
        }
    }

    /// What a refusal says: `User "jane" cannot list resource "foos" in API group …`.
    fn complaint(&self) -> String {
        let (user, verb) = (quote(&self.user.name), &self.verb);
        let text = match &self.on {
            On::Path(path) => format!("User {user} cannot {verb} path {}", quote(path)),
            On::Resource(on) => {
                let scope = match on.namespace {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {}", quote(namespace)),
                };
                let (resource, group) = (quote(&on.full_resource()), quote(on.group));
                format!(
                    "User {user} cannot {verb} resource {resource} in API group {group} {scope}"
                )
            }
        };
        sanitized(&text)
    }

    /// 403 in the words of Kubernetes, which people search for.
    pub(crate) fn forbidden(&self, reason: &str) -> Status {
        let mut why = self.complaint();
        if !reason.is_empty() {
            why = format!("{why}: {reason}");
        }
        match &self.on {
            On::Path(_) => Status::forbidden_request(why),
            On::Resource(on) => {
                let (group, resource) = (on.group.to_owned(), on.resource.to_owned());
                Status::forbidden(&GroupResource { group, resource }, &on.name, why)
            }
        }
    }
}

impl<'a> OnResource<'a> {
    /// An object, or a resource where the name is `""`, in no namespace.
    pub(crate) const fn new(
        group: &'a str,
        version: &'a str,
        resource: &'a str,
        name: &'a str,
    ) -> Self {
        let (subresource, namespace, name) = ("", "", Cow::Borrowed(name));
        Self { group, version, resource, subresource, namespace, name, selectors: ["", ""] }
    }

    fn of_path(at: &'a ResourcePath, verb: &str, query: &'a [(String, String)]) -> Self {
        let selects = matches!(verb, "list" | "watch" | "deletecollection");
        let sent = |name| query_value(query, name).filter(|_| selects).unwrap_or_default();
        let selectors = [sent("labelSelector"), sent("fieldSelector")];
        let name = at.name.as_deref().unwrap_or_default();
        let mut on = Self {
            group: &at.group,
            version: &at.version,
            resource: &at.resource,
            subresource: at.subresource.as_deref().unwrap_or_default(),
            // A namespace is in itself: who may do something in it may do it to it.
            namespace: match (&at.namespace, at.resource.as_str()) {
                (Some(namespace), _) => namespace,
                (None, "namespaces") => name,
                (None, _) => "",
            },
            name: name.into(),
            selectors,
        };
        if on.name.is_empty() && verb != "deletecollection" {
            on.name = on.selected_name().unwrap_or_default().into();
        }
        on
    }

    /// Whoever may see one object may list and watch it by its name.
    fn selected_name(&self) -> Option<String> {
        let fields = self.field_selector()?;
        let name = fields.requires_exact("metadata.name")?;
        NameRule::PathSegment.validate(name, false).is_empty().then(|| name.to_owned())
    }

    /// The label selector, where there is one that can be read.
    pub(crate) fn label_selector(&self) -> Option<LabelSelector> {
        let sent = Some(self.selectors[0]).filter(|text| !text.is_empty())?;
        LabelSelector::parse(sent).ok()
    }

    /// The field selector, where there is one that can be read.
    pub(crate) fn field_selector(&self) -> Option<FieldSelector> {
        let sent = Some(self.selectors[1]).filter(|text| !text.is_empty())?;
        FieldSelector::parse(sent).ok()
    }

    /// `foos`, or `foos/status`.
    pub(crate) fn full_resource(&self) -> Cow<'a, str> {
        match self.subresource {
            "" => self.resource.into(),
            subresource => format!("{}/{subresource}", self.resource).into(),
        }
    }
}

/// What an authorizer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allow,
    /// Nobody else is asked.
    Deny,
    /// Others may decide; where none does, the request is refused.
    NoOpinion,
}

/// A decision, why, and what went wrong on the way to it; both are often `""`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub decision: Decision,
    pub reason: String,
    pub error: String,
}

impl Verdict {
    pub(crate) fn new(decision: Decision, reason: impl Into<String>) -> Self {
        Self { decision, reason: reason.into(), error: String::new() }
    }

    /// There is no opinion, because something failed.
    pub(crate) fn failed(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::new(Decision::NoOpinion, "") }
    }
}

/// One way to decide.
#[derive(Debug)]
pub(crate) enum Authorizer {
    /// Members of `system:masters` may do everything.
    Masters,
    /// Paths that are nobody's secret; one that ends in `*` stands for all that begin like it.
    /// Resources are never meant.
    Paths(Vec<String>),
    /// What a cluster says.
    Cluster(AccessReviews),
    /// Everybody may do everything.
    AlwaysAllow,
    /// Nobody may do anything that was not allowed before.
    AlwaysDeny,
    /// Roles and bindings decide.
    Rbac(Arc<Rbac>),
}

impl Authorizer {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let allowed = match self {
            Self::Masters => attributes.user.in_group(MASTERS),
            Self::Paths(paths) => match &attributes.on {
                On::Path(path) => paths.iter().any(|pattern| matches(pattern, path)),
                On::Resource(_) => false,
            },
            Self::Cluster(reviews) => return reviews.authorize(attributes).await,
            Self::AlwaysAllow => true,
            Self::AlwaysDeny => {
                return Verdict::new(Decision::NoOpinion, "Everything is forbidden.");
            }
            Self::Rbac(rbac) => return rbac.authorize(attributes),
        };
        Verdict::new(if allowed { Decision::Allow } else { Decision::NoOpinion }, "")
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let [pattern, path] = [pattern, path].map(|text| text.strip_prefix('/').unwrap_or(text));
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    }
}

/// The authorizers of a server, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Authorizers(pub Vec<Authorizer>);

/// Why a request is not answered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody allows it; with the reasons of those who were asked.
    Forbidden { status: Status, reason: String },
    /// It cannot be found out whether it is allowed, which is for the log and in Kubernetes also
    /// for the client.
    Failed(String),
}

impl Authorizers {
    /// Asks one after the other until one has decided.
    pub(crate) async fn decide(&self, attributes: &Attributes<'_>) -> Verdict {
        let (mut reasons, mut errors) = (Vec::new(), Vec::new());
        for authorizer in &self.0 {
            let verdict = authorizer.authorize(attributes).await;
            if verdict.decision != Decision::NoOpinion {
                return verdict;
            }
            reasons.extend(Some(verdict.reason).filter(|reason| !reason.is_empty()));
            errors.extend(Some(verdict.error).filter(|error| !error.is_empty()));
        }
        let (reason, error) = (reasons.join("\n"), rbac::joined(errors));
        Verdict { decision: Decision::NoOpinion, reason, error }
    }

    /// Lets a request pass, or says what it is answered.
    pub(crate) async fn authorize(&self, attributes: &Attributes<'_>) -> Result<Permit, Refusal> {
        let verdict = self.decide(attributes).await;
        match verdict {
            Verdict { decision: Decision::Allow, reason, .. } => Ok(Permit { reason }),
            Verdict { error, .. } if !error.is_empty() => Err(Refusal::Failed(error)),
            Verdict { reason, .. } => {
                Err(Refusal::Forbidden { status: attributes.forbidden(&reason), reason })
            }
        }
    }
}

/// Whether a request was allowed; nothing where it could not be told.
pub(crate) fn allowed(decided: &Result<Permit, Refusal>) -> Option<bool> {
    match decided {
        Ok(_) => Some(true),
        Err(Refusal::Forbidden { .. }) => Some(false),
        Err(Refusal::Failed(_)) => None,
    }
}

/// Text that a browser does not take for HTML.
pub(crate) fn sanitized(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_meta::selector::Requirement;

    fn user(name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        User { name: name.to_owned(), groups, ..User::default() }
    }

    /// What a request is answered by these authorizers: `ok`, or the message.
    async fn check(authorizers: &Authorizers, user: &User, line: &str, want: &str) {
        let (method, uri) = line.split_once(' ').unwrap();
        let method: http::Method = method.parse().unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let query = crate::request::query_pairs(Some(query));
        let target = Target::of(path);
        let verb = match &target {
            Target::Resource(at) => at.verb(&method, false),
            Target::Other => "",
        };
        let attributes = Attributes::of_request(user, &target, verb, &method, path, &query);
        let got = match authorizers.authorize(&attributes).await {
            Ok(_) => "ok".to_owned(),
            Err(Refusal::Forbidden { status, .. }) => status.message,
            Err(Refusal::Failed(error)) => error,
        };
        assert_eq!(got, want, "{line}");
    }

    #[tokio::test]
    async fn masters_and_paths() {
        let paths = ["/healthz", "readyz/*", "/a<b"].map(str::to_owned).to_vec();
        let authorizers = Authorizers(vec![Authorizer::Masters, Authorizer::Paths(paths)]);
        let (jane, admin) = (user("jane", &[]), user("admin", &[MASTERS]));
        for (line, want) in [
            ("GET /healthz", "ok"),
            ("POST /healthz", "ok"),
            ("GET /healthz/", r#"forbidden: User "jane" cannot get path "/healthz/""#),
            ("GET /readyz", r#"forbidden: User "jane" cannot get path "/readyz""#),
            ("GET /readyz/etcd", "ok"),
            ("GET /a%3Cb", "ok"),
            ("DELETE /a%3Cb%26c", r#"forbidden: User "jane" cannot delete path "/a&lt;b&amp;c""#),
            (
                "GET /apis/g/v1/readyz/etcd",
                r#"readyz.g "etcd" is forbidden: User "jane" cannot get resource "readyz" in API group "g" at the cluster scope"#,
            ),
            (
                "PUT /apis/g/v1/namespaces/n/foos/a/status",
                r#"foos.g "a" is forbidden: User "jane" cannot update resource "foos/status" in API group "g" in the namespace "n""#,
            ),
            (
                "GET /apis/g/v1/namespaces/n/foos?fieldSelector=metadata.name%3Da",
                r#"foos.g "a" is forbidden: User "jane" cannot list resource "foos" in API group "g" in the namespace "n""#,
            ),
            (
                "DELETE /apis/g/v1/namespaces/n/foos?fieldSelector=metadata.name%3Da",
                r#"foos.g is forbidden: User "jane" cannot deletecollection resource "foos" in API group "g" in the namespace "n""#,
            ),
            (
                "GET /api/v1/namespaces/n",
                r#"namespaces "n" is forbidden: User "jane" cannot get resource "namespaces" in API group "" in the namespace "n""#,
            ),
        ] {
            check(&authorizers, &jane, line, want).await;
            check(&authorizers, &admin, line, "ok").await;
        }
    }

    #[test]
    fn selectors_are_read_when_they_are_asked_for() {
        let Target::Resource(at) = Target::of("/apis/g/v1/foos") else { panic!("a resource") };
        let query = crate::request::query_pairs(Some("labelSelector=a%3Db,c&fieldSelector=%3D%3D"));
        let on = OnResource::of_path(&at, "list", &query);
        let labels = on.label_selector().unwrap();
        let keys: Vec<_> = labels.requirements().iter().map(Requirement::key).collect();
        assert_eq!(keys, ["a", "c"]);
        assert_eq!(on.name, "");
        assert!(OnResource::of_path(&at, "create", &query).label_selector().is_none());
    }
}
