//! JSON values to messages: every field of the table in the order of its number, as Go's generated
//! code writes them, the empty ones too.

use super::table::{Codec, Field, Message, Shape, Type};
use super::wire::{Error, Kind, put_bytes, put_nested, put_tag, put_varint};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::Value;

pub(super) fn root(codec: &Codec, json: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    match codec.message(&codec.root) {
        Some(root) => message(codec, root, json, out),
        None => Err(Error::new("the root is no message")),
    }
}

fn message(codec: &Codec, of: &Message, json: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    if !matches!(json, Value::Object(_) | Value::Null) {
        return Err(Error::new(format!("want an object, got {json}")));
    }
    for field in &*of.fields {
        let value = json.get(&*field.name).unwrap_or(&Value::Null);
        self::field(codec, field, value, out)
            .map_err(|Error(why)| Error(format!("{}: {why}", field.name)))?;
    }
    Ok(())
}

fn field(codec: &Codec, field: &Field, value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    match (field.shape, value) {
        (Shape::Optional | Shape::List | Shape::Map, Value::Null) => Ok(()),
        (Shape::List, Value::Array(items)) => {
            items.iter().try_for_each(|item| one(codec, field.number, &field.of, item, out))
        }
        // A JSON object is sorted by its keys, and so is what Go writes.
        (Shape::Map, Value::Object(entries)) => entries.iter().try_for_each(|(key, value)| {
            put_nested(out, field.number, |out| {
                put_bytes(out, 1, key.as_bytes());
                one(codec, 2, &field.of, value, out)
            })
        }),
        (Shape::List, other) => Err(Error::new(format!("want a list, got {other}"))),
        (Shape::Map, other) => Err(Error::new(format!("want an object, got {other}"))),
        _ => one(codec, field.number, &field.of, value, out),
    }
}

/// Writes one value; a `null` is the zero value.
fn one(
    codec: &Codec,
    number: u32,
    of: &Type,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let unfit = || Error::new(format!("{value} is no {of:?}"));
    match of {
        Type::Bool => {
            let value = value.as_bool().or(value.is_null().then_some(false)).ok_or_else(unfit)?;
            put_tag(out, number, Kind::Varint);
            out.push(u8::from(value));
        }
        Type::Integer | Type::Unsigned => {
            put_tag(out, number, Kind::Varint);
            put_varint(out, integer(value).ok_or_else(unfit)?);
        }
        Type::Float => {
            put_tag(out, number, Kind::Fixed32);
            #[expect(clippy::cast_possible_truncation, reason = "the field is a float of 32 bits")]
            let value = double(value).ok_or_else(unfit)? as f32;
            out.extend_from_slice(&value.to_le_bytes());
        }
        Type::Double => {
            put_tag(out, number, Kind::Fixed64);
            out.extend_from_slice(&double(value).ok_or_else(unfit)?.to_le_bytes());
        }
        Type::Text => put_bytes(out, number, text(value).ok_or_else(unfit)?.as_bytes()),
        Type::Bytes => {
            let bytes = BASE64_STANDARD.decode(text(value).ok_or_else(unfit)?);
            put_bytes(out, number, &bytes.map_err(|_| unfit())?);
        }
        Type::Time => put_nested(out, number, |out| time(value, out).ok_or_else(unfit))?,
        Type::Quantity => put_nested(out, number, |out| {
            let number = value.is_number().then(|| value.to_string());
            let text = number.as_deref().or_else(|| text(value)).ok_or_else(unfit)?;
            put_bytes(out, 1, text.as_bytes());
            Ok(())
        })?,
        Type::IntOrString => put_nested(out, number, |out| int_or_string(value, out))?,
        Type::Texts => put_nested(out, number, |out| {
            for item in value.as_array().into_iter().flatten() {
                put_bytes(out, 1, text(item).ok_or_else(unfit)?.as_bytes());
            }
            Ok(())
        })?,
        Type::Json if value.is_null() => put_nested(out, number, |_| Ok::<_, Error>(()))?,
        Type::Json => put_nested(out, number, |out| {
            put_bytes(out, 1, value.to_string().as_bytes());
            Ok::<_, Error>(())
        })?,
        Type::Known(_) | Type::Own(_) => {
            let of = codec.message(of).ok_or_else(unfit)?;
            put_nested(out, number, |out| message(codec, of, value, out))?;
        }
    }
    Ok(())
}

/// A whole number as the wire has it: a negative one as its complement.
fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Null => Some(0),
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_i64().map(i64::cast_unsigned))
        }
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    value.as_f64().or(value.is_null().then_some(0.0))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().or(value.is_null().then_some(""))
}

/// Nothing is the zero time; any other has both fields.
fn time(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    if value.is_null() {
        return Some(());
    }
    let time: Timestamp = value.as_str()?.parse().ok()?;
    let nanos = time.subsec_nanosecond();
    // Before 1970 the second counts down and the nanoseconds up.
    let (second, nanos) = match nanos {
        ..0 => (time.as_second() - 1, nanos + 1_000_000_000),
        _ => (time.as_second(), nanos),
    };
    put_tag(out, 1, Kind::Varint);
    put_varint(out, second.cast_unsigned());
    put_tag(out, 2, Kind::Varint);
    put_varint(out, u64::from(nanos.cast_unsigned()));
    Some(())
}

fn int_or_string(value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    let text = value.as_str();
    let number = match text {
        Some(_) => 0,
        None => integer(value).ok_or_else(|| Error::new(format!("{value} is no IntOrString")))?,
    };
    put_tag(out, 1, Kind::Varint);
    out.push(u8::from(text.is_some()));
    put_tag(out, 2, Kind::Varint);
    put_varint(out, number);
    put_bytes(out, 3, text.unwrap_or_default().as_bytes());
    Ok(())
}
