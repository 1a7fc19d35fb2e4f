//! What kube-derive declares of a version, read from the definition that it makes.

use super::Hub;
use crate::columns::{Columns, Table};
use crate::object::Served;
use crate::scale::ScalePaths;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion;
use kube_core::CustomResourceExt;
use schemars::generate::SchemaSettings;
use serde_json::Value;

pub(super) fn has_status(declared: &[CustomResourceDefinitionVersion]) -> bool {
    declared.iter().any(|v| v.subresources.as_ref().is_some_and(|sub| sub.status.is_some()))
}

pub(super) fn scale(declared: &[CustomResourceDefinitionVersion]) -> Option<ScalePaths> {
    let found = declared.iter().find_map(|v| v.subresources.as_ref()?.scale.as_ref());
    found.map(ScalePaths::new)
}

pub(super) fn selectable(declared: &[CustomResourceDefinitionVersion]) -> Vec<String> {
    let fields = declared.iter().filter_map(|v| v.selectable_fields.as_ref()).flatten();
    fields.map(|field| field.json_path.trim_start_matches('.').to_owned()).collect()
}

/// The columns of `#[kube(printcolumn = …)]`, where the author lists no others.
pub(super) fn printed<K: Hub>(declared: &[CustomResourceDefinitionVersion]) -> Option<Table> {
    let mut table = Columns::<K>::new();
    K::columns(&mut table);
    let columns = declared.iter().filter_map(|v| v.additional_printer_columns.as_deref());
    let columns = columns.flatten().cloned().collect::<Vec<_>>();
    (table.by_default && !columns.is_empty()).then(|| {
        table.print(&columns);
        table.erase()
    })
}

/// The schema of a kind, with what clients are told of its field selectors.
pub(super) fn declared_schema<T: Served + CustomResourceExt>() -> Value {
    let mut schema = schema::<T>();
    let fields = selectable(&T::crd().spec.versions);
    if !fields.is_empty() {
        let fields = fields.into_iter().map(|path| serde_json::json!({"fieldPath": path}));
        schema["x-kubernetes-selectable-fields"] = fields.collect();
    }
    schema
}

/// The JSON schema of a type as the OpenAPI documents and the patch engines take it.
///
/// kube-derive describes a kind as "Auto-generated derived type"; what its author wrote about it
/// stands on the spec and is taken from there.
#[must_use]
pub fn schema<T: Served>() -> Value {
    let settings = SchemaSettings::openapi3();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let generated = schema["description"].as_str().is_some_and(|d| d.starts_with("Auto-generated"));
    if generated {
        let spec = schema["properties"]["spec"]["$ref"].as_str().unwrap_or_default();
        let pointer = spec.trim_start_matches('#');
        let written = schema.pointer(pointer).and_then(|spec| spec.get("description")).cloned();
        schema["description"] = written.unwrap_or_else(|| Value::String(String::new()));
    }
    schema
}
