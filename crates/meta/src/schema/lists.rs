//! Lists that are sets or maps, in which no item may be twice.
//!
//! What is found and how it is told is that of custom resources: the second of several, no further one.
//! See [merge strategy](https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy).

use super::MAX_PROBLEMS;
use super::node::{List, Node};
use crate::field::FieldErrors;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Finds the items that are twice in a list of the value.
pub(super) fn find(node: &Node, value: &Value, path: &str, errors: &mut FieldErrors) {
    if !node.lists_below || errors.as_slice().len() >= MAX_PROBLEMS {
        return;
    }
    match value {
        Value::Array(items) => {
            match &node.list {
                List::Other => {}
                List::Set => twice(items.iter().cloned(), path, errors),
                List::Map(keys) => map(keys, items, path, errors),
            }
            let Some(of) = node.items.as_deref().filter(|of| of.lists_below) else { return };
            for (index, item) in items.iter().enumerate() {
                find(of, item, &format!("{path}[{index}]"), errors);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let Some(of) = node.field(name).filter(|of| of.lists_below) else { continue };
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                find(of, value, &below, errors);
            }
        }
        _ => {}
    }
}

fn map(keys: &[String], items: &[Value], path: &str, errors: &mut FieldErrors) {
    let strange = items.iter().position(|item| !item.is_object() && !item.is_null());
    if let Some(index) = strange {
        let why = "must be an object for an array of list-type map";
        errors.invalid(format!("{path}[{index}]"), &items[index], why);
        return;
    }
    let named = |item: &Value| -> Value {
        let has = |key: &String| Some((key.clone(), item.get(key)?.clone()));
        Value::Object(keys.iter().filter_map(has).collect::<Map<_, _>>())
    };
    twice(items.iter().map(named), path, errors);
}

fn twice(items: impl Iterator<Item = Value>, path: &str, errors: &mut FieldErrors) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (index, item) in items.enumerate() {
        let times = seen.entry(item.to_string()).or_default();
        *times += 1;
        if *times == 2 && errors.as_slice().len() < MAX_PROBLEMS {
            errors.duplicate(format!("{path}[{index}]"), &item);
        }
    }
}
