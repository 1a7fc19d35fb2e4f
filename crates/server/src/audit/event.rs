//! What is written down of a request: an event of `audit.k8s.io/v1`.
//!
//! See [its fields](https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event).

use super::policy::{Level, Stage};
use crate::authz::{Attributes, On};
use bytes::Bytes;
use jiff::Timestamp;
use pintle_meta::User;
use pintle_meta::json::quote;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest user agent that is written down, in bytes, and what stands behind a longer one.
const AGENT_BYTES_MAX: usize = 1024;
const TRUNCATED: &str = "...TRUNCATED";

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    kind: &'static str,
    api_version: &'static str,
    pub level: Level,
    #[serde(rename = "auditID")]
    pub audit_id: String,
    pub stage: Stage,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: Person,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated_user: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_metadata: Option<AuthenticationMetadata>,
    #[serde(rename = "sourceIPs", skip_serializing_if = "Vec::is_empty")]
    source_ips: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<ObjectRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_status: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_object: Option<Value>,
    request_received_timestamp: Micros,
    pub stage_timestamp: Micros,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<&'static str, String>,
}

/// A user as an event shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Person {
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Vec<String>>,
}

impl From<&User> for Person {
    fn from(user: &User) -> Self {
        Self {
            username: user.name.clone(),
            uid: user.uid.clone(),
            groups: user.groups.clone(),
            extra: user.extra.clone(),
        }
    }
}

/// How it came that somebody acts as another.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthenticationMetadata {
    impersonation_constraint: &'static str,
}

impl AuthenticationMetadata {
    pub(crate) fn new(impersonation_constraint: &'static str) -> Self {
        Self { impersonation_constraint }
    }
}

/// What the request is about.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectRef {
    #[serde(skip_serializing_if = "String::is_empty")]
    resource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    api_group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    resource_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    subresource: String,
}

impl ObjectRef {
    /// Adds what the object of the request says and the path does not.
    pub(crate) fn complete(&mut self, object: &Value) {
        let meta = &object["metadata"];
        let fields = [
            (&mut self.namespace, "namespace"),
            (&mut self.name, "name"),
            (&mut self.uid, "uid"),
            (&mut self.resource_version, "resourceVersion"),
        ];
        for (field, name) in fields {
            if field.is_empty() {
                meta[name].as_str().unwrap_or_default().clone_into(field);
            }
        }
    }
}

/// A time to the microsecond, as `metav1.MicroTime` writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Micros(pub Timestamp);

impl Serialize for Micros {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
    }
}

/// What a request shows beside what it asks for.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    pub audit_id: &'a str,
    pub uri: String,
    pub user_agent: &'a str,
    pub source_ips: Vec<String>,
    pub received: Timestamp,
}

impl Event {
    /// How long ago the request came.
    pub(super) fn age(&self, now: Micros) -> Duration {
        now.0.duration_since(self.request_received_timestamp.0).try_into().unwrap_or_default()
    }

    /// The event of a request that has just been received.
    pub(crate) fn new(level: Level, from: Sender<'_>, attributes: &Attributes<'_>) -> Self {
        let object_ref = match &attributes.on {
            On::Path(_) => None,
            On::Resource(on) => Some(ObjectRef {
                resource: on.resource.to_owned(),
                namespace: on.namespace.to_owned(),
                name: on.name.clone().into_owned(),
                api_group: on.group.to_owned(),
                api_version: on.version.to_owned(),
                subresource: on.subresource.to_owned(),
                ..ObjectRef::default()
            }),
        };
        Self {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level,
            audit_id: from.audit_id.to_owned(),
            stage: Stage::RequestReceived,
            request_uri: from.uri,
            verb: attributes.verb.clone().into_owned(),
            user: attributes.user.into(),
            impersonated_user: None,
            authentication_metadata: None,
            source_ips: from.source_ips,
            user_agent: shortened(from.user_agent),
            object_ref,
            response_status: None,
            request_object: None,
            response_object: None,
            request_received_timestamp: Micros(from.received),
            stage_timestamp: Micros(from.received),
            annotations: BTreeMap::new(),
        }
    }
}

impl Event {
    /// The event without the objects of the request and the answer.
    pub(super) fn truncated(&self) -> Option<Bytes> {
        let mut short = self.clone();
        (short.request_object, short.response_object) = (None, None);
        short.annotations.insert("audit.k8s.io/truncated", "true".to_owned());
        short.json()
    }

    /// The event as JSON.
    pub(super) fn json(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Bytes::from)
    }

    /// The event as a line of text, as before there were events.
    pub(super) fn legacy(&self) -> String {
        let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
        let list = |groups: &[String]| {
            groups.iter().map(|group| quote(group)).collect::<Vec<_>>().join(",")
        };
        let groups = match self.user.groups.as_slice() {
            [] => "<none>".to_owned(),
            groups => list(groups),
        };
        let (acted_as, as_groups) = match &self.impersonated_user {
            None => ("<self>".to_owned(), "<lookup>".to_owned()),
            Some(user) if user.groups.is_empty() => (user.username.clone(), "<lookup>".to_owned()),
            Some(user) => (user.username.clone(), list(&user.groups)),
        };
        let about = self.object_ref.as_ref();
        let namespace = about.map_or("", |about| &about.namespace);
        let code = self.response_status.as_ref().map(|status| status["code"].to_string());
        let fields = [
            ("id", self.audit_id.clone()),
            ("stage", format!("{:?}", self.stage)),
            ("ip", self.source_ips.first().map_or("<unknown>", |ip| ip).to_owned()),
            ("method", self.verb.clone()),
            ("user", or(&self.user.username, "<none>")),
            ("groups", groups),
            ("as", acted_as),
            ("asgroups", as_groups),
            ("user-agent", self.user_agent.clone()),
            ("namespace", or(namespace, "<none>")),
            ("uri", self.request_uri.clone()),
            ("response", code.unwrap_or_else(|| "<deferred>".to_owned())),
        ];
        let fields = fields.map(|(name, value)| format!("{name}={}", quote(&value)));
        // As Go prints a time: no zeros at the end of the fraction.
        format!("{} AUDIT: {}", self.request_received_timestamp.0, fields.join(" "))
    }
}

fn shortened(agent: &str) -> String {
    if agent.len() <= AGENT_BYTES_MAX {
        return agent.to_owned();
    }
    let end = (0..=AGENT_BYTES_MAX).rev().find(|at| agent.is_char_boundary(*at));
    format!("{}{TRUNCATED}", &agent[..end.unwrap_or_default()])
}

/// Takes the managed fields out of an object, the items of a list, and the rows of a table.
pub(crate) fn without_managed_fields(object: &mut Value) {
    let strip = |object: &mut Value| {
        if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.remove("managedFields");
        }
    };
    strip(object);
    let mut of_list = |list: &str, inner: Option<&str>| {
        for item in object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            match inner {
                None => strip(item),
                Some(inner) => item.get_mut(inner).into_iter().for_each(strip),
            }
        }
    };
    of_list("items", None);
    of_list("rows", Some("object"));
}
