//! What every Kubernetes API has in common: the types of `meta/v1` and the query parameters.
//!
//! The texts are Kubernetes' own, because `kubectl explain` shows them to people.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The package of most of the types.
pub(super) const V1: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";
/// The type of the answer of `/version`.
pub(super) const VERSION_INFO: &str = "io.k8s.apimachinery.pkg.version.Info";
/// Where definitions stand in an OpenAPI 3 document.
pub(super) const COMPONENTS: &str = "#/components/schemas/";
/// What says which kinds a schema or an operation is for.
pub(super) const GVK: &str = "x-kubernetes-group-version-kind";

/// The group and version in which the file has the common types already.
const CORE: (&str, &str) = ("", "v1");
/// Types that are registered in every group and version, so that their list of kinds grows.
const EVERYWHERE: [&str; 2] = ["DeleteOptions", "WatchEvent"];

#[derive(Debug, Deserialize)]
struct Meta {
    identity: Map<String, Value>,
    schemas: BTreeMap<String, Value>,
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    description: String,
    r#type: String,
    r#in: String,
}

/// The embedded file; that it can be read is a test.
fn meta() -> &'static Meta {
    static META: OnceLock<Meta> = OnceLock::new();
    META.get_or_init(|| {
        serde_json::from_str(include_str!("meta.json")).unwrap_or_else(|_| Meta {
            identity: Map::new(),
            schemas: BTreeMap::new(),
            parameters: BTreeMap::new(),
        })
    })
}

/// A reference to a definition.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("{COMPONENTS}{name}")})
}

/// A group, version and kind as the extensions have it.
pub(super) fn gvk(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

/// The schema of a common type, with the definition's full name; `group_versions` are the ones
/// that the document describes.
pub(super) fn schema(name: &str, group_versions: &[(&str, &str)]) -> Option<Value> {
    let mut schema = meta().schemas.get(name)?.clone();
    let short = name.strip_prefix(V1).unwrap_or_default();
    let object = schema.as_object_mut()?;
    if let Some(Value::Array(kinds)) = object.get_mut(GVK) {
        if EVERYWHERE.contains(&short) {
            let more = group_versions.iter().filter(|home| **home != CORE);
            kinds.extend(more.map(|(group, version)| gvk(group, version, short)));
        }
        // An event of a watch is the one type that has a kind and does not say so in its body.
        if short != "WatchEvent" {
            add_identity(object);
        }
    }
    Some(schema)
}

/// Whether a definition is one of the common types.
pub(super) fn is_known(name: &str) -> bool {
    meta().schemas.contains_key(name)
}

/// Adds the properties `apiVersion` and `kind`.
pub(super) fn add_identity(schema: &mut Map<String, Value>) {
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        properties.extend(meta().identity.clone());
    }
}

/// A query or path parameter by its key in the file, which for most is its name.
pub(super) fn parameter(key: &str) -> Option<Value> {
    let parameter = meta().parameters.get(key)?;
    let name = if key == "fieldManagerApply" { "fieldManager" } else { key };
    let mut value = json!({
        "name": name,
        "in": parameter.r#in,
        "description": parameter.description,
        "schema": {"type": parameter.r#type, "uniqueItems": true},
    });
    if parameter.r#in == "path" {
        value["required"] = Value::Bool(true);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_file() {
        let meta: Meta = serde_json::from_str(include_str!("meta.json")).unwrap();
        assert_eq!(meta.identity.len(), 2);
        for name in meta.schemas.keys() {
            let text = schema(name, &[("g", "v1")]).unwrap().to_string();
            for target in text.split(COMPONENTS).skip(1) {
                let target = target.split('"').next().unwrap();
                assert!(meta.schemas.contains_key(target), "{name} refers to {target}");
            }
        }
        let options = schema(&format!("{V1}DeleteOptions"), &[("g", "v1")]).unwrap();
        assert_eq!(options[GVK].as_array().unwrap().len(), 2);
        assert!(options["properties"]["apiVersion"].is_object());
    }
}
