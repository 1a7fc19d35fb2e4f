//! What can be done with a connecter: an operation for each of its methods, and the same again for the
//! paths below it.
//!
//! The words are those of `installer.go` of `k8s.io/apiserver`: any body, and a text for an answer.

use super::meta::{self, GVK};
use super::names;
use super::paths::described;
use super::resource::name_parameter;
use crate::catalog::{Connect, Group, Resource, Subresource, Version};
use serde_json::{Map, Value, json};

/// Adds the paths of the connecters of a resource, all of them below `root`.
pub(super) fn describe(
    paths: &mut Map<String, Value>,
    group: &Group,
    version: &Version,
    resource: &Resource,
    root: &str,
) {
    let scope = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
    for subresource in &resource.subresources {
        let Some(connect) = subresource.connect else { continue };
        let describer = Describer { group, version, resource, subresource, connect };
        let path = format!("{root}/{scope}{}/{{name}}/{}", resource.plural, subresource.name);
        if connect.takes_path {
            paths.insert(format!("{path}/{{path}}"), describer.item(true));
        }
        paths.insert(path, describer.item(false));
    }
}

/// Describes a connecter.
#[derive(Clone, Copy, Debug)]
struct Describer<'a> {
    group: &'a Group,
    version: &'a Version,
    resource: &'a Resource,
    subresource: &'a Subresource,
    connect: Connect,
}

impl Describer<'_> {
    fn item(self, with_path: bool) -> Value {
        let mut parameters = vec![name_parameter(&self.resource.kind)];
        if self.resource.namespaced {
            parameters.extend(meta::parameter("namespace"));
        }
        if with_path {
            parameters.push(json!({
                "name": "path",
                "in": "path",
                "description": "path to the resource",
                "required": true,
                "schema": {"type": "string", "uniqueItems": true},
            }));
        }
        let mut item = Map::from_iter([("parameters".to_owned(), Value::Array(parameters))]);
        for method in self.connect.methods {
            item.insert(method.to_ascii_lowercase(), self.operation(method, with_path));
        }
        Value::Object(item)
    }

    fn operation(self, method: &str, with_path: bool) -> Value {
        let (group, version) = (&self.group.name, &self.version.name);
        let (kind, name) = (&self.resource.kind, &self.subresource.name);
        let object = format!(
            "{}{}{kind}{}{}",
            names::capitalised(&method.to_ascii_lowercase()),
            if self.resource.namespaced { "Namespaced" } else { "" },
            names::capitalised(name),
            if with_path { "WithPath" } else { "" },
        );
        let id = names::operation("connect", group, Some(version), &object);
        let what = format!("connect {method} requests to {name} of {kind}");
        let mut value = described(&names::tag(group, Some(version)), &id, &what);
        let text = json!({"*/*": {"schema": {"type": "string"}}});
        value["responses"] = json!({"200": {"description": "OK", "content": text}});
        value["x-kubernetes-action"] = json!("connect");
        value[GVK] = meta::gvk(group, version, kind);
        value
    }
}
