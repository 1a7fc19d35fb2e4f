//! From CBOR to values: one pass, in which nothing is taken for granted that a head declares.

use super::tag::{self, Later};
use super::{ARRAY, BYTES, DOUBLE, Error, FALSE, HALF, MAP, MAX_DEPTH, NEGATIVE, NULL, POSITIVE};
use super::{SIMPLE, SINGLE, TAG, TEXT, TRUE};
use serde_json::{Map, Number, Value};

/// Reads a document.
///
/// # Errors
/// What is not CBOR, goes on behind its end, is nested deeper than [`MAX_DEPTH`], or has no form in JSON.
pub fn decode(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(Later::Text, 0)?;
    match bytes.len() - reader.at {
        0 => Ok(value),
        rest => {
            let at = reader.at;
            Err(Error::new(format_args!("{rest} bytes of extraneous data starting at index {at}")))
        }
    }
}

/// How long the first document of a sequence is, if all of it is there.
#[must_use]
pub fn first_length(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader { bytes, at: 0 };
    reader.value(Later::Text, 0).ok().map(|_| reader.at)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The beginning of a data item.
#[derive(Clone, Copy)]
struct Head {
    kind: u8,
    /// The five bits behind the kind, which say where the number is.
    info: u8,
    /// A length, a number or a tag; none where the end is marked instead.
    number: Option<u64>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, later: Later, depth: usize) -> Result<Value, Error> {
        let head = self.head()?;
        if matches!(head.kind, ARRAY | MAP | TAG) && depth >= MAX_DEPTH {
            return Err(Error::new(format_args!("exceeded max nested level {MAX_DEPTH}")));
        }
        match (head.kind, head.number) {
            (POSITIVE, Some(number)) => match i64::try_from(number) {
                Ok(number) => Ok(number.into()),
                Err(_) => Err(overflows("positive integer", &number.to_string())),
            },
            (NEGATIVE, Some(number)) => match i64::try_from(number) {
                Ok(number) => Ok((-1 - number).into()),
                Err(_) => {
                    Err(overflows("negative integer", &(-1 - i128::from(number)).to_string()))
                }
            },
            (BYTES, _) => later.text(self.string(head)?).map(Value::String),
            (TEXT, _) => self.text(head).map(Value::String),
            (ARRAY, _) => self.array(head, later, depth),
            (MAP, _) => self.map(head, later, depth),
            (TAG, Some(number)) => self.tagged(number, later, depth),
            _ => self.simple(head),
        }
    }

    fn array(&mut self, head: Head, later: Later, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        while !self.is_done(head, items.len())? {
            items.push(self.value(later, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, head: Head, later: Later, depth: usize) -> Result<Value, Error> {
        let mut fields = Map::new();
        while !self.is_done(head, fields.len())? {
            let key = self.key()?;
            let value = self.value(later, depth + 1)?;
            let index = fields.len();
            if let Some(_twice) = fields.insert(key.clone(), value) {
                let key = crate::json::quote(&key);
                let twice =
                    format_args!("found duplicate map key {key} at map element index {index}");
                return Err(Error::new(twice));
            }
        }
        Ok(Value::Object(fields))
    }

    fn key(&mut self) -> Result<String, Error> {
        let head = self.head()?;
        match head.kind {
            BYTES => Later::Text.text(self.string(head)?),
            TEXT => self.text(head),
            kind => {
                let kind = name(kind);
                Err(Error::new(format_args!("cannot unmarshal {kind} as a map key of type string")))
            }
        }
    }

    /// Whether an array or a map that has so many entries is complete.
    fn is_done(&mut self, head: Head, entries: usize) -> Result<bool, Error> {
        match head.number {
            Some(number) => Ok(entries as u64 >= number),
            None => self.take_break(),
        }
    }

    fn take_break(&mut self) -> Result<bool, Error> {
        let next = *self.bytes.get(self.at).ok_or(Error::end(true))?;
        let done = next == 0xff;
        self.at += usize::from(done);
        Ok(done)
    }

    fn tagged(&mut self, number: u64, later: Later, depth: usize) -> Result<Value, Error> {
        match number {
            tag::DATE_TIME | tag::EPOCH_TIME => tag::time(number, &self.value(later, depth + 1)?),
            tag::POSITIVE_BIGNUM | tag::NEGATIVE_BIGNUM => Err(refused(TAG, "bignum")),
            // A tag that nobody here knows says nothing about the value.
            _ => self.value(Later::of_tag(number).unwrap_or(later), depth + 1),
        }
    }

    fn simple(&mut self, head: Head) -> Result<Value, Error> {
        let bits = head.number.unwrap_or_default();
        match head.info {
            FALSE => Ok(Value::Bool(false)),
            TRUE => Ok(Value::Bool(true)),
            NULL => Ok(Value::Null),
            HALF => finite(half(bits as u16)),
            SINGLE => finite(f64::from(f32::from_bits(bits as u32))),
            DOUBLE => finite(f64::from_bits(bits)),
            31 => Err(Error::new("unexpected \"break\" code")),
            _ => Err(refused(SIMPLE, format_args!("simple value {bits} is not recognized"))),
        }
    }

    fn text(&mut self, head: Head) -> Result<String, Error> {
        let invalid = |_| Error::new("invalid UTF-8 string");
        String::from_utf8(self.string(head)?).map_err(invalid)
    }

    /// The content of a string, whose pieces are put together where it has some.
    fn string(&mut self, head: Head) -> Result<Vec<u8>, Error> {
        let Some(length) = head.number else {
            let mut whole = Vec::new();
            while !self.take_break()? {
                let piece = self.head()?;
                let Some(length) = piece.number.filter(|_| piece.kind == head.kind) else {
                    let (kind, piece) = (name(head.kind), name(piece.kind));
                    let wrong =
                        format_args!("wrong element type {piece} for indefinite-length {kind}");
                    return Err(Error::new(wrong));
                };
                let piece = self.take(length)?;
                if head.kind == TEXT && std::str::from_utf8(piece).is_err() {
                    return Err(Error::new("invalid UTF-8 string"));
                }
                whole.extend_from_slice(piece);
            }
            return Ok(whole);
        };
        self.take(length).map(<[u8]>::to_vec)
    }

    fn head(&mut self) -> Result<Head, Error> {
        let first = *self.bytes.get(self.at).ok_or(Error::end(self.at > 0))?;
        self.at += 1;
        let (kind, info) = (first >> 5, first & 0x1f);
        let number = match info {
            0..24 => Some(u64::from(info)),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            31 if matches!(kind, BYTES | TEXT | ARRAY | MAP | SIMPLE) => None,
            _ => {
                let kind = name(kind);
                let info = format_args!("invalid additional information {info} for type {kind}");
                return Err(Error::new(info));
            }
        };
        Ok(Head { kind, info, number })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or(Error::end(true))?;
        self.at += taken.len();
        Ok(taken)
    }
}

pub(super) fn name(kind: u8) -> &'static str {
    match kind {
        POSITIVE => "positive integer",
        NEGATIVE => "negative integer",
        BYTES => "byte string",
        TEXT => "UTF-8 text string",
        ARRAY => "array",
        MAP => "map",
        TAG => "tag",
        _ => "primitives",
    }
}

fn overflows(kind: &str, number: &str) -> Error {
    Error::new(format_args!(
        "cannot unmarshal {kind} into Go value of type int64 ({number} overflows Go's int64)"
    ))
}

/// What is CBOR, and has no form in JSON.
fn refused(kind: u8, what: impl std::fmt::Display) -> Error {
    let kind = name(kind);
    Error::new(format_args!("data item of cbor type {kind} is not accepted by protocol: {what}"))
}

fn finite(number: f64) -> Result<Value, Error> {
    let kind = if number.is_nan() { "NaN" } else { "infinity" };
    let refused = || refused(SIMPLE, format_args!("floating-point {kind}"));
    Number::from_f64(number).map(Value::Number).ok_or_else(refused)
}

/// A number of half the precision.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}
