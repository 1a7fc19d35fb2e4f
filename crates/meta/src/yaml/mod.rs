//! YAML as `sigs.k8s.io/yaml` reads and writes it: YAML 1.1 by way of JSON.
//!
//! A plain `yes`, `n` or `off` is a boolean, `010` is eight, keys become strings, and what JSON
//! cannot say (`.inf`, binary keys) is refused. Only the first document of a stream counts.
//! Written are block collections with sorted keys, list items not indented below their key, and
//! quotes where a plain text would be read as something else.

mod decode;
mod encode;
mod number;
mod order;
mod parse;
mod resolve;
mod scalar;

#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::encode;

use crate::json::{self, Parsed, Strict};
use std::fmt;

/// How many nodes may come from aliases, which is what stops a "billion laughs".
///
/// `go-yaml` allows more (up to 99 % of 400,000), but a request has no use for them.
pub const MAX_ALIASED_NODES: usize = 100_000;

/// How many bytes of text may come from aliases; strings are not shared between values here.
pub const MAX_ALIASED_BYTES: usize = 3 * 1024 * 1024;

/// How many directives (`%YAML`, `%TAG`) may stand in front of a document.
pub const MAX_DIRECTIVES: usize = 16;

/// Why a text is not YAML that JSON could express, in the words of `go-yaml`:
/// `yaml: mapping values are not allowed in this context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
}

impl Error {
    /// A mistake that `go-yaml` reports.
    fn yaml(problem: impl fmt::Display) -> Self {
        Self { message: format!("yaml: {problem}") }
    }

    /// A mistake that the conversion to JSON reports.
    fn json(message: String) -> Self {
        Self { message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The findings of strict decoding of a YAML document, in the order in which Kubernetes has them:
/// all duplicate keys as one sentence, then the unknown fields as if the document were JSON.
///
/// ```
/// # use pintle_meta::yaml;
/// let parsed = yaml::decode(b"a: 1\na: 2\nc: 3\n")?;
/// let found = yaml::strict(&parsed, &["c".to_owned()]);
/// let found: Vec<String> = found.iter().map(ToString::to_string).collect();
/// let duplicates = "yaml: unmarshal errors:\n  line 2: key \"a\" already set in map";
/// assert_eq!(found, [duplicates, "unknown field \"c\""]);
/// # Ok::<(), yaml::Error>(())
/// ```
#[must_use]
pub fn strict(parsed: &Parsed, unknown: &[String]) -> Vec<Strict> {
    let duplicates = (!parsed.duplicates.is_empty()).then(|| {
        Strict::Yaml(format!("yaml: unmarshal errors:\n  {}", parsed.duplicates.join("\n  ")))
    });
    if unknown.is_empty() {
        return duplicates.into_iter().collect();
    }
    // What is unknown is found in the JSON that the document was turned into, with sorted keys.
    let text = json::to_vec(&parsed.value).unwrap_or_default();
    duplicates.into_iter().chain(json::in_document_order(&text, unknown, &[])).collect()
}
