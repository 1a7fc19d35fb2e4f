//! JSON as Go's `encoding/json` and `sigs.k8s.io/json` read and write it.
//!
//! [`parse`] runs on every write a client makes: one pass, integers kept as integers, duplicate
//! fields remembered for `fieldValidation`, and mistakes described in the words of Go.
//! [`GoFormatter`] writes the other way: the same escapes and the same numbers as a Go server.

mod strict;
mod syntax;
mod write;

#[cfg(test)]
pub(crate) mod tests;

pub use strict::{Strict, in_document_order};
pub(crate) use syntax::lossy;
pub use write::quote;
pub use write::{GoFormatter, to_vec, to_vec_pretty, write};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use std::fmt;

/// How many objects and arrays may stand within each other.
///
/// Go allows 10,000. Values are read, compared, merged and dropped by recursion here, so the limit
/// is the one of `serde_json`, which is safe on the stack of a worker thread.
pub const MAX_DEPTH: usize = 127;

/// How many findings of strict decoding are reported at most, as in `sigs.k8s.io/json`.
pub const MAX_STRICT_ERRORS: usize = 100;

/// A document as a value, and the fields that stood in it more than once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// The document; of duplicate fields the last one.
    pub value: Value,
    /// The duplicate fields in the order of the document, each once, at most
    /// [`MAX_STRICT_ERRORS`]. From JSON these are paths (`spec.items[0].name`), from YAML
    /// sentences (`line 3: key "name" already set in map`).
    pub duplicates: Vec<String>,
}

/// Why a document is not JSON, in the words of Go: `unexpected end of JSON input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    offset: usize,
}

impl Error {
    fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset }
    }

    /// How many bytes had been read when the mistake was found.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Reads one JSON document.
///
/// Numbers without fraction and exponent stay integers where they fit 64 bits. Bytes that are not
/// UTF-8 and lone surrogates within strings become U+FFFD, as in Go.
///
/// # Errors
/// Where the text is not exactly one JSON value, or is nested deeper than [`MAX_DEPTH`].
///
/// ```
/// # use pintle_meta::json;
/// let parsed = json::parse(br#"{"spec":{"image":"a","image":"b"}}"#)?;
/// assert_eq!(parsed.value["spec"]["image"], "b");
/// assert_eq!(parsed.duplicates, ["spec.image"]);
/// let error = json::parse(b"{not json").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid character 'n' looking for beginning of object key string"
/// );
/// # Ok::<(), json::Error>(())
/// ```
pub fn parse(text: &[u8]) -> Result<Parsed, Error> {
    if let Ok(parsed) = read(text) {
        return Ok(parsed);
    }
    // The fast reader says little about what is wrong, and refuses some texts that Go repairs.
    syntax::check(text)?;
    read(&syntax::repair(text)).map_err(|error| Error::new(error.to_string(), text.len()))
}

fn read(text: &[u8]) -> serde_json::Result<Parsed> {
    let mut duplicates = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Reader { at: &Path::Root, duplicates: &mut duplicates }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(Parsed { value, duplicates })
}

/// Where a value stands, as a list that lives on the stack: it costs nothing until it is shown.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Reads one value and notes its duplicate fields.
struct Reader<'a> {
    at: &'a Path<'a>,
    duplicates: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn note_duplicate(&mut self, name: &str) {
        if self.duplicates.len() < MAX_STRICT_ERRORS {
            let path = Path::Field(self.at, name).to_string();
            if !self.duplicates.contains(&path) {
                self.duplicates.push(path);
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let at = Path::Item(self.at, read.len());
            let reader = Reader { at: &at, duplicates: self.duplicates };
            match items.next_element_seed(reader)? {
                Some(item) => read.push(item),
                None => return Ok(Value::Array(read)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            match read.entry(name) {
                Entry::Vacant(entry) => {
                    let at = Path::Field(self.at, entry.key());
                    let reader = Reader { at: &at, duplicates: self.duplicates };
                    let value = fields.next_value_seed(reader)?;
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) => {
                    // Noted before its value is read: a client sees the order of the document.
                    self.note_duplicate(entry.key());
                    let at = Path::Field(self.at, entry.key());
                    let reader = Reader { at: &at, duplicates: self.duplicates };
                    let value = fields.next_value_seed(reader)?;
                    entry.insert(value);
                }
            }
        }
        Ok(Value::Object(read))
    }
}
