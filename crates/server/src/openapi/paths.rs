//! The paths of an OpenAPI 3 document and what can be done with them.
//!
//! The same operations, words and parameters as in `installer.go` of `k8s.io/apiserver`.

use super::meta::{self, V1, VERSION_INFO};
use super::{connect, names, resource};
use crate::catalog::{Group, Version};
use serde_json::{Map, Value, json};

/// The formats of every answer.
const MEDIA_TYPES: [&str; 3] =
    ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
/// The answer of an operation that has only one.
pub(super) const OK: &[(&str, &str)] = &[("200", "OK")];

/// `/version/`
pub(super) fn of_version_info() -> Value {
    let what = "get the version information for this server";
    let operation = described("version", "getCodeVersion", what);
    let responses = responses(OK, VERSION_INFO, &MEDIA_TYPES[..1]);
    json!({"/version/": {"get": with(operation, "responses", responses)}})
}

/// `/apis/`
pub(super) fn of_groups() -> Value {
    let operation = described("apis", "getAPIVersions", "get available API versions");
    let responses = responses(OK, &format!("{V1}APIGroupList"), &MEDIA_TYPES);
    json!({"/apis/": {"get": with(operation, "responses", responses)}})
}

/// `/apis/{group}/`, or `/api/` for the core group.
pub(super) fn of_group(group: &Group) -> Value {
    let (object, what, schema) = if group.name.is_empty() {
        ("APIVersions", "get available API versions", "APIVersions")
    } else {
        ("APIGroup", "get information of a group", "APIGroup")
    };
    let id = names::operation("get", &group.name, None, object);
    let operation = described(&names::tag(&group.name, None), &id, what);
    let responses = responses(OK, &format!("{V1}{schema}"), &MEDIA_TYPES);
    json!({format!("{}/", root(group)): {"get": with(operation, "responses", responses)}})
}

/// The path of a group without a slash at the end.
pub(super) fn root(group: &Group) -> String {
    if group.name.is_empty() { "/api".to_owned() } else { format!("/apis/{}", group.name) }
}

/// The formats of answers below a group and version, where CBOR may be one.
pub(super) fn media_types(cbor: bool) -> Vec<&'static str> {
    let mut types = MEDIA_TYPES.to_vec();
    types.extend(cbor.then_some("application/cbor"));
    types
}

/// Everything below `/apis/{group}/{version}/`.
pub(super) fn of_version(group: &Group, version: &Version, cbor: bool) -> Value {
    let root = format!("{}/{}", root(group), version.name);
    let id = names::operation("get", &group.name, Some(&version.name), "APIResources");
    let tag = names::tag(&group.name, Some(&version.name));
    let operation = described(&tag, &id, "get available resources");
    let responses = responses(OK, &format!("{V1}APIResourceList"), &media_types(cbor));
    let mut paths = Map::new();
    paths.insert(format!("{root}/"), json!({"get": with(operation, "responses", responses)}));
    for resource in &version.resources {
        resource::describe(&mut paths, (group, version, resource), &root, cbor);
        connect::describe(&mut paths, group, version, resource, &root);
    }
    Value::Object(paths)
}

/// Adds to every operation what an unknown caller gets.
pub(super) fn add_unauthorized(paths: &mut Value) {
    let items = paths.as_object_mut().into_iter().flatten().map(|(_, item)| item);
    for operation in items.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            responses.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        }
    }
}

/// An operation with nothing but its names.
pub(super) fn described(tag: &str, id: &str, description: &str) -> Value {
    json!({"tags": [tag], "description": description, "operationId": id})
}

fn with(mut operation: Value, key: &str, value: Value) -> Value {
    operation[key] = value;
    operation
}

/// Answers with these codes and descriptions, all with the same definition.
pub(super) fn responses(codes: &[(&str, &str)], schema: &str, media_types: &[&str]) -> Value {
    let content = content(schema, media_types);
    let response = |(code, description): &(&str, &str)| {
        let response = json!({"description": description, "content": content});
        ((*code).to_owned(), response)
    };
    Value::Object(codes.iter().map(response).collect())
}

/// A body of the same definition in each of the formats.
pub(super) fn content(schema: &str, media_types: &[&str]) -> Value {
    let entry = |media: &&str| ((*media).to_owned(), json!({"schema": meta::reference(schema)}));
    Value::Object(media_types.iter().map(entry).collect())
}
