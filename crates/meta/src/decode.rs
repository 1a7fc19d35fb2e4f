//! JSON to objects: a kind's own `Deserialize`, with Kubernetes' tolerance around it.
//!
//! `kube-derive` demands `metadata` and `spec` and ignores a foreign `apiVersion`; Kubernetes
//! demands nothing (validation says what is required) and ignores a `null`. Fields that the type
//! does not know are reported, not refused: what happens to them is the client's choice
//! (`fieldValidation`).

mod lenient;
mod time;

use crate::object::{Object, Served};
use lenient::Lenient;
use serde::de::Error as _;
use serde_ignored::Path;
use serde_json::{Map, Value};

/// An object in the hub version, and what its type did not know.
#[derive(Debug)]
pub struct Decoded {
    /// The object, with defaults.
    pub object: Box<dyn Object>,
    /// The paths of unknown fields, as Go writes them: `spec.items[0].extra`.
    pub unknown: Vec<String>,
}

/// Why a value is not an object of the kind.
pub type Error = serde_json::Error;

/// Reads a value as a `T`; its kind and API version are not looked at.
///
/// # Errors
/// Where a field has another type than the kind's.
pub fn typed<T: Served>(mut value: Value) -> Result<(T, Vec<String>), Error> {
    if let Some(fields) = value.as_object_mut() {
        complete::<T>(fields);
    }
    let nulls = has_null(&value);
    let retry = nulls.then(|| without_nulls(value.clone()));
    let time = time::first_problem(&value["metadata"]);
    match (read(value), retry) {
        (Err(error), Some(retry)) if time.is_none() => read(retry).map_err(|_| error),
        (Err(error), _) => Err(time.map_or(error, Error::custom)),
        (result, _) => result,
    }
}

fn read<T: Served>(value: Value) -> Result<(T, Vec<String>), Error> {
    let mut unknown = Vec::new();
    let object = serde_ignored::deserialize(Lenient(value), |path| {
        let path = go_path(&path);
        // The derived root does not read its own kind and version, but they are no mistake.
        if !matches!(path.as_str(), "apiVersion" | "kind") {
            unknown.push(path);
        }
    })?;
    Ok((object, unknown))
}

/// Supplies what the derived `Deserialize` of a custom resource cannot do without.
fn complete<T: Served>(fields: &mut Map<String, Value>) {
    fields.insert("apiVersion".to_owned(), T::api_version(&()).into());
    fields.insert("kind".to_owned(), T::kind(&()).into());
    let metadata = fields.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    let spec_missing = fields.get("spec").is_none_or(Value::is_null);
    if spec_missing && needs_spec::<T>() {
        fields.insert("spec".to_owned(), Value::Object(Map::new()));
    }
}

/// Whether a `T` cannot be read without a spec but can with an empty one.
fn needs_spec<T: Served>() -> bool {
    let mut bare = Map::new();
    bare.insert("apiVersion".to_owned(), T::api_version(&()).into());
    bare.insert("kind".to_owned(), T::kind(&()).into());
    bare.insert("metadata".to_owned(), Value::Object(Map::new()));
    if T::deserialize(Value::Object(bare.clone())).is_ok() {
        return false;
    }
    bare.insert("spec".to_owned(), Value::Object(Map::new()));
    T::deserialize(Value::Object(bare)).is_ok()
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A `null` sets nothing: Go leaves the field at its zero value.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        other => other,
    }
}

fn go_path(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Map { parent, key } => match go_path(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Path::Seq { parent, index } => format!("{}[{index}]", go_path(parent)),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => go_path(parent),
    }
}
