//! What is left of a strategic merge patch once it has been applied.
//!
//! Kubernetes takes directives out of a patch as it follows them, and prints what is left where the
//! result is no object of the kind.

use super::strategic::{DELETE_FROM_LIST, DIRECTIVE, RETAIN_KEYS, SET_ELEMENT_ORDER};
use crate::managed::Type;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Takes out of a patch what is gone once it has been merged into an object.
///
/// The recursion ends with the patch, whose depth the reader has limited.
pub(super) fn of_object(
    patch: &mut Map<String, Value>,
    object: Option<&Map<String, Value>>,
    of: Option<Type<'_>>,
) {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => _ = patch.remove(DIRECTIVE),
        Some(_) => {}
        None => merged(patch, object, of),
    }
}

fn merged(
    patch: &mut Map<String, Value>,
    object: Option<&Map<String, Value>>,
    of: Option<Type<'_>>,
) {
    patch.remove(RETAIN_KEYS);
    let order = format!("{SET_ELEMENT_ORDER}/");
    let ordered: Vec<String> =
        patch.keys().filter_map(|name| name.strip_prefix(&order)).map(str::to_owned).collect();
    for name in ordered {
        patch.remove(&format!("{order}{name}"));
        patch.remove(&name);
    }
    for (name, value) in patch.iter_mut().filter(|(name, _)| !name.starts_with(DELETE_FROM_LIST)) {
        let current = object.and_then(|object| object.get(name));
        let field = of.and_then(|of| of.field(name));
        let strategy = field.and_then(Type::patch_strategy).unwrap_or_default();
        let strategy = |wanted: &str| strategy.split(',').any(|one| one == wanted);
        match (value, current) {
            (Value::Object(patch), Some(Value::Object(current))) => {
                if !strategy("replace") {
                    of_object(patch, Some(current), field);
                }
            }
            (Value::Array(patch), Some(Value::Array(current))) => {
                if strategy("merge") {
                    of_list(patch, current, field);
                }
            }
            (value, _) => new(value),
        }
    }
}

fn of_list(patch: &mut [Value], current: &[Value], of: Option<Type<'_>>) {
    let Some(key) = of.and_then(Type::patch_merge_key) else { return };
    let items = of.and_then(Type::items);
    let mut named = HashMap::new();
    for other in current.iter().filter_map(Value::as_object) {
        if let Some(name) = other.get(key) {
            named.entry(name.to_string()).or_insert(other);
        }
    }
    for item in patch.iter_mut().filter_map(Value::as_object_mut) {
        let Some(name) = item.get(key).filter(|_| !item.contains_key(DIRECTIVE)) else { continue };
        if let Some(same) = named.get(&name.to_string()) {
            of_object(item, Some(same), items);
        }
    }
}

/// A value that is new to the object loses its `null` fields, and what is below it of objects that are
/// there to be deleted.
fn new(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(new);
            if !fields.contains_key(DIRECTIVE) {
                fields.retain(|_, value| !is_directive(value));
                let lists = fields.values_mut().filter_map(Value::as_array_mut);
                lists.for_each(|items| items.retain(|item| !is_directive(item)));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(new),
        _ => {}
    }
}

fn is_directive(value: &Value) -> bool {
    value.get(DIRECTIVE).is_some()
}
