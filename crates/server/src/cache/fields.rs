//! The selectable fields of an object, in each version that has some.

use super::index::{Term, term_of_field};
use pintle_meta::{KindInfo, Object};
use serde_json::Value;

/// The values of the selectable fields, as selectors compare them, one version after the other.
#[derive(Debug)]
pub(super) struct Fields(Box<[Box<str>]>);

impl Fields {
    /// Those of an object; `None` where the kind has none.
    pub(super) fn of(kind: &KindInfo, object: &dyn Object) -> Option<Self> {
        if kind.versions.iter().all(|version| version.selectable.is_empty()) {
            return None;
        }
        let mut texts = Vec::new();
        for version in kind.versions.iter().filter(|version| !version.selectable.is_empty()) {
            // What cannot be had in a version has no fields in it.
            let encoded = (version.encode_bare)(object).ok();
            let value = encoded.and_then(|it| serde_json::from_slice(&it.bytes).ok());
            let value: Value = value.unwrap_or_default();
            texts.extend(version.selectable.iter().map(|field| text_at(&value, field).into()));
        }
        Some(Self(texts.into()))
    }

    /// The value of a field.
    pub(super) fn get(&self, kind: &KindInfo, version: usize, field: &str) -> Option<&str> {
        self.0.get(place(kind, version, field)?).map(|text| &**text)
    }

    /// What the index knows them by.
    pub(super) fn terms(&self) -> impl Iterator<Item = Term> {
        self.0.iter().enumerate().map(|(place, text)| term_of_field(place, text))
    }
}

/// The term of a selectable field of a version.
pub(super) fn field_term(
    kind: &KindInfo,
    version: usize,
    field: &str,
    value: &str,
) -> Option<Term> {
    Some(term_of_field(place(kind, version, field)?, value))
}

/// Where a field stands among those of all versions.
fn place(kind: &KindInfo, version: usize, field: &str) -> Option<usize> {
    let before = kind.versions[..version].iter().map(|version| version.selectable.len());
    let at = kind.versions[version].selectable.iter().position(|name| name == field)?;
    Some(before.sum::<usize>() + at)
}

/// The value of a field as a selector compares it; nothing is empty.
fn text_at(object: &Value, field: &str) -> String {
    let value = field.split('.').try_fold(object, |value, name| value.get(name));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}
