//! A kind with every sort of field, in two versions that say the same with other words.

use crate::managed::{
    Applied, ApplyError, FieldSet, Live, Manager, Operation, Record, Sent, TypeSchema, Versions,
    apply, update,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};
use std::sync::LazyLock;

pub(super) const V1: &str = "test.example/v1";
pub(super) const V2: &str = "test.example/v2";
/// Was served once.
pub(super) const V0: &str = "test.example/v0";

pub(super) static SCHEMA_V2: LazyLock<TypeSchema> = LazyLock::new(|| schema("image"));
static SCHEMA_V1: LazyLock<TypeSchema> = LazyLock::new(|| schema("picture"));

fn schema(image: &str) -> TypeSchema {
    let text = json!({"type": "string"});
    let texts = json!({"type": "array", "items": text});
    let set = json!({"type": "array", "items": text, "x-kubernetes-list-type": "set"});
    let numbers =
        json!({"type": "array", "items": {"type": "integer"}, "x-kubernetes-list-type": "set"});
    TypeSchema::from_json_schema(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    image: text,
                    "replicas": {"type": "integer"},
                    "config": {"$ref": "#/components/schemas/Config"},
                    "rgb": {
                        "allOf": [{"$ref": "#/components/schemas/Config"}],
                        "x-kubernetes-map-type": "atomic",
                    },
                    "args": texts,
                    "tags": set,
                    "numbers": numbers,
                    "env": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/Env"},
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                    },
                    "ports": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "port": {"type": "integer"},
                                "protocol": {"type": "string", "default": "TCP"},
                                "title": text,
                            },
                        },
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port", "protocol"],
                    },
                    "options": {"type": "object", "additionalProperties": text},
                    "free": {"x-kubernetes-preserve-unknown-fields": true, "type": "object"},
                    "maybe": {"anyOf": [
                        {"$ref": "#/components/schemas/Config"}, {"enum": [null], "nullable": true},
                    ]},
                },
            },
            "status": {"type": "object", "properties": {"phase": text}},
        },
        "components": {"schemas": {
            "Config": {"type": "object", "properties": {"msg": text, "msg1": text}},
            "Env": {"type": "object", "properties": {"name": text, "value": text, "note": text}},
        }},
    }))
}

#[derive(Default)]
pub(super) struct Kinds {
    pub(super) reset: Option<(&'static str, FieldSet)>,
}

static EMPTY_V1: LazyLock<Value> = LazyLock::new(
    || json!({"apiVersion": V1, "kind": "Foo", "spec": {"config": {}}, "status": {}}),
);
static EMPTY_V2: LazyLock<Value> = LazyLock::new(
    || json!({"apiVersion": V2, "kind": "Foo", "spec": {"config": {}}, "status": {}}),
);

impl Versions for Kinds {
    fn schema(&self, api_version: &str) -> Option<&TypeSchema> {
        match api_version {
            V1 => Some(&SCHEMA_V1),
            V2 => Some(&SCHEMA_V2),
            _ => None,
        }
    }

    fn convert(&self, object: &Value, to: &str) -> Result<Value, String> {
        let (from, into) = if to == V1 { ("image", "picture") } else { ("picture", "image") };
        let mut object = object.clone();
        object["apiVersion"] = json!(to);
        let spec = object["spec"].as_object_mut().ok_or("no spec")?;
        if let Some(image) = spec.remove(from) {
            spec.insert(into.to_owned(), image);
        }
        Ok(object)
    }

    fn empty(&self, api_version: &str) -> Option<&Value> {
        Some(if api_version == V1 { &EMPTY_V1 } else { &EMPTY_V2 })
    }

    fn reset_fields(&self, _: &str, subresource: &str) -> Option<&FieldSet> {
        self.reset.as_ref().filter(|(of, _)| *of == subresource).map(|(_, set)| set)
    }
}

/// An object that is written to again and again, as a server keeps it.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) kinds: Kinds,
    pub(super) object: Option<Value>,
    pub(super) seconds: i64,
}

pub(super) fn full(version: &str, object: &Value) -> Value {
    let mut full = object.clone();
    full["apiVersion"] = json!(version);
    full["kind"] = json!("Foo");
    if full["metadata"].is_null() {
        full["metadata"] = json!({});
    }
    full["metadata"]["name"] = json!("a");
    full
}

impl Stored {
    fn live(&self, version: &str) -> Option<Value> {
        let object = self.object.as_ref()?;
        Some(if object["apiVersion"] == version {
            object.clone()
        } else {
            self.kinds.convert(object, version).unwrap()
        })
    }

    fn now(&mut self) -> Timestamp {
        self.seconds += 1;
        Timestamp::from_millisecond(self.seconds * 1000 + 7).unwrap()
    }

    fn keep(&mut self, mut object: Value, record: &Record) {
        // What is written is what the encoder writes of the same entries.
        assert_eq!(*record, Record::from(&*record.entries()));
        object["metadata"]["uid"] = json!("u");
        object["metadata"]["managedFields"] = serde_json::to_value(record.entries()).unwrap();
        self.object = Some(object);
    }

    /// Writes a whole object; who is `name`, or `name@version`, or `name/subresource`.
    pub(super) fn put(&mut self, who: &str, object: &Value) -> Vec<String> {
        let manager = manager(who, Operation::Update);
        let live = self.live(&manager.api_version);
        let mut new = full(&manager.api_version, object);
        // What every object of this kind has.
        for name in ["spec", "status"] {
            if new[name].is_null() {
                new[name] = json!({});
            }
        }
        if new["spec"]["config"].is_null() {
            new["spec"]["config"] = json!({});
        }
        let now = self.now();
        let (mut live, sent) = (live, take_fields(&mut new));
        let record = recorded(live.as_mut());
        let live = live.as_ref().map(|object| Live { object, record: &record });
        let sent = Sent { object: &new, managed_fields: sent.as_deref() };
        let record = update(&self.kinds, live, sent, &manager, now).unwrap();
        self.keep(new, &record);
        self.entries()
    }

    /// Applies a configuration, with `!` behind the name by force.
    pub(super) fn apply(&mut self, who: &str, config: &Value) -> Result<Vec<String>, ApplyError> {
        self.try_apply(who, config)?;
        Ok(self.entries())
    }

    pub(super) fn try_apply(&mut self, who: &str, config: &Value) -> Result<Applied, ApplyError> {
        let force = who.ends_with('!');
        let manager = manager(who.trim_end_matches('!'), Operation::Apply);
        let mut live = self.live(&manager.api_version);
        let record = recorded(live.as_mut());
        let live = live.as_ref().map(|object| Live { object, record: &record });
        let config = full(&manager.api_version, config);
        let now = self.now();
        let done = apply(&self.kinds, live, &config, &manager, force, now)?;
        let object = done.object.as_ref().or(live.map(|live| live.object)).unwrap();
        self.keep(object.clone(), done.managed_fields.as_ref().unwrap_or(&record));
        Ok(done)
    }

    pub(super) fn spec(&self) -> &Value {
        &self.object.as_ref().unwrap()["spec"]
    }

    /// The entries as lines: `Apply one v2: .spec.image`, fields with commas between.
    pub(super) fn entries(&self) -> Vec<String> {
        let list = self.object.as_ref().unwrap()["metadata"]["managedFields"].as_array().unwrap();
        list.iter().map(line).collect()
    }
}

fn take_fields(object: &mut Value) -> Option<Vec<ManagedFieldsEntry>> {
    let fields = object["metadata"].as_object_mut()?.remove("managedFields")?;
    serde_json::from_value(fields).ok()
}

fn recorded(object: Option<&mut Value>) -> Record {
    Record::from(&*object.and_then(take_fields).unwrap_or_default())
}

fn line(entry: &Value) -> String {
    let set = FieldSet::from_fields_v1(&entry["fieldsV1"]).unwrap().to_string();
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let version = text("apiVersion").rsplit('/').next().unwrap();
    let subresource = match text("subresource") {
        "" => String::new(),
        name => format!("/{name}"),
    };
    let (operation, manager) = (text("operation"), text("manager"));
    format!("{operation} {manager}{subresource} {version}: {}", set.replace('\n', ", "))
}

fn manager(who: &str, operation: Operation) -> Manager {
    let (who, version) = who.split_once('@').unwrap_or((who, "v2"));
    let (name, subresource) = who.split_once('/').unwrap_or((who, ""));
    Manager {
        name: name.to_owned(),
        operation,
        api_version: format!("test.example/{version}"),
        subresource: subresource.to_owned(),
    }
}
