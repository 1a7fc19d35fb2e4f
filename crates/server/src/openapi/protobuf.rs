//! OpenAPI documents as protocol buffers: what Go clients ask for.
//!
//! The messages are those of [gnostic](https://github.com/google/gnostic-models), one set for each
//! edition: [`v2::DOCUMENT`] and [`v3::DOCUMENT`]. A table says which key of the JSON is which field,
//! and one function writes them all.

pub(super) mod v2;
pub(super) mod v3;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

/// Documents may be nested this deep; what is below is left out.
const DEPTH_MAX: usize = 96;

/// The wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

/// A message: which key of an object is which field.
#[derive(Debug)]
pub(super) struct Message {
    fields: &'static [Field],
    /// The field with what begins with `x-`, as pairs of a name and any value.
    extensions: u32,
}

/// The key, the number and the type of a field.
type Field = (&'static str, u32, Type);

/// Where a value is written below its field, and as what.
type Place = (&'static [u32], &'static Message);

#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Texts,
    Flag,
    Integer,
    Double,
    /// Any value.
    Any,
    /// A message with a number, a truth value or a text; of anything else it says that it is there.
    Scalar,
    /// A message below these further field numbers.
    Of(&'static [u32], &'static Message),
    /// A message whose place depends on the value.
    Choice(fn(&Value) -> Place),
    /// A list, each item in a field of its own.
    List(&'static Self),
    /// A message with this in field 1.
    In(&'static Self),
    /// A message that has, in the field of this number, pairs of a name, field 1, and a value, field 2.
    Map(u32, &'static Self),
    /// A message with strings in field 1.
    Strings,
    /// A message with a schema in field 1 or a truth value in field 2.
    SchemaOrFlag(&'static Self),
}

/// The document as bytes of its message.
pub(super) fn encode(message: &Message, document: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(&mut out, message, document, 0);
    out
}

fn write_message(out: &mut Vec<u8>, message: &Message, value: &Value, depth: usize) {
    let Value::Object(object) = value else { return };
    if depth > DEPTH_MAX {
        return;
    }
    for (key, number, kind) in message.fields {
        if let Some(value) = object.get(*key) {
            write_field(out, *number, *kind, value, depth);
        }
    }
    write_extensions(out, message.extensions, object);
}

fn write_field(out: &mut Vec<u8>, number: u32, kind: Type, value: &Value, depth: usize) {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut message = |(path, message): Place| {
        let path: Vec<u32> = [number].iter().chain(path).copied().collect();
        nest(out, &path, |out| write_message(out, message, value, depth + 1));
    };
    match kind {
        Type::Of(path, of) => message((path, of)),
        Type::Choice(choose) => message(choose(value)),
        Type::Text => write_text(out, number, value.as_str().unwrap_or_default()),
        Type::Texts => write_texts(out, number, list),
        Type::Flag => write_integer(out, number, u64::from(*value == Value::Bool(true))),
        Type::Integer => write_integer(out, number, value.as_u64().unwrap_or_default()),
        Type::Double => match value.as_f64() {
            None | Some(0.0) => {}
            Some(double) => write_double(out, number, double),
        },
        Type::Any => write_any(out, number, value),
        Type::Scalar => nest(out, &[number], |out| write_scalar(out, value)),
        Type::List(of) => list.iter().for_each(|item| write_field(out, number, *of, item, depth)),
        Type::In(of) => nest(out, &[number], |out| write_field(out, 1, *of, value, depth)),
        Type::Map(entries, of) => nest(out, &[number], |out| {
            for (name, value) in value.as_object().into_iter().flatten() {
                nest(out, &[entries], |out| {
                    write_text(out, 1, name);
                    write_field(out, 2, *of, value, depth);
                });
            }
        }),
        Type::Strings => nest(out, &[number], |out| match value {
            Value::String(text) => write_text(out, 1, text),
            _ => write_texts(out, 1, list),
        }),
        Type::SchemaOrFlag(of) => nest(out, &[number], |out| match value {
            Value::Bool(flag) => write_varint_field(out, 2, u64::from(*flag)),
            _ => write_field(out, 1, *of, value, depth),
        }),
    }
}

fn write_extensions(out: &mut Vec<u8>, number: u32, object: &Map<String, Value>) {
    for (name, value) in object.iter().filter(|(name, _)| name.starts_with("x-")) {
        nest(out, &[number], |out| {
            write_text(out, 1, name);
            write_any(out, 2, value);
        });
    }
}

/// Any value is text in YAML, and JSON is YAML.
fn write_any(out: &mut Vec<u8>, number: u32, value: &Value) {
    nest(out, &[number], |out| write_text(out, 2, &format!("{value}\n")));
}

/// One of several fields, which is written even where it has the default of its type.
fn write_scalar(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Number(number) => write_double(out, 1, number.as_f64().unwrap_or_default()),
        Value::Bool(flag) => write_varint_field(out, 2, u64::from(*flag)),
        Value::String(text) => write_bytes(out, 3, text.as_bytes()),
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
}

fn write_texts(out: &mut Vec<u8>, number: u32, list: &[Value]) {
    for text in list.iter().filter_map(Value::as_str) {
        write_bytes(out, number, text.as_bytes());
    }
}

/// Fields with the default of their type are not written.
fn write_text(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        write_bytes(out, number, text.as_bytes());
    }
}

fn write_integer(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        write_varint_field(out, number, value);
    }
}

fn write_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    write_varint(out, u64::from(number) << 3 | VARINT);
    write_varint(out, value);
}

fn write_double(out: &mut Vec<u8>, number: u32, value: f64) {
    write_varint(out, u64::from(number) << 3 | FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

fn write_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    write_varint(out, u64::from(number) << 3 | LENGTH);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a message below these field numbers, the outermost first.
fn nest(out: &mut Vec<u8>, path: &[u32], write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    for (i, number) in path.iter().enumerate().rev() {
        let mut outer = Vec::with_capacity(inner.len() + 8);
        write_bytes(&mut outer, *number, &inner);
        inner = outer;
        if i == 0 {
            out.append(&mut inner);
        }
    }
}
