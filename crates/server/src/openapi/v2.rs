//! From OpenAPI 3 to Swagger 2.0, which older clients read.
//!
//! Swagger has one document for everything, bodies among the parameters, and no unions. Defaults
//! are left out of it, as Kubernetes does.

use super::meta::COMPONENTS;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const DEFINITIONS: &str = "#/definitions/";
/// Schemas may be nested this deep; what is below is described as anything.
const DEPTH_MAX: usize = 64;
/// How many bytes of its hash make the name of a shared parameter unique.
const PARAMETER_HASH_BYTES: usize = 6;
/// Parameters that stand at every operation, because that is where older versions of kubectl look
/// to learn whether the server knows them; and bodies and names, which are short.
const NOT_SHARED: [&str; 4] = ["body", "dryRun", "fieldValidation", "name"];
/// The keys of a schema that Swagger knows too, extensions apart.
const SCHEMA_KEYS: [&str; 23] = [
    "additionalProperties",
    "description",
    "discriminator",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "readOnly",
    "required",
    "type",
];

/// The `definitions` of a document.
pub(super) fn definitions(schemas: BTreeMap<String, Value>) -> Value {
    schemas.into_iter().map(|(name, value)| (name, schema(&value, 0))).collect()
}

/// The `paths` of a document and the `parameters` that several of them share.
pub(super) fn paths(paths: &Map<String, Value>) -> (Value, Value) {
    let mut paths: Map<_, _> =
        paths.iter().map(|(path, item)| (path.clone(), path_item(item))).collect();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    each_parameter(&mut paths, |parameter| *uses.entry(parameter.to_string()).or_default() += 1);
    let mut shared = Map::new();
    each_parameter(&mut paths, |parameter| {
        let text = parameter.to_string();
        let private = parameter["name"].as_str().is_none_or(|name| NOT_SHARED.contains(&name));
        if !private && uses.get(&text).is_some_and(|uses| *uses > 1) {
            let name = shared_name(parameter, &text);
            let reference = json!({"$ref": format!("#/parameters/{name}")});
            shared.insert(name, std::mem::replace(parameter, reference));
        }
    });
    (Value::Object(paths), Value::Object(shared))
}

fn each_parameter(paths: &mut Map<String, Value>, mut visit: impl FnMut(&mut Value)) {
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        for (key, value) in item {
            let list = if key == "parameters" { Some(value) } else { value.get_mut("parameters") };
            list.and_then(Value::as_array_mut).into_iter().flatten().for_each(&mut visit);
        }
    }
}

fn shared_name(parameter: &Value, text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let hash = digest.as_ref().get(..PARAMETER_HASH_BYTES).unwrap_or_default();
    let name = parameter["name"].as_str().unwrap_or_default();
    format!("{name}-{}", URL_SAFE_NO_PAD.encode(hash))
}

fn path_item(item: &Value) -> Value {
    let Value::Object(item) = item else { return json!({}) };
    let convert = |(key, value): (&String, &Value)| {
        let value =
            if key == "parameters" { parameters(Some(value), None) } else { operation(value) };
        (key.clone(), value)
    };
    item.iter().map(convert).collect()
}

fn operation(operation: &Value) -> Value {
    let Value::Object(source) = operation else { return json!({}) };
    let mut out = Map::new();
    for (key, value) in source {
        if !matches!(key.as_str(), "parameters" | "requestBody" | "responses") {
            out.insert(key.clone(), value.clone());
        }
    }
    let body = source.get("requestBody");
    let produces = media_types(operation.pointer("/responses/200"));
    let consumes = match body {
        Some(body) => media_types(Some(body)),
        None if source.contains_key("x-kubernetes-action") => vec!["*/*".to_owned()],
        None => produces.clone(),
    };
    out.insert("consumes".to_owned(), json!(consumes));
    out.insert("produces".to_owned(), json!(produces));
    out.insert("schemes".to_owned(), json!(["https"]));
    let parameters = parameters(source.get("parameters"), body);
    if parameters.as_array().is_some_and(|list| !list.is_empty()) {
        out.insert("parameters".to_owned(), parameters);
    }
    let responses = source.get("responses").and_then(Value::as_object).into_iter().flatten();
    let responses = responses.map(|(code, response)| {
        let mut converted = json!({"description": response["description"]});
        if let Some(body) = body_schema(response) {
            converted["schema"] = body;
        }
        (code.clone(), converted)
    });
    out.insert("responses".to_owned(), responses.collect());
    Value::Object(out)
}

fn media_types(message: Option<&Value>) -> Vec<String> {
    let content = message.and_then(|message| message.get("content")).and_then(Value::as_object);
    content.map(|content| content.keys().cloned().collect()).unwrap_or_default()
}

fn body_schema(message: &Value) -> Option<Value> {
    let content = message.get("content")?.as_object()?;
    Some(schema(content.values().next()?.get("schema")?, 0))
}

fn parameters(list: Option<&Value>, body: Option<&Value>) -> Value {
    let mut out = Vec::new();
    if let Some(body) = body
        && let Some(schema) = body_schema(body)
    {
        let mut parameter = json!({"name": "body", "in": "body", "schema": schema});
        if body["required"] == true {
            parameter["required"] = Value::Bool(true);
        }
        out.push(parameter);
    }
    for parameter in list.and_then(Value::as_array).into_iter().flatten() {
        let Value::Object(source) = parameter else { continue };
        let mut flat = source.clone();
        if let Some(Value::Object(schema)) = flat.remove("schema") {
            flat.extend(schema);
        }
        out.push(Value::Object(flat));
    }
    Value::Array(out)
}

fn schema(value: &Value, depth: usize) -> Value {
    let Value::Object(source) = value else { return json!({}) };
    if depth > DEPTH_MAX {
        return json!({});
    }
    let mut out = Map::new();
    for (key, value) in source {
        let value = match key.as_str() {
            "items" => schema(value, depth + 1),
            "additionalProperties" if value.is_object() => schema(value, depth + 1),
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                properties.map(|(name, value)| (name.clone(), schema(value, depth + 1))).collect()
            }
            key if key.starts_with("x-") || SCHEMA_KEYS.contains(&key) => value.clone(),
            _ => continue,
        };
        out.insert(key.clone(), value);
    }
    if let Some(reference) = reference(source) {
        out.insert("$ref".to_owned(), Value::String(reference));
    }
    let either = source.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
    if either && !source.contains_key("type") {
        out.insert("type".to_owned(), json!("string"));
        out.insert("format".to_owned(), json!("int-or-string"));
    }
    Value::Object(out)
}

/// The definition that a schema refers to, itself or as all that is in its `allOf`.
fn reference(schema: &Map<String, Value>) -> Option<String> {
    let target = match (schema.get("$ref"), schema.get("allOf").and_then(Value::as_array)) {
        (Some(target), _) => target,
        (None, Some(all)) if all.len() == 1 => all.first()?.get("$ref")?,
        _ => return None,
    };
    let name = target.as_str()?.strip_prefix(COMPONENTS)?;
    Some(format!("{DEFINITIONS}{name}"))
}
