//! Server-side apply: sets of fields, schemas, applying and tracking.

use super::{thing, two};
use jiff::Timestamp;
use pintle_meta::json;
use pintle_meta::managed::{self, ApplyError, FieldSet, Manager, Operation, TypeSchema};
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
    let live = value(live);
    let one = |live: Option<&Value>, force| {
        managed::apply(&thing::Versions, live, &config, &manager(Operation::Apply), force, now())
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
        Ok(applied) => {
            let mut object = applied.object;
            let entries = serde_json::to_value(&applied.managed_fields);
            if let Some(fields) = object["metadata"].as_object_mut() {
                fields.insert("managedFields".to_owned(), entries.expect("entries are JSON"));
                let again = one(Some(&object), false).expect("what was applied applies again");
                assert!(!again.changed, "the second time changes nothing: {object}");
            }
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
    let live = value(live);
    let by = manager(Operation::Update);
    managed::update(&thing::Versions, live.as_ref(), &new, &by, now()).is_ok()
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
