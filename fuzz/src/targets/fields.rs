//! Server-side apply: sets of fields, schemas, applying and tracking.

use super::{thing, two};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use pintle_meta::json;
use pintle_meta::managed::{self, ApplyError, FieldSet, Managed, Manager, Operation, TypeSchema};
use serde_json::Value;

/// A set of fields as managed fields carry it: what is read is written so that it reads the same.
pub(super) fn fields_v1(data: &[u8]) -> bool {
    let Some(set) = value(data).and_then(|value| FieldSet::from_fields_v1(&value).ok()) else {
        return false;
    };
    let written = set.to_fields_v1();
    let again = FieldSet::from_fields_v1(&written).expect("what is written can be read");
    assert_eq!(again, set, "{written}");
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
    let live = value(live).map(Owned::of);
    let one = |live: Option<Managed<'_>>, force| {
        let by = manager(Operation::Apply);
        let applied = managed::apply(&thing::Versions, live, &config, &by, force, now())?;
        let was = live.and_then(|live| live.managed_fields.map(<[_]>::to_vec));
        let changed = applied.changed();
        let object = applied.object.or_else(|| live.map(|live| live.object.clone()));
        let owned = Owned {
            object: object.expect("what is new is told"),
            fields: applied.managed_fields.or(was),
        };
        Ok::<_, ApplyError>((owned, changed))
    };
    let applied = match one(live.as_ref().map(Owned::managed), false) {
        Err(ApplyError::Conflicts(conflicts)) => {
            assert!(!conflicts.as_slice().is_empty());
            let _ = conflicts.causes();
            one(live.as_ref().map(Owned::managed), true)
        }
        other => other,
    };
    match applied {
        Ok((applied, _)) => {
            let (_, changed) =
                one(Some(applied.managed()), false).expect("what was applied applies again");
            assert!(!changed, "the second time changes nothing: {}", applied.object);
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
    let (live, new) = (value(live).map(Owned::of), Owned::of(new));
    let by = manager(Operation::Update);
    let live = live.as_ref().map(Owned::managed);
    managed::update(&thing::Versions, live, new.managed(), &by, now()).is_ok()
}

/// An object, and who owns its fields.
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

    fn managed(&self) -> Managed<'_> {
        Managed { object: &self.object, managed_fields: self.fields.as_deref() }
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
