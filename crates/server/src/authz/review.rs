//! Accesses that a cluster judges, by a
//! [SubjectAccessReview](https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/).

use super::{Attributes, Decision, On, OnResource, Verdict};
use crate::memo::Memo;
use crate::upstream::Upstream;
use pintle_meta::selector::Operator;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// How many accesses are remembered.
const ACCESSES_MAX: usize = 8_192;
/// What is asked for by more text than this is asked anew each time: who sends it can send as much
/// of it as there is memory.
const ATTRIBUTE_BYTES_MAX: usize = 10_000;

/// Asks a cluster whether a user may do something, and remembers the answers for a while.
#[derive(Debug)]
pub(crate) struct AccessReviews {
    cluster: Arc<Upstream>,
    keep_allowed: Duration,
    keep_unauthorized: Duration,
    answers: Memo<String, Result<Status, String>>,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Status,
}

/// What the cluster finds.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Status {
    allowed: bool,
    denied: bool,
    reason: String,
}

impl AccessReviews {
    pub(crate) fn new(
        cluster: Arc<Upstream>,
        keep_allowed: Duration,
        keep_unauthorized: Duration,
    ) -> Self {
        Self { cluster, keep_allowed, keep_unauthorized, answers: Memo::new(ACCESSES_MAX) }
    }

    /// What the cluster says; no opinion where it cannot be asked.
    pub(super) async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let answer = if asked_bytes(attributes) < ATTRIBUTE_BYTES_MAX {
            let keep = |answer: &Result<Status, String>| match answer {
                Ok(status) if status.allowed => self.keep_allowed,
                Ok(_) => self.keep_unauthorized,
                Err(_) => Duration::ZERO,
            };
            self.answers.get(&key(attributes), async || self.ask(attributes).await, keep).await
        } else {
            self.ask(attributes).await
        };
        match answer {
            Err(why) => Verdict::failed(why),
            Ok(Status { allowed: true, denied: true, reason }) => {
                let error = "webhook subject access review returned both allow and deny response";
                Verdict { error: error.to_owned(), ..Verdict::new(Decision::Deny, reason) }
            }
            Ok(Status { denied: true, reason, .. }) => Verdict::new(Decision::Deny, reason),
            Ok(Status { allowed: true, reason, .. }) => Verdict::new(Decision::Allow, reason),
            Ok(Status { reason, .. }) => Verdict::new(Decision::NoOpinion, reason),
        }
    }

    async fn ask(&self, attributes: &Attributes<'_>) -> Result<Status, String> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": spec(attributes),
        });
        let answered = self.cluster.create(PATH, &review).await.map_err(|failure| {
            tracing::warn!("cannot ask the cluster what a user may do: {failure}");
            failure.to_string()
        })?;
        let review: Review = serde_json::from_slice(&answered)
            .map_err(|error| format!("the answer is no SubjectAccessReview: {error}"))?;
        Ok(review.status)
    }
}

/// The texts of what is asked for: what the client chooses freely.
fn asked<'a>(attributes: &'a Attributes<'_>) -> [&'a str; 9] {
    match &attributes.on {
        On::Path(path) => [&attributes.verb, path, "", "", "", "", "", "", ""],
        On::Resource(on) => [
            &attributes.verb,
            "",
            on.group,
            on.version,
            on.resource,
            on.subresource,
            on.namespace,
            &on.name,
            "",
        ],
    }
}

fn asked_bytes(attributes: &Attributes<'_>) -> usize {
    let selectors = match &attributes.on {
        On::Path(_) => 0,
        On::Resource(on) => on.selectors.iter().map(|text| text.len()).sum(),
    };
    asked(attributes).iter().map(|text| text.len()).sum::<usize>() + selectors
}

/// All that a decision depends on as one text, each part behind its length, so that no two questions
/// have the same.
fn key(attributes: &Attributes<'_>) -> String {
    let mut key = String::with_capacity(256);
    let mut add = |part: &str| {
        // Writing to a string does not fail.
        let _ = write!(key, "{}:{part}", part.len());
    };
    asked(attributes).into_iter().for_each(&mut add);
    if let On::Resource(on) = &attributes.on {
        on.selectors.into_iter().for_each(&mut add);
    }
    let user = attributes.user;
    add(&user.name);
    add(&user.uid);
    user.groups.iter().for_each(|group| add(group));
    add("");
    for (name, values) in &user.extra {
        add(name);
        values.iter().for_each(|value| add(value));
        add("");
    }
    key
}

/// The specification of a review; what is empty is left out.
fn spec(attributes: &Attributes<'_>) -> Value {
    let user = attributes.user;
    let mut spec = Map::new();
    match &attributes.on {
        On::Resource(on) => {
            spec.insert("resourceAttributes".to_owned(), resource(&attributes.verb, on));
        }
        On::Path(path) => {
            let on = texts([("path", path), ("verb", &attributes.verb)]);
            spec.insert("nonResourceAttributes".to_owned(), on.into());
        }
    }
    spec.extend(texts([("user", &user.name), ("uid", &user.uid)]));
    if !user.groups.is_empty() {
        spec.insert("groups".to_owned(), json!(user.groups));
    }
    if !user.extra.is_empty() {
        spec.insert("extra".to_owned(), json!(user.extra));
    }
    spec.into()
}

fn resource(verb: &str, on: &OnResource<'_>) -> Value {
    let mut attributes = texts([
        ("namespace", on.namespace),
        ("verb", verb),
        ("group", on.group),
        ("version", on.version),
        ("resource", on.resource),
        ("subresource", on.subresource),
        ("name", &on.name),
    ]);
    let fields = on.field_selector().into_iter().flat_map(|selector| {
        let requirement = |term: &pintle_meta::selector::FieldTerm| {
            let operator = if term.negated { "NotIn" } else { "In" };
            json!({"key": term.field, "operator": operator, "values": [term.value]})
        };
        selector.terms().iter().map(requirement).collect::<Vec<_>>()
    });
    let labels = on.label_selector().into_iter().flat_map(|selector| {
        let requirement = |it: &pintle_meta::selector::Requirement| match it.operator() {
            Operator::In | Operator::Equals | Operator::DoubleEquals => {
                Some(json!({"key": it.key(), "operator": "In", "values": it.values()}))
            }
            Operator::NotIn | Operator::NotEquals => {
                Some(json!({"key": it.key(), "operator": "NotIn", "values": it.values()}))
            }
            Operator::Exists => Some(json!({"key": it.key(), "operator": "Exists"})),
            Operator::DoesNotExist => Some(json!({"key": it.key(), "operator": "DoesNotExist"})),
            // A review cannot say these. They only narrow what is asked for, so it is judged without.
            Operator::GreaterThan | Operator::LessThan => None,
        };
        selector.requirements().iter().filter_map(requirement).collect::<Vec<_>>()
    });
    for (name, requirements) in
        [("fieldSelector", fields.collect::<Vec<_>>()), ("labelSelector", labels.collect())]
    {
        if !requirements.is_empty() {
            attributes.insert(name.to_owned(), json!({"requirements": requirements}));
        }
    }
    attributes.into()
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> Map<String, Value> {
    let said = pairs.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (name.to_owned(), text.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Target, query_pairs};
    use pintle_meta::User;
    use std::collections::BTreeMap;

    /// What a review says of a request.
    fn check(line: &str, want: Value) {
        let user = User {
            name: "jane".to_owned(),
            uid: "7".to_owned(),
            groups: vec!["a".to_owned()],
            extra: BTreeMap::from([("scopes".to_owned(), vec!["x".to_owned()])]),
        };
        let (method, uri) = line.split_once(' ').unwrap();
        let method: http::Method = method.parse().unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (target, query) = (Target::of(path), query_pairs(Some(query)));
        let verb = match &target {
            Target::Resource(at) => at.verb(&method, false),
            Target::Other => "",
        };
        let attributes = Attributes::of_request(&user, &target, verb, &method, path, &query);
        let mut want = want;
        want["user"] = "jane".into();
        want["uid"] = "7".into();
        want["groups"] = json!(["a"]);
        want["extra"] = json!({"scopes": ["x"]});
        assert_eq!(spec(&attributes), want, "{line}");
    }

    #[test]
    fn what_a_review_says() {
        check(
            "GET /metrics",
            json!({"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}),
        );
        check(
            "PATCH /apis/g/v1/namespaces/n/foos/a/status",
            json!({"resourceAttributes": {
                "namespace": "n", "verb": "patch", "group": "g", "version": "v1",
                "resource": "foos", "subresource": "status", "name": "a",
            }}),
        );
        check(
            "GET /api/v1/nodes",
            json!({"resourceAttributes": {"verb": "list", "version": "v1", "resource": "nodes"}}),
        );
        check(
            "GET /apis/g/v1/foos?labelSelector=a=b,c!=d,e+in+(f,g),h,!i,j>5&fieldSelector=metadata.name=x,spec.y!=z",
            json!({"resourceAttributes": {
                "verb": "list", "group": "g", "version": "v1", "resource": "foos", "name": "x",
                "fieldSelector": {"requirements": [
                    {"key": "metadata.name", "operator": "In", "values": ["x"]},
                    {"key": "spec.y", "operator": "NotIn", "values": ["z"]},
                ]},
                "labelSelector": {"requirements": [
                    {"key": "a", "operator": "In", "values": ["b"]},
                    {"key": "c", "operator": "NotIn", "values": ["d"]},
                    {"key": "e", "operator": "In", "values": ["f", "g"]},
                    {"key": "h", "operator": "Exists"},
                    {"key": "i", "operator": "DoesNotExist"},
                ]},
            }}),
        );
        // What cannot be read is not judged by; the verb refuses it later.
        check(
            "GET /apis/g/v1/foos?labelSelector=a==b==c&fieldSelector=x",
            json!({"resourceAttributes": {
                "verb": "list", "group": "g", "version": "v1", "resource": "foos",
            }}),
        );
    }

    #[test]
    fn no_two_questions_have_the_same_key() {
        let user = |name: &str, groups: &[&str], extra: &[(&str, &[&str])]| User {
            name: name.to_owned(),
            groups: groups.iter().map(|it| (*it).to_owned()).collect(),
            extra: extra
                .iter()
                .map(|(key, values)| {
                    ((*key).to_owned(), values.iter().map(|it| (*it).to_owned()).collect())
                })
                .collect(),
            ..User::default()
        };
        let users = [
            user("ab", &[], &[]),
            user("a", &["b"], &[]),
            user("a", &["b", "c"], &[]),
            user("a", &["bc"], &[]),
            user("a", &["b"], &[("c", &[])]),
            user("a", &["b"], &[("c", &["d"])]),
            user("a", &["b"], &[("c", &[]), ("d", &[])]),
            user("a", &["b", "1:c"], &[]),
        ];
        let resources = [
            OnResource { namespace: "n", resource: "foos", ..OnResource::default() },
            OnResource { resource: "nfoos", ..OnResource::default() },
            OnResource { resource: "foos", name: "n".into(), ..OnResource::default() },
            OnResource { resource: "foos", subresource: "n", ..OnResource::default() },
            OnResource { resource: "foos", selectors: ["a", ""], ..OnResource::default() },
            OnResource { resource: "foos", selectors: ["", "a"], ..OnResource::default() },
        ];
        let mut keys = Vec::new();
        for user in &users {
            for on in &resources {
                let on = OnResource { name: on.name.clone(), ..*on };
                let attributes = Attributes::new(user, "get", On::Resource(on));
                keys.push(key(&attributes));
            }
            let on = On::Path("/foos".into());
            keys.push(key(&Attributes::new(user, "get", on)));
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
