//! From kubectl's client-side apply to server-side apply, and back.
//!
//! `kubectl apply` without `--server-side` leaves its last configuration in an annotation. When the
//! same user goes on with server-side apply, what the annotation says is theirs is no conflict.

use super::compare::Comparison;
use super::conflict::Conflicts;
use super::schema::TypeSchema;
use super::set::FieldSet;
use super::validate::validate;
use crate::json;
use crate::validation::ANNOTATIONS_MAX_BYTES;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The one manager for which this is done; to opt out is to go by another name.
pub(super) const MANAGER: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What the annotation says and the object still has; `None` where it says nothing of use.
pub(super) fn owned_fields(schema: &TypeSchema, live: &Value) -> Option<FieldSet> {
    let text = live["metadata"]["annotations"][ANNOTATION].as_str().filter(|t| !t.is_empty())?;
    let config: Value = serde_json::from_str(text).ok()?;
    if config["apiVersion"] != live["apiVersion"] {
        return None;
    }
    let of = schema.root();
    validate(of, &config).ok()?;
    let mut set = FieldSet::of_object(of, &config).ok()?;
    let differences = Comparison::of(of, &config, live).ok()?;
    set.subtract(&differences.modified);
    set.subtract(&differences.added);
    set.subtract(&differences.removed);
    Some(set)
}

/// The conflicts that remain, `None` where there are none.
pub(super) fn without(conflicts: Conflicts, allowed: Option<&FieldSet>) -> Option<Conflicts> {
    let Some(allowed) = allowed else { return Some(conflicts) };
    let mut rest = conflicts.0;
    rest.retain(|conflict| !allowed.has(&conflict.path));
    if rest.is_empty() { None } else { Some(Conflicts(rest)) }
}

/// Brings the annotation up to date, if the object has it; whether that has changed it.
pub(super) fn refresh(object: &mut Cow<'_, Value>, config: &Value) -> bool {
    let old = object["metadata"]["annotations"][ANNOTATION].as_str();
    let Some(old) = old.filter(|text| !text.is_empty()) else { return false };
    let mut config = config.clone();
    let own = config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    own.map(|own| own.remove(ANNOTATION));
    let Ok(bytes) = json::to_vec(&config) else { return false };
    // Go's encoder of a stream ends a document with a line feed.
    let text = String::from_utf8_lossy(&bytes).into_owned() + "\n";
    if old == text {
        return false;
    }
    let annotations = object.to_mut().pointer_mut("/metadata/annotations");
    let Some(annotations) = annotations.and_then(Value::as_object_mut) else { return false };
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    if size(annotations) > ANNOTATIONS_MAX_BYTES {
        annotations.remove(ANNOTATION);
    }
    true
}

fn size(annotations: &Map<String, Value>) -> usize {
    annotations.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum()
}
