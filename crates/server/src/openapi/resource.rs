//! What can be done with a resource: its paths, their operations and parameters.
//!
//! The same words as in `installer.go` of `k8s.io/apiserver`, verb by verb.

use super::meta::{self, GVK, V1};
use super::names;
use super::paths::{OK, content, described, media_types, responses};
use crate::catalog::{Group, Resource, Subresource, Version};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const APPLY_TYPE: &str = "application/apply-patch+yaml";
const APPLY_CBOR_TYPE: &str = "application/apply-patch+cbor";
const STREAM_TYPES: [&str; 2] =
    ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
const PATCH_TYPES: [&str; 4] = [
    APPLY_TYPE,
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

const READ: &[&str] = &["pretty"];
const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "pretty"];
const PATCH: &[&str] = &["dryRun", "fieldManagerApply", "fieldValidation", "force", "pretty"];
const DELETE: &[&str] = &[
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "pretty",
    "propagationPolicy",
];
const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "pretty",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];
const DELETE_COLLECTION: &[&str] = &[
    "continue",
    "dryRun",
    "fieldSelector",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "labelSelector",
    "limit",
    "orphanDependents",
    "pretty",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
];

const OK_CREATED: &[(&str, &str)] = &[("200", "OK"), ("201", "Created")];
const OK_ACCEPTED: &[(&str, &str)] = &[("200", "OK"), ("202", "Accepted")];
const ANY_SUCCESS: &[(&str, &str)] = &[("200", "OK"), ("201", "Created"), ("202", "Accepted")];

/// Adds the paths of a resource, all of them below `root`.
pub(super) fn describe(
    paths: &mut Map<String, Value>,
    (group, version, resource): (&Group, &Version, &Resource),
    root: &str,
    cbor: bool,
) {
    Describer { group, version, resource, root, cbor }.describe(paths);
}

/// One way to use a path.
#[derive(Debug)]
struct Operation<'a> {
    method: &'static str,
    /// The verb that the operation's name begins with.
    verb: &'static str,
    /// The rest of its name.
    object: String,
    description: String,
    /// `x-kubernetes-action`
    action: &'static str,
    gvk: [&'a str; 3],
    parameters: &'static [&'static str],
    /// The media types and the definition of the body, and whether there must be one.
    body: Option<(&'static [&'static str], String, bool)>,
    codes: &'static [(&'static str, &'static str)],
    /// The definition of the answer.
    answer: String,
    streams: bool,
}

/// Describes the paths of a resource.
#[derive(Clone, Copy, Debug)]
struct Describer<'a> {
    group: &'a Group,
    version: &'a Version,
    resource: &'a Resource,
    root: &'a str,
    /// Whether CBOR is among the formats.
    cbor: bool,
}

impl<'a> Describer<'a> {
    fn describe(self, paths: &mut Map<String, Value>) {
        let Self { resource, root, .. } = self;
        let plural = &resource.plural;
        let scope = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
        let collection = format!("{root}/{scope}{plural}");
        let item = format!("{collection}/{{name}}");
        let watch = format!("{root}/watch/{scope}{plural}");
        self.insert(paths, &collection, self.collection());
        self.insert(paths, &item, self.item());
        for subresource in resource.subresources.iter().filter(|one| one.connect.is_none()) {
            let path = format!("{item}/{}", subresource.name);
            self.insert(paths, &path, self.subresource(subresource));
        }
        if resource.namespaced {
            let list = self.list("ForAllNamespaces").into_iter().collect();
            self.insert(paths, &format!("{root}/{plural}"), list);
            let list = self.watch_list("ForAllNamespaces").into_iter().collect();
            self.insert(paths, &format!("{root}/watch/{plural}"), list);
        }
        self.insert(paths, &watch, self.watch_list("").into_iter().collect());
        self.insert(paths, &format!("{watch}/{{name}}"), self.watch().into_iter().collect());
    }

    fn serves(self, verb: &str) -> bool {
        self.resource.verbs.contains(&verb)
    }

    fn kind(self) -> &'a str {
        &self.resource.kind
    }

    /// `NamespacedFoo`, or `Foo` without namespaces.
    fn object(self) -> String {
        let scope = if self.resource.namespaced { "Namespaced" } else { "" };
        format!("{scope}{}", self.kind())
    }

    fn gvk(self) -> [&'a str; 3] {
        [&self.group.name, &self.version.name, self.kind()]
    }

    /// An operation without a body that reads an object of the kind.
    fn read(self, description: String) -> Operation<'a> {
        Operation {
            method: "get",
            verb: "read",
            object: self.object(),
            description,
            action: "get",
            gvk: self.gvk(),
            parameters: READ,
            body: None,
            codes: OK,
            answer: definition(self.gvk()),
            streams: false,
        }
    }

    fn list(self, scope: &str) -> Option<Operation<'a>> {
        let object =
            if scope.is_empty() { self.object() } else { format!("{}{scope}", self.kind()) };
        let [group, version, kind] = self.gvk();
        self.serves("list").then(|| Operation {
            verb: "list",
            object,
            action: "list",
            parameters: LIST,
            answer: definition([group, version, &self.resource.list_kind]),
            streams: self.serves("watch"),
            ..self.read(format!("list or watch objects of kind {kind}"))
        })
    }

    fn watch_list(self, scope: &str) -> Option<Operation<'a>> {
        let object = if scope.is_empty() { self.object() } else { self.kind().to_owned() };
        let description = format!(
            "watch individual changes to a list of {}. deprecated: use the 'watch' parameter with \
             a list operation instead.",
            self.kind()
        );
        (self.serves("list") && self.serves("watch")).then(|| Operation {
            verb: "watch",
            object: format!("{object}List{scope}"),
            action: "watchlist",
            parameters: LIST,
            answer: format!("{V1}WatchEvent"),
            streams: true,
            ..self.read(description)
        })
    }

    fn watch(self) -> Option<Operation<'a>> {
        let description = format!(
            "watch changes to an object of kind {}. deprecated: use the 'watch' parameter with a \
             list operation instead, filtered to a single item with the 'fieldSelector' parameter.",
            self.kind()
        );
        self.serves("watch").then(|| Operation {
            verb: "watch",
            action: "watch",
            parameters: LIST,
            answer: format!("{V1}WatchEvent"),
            streams: true,
            ..self.read(description)
        })
    }

    fn collection(self) -> Vec<Operation<'a>> {
        let mut operations = Vec::from_iter(self.list(""));
        if self.serves("create") {
            let what = format!("create {}", names::with_article(self.kind()));
            operations.push(self.create(what));
        }
        if self.serves("deletecollection") {
            operations.push(Operation {
                object: format!("Collection{}", self.object()),
                action: "deletecollection",
                parameters: DELETE_COLLECTION,
                codes: OK,
                ..self.delete(format!("delete collection of {}", self.kind()))
            });
        }
        operations
    }

    fn create(self, description: String) -> Operation<'a> {
        Operation {
            method: "post",
            verb: "create",
            action: "post",
            parameters: WRITE,
            body: Some((&["*/*"], definition(self.gvk()), true)),
            codes: ANY_SUCCESS,
            ..self.read(description)
        }
    }

    fn delete(self, description: String) -> Operation<'a> {
        Operation {
            method: "delete",
            verb: "delete",
            action: "delete",
            parameters: DELETE,
            body: Some((&["*/*"], format!("{V1}DeleteOptions"), false)),
            codes: OK_ACCEPTED,
            answer: format!("{V1}Status"),
            ..self.read(description)
        }
    }

    fn update(self, description: String) -> Operation<'a> {
        Operation {
            method: "put",
            verb: "replace",
            action: "put",
            codes: OK_CREATED,
            ..self.create(description)
        }
    }

    fn patch(self, description: String) -> Operation<'a> {
        Operation {
            method: "patch",
            verb: "patch",
            action: "patch",
            parameters: PATCH,
            body: Some((&PATCH_TYPES, format!("{V1}Patch"), true)),
            codes: OK_CREATED,
            ..self.read(description)
        }
    }

    fn item(self) -> Vec<Operation<'a>> {
        let kind = self.kind();
        let delete = format!("delete {}", names::with_article(kind));
        [
            ("get", self.read(format!("read the specified {kind}"))),
            ("update", self.update(format!("replace the specified {kind}"))),
            ("delete", self.delete(delete)),
            ("patch", self.patch(format!("partially update the specified {kind}"))),
        ]
        .into_iter()
        .filter_map(|(verb, operation)| self.serves(verb).then_some(operation))
        .collect()
    }

    fn subresource(self, subresource: &'a Subresource) -> Vec<Operation<'a>> {
        let (kind, name) = (self.kind(), &subresource.name);
        let gvk = [&*subresource.group, &*subresource.version, &*subresource.kind];
        let a_kind = names::with_article(kind);
        let operations = [
            ("get", self.read(format!("read {name} of the specified {kind}"))),
            ("create", self.create(format!("create {name} of {a_kind}"))),
            ("update", self.update(format!("replace {name} of the specified {kind}"))),
            ("delete", self.delete(format!("delete {name} of {a_kind}"))),
            ("patch", self.patch(format!("partially update {name} of the specified {kind}"))),
        ];
        let own = definition(self.gvk());
        let adapt = |operation: Operation<'a>| Operation {
            object: format!("{}{}", operation.object, names::capitalised(name)),
            gvk,
            answer: if operation.answer == own { definition(gvk) } else { operation.answer },
            body: operation.body.map(|(media, body, required)| {
                (media, if body == own { definition(gvk) } else { body }, required)
            }),
            ..operation
        };
        operations
            .into_iter()
            .filter(|(verb, _)| subresource.verbs.contains(verb))
            .map(|(_, operation)| adapt(operation))
            .collect()
    }

    /// Adds a path. Parameters that all its operations have are those of the path.
    fn insert(self, paths: &mut Map<String, Value>, path: &str, operations: Vec<Operation<'a>>) {
        let Some(first) = operations.first() else { return };
        let common: Vec<&str> = first
            .parameters
            .iter()
            .copied()
            .filter(|parameter| operations.iter().all(|o| o.parameters.contains(parameter)))
            .collect();
        let mut own = parameters(common.iter().copied());
        if path.contains("/{namespace}/") {
            own.extend(meta::parameter("namespace").map(|value| ("namespace".to_owned(), value)));
        }
        if path.contains("/{name}") {
            own.insert("name".to_owned(), name_parameter(first.gvk[2]));
        }
        let mut item = Map::new();
        item.insert("parameters".to_owned(), own.into_values().collect());
        for operation in operations {
            item.insert(operation.method.to_owned(), self.operation(&operation, &common));
        }
        paths.insert(path.to_owned(), Value::Object(item));
    }

    fn operation(self, operation: &Operation<'_>, common: &[&str]) -> Value {
        let (group, version) = (&self.group.name, &self.version.name);
        let id = names::operation(operation.verb, group, Some(version), &operation.object);
        let tag = names::tag(group, Some(version));
        let mut value = described(&tag, &id, &operation.description);
        let special = operation.parameters.iter().copied().filter(|key| !common.contains(key));
        let special = parameters(special);
        if !special.is_empty() {
            value["parameters"] = special.into_values().collect();
        }
        if let Some((body_types, schema, required)) = &operation.body {
            let mut types = body_types.to_vec();
            types.extend((self.cbor && types.contains(&APPLY_TYPE)).then_some(APPLY_CBOR_TYPE));
            let mut body = json!({"content": content(schema, &types)});
            if *required {
                body["required"] = Value::Bool(true);
            }
            value["requestBody"] = body;
        }
        let mut types = media_types(self.cbor);
        if operation.streams {
            types.extend(STREAM_TYPES);
            types.extend(self.cbor.then_some("application/cbor-seq"));
        }
        value["responses"] = responses(operation.codes, &operation.answer, &types);
        value["x-kubernetes-action"] = json!(operation.action);
        let [group, version, kind] = operation.gvk;
        value[GVK] = meta::gvk(group, version, kind);
        value
    }
}

fn definition([group, version, kind]: [&str; 3]) -> String {
    format!("{}{kind}", names::definition_prefix(group, version))
}

fn parameters<'a>(keys: impl Iterator<Item = &'a str>) -> BTreeMap<String, Value> {
    keys.filter_map(|key| Some((key.to_owned(), meta::parameter(key)?))).collect()
}

pub(super) fn name_parameter(kind: &str) -> Value {
    json!({
        "name": "name",
        "in": "path",
        "description": format!("name of the {kind}"),
        "required": true,
        "schema": {"type": "string", "uniqueItems": true},
    })
}
