//! Values as Go's `fmt` prints them, because the messages of the Go library show them so.

use crate::json::quote;
use serde_json::{Map, Value};

/// A value in the form of `%v`: `map[name:a port:1]`.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => plain_list(items),
        Value::Object(fields) => plain_object(fields),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A list in the form of `%v`: `[a b]`.
#[must_use]
pub fn plain_list(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(plain).collect();
    format!("[{}]", items.join(" "))
}

/// An object in the form of `%v`.
#[must_use]
pub fn plain_object(fields: &Map<String, Value>) -> String {
    let fields = sorted(fields);
    let fields = fields.iter().map(|(name, value)| format!("{name}:{}", plain(value)));
    format!("map[{}]", fields.collect::<Vec<_>>().join(" "))
}

/// A value in the form of `%#v`, Go's own syntax: `[]interface {}{"a", 1}`.
#[must_use]
pub fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = sorted(fields);
            let fields =
                fields.iter().map(|(name, value)| format!("{}:{}", quote(name), syntax(value)));
            format!("map[string]interface {{}}{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The name of the type that a value has in Go once it has been read.
#[must_use]
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    fields
}
