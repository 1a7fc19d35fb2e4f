//! Server-side apply: sets of fields, schemas, applying and tracking.

use super::{thing, two};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use pintle_meta::json;
use pintle_meta::managed::{
    self, ApplyError, FieldSet, Live, Manager, Operation, Record, Sent, TypeSchema,
};
use serde_json::Value;

/// A set of fields as managed fields carry it: what is read is written so that it reads the same.
pub(super) fn fields_v1(data: &[u8]) -> bool {
    let Some(set) = value(data).and_then(|value| FieldSet::from_fields_v1(&value).ok()) else {
        return false;
    };
    let written = set.to_fields_v1();
    let again = FieldSet::from_fields_v1(&written).expect("what is written can be read");
    assert_eq!(again, set, "{written}");
    let entry = |fields| ManagedFieldsEntry {
        fields_v1: Some(FieldsV1(fields)),
        ..ManagedFieldsEntry::default()
    };
    let record = Record::from(&[entry(written.clone())][..]);
    assert_eq!(record.entries(), [entry(written)], "a record says what its entries say");
    assert!(set.difference(&set).is_empty());
    assert_eq!(set.union(&set), set);
    assert_eq!(set.intersection(&set), set);
    assert!(set.leaves().is_subset(&set));
    true
}

/// A schema of anybody's, and an object by it.
pub(super) fn schema(data: &[u8]) -> bool {
    let (schema, object) = two(data);
    let Some(schema) = value(schema) else { return false };
    let schema = TypeSchema::from_json_schema(&schema);
    let Some(object) = value(object) else { return true };
    if let Ok(set) = FieldSet::of_object(schema.root(), &object) {
        let _ = set.to_fields_v1();
    }
    let _ = managed::Comparison::of(schema.root(), &object, &Value::Null);
    true
}

/// A configuration that is applied to a live object, and once more to what came of it: that
/// changes nothing.
pub(super) fn apply(data: &[u8]) -> bool {
    let (config, live) = two(data);
    let Some(config) = value(config) else { return false };
    let live = value(live).map(|live| Owned::of(live).recorded());
    let one = |live: Option<&(Value, Record)>, force| {
        let by = manager(Operation::Apply);
        let stored = live.map(|(object, record)| Live { object, record });
        let applied = managed::apply(&thing::Versions, stored, &config, &by, force, now())?;
        let changed = applied.changed();
        let (was, record) = live.cloned().unzip();
        let object = applied.object.or(was).expect("what is new is told");
        let record = applied.managed_fields.or(record).unwrap_or_default();
        assert_eq!(Record::from(&*record.entries()), record, "what is written is read");
        Ok::<_, ApplyError>(((object, record), changed))
    };
    let applied = match one(live.as_ref(), false) {
        Err(ApplyError::Conflicts(conflicts)) => {
            assert!(!conflicts.as_slice().is_empty());
            let _ = conflicts.causes();
            one(live.as_ref(), true)
        }
        other => other,
    };
    match applied {
        Ok((applied, _)) => {
            let (_, changed) = one(Some(&applied), false).expect("what was applied applies again");
            assert!(!changed, "the second time changes nothing: {}", applied.0);
            true
        }
        Err(error) => {
            assert!(!matches!(error, ApplyError::Conflicts(_)) || live.is_some(), "{error}");
            false
        }
    }
}

/// A live object that is replaced by another.
pub(super) fn update(data: &[u8]) -> bool {
    let (new, live) = two(data);
    let Some(new) = value(new) else { return false };
    let (live, new) = (value(live).map(|live| Owned::of(live).recorded()), Owned::of(new));
    let by = manager(Operation::Update);
    let live = live.as_ref().map(|(object, record)| Live { object, record });
    let new = Sent { object: &new.object, managed_fields: new.fields.as_deref() };
    managed::update(&thing::Versions, live, new, &by, now()).is_ok()
}

/// An object, and the entries that it came with.
struct Owned {
    object: Value,
    fields: Option<Vec<ManagedFieldsEntry>>,
}

impl Owned {
    fn of(mut object: Value) -> Self {
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        let fields = metadata.and_then(|metadata| metadata.remove("managedFields"));
        let fields = fields.and_then(|fields| serde_json::from_value(fields).ok());
        Self { object, fields }
    }

    fn recorded(self) -> (Value, Record) {
        (self.object, Record::from(self.fields.as_deref().unwrap_or_default()))
    }
}

/// An object as the server hands it on.
fn value(data: &[u8]) -> Option<Value> {
    json::parse(data).ok().map(|parsed| parsed.value).filter(Value::is_object)
}

fn manager(operation: Operation) -> Manager {
    Manager {
        name: "fuzz".to_owned(),
        operation,
        api_version: thing::API_VERSION.to_owned(),
        subresource: String::new(),
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}
