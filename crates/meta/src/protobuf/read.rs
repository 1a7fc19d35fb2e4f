//! Messages to JSON values, with the tolerance of Go's generated code: unknown fields are passed
//! over, of a field that comes twice the last one counts, messages that come twice are merged.

use super::MAX_DEPTH;
use super::table::{Codec, Field, Message, Shape, Type};
use super::wire::{self, Error, Kind, Raw, next, varint};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

/// What a message may take in memory once it is read: a value counts as one unit of roughly 32
/// bytes, an object as `OBJECT_UNITS`, whatever it takes on the wire.
pub const UNITS_MAX: usize = 4_000_000;
const OBJECT_UNITS: usize = 20;

pub(super) fn root(codec: &Codec, bytes: &[u8]) -> Result<Value, Error> {
    let root = codec.message(&codec.root).ok_or_else(|| Error::new("the root is no message"))?;
    let mut reader = Reader { codec, units: 0 };
    let mut fields = Map::new();
    reader.message(root, bytes, &mut fields, 0)?;
    Ok(Value::Object(fields))
}

struct Reader<'a> {
    codec: &'a Codec,
    units: usize,
}

impl Reader<'_> {
    fn charge(&mut self, units: usize) -> Result<(), Error> {
        self.units += units;
        if self.units > UNITS_MAX {
            return Err(Error::new(format!("the message holds more than {UNITS_MAX} values")));
        }
        Ok(())
    }

    fn message(
        &mut self,
        of: &Message,
        mut bytes: &[u8],
        into: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new("proto: exceeded max depth"));
        }
        self.charge(OBJECT_UNITS + of.fields.len())?;
        while let Some((number, raw)) = next(&mut bytes)? {
            let Ok(at) = of.fields.binary_search_by_key(&number, |field| field.number) else {
                continue;
            };
            self.field(&of.fields[at], raw, into, depth)?;
        }
        for field in of.fields.iter().filter(|field| field.shape == Shape::Plain) {
            if !into.contains_key(&*field.name) {
                let zero = self.zero(&field.of, depth)?;
                into.insert(field.name.clone().into_owned(), zero);
            }
        }
        // Lists and maps that a type demands are there, if empty.
        Ok(())
    }

    fn field(
        &mut self,
        field: &Field,
        raw: Raw<'_>,
        into: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        let name = &*field.name;
        match field.shape {
            Shape::List => {
                let list = into.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(list) = list else { return Ok(()) };
                if let (Raw::Length(packed), Some(kind)) = (raw, packs(&field.of)) {
                    return self.packed(field, kind, packed, list);
                }
                list.push(self.one(field, raw, None, depth)?);
            }
            Shape::Map => {
                let map = into.entry(name).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(map) = map else { return Ok(()) };
                let (key, value) = self.entry(field, raw, depth)?;
                map.insert(key, value);
            }
            Shape::Plain | Shape::OmitEmpty | Shape::Optional => {
                let value = self.one(field, raw, into.remove(name), depth)?;
                let empty = field.shape != Shape::Plain && value.is_null();
                if !(empty || field.shape == Shape::OmitEmpty && is_empty(&value)) {
                    into.insert(name.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    /// Numbers one behind the other, as newer writers send lists of them.
    fn packed(
        &mut self,
        field: &Field,
        kind: Kind,
        mut bytes: &[u8],
        list: &mut Vec<Value>,
    ) -> Result<(), Error> {
        while !bytes.is_empty() {
            let raw = match kind {
                Kind::Fixed32 => Raw::Fixed32(u32::from_le_bytes(take(&mut bytes)?)),
                Kind::Fixed64 => Raw::Fixed64(u64::from_le_bytes(take(&mut bytes)?)),
                Kind::Varint | Kind::Length | Kind::Group => Raw::Varint(varint(&mut bytes)?),
            };
            list.push(self.one(field, raw, None, MAX_DEPTH)?);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        field: &Field,
        raw: Raw<'_>,
        depth: usize,
    ) -> Result<(String, Value), Error> {
        self.charge(OBJECT_UNITS)?;
        let Raw::Length(mut bytes) = raw else { return Err(wrong(field, raw)) };
        let (mut key, mut value) = (String::new(), None);
        while let Some((number, raw)) = next(&mut bytes)? {
            match (number, raw) {
                (1, Raw::Length(text)) => key = String::from_utf8_lossy(text).into_owned(),
                (2, raw) => value = Some(self.one(field, raw, value.take(), depth + 1)?),
                _ => {}
            }
        }
        let value = match value {
            Some(value) => value,
            None => self.zero(&field.of, depth + 1)?,
        };
        Ok((key, value))
    }

    /// Reads one value; `before` is what the field had so far.
    fn one(
        &mut self,
        field: &Field,
        raw: Raw<'_>,
        before: Option<Value>,
        depth: usize,
    ) -> Result<Value, Error> {
        self.charge(1)?;
        Ok(match (&field.of, raw) {
            (Type::Bool, Raw::Varint(value)) => Value::Bool(value != 0),
            (Type::Integer, Raw::Varint(value)) => value.cast_signed().into(),
            (Type::Unsigned, Raw::Varint(value)) => value.into(),
            (Type::Float, Raw::Fixed32(bits)) => fraction(f64::from(f32::from_bits(bits)))?,
            (Type::Double, Raw::Fixed64(bits)) => fraction(f64::from_bits(bits))?,
            (Type::Text, Raw::Length(text)) => String::from_utf8_lossy(text).into(),
            (Type::Bytes, Raw::Length(bytes)) => BASE64_STANDARD.encode(bytes).into(),
            (Type::Time, Raw::Length(bytes)) => time(bytes)?,
            (Type::Quantity, Raw::Length(bytes)) => {
                let text = only_bytes(bytes)?.unwrap_or(b"0");
                String::from_utf8_lossy(text).into()
            }
            (Type::IntOrString, Raw::Length(bytes)) => int_or_string(bytes)?,
            (Type::Texts, Raw::Length(bytes)) => self.texts(bytes)?,
            (Type::Json, Raw::Length(bytes)) => self.json(bytes)?,
            (Type::Known(_) | Type::Own(_), Raw::Length(bytes)) => {
                let mut fields = match before {
                    Some(Value::Object(fields)) => fields,
                    _ => Map::new(),
                };
                let codec = self.codec;
                if let Some(of) = codec.message(&field.of) {
                    self.message(of, bytes, &mut fields, depth + 1)?;
                }
                Value::Object(fields)
            }
            _ => return Err(wrong(field, raw)),
        })
    }

    fn texts(&mut self, mut bytes: &[u8]) -> Result<Value, Error> {
        let mut texts = Vec::new();
        while let Some((number, raw)) = next(&mut bytes)? {
            if let (1, Raw::Length(text)) = (number, raw) {
                self.charge(1)?;
                texts.push(String::from_utf8_lossy(text).into());
            }
        }
        Ok(Value::Array(texts))
    }

    fn json(&mut self, bytes: &[u8]) -> Result<Value, Error> {
        let Some(text) = only_bytes(bytes)?.filter(|text| !text.is_empty()) else {
            return Ok(Value::Null);
        };
        self.charge(text.len())?;
        serde_json::from_slice(text).map_err(|e| Error::new(e.to_string()))
    }

    fn zero(&mut self, of: &Type, depth: usize) -> Result<Value, Error> {
        self.charge(1)?;
        Ok(match of {
            Type::Bool => Value::Bool(false),
            Type::Integer | Type::Unsigned | Type::IntOrString => 0.into(),
            Type::Float | Type::Double => fraction(0.0)?,
            Type::Text | Type::Bytes => "".into(),
            Type::Quantity => "0".into(),
            Type::Texts => Value::Array(Vec::new()),
            Type::Time | Type::Json => Value::Null,
            Type::Known(_) | Type::Own(_) => {
                let mut fields = Map::new();
                let codec = self.codec;
                if let Some(of) = codec.message(of) {
                    self.message(of, &[], &mut fields, depth + 1)?;
                }
                Value::Object(fields)
            }
        })
    }
}

/// How values of a type stand one behind the other, where they can.
fn packs(of: &Type) -> Option<Kind> {
    match of {
        Type::Bool | Type::Integer | Type::Unsigned => Some(Kind::Varint),
        Type::Float => Some(Kind::Fixed32),
        Type::Double => Some(Kind::Fixed64),
        _ => None,
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Error> {
    let end = || Error::new("unexpected EOF");
    let (value, rest) = bytes.split_first_chunk().ok_or_else(end)?;
    *bytes = rest;
    Ok(*value)
}

fn wrong(field: &Field, raw: Raw<'_>) -> Error {
    let mut name = field.name.chars();
    let first = name.next().map(|c| c.to_ascii_uppercase());
    let name: String = match &*field.name {
        // What Go embeds has the name of its type; no body is a list.
        "metadata" => "ObjectMeta".to_owned(),
        _ => first.into_iter().chain(name).collect(),
    };
    wire::wrong(&name, raw)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// JSON has no infinity; Go refuses to write one.
fn fraction(value: f64) -> Result<Value, Error> {
    let number = Number::from_f64(value);
    number.map(Value::Number).ok_or_else(|| Error::new(format!("unsupported value: {value}")))
}

/// The field 1 of a message, where that is bytes.
fn only_bytes(mut bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    let mut found = None;
    while let Some((number, raw)) = next(&mut bytes)? {
        if let (1, Raw::Length(value)) = (number, raw) {
            found = Some(value);
        }
    }
    Ok(found)
}

/// A message without fields is the zero time.
fn time(mut bytes: &[u8]) -> Result<Value, Error> {
    let (mut second, mut nanos, mut set) = (0, 0, false);
    while let Some((number, raw)) = next(&mut bytes)? {
        match (number, raw) {
            (1, Raw::Varint(value)) => (second, set) = (value.cast_signed(), true),
            (2, Raw::Varint(value)) => (nanos, set) = (value.cast_signed(), true),
            _ => {}
        }
    }
    if !set {
        return Ok(Value::Null);
    }
    let outside = || Error::new(format!("time {second}.{nanos} is out of range"));
    let nanos_of = i32::try_from(nanos).ok().filter(|n| (0..1_000_000_000).contains(n));
    let nanos_of = nanos_of.ok_or_else(outside)?;
    let time = Timestamp::from_second(second).ok();
    let time = time.and_then(|time| {
        time.checked_add(jiff::SignedDuration::from_nanos(i64::from(nanos_of))).ok()
    });
    let time = time.ok_or_else(outside)?;
    let format = match nanos_of {
        0 => "%Y-%m-%dT%H:%M:%SZ",
        n if n % 1000 == 0 => "%Y-%m-%dT%H:%M:%S%.6fZ",
        _ => "%Y-%m-%dT%H:%M:%S%.9fZ",
    };
    Ok(time.strftime(format).to_string().into())
}

fn int_or_string(mut bytes: &[u8]) -> Result<Value, Error> {
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    while let Some(field) = next(&mut bytes)? {
        match field {
            (1, Raw::Varint(value)) => is_text = value != 0,
            (2, Raw::Varint(value)) => number = value.cast_signed(),
            (3, Raw::Length(value)) => text = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }
    Ok(if is_text { text.into() } else { number.into() })
}
