//! CBOR as Kubernetes reads and writes it: the values of JSON in another coat.
//!
//! Written is one data item behind [`MAGIC`], deterministic: texts are byte strings, which Go's texts
//! are, keys are sorted by their encoding, numbers have the shortest form that keeps their value.
//! Read is more: text strings, items of indefinite length, and tags, of which those for times and for
//! text made of bytes have a meaning. What JSON cannot say (big numbers, infinities, keys that are no
//! text) is refused, and so is a key that stands in a map twice. See
//! [RFC 8949](https://www.rfc-editor.org/rfc/rfc8949) and
//! [KEP-4222](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4222-cbor-serializer).

mod read;
mod tag;
mod write;

#[cfg(test)]
mod tests;

pub use read::{decode, first_length};
pub use write::{begin_array, begin_map, encode, from_json, write, write_text};

use serde_json::Value;
use std::fmt;

/// What everything that is written begins with: the tag of "self-described CBOR".
pub const MAGIC: &[u8] = b"\xd9\xd9\xf7";

/// How many arrays, maps and tags may stand within each other; Go allows 10,000.
pub const MAX_DEPTH: usize = crate::json::MAX_DEPTH;

/// The kinds of data items, as the first three bits say them.
const POSITIVE: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

/// What the other five bits say of a simple value.
const FALSE: u8 = 20;
const TRUE: u8 = 21;
const NULL: u8 = 22;
const HALF: u8 = 25;
const SINGLE: u8 = 26;
const DOUBLE: u8 = 27;

/// Why bytes are not CBOR that JSON could express, in words like those of Go:
/// `cbor: invalid UTF-8 string`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(message: impl fmt::Display) -> Self {
        Self(format!("cbor: {message}"))
    }

    /// Go's reader says that its input is at an end, and not that it is CBOR.
    fn end(began: bool) -> Self {
        Self(if began { "unexpected EOF" } else { "EOF" }.to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// What Go calls the data item that a value would be: `positive integer`.
#[must_use]
pub fn kind_of(value: &Value) -> &'static str {
    read::name(match value {
        Value::Number(number) if number.is_u64() => POSITIVE,
        Value::Number(number) if number.is_i64() => NEGATIVE,
        Value::String(_) => BYTES,
        Value::Array(_) => ARRAY,
        Value::Object(_) => MAP,
        Value::Null | Value::Bool(_) | Value::Number(_) => SIMPLE,
    })
}

/// Whether bytes say of themselves that they are CBOR.
#[must_use]
pub fn is_cbor(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}
