//! The patches a client may send, as pure functions from one JSON value to another.
//!
//! [`JsonPatch`] is a list of operations (RFC 6902), [`MergePatch`] a partial object (RFC 7386) and
//! [`StrategicPatch`] a partial object that also says what happens to lists, as `kubectl` sends it
//! for built-in kinds. All three behave as the libraries do that Kubernetes uses
//! (`evanphx/json-patch` and `strategicpatch`), and all of them are decoded first, so that a body
//! that cannot be read is refused before the object is looked at.

mod json;
mod lists;
mod merge;
mod remainder;
mod repeated;
mod strategic;

#[cfg(test)]
mod tests;

pub use json::{JsonPatch, MAX_COPIED_BYTES, MAX_OPERATIONS};
pub use merge::MergePatch;
pub use strategic::StrategicPatch;

use crate::json::{Parsed, Strict, parse};
use serde_json::{Map, Value};
use std::fmt;

/// Why a patch is refused; the text is what Kubernetes tells the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The body is not a patch: 400.
    Undecodable(String),
    /// The body is a patch that breaks the rules of its format: 400.
    BadFormat(String),
    /// The patch does not fit the object: 422. The reason is for the log; a client gets to see a
    /// fixed sentence only.
    CannotApply(String),
    /// The JSON patch has this many operations, more than [`MAX_OPERATIONS`]: 413.
    TooManyOperations(usize),
    /// The `copy` operations add up to this many bytes, more than [`MAX_COPIED_BYTES`]: 422, as
    /// for everything that fails while a JSON patch is applied.
    TooLarge(usize),
    /// What Kubernetes answers with 500, although the patch is to blame.
    Internal(String),
}

impl Error {
    /// What exactly is wrong; unlike the text it is not meant for the client.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::CannotApply(why) => why.clone(),
            Self::TooLarge(copied) => format!(
                "Unable to complete the copy, the accumulated size increase of copy is {copied}, \
                 exceeding the limit {MAX_COPIED_BYTES}"
            ),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable(why) | Self::BadFormat(why) | Self::Internal(why) => f.write_str(why),
            Self::CannotApply(_) | Self::TooLarge(_) => {
                f.write_str("the server rejected our request due to an error in our request")
            }
            Self::TooManyOperations(count) => write!(
                f,
                "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {count}"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// What Go's reader calls the type of a value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The fields of a patch, and what `fieldValidation` has to say of it.
type Fields = (Map<String, Value>, Vec<String>);

/// Reads a body that has to be an object; `None` if it is `null`.
fn parse_object(body: &[u8]) -> Result<Option<Fields>, String> {
    let Parsed { value, duplicates } = parse(body).map_err(|error| error.to_string())?;
    let findings = duplicates.into_iter().map(|path| Strict::Duplicate(path).to_string());
    match value {
        Value::Object(fields) => Ok(Some((fields, findings.collect()))),
        Value::Null => Ok(None),
        other => Err(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_type(&other)
        )),
    }
}
