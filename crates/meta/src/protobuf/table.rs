//! What a message looks like: names, numbers and types of its fields.

use super::{Error, read, write};
use serde_json::Value;
use std::borrow::Cow;

/// A message and what is nested in it: enough to read and write it.
#[derive(Debug)]
pub struct Codec {
    pub(super) root: Type,
    /// The messages of the kind's own types; [`Type::Own`] is a position in here.
    pub(super) own: Vec<Message>,
}

/// The fields of a message, in the order of their numbers.
#[derive(Debug)]
pub struct Message {
    pub(super) fields: Cow<'static, [Field]>,
}

/// A field of a message.
#[derive(Clone, Debug)]
pub struct Field {
    pub(super) name: Cow<'static, str>,
    pub(super) number: u32,
    pub(super) shape: Shape,
    pub(super) of: Type,
}

/// How often a field is there, and what it means where it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Always written, and always read: nothing on the wire is the zero value.
    Plain,
    /// Always written, and left out of JSON where it is the zero value: Go's `omitempty`.
    OmitEmpty,
    /// Written and read where it is there: Go's pointers.
    Optional,
    /// Any number of times.
    List,
    /// Any number of pairs of a name and a value.
    Map,
}

/// The type of a field's value.
#[derive(Clone, Debug)]
pub enum Type {
    /// A truth value.
    Bool,
    /// A whole number.
    Integer,
    /// A whole number that is not negative.
    Unsigned,
    /// A fraction of 32 bits.
    Float,
    /// A fraction of 64 bits.
    Double,
    /// Text.
    Text,
    /// Bytes, which JSON has in base64.
    Bytes,
    /// A point in time, which JSON has as RFC 3339: a message of seconds and nanoseconds.
    Time,
    /// Text in a message of its own, as a quantity is.
    Quantity,
    /// A number or a string, in a message that says which.
    IntOrString,
    /// A list of texts in a message of its own, as the verbs of discovery are.
    Texts,
    /// Any JSON, as text in a message of its own.
    Json,
    /// A message of Kubernetes.
    Known(&'static Message),
    /// A message of the kind: its position in the codec.
    Own(usize),
}

impl Field {
    pub(super) const fn new(name: &'static str, number: u32, shape: Shape, of: Type) -> Self {
        Self { name: Cow::Borrowed(name), number, shape, of }
    }
}

impl Codec {
    /// The codec of a message of Kubernetes.
    #[must_use]
    pub const fn of(message: &'static Message) -> Self {
        Self { root: Type::Known(message), own: Vec::new() }
    }

    /// Writes a JSON document as a message; its kind and API version belong into the
    /// [envelope](super::envelope).
    ///
    /// # Errors
    /// Where a field has another type than the table's.
    pub fn write(&self, json: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
        write::root(self, json, out)
    }

    /// Reads a message as a JSON document without kind and API version. Fields that are not in the
    /// table are passed over.
    ///
    /// # Errors
    /// Where the bytes are no message of this type, are nested deeper than
    /// [`MAX_DEPTH`](super::MAX_DEPTH), or would take more memory than
    /// [`UNITS_MAX`](super::UNITS_MAX) allows.
    pub fn read(&self, bytes: &[u8]) -> Result<Value, Error> {
        read::root(self, bytes)
    }

    pub(super) fn message<'a>(&'a self, of: &'a Type) -> Option<&'a Message> {
        match of {
            Type::Known(message) => Some(message),
            Type::Own(position) => self.own.get(*position),
            _ => None,
        }
    }
}
