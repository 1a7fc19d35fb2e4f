//! Values as Go's `fmt` prints them, for the messages of Go programs.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// What Go calls the type of a value that was JSON.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value in the form of `%v`.
pub(super) fn shown(value: &Value) -> String {
    let mut out = String::new();
    show(&mut out, value);
    out
}

/// A list in the form of `%v`: `[a b]`.
pub(super) fn shown_list(items: &[Value]) -> String {
    let mut out = String::new();
    show_list(&mut out, items);
    out
}

/// An object in the form of `%v`: `map[name:a port:1]`.
pub(super) fn shown_object(fields: &Map<String, Value>) -> String {
    let mut out = String::new();
    show_object(&mut out, fields);
    out
}

fn show(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => show_list(out, items),
        Value::Object(fields) => show_object(out, fields),
        // Writing to a string cannot fail.
        Value::Bool(_) | Value::Number(_) => _ = write!(out, "{value}"),
    }
}

fn show_list(out: &mut String, items: &[Value]) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index > 0 { " " } else { "" });
        show(out, item);
    }
    out.push(']');
}

fn show_object(out: &mut String, fields: &Map<String, Value>) {
    out.push_str("map[");
    for (index, (name, value)) in fields.iter().enumerate() {
        out.push_str(if index > 0 { " " } else { "" });
        out.push_str(name);
        out.push(':');
        show(out, value);
    }
    out.push(']');
}
