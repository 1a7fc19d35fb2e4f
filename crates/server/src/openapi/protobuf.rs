//! Swagger 2.0 as protocol buffers: what `kubectl explain` of older versions asks for.
//!
//! Go clients ask for `/openapi/v2` in this form only. The messages are those of
//! [`openapiv2/OpenAPIv2.proto`](https://github.com/google/gnostic-models); a table says which
//! key of the JSON is which field, and one function writes them all.

use serde_json::{Map, Value};

/// Documents may be nested this deep; what is below is left out.
const DEPTH_MAX: usize = 96;

/// The wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

#[derive(Debug)]
struct Message {
    fields: &'static [Field],
    /// The field with what begins with `x-`, as pairs of a name and any value.
    extensions: u32,
}

/// The key, the number and the type of a field.
type Field = (&'static str, u32, Type);

#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Texts,
    Flag,
    Integer,
    Double,
    /// Any value.
    Any,
    /// A list of any values.
    Anys,
    /// A message.
    Of(&'static Message),
    /// A message that is the only field, 1, of another message.
    Within(&'static Message),
    /// A message that has, in the field of this number, pairs of a name and a value; the value is
    /// a message below the further field numbers.
    Map(u32, &'static [u32], &'static Message),
    /// A message with strings in field 1.
    Strings,
    /// A message that has a field for a schema and one for a truth value.
    SchemaOrFlag,
    /// A list of parameters and of references to shared ones.
    Parameters,
    /// The shared parameters.
    NamedParameters,
    /// A list of ways to authenticate, each with a list of scopes.
    Requirements,
}

static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Type::Text),
        ("info", 2, Type::Of(&INFO)),
        ("paths", 8, Type::Map(2, &[], &PATH_ITEM)),
        ("definitions", 9, Type::Map(1, &[], &SCHEMA)),
        ("parameters", 10, Type::NamedParameters),
        ("security", 12, Type::Requirements),
        ("securityDefinitions", 13, Type::Map(1, &[2], &API_KEY)),
    ],
    extensions: 16,
};

static INFO: Message =
    Message { fields: &[("title", 1, Type::Text), ("version", 2, Type::Text)], extensions: 7 };

static API_KEY: Message = Message {
    fields: &[
        ("type", 1, Type::Text),
        ("name", 2, Type::Text),
        ("in", 3, Type::Text),
        ("description", 4, Type::Text),
    ],
    extensions: 5,
};

static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 2, Type::Of(&OPERATION)),
        ("put", 3, Type::Of(&OPERATION)),
        ("post", 4, Type::Of(&OPERATION)),
        ("delete", 5, Type::Of(&OPERATION)),
        ("patch", 8, Type::Of(&OPERATION)),
        ("parameters", 9, Type::Parameters),
    ],
    extensions: 10,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Type::Texts),
        ("description", 3, Type::Text),
        ("operationId", 5, Type::Text),
        ("produces", 6, Type::Texts),
        ("consumes", 7, Type::Texts),
        ("parameters", 8, Type::Parameters),
        ("responses", 9, Type::Map(1, &[1], &RESPONSE)),
        ("schemes", 10, Type::Texts),
    ],
    extensions: 13,
};

static RESPONSE: Message = Message {
    fields: &[("description", 1, Type::Text), ("schema", 2, Type::Within(&SCHEMA))],
    extensions: 5,
};

static REFERENCE: Message =
    Message { fields: &[("$ref", 1, Type::Text), ("description", 2, Type::Text)], extensions: 0 };

static BODY_PARAMETER: Message = Message {
    fields: &[
        ("description", 1, Type::Text),
        ("name", 2, Type::Text),
        ("in", 3, Type::Text),
        ("required", 4, Type::Flag),
        ("schema", 5, Type::Of(&SCHEMA)),
    ],
    extensions: 6,
};

static QUERY_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Type::Flag),
        ("in", 2, Type::Text),
        ("description", 3, Type::Text),
        ("name", 4, Type::Text),
        ("type", 6, Type::Text),
        ("format", 7, Type::Text),
        ("uniqueItems", 20, Type::Flag),
    ],
    extensions: 23,
};

static PATH_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Type::Flag),
        ("in", 2, Type::Text),
        ("description", 3, Type::Text),
        ("name", 4, Type::Text),
        ("type", 5, Type::Text),
        ("format", 6, Type::Text),
        ("uniqueItems", 19, Type::Flag),
    ],
    extensions: 22,
};

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Type::Text),
        ("format", 2, Type::Text),
        ("description", 4, Type::Text),
        ("multipleOf", 6, Type::Double),
        ("maximum", 7, Type::Double),
        ("exclusiveMaximum", 8, Type::Flag),
        ("minimum", 9, Type::Double),
        ("exclusiveMinimum", 10, Type::Flag),
        ("maxLength", 11, Type::Integer),
        ("minLength", 12, Type::Integer),
        ("pattern", 13, Type::Text),
        ("maxItems", 14, Type::Integer),
        ("minItems", 15, Type::Integer),
        ("uniqueItems", 16, Type::Flag),
        ("maxProperties", 17, Type::Integer),
        ("minProperties", 18, Type::Integer),
        ("required", 19, Type::Texts),
        ("enum", 20, Type::Anys),
        ("additionalProperties", 21, Type::SchemaOrFlag),
        ("type", 22, Type::Strings),
        ("items", 23, Type::Within(&SCHEMA)),
        ("properties", 25, Type::Map(1, &[], &SCHEMA)),
        ("discriminator", 26, Type::Text),
        ("readOnly", 27, Type::Flag),
        ("example", 30, Type::Any),
    ],
    extensions: 31,
};

/// The document as bytes of the message `Document`.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(&mut out, &DOCUMENT, document, 0);
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
    match kind {
        Type::Text => write_text(out, number, value.as_str().unwrap_or_default()),
        Type::Texts => write_texts(out, number, list),
        Type::Flag => write_flag(out, number, value),
        Type::Integer => write_integer(out, number, value.as_u64().unwrap_or_default()),
        Type::Double => write_double(out, number, value.as_f64().unwrap_or_default()),
        Type::Any => write_any(out, number, value),
        Type::Anys => list.iter().for_each(|value| write_any(out, number, value)),
        Type::Of(message) => {
            nest(out, &[number], |out| write_message(out, message, value, depth + 1));
        }
        Type::Within(message) => {
            nest(out, &[number, 1], |out| write_message(out, message, value, depth + 1));
        }
        Type::Map(entries, path, message) => nest(out, &[number], |out| {
            write_map(out, entries, value, |out, value| {
                let path: Vec<u32> = [2].iter().chain(path).copied().collect();
                nest(out, &path, |out| write_message(out, message, value, depth + 1));
            });
        }),
        Type::Strings => nest(out, &[number], |out| match value {
            Value::String(text) => write_text(out, 1, text),
            _ => write_texts(out, 1, list),
        }),
        Type::SchemaOrFlag => nest(out, &[number], |out| match value {
            Value::Bool(_) => write_flag(out, 2, value),
            _ => nest(out, &[1], |out| write_message(out, &SCHEMA, value, depth + 1)),
        }),
        Type::Parameters => list.iter().for_each(|value| write_parameter(out, number, value)),
        Type::NamedParameters => nest(out, &[number], |out| {
            write_map(out, 1, value, |out, value| {
                let (path, message) = parameter(value);
                let path: Vec<u32> = [2].iter().chain(path).copied().collect();
                nest(out, &path, |out| write_message(out, message, value, 0));
            });
        }),
        Type::Requirements => list.iter().for_each(|requirement| {
            nest(out, &[number], |out| {
                write_map(out, 1, requirement, |out, scopes| {
                    nest(out, &[2], |out| write_field(out, 1, Type::Texts, scopes, depth));
                });
            });
        }),
    }
}

/// Writes the entries of an object as pairs of a name, field 1, and what `write` makes of a value.
fn write_map(out: &mut Vec<u8>, number: u32, value: &Value, write: impl Fn(&mut Vec<u8>, &Value)) {
    for (name, value) in value.as_object().into_iter().flatten() {
        nest(out, &[number], |out| {
            write_text(out, 1, name);
            write(out, value);
        });
    }
}

/// Which field numbers lead to a parameter, and as which message it is written.
fn parameter(value: &Value) -> (&'static [u32], &'static Message) {
    match value["in"].as_str() {
        Some("body") => (&[1], &BODY_PARAMETER),
        Some("path") => (&[2, 4], &PATH_PARAMETER),
        _ => (&[2, 3], &QUERY_PARAMETER),
    }
}

fn write_parameter(out: &mut Vec<u8>, number: u32, value: &Value) {
    if value.get("$ref").is_some() {
        nest(out, &[number, 2], |out| write_message(out, &REFERENCE, value, 0));
    } else {
        let (path, message) = parameter(value);
        let path: Vec<u32> = [number, 1].iter().chain(path).copied().collect();
        nest(out, &path, |out| write_message(out, message, value, 0));
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

fn write_flag(out: &mut Vec<u8>, number: u32, value: &Value) {
    write_integer(out, number, u64::from(*value == Value::Bool(true)));
}

fn write_integer(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        write_varint(out, u64::from(number) << 3 | VARINT);
        write_varint(out, value);
    }
}

fn write_double(out: &mut Vec<u8>, number: u32, value: f64) {
    if value != 0.0 {
        write_varint(out, u64::from(number) << 3 | FIXED64);
        out.extend_from_slice(&value.to_le_bytes());
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(document: &Value, want: &[u8]) {
        assert_eq!(encode(document), want, "{document}");
    }

    #[test]
    fn wire() {
        check(&json!({"swagger": "2.0", "host": "not written"}), b"\x0a\x032.0");
        check(&json!({"info": {"title": "t", "version": "v"}}), b"\x12\x06\x0a\x01t\x12\x01v");
        check(&json!({"x-a": 1}), b"\x82\x01\x0b\x0a\x03x-a\x12\x04\x12\x021\n");
        // A definition: its name, and as its value a schema with a type, a limit and a flag.
        check(
            &json!({"definitions": {"D": {"type": "object", "maxItems": 300, "readOnly": true}}}),
            b"\x4a\x18\x0a\x16\x0a\x01D\x12\x11\x70\xac\x02\xb2\x01\x08\x0a\x06object\xd8\x01\x01",
        );
        // A path: a parameter by reference.
        check(
            &json!({"paths": {"/p": {"parameters": [{"$ref": "#/r"}]}}}),
            b"\x42\x11\x12\x0f\x0a\x02/p\x12\x09\x4a\x07\x12\x05\x0a\x03#/r",
        );
    }
}
