//! Fields that a JSON patch leaves twice in the document that it makes.
//!
//! Go keeps a value as it was written for as long as no operation looks into it, so what the patched
//! document is read as has a field twice that the value has twice.

use super::json::{Operation, unescaped};
use crate::json::Strict;
use serde_json::Value;

/// A field that is there twice in the value of an operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Repeated {
    /// The position of the operation.
    at: usize,
    /// Where the field is below the value: `.config.msg`.
    below: String,
}

impl Repeated {
    /// Of `[3].value.config.msg`, as the reader of JSON has it.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let (at, below) = path.strip_prefix('[')?.split_once("].value")?;
        let is_below = below.starts_with(['.', '[']);
        Some(Self { at: at.parse().ok()?, below: below.to_owned() }).filter(|_| is_below)
    }

    /// The finding in the patched document, if no later operation has touched the value.
    pub(super) fn found(&self, operations: &[Operation], patched: &Value) -> Option<Strict> {
        let operation = operations.get(self.at)?;
        if !matches!(operation.kind.as_str(), "add" | "replace") {
            return None;
        }
        let path = operation.path.as_deref()?;
        let later = operations.get(self.at + 1..).unwrap_or_default();
        let mut touched = later.iter().flat_map(|later| [&later.path, &later.from]).flatten();
        if touched.any(|other| leads_to(path, other) || leads_to(other, path)) {
            return None;
        }
        Some(Strict::Duplicate(shown(path, patched)? + &self.below))
    }
}

/// Whether a path is another one, or leads to it.
fn leads_to(path: &str, other: &str) -> bool {
    other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A JSON pointer as messages have it: `spec.items[0]`.
fn shown(path: &str, document: &Value) -> Option<String> {
    let mut out = String::new();
    let mut inside = document;
    for token in path.split('/').skip(1) {
        match inside {
            Value::Object(fields) => {
                let name = unescaped(token);
                inside = fields.get(&name)?;
                if !out.is_empty() {
                    out.push('.');
                }
                out += &name;
            }
            Value::Array(items) => {
                let last = items.len().checked_sub(1)?;
                let index = if token == "-" { last } else { token.parse().ok()? };
                inside = items.get(index)?;
                out += &format!("[{index}]");
            }
            _ => return None,
        }
    }
    Some(out)
}
