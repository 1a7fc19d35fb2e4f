//! Defaults that a schema has for fields that are not there.

use super::node::Node;
use serde_json::Value;

/// Whether a default is what a value of its type is anyway when nothing is said.
pub(super) fn is_zero(default: &Value) -> bool {
    match default {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_zero),
    }
}

/// Fills in what is missing below a value.
pub(super) fn fill(node: &Node, value: &mut Value) {
    if !node.defaults_below {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in &node.fields {
                let Some(default) = &field.default else { continue };
                let missing = match fields.get(name) {
                    None => true,
                    Some(value) => value.is_null() && !field.nullable,
                };
                if missing {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(field) = node.field(name) {
                    fill(field, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(node) = &node.items {
                items.iter_mut().for_each(|item| fill(node, item));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
