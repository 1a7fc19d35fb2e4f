//! Merge patch, RFC 7386, with the habits of `evanphx/json-patch` version 4.
//!
//! It differs from the RFC in one point that a client can see: where a list replaces something that
//! is not an object, `null` fields of objects within the list are left out too.

use super::{Error, parse_object};
use serde_json::{Map, Value};

/// A partial object: what it names is replaced, and what it names as `null` is removed.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePatch {
    fields: Map<String, Value>,
    findings: Vec<String>,
}

impl MergePatch {
    /// Reads the body of a request with `application/merge-patch+json`.
    ///
    /// # Errors
    /// [`Error::Undecodable`] if it is not a JSON object, [`Error::BadFormat`] if it is `null`.
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let parsed = parse_object(body)
            .map_err(|why| Error::Undecodable(format!("error decoding patch: {why}")))?;
        let (fields, findings) =
            parsed.ok_or_else(|| Error::BadFormat("Invalid JSON Patch".to_owned()))?;
        Ok(Self { fields, findings })
    }

    /// What `fieldValidation` has to say of the patch itself: `duplicate field "spec.image"`.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The object with the patch merged into it; a value that is no object counts as an empty one.
    ///
    /// ```
    /// # use pintle_meta::patch::MergePatch;
    /// # use serde_json::json;
    /// let patch = MergePatch::decode(br#"{"a": null, "b": {"c": 1}}"#)?;
    /// assert_eq!(patch.apply(json!({"a": 1, "b": {"d": 2}})), json!({"b": {"c": 1, "d": 2}}));
    /// # Ok::<(), pintle_meta::patch::Error>(())
    /// ```
    #[must_use]
    pub fn apply(&self, object: Value) -> Value {
        let mut merged = match object {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        merge_fields(&mut merged, &self.fields);
        Value::Object(merged)
    }
}

// Both sides are nested no deeper than the reader allows, so the recursion is bounded.
fn merge_fields(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        if value.is_null() {
            into.remove(name);
        } else if let Some(current) = into.get_mut(name).filter(|current| !current.is_null()) {
            merge(current, value);
        } else {
            into.insert(name.clone(), without_nulls(value));
        }
    }
}

fn merge(current: &mut Value, patch: &Value) {
    match (current, patch) {
        (Value::Object(fields), Value::Object(patch)) => merge_fields(fields, patch),
        (current @ Value::Object(_), patch) => *current = patch.clone(),
        (current, patch) => *current = without_nulls(patch),
    }
}

/// A value whose objects, also those in lists, have no `null` fields; items that are `null` stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
