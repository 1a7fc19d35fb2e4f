//! The definitions of a document: the kinds that are served and everything that they consist of.

use super::meta::{self, COMPONENTS, GVK, V1};
use super::names;
use super::schema::{Target, Targets, is_primitive};
use crate::catalog::{Group, SchemaFn, Version};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Types of one name and different content in one group and version, beyond which one of them
/// is described in place of the others.
const NAMESAKES_MAX: usize = 100;
/// What the names of Kubernetes' own types begin with; they are the same in every document.
const KUBERNETES: &str = "io.k8s.";

/// Definitions by their full names.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    schemas: BTreeMap<String, Value>,
    /// The definitions as `schemars` made them, to tell namesakes apart.
    sources: BTreeMap<String, Value>,
    /// The full names of the kinds and lists, which no other type may have.
    kinds: BTreeSet<String>,
}

impl Definitions {
    /// The definitions of the kinds of a version, of their lists and of their subresources.
    pub(super) fn of(group: &Group, version: &Version) -> Self {
        let home = (group.name.as_str(), version.name.as_str());
        let mut definitions = Self::default();
        for resource in &version.resources {
            definitions.reserve(home, &resource.kind);
            definitions.reserve(home, &resource.list_kind);
            for subresource in &resource.subresources {
                definitions.reserve((&subresource.group, &subresource.version), &subresource.kind);
            }
        }
        for resource in &version.resources {
            definitions.add_kind(home, &resource.kind, resource.schema);
            if resource.verbs.contains(&"list") {
                definitions.add_list(home, &resource.list_kind, &resource.kind);
            }
            for subresource in &resource.subresources {
                let home = (subresource.group.as_str(), subresource.version.as_str());
                definitions.add_kind(home, &subresource.kind, subresource.schema);
            }
        }
        definitions
    }

    fn reserve(&mut self, (group, version): (&str, &str), kind: &str) {
        let prefix = names::definition_prefix(group, version);
        self.kinds.insert(format!("{prefix}{kind}"));
    }

    /// Adds the common types to which `paths` and the definitions refer, and returns everything.
    pub(super) fn complete(
        mut self,
        paths: &Value,
        group_versions: &[(&str, &str)],
    ) -> BTreeMap<String, Value> {
        let mut wanted = BTreeSet::new();
        references(paths, &mut wanted);
        self.schemas.values().for_each(|schema| references(schema, &mut wanted));
        while let Some(name) = wanted.pop_first() {
            if self.schemas.contains_key(&name) {
                continue;
            }
            if let Some(schema) = meta::schema(&name, group_versions) {
                references(&schema, &mut wanted);
                self.schemas.insert(name, schema);
            }
        }
        self.schemas
    }

    fn add_kind(&mut self, (group, version): (&str, &str), kind: &str, schema: SchemaFn) {
        let prefix = names::definition_prefix(group, version);
        let name = format!("{prefix}{kind}");
        if self.schemas.contains_key(&name) {
            return;
        }
        let mut root = schema();
        let locals = match root.pointer_mut("/components/schemas").map(Value::take) {
            Some(Value::Object(locals)) => locals,
            _ => Map::new(),
        };
        follow(&mut root, &locals);
        let targets = self.targets(&prefix, kind, &locals);
        for (local, source) in &locals {
            if let Some(name) = targets.definition(local)
                && local != kind
                && !self.schemas.contains_key(name)
                && !meta::is_known(name)
            {
                self.schemas.insert(name.to_owned(), targets.normalise(source));
                self.sources.insert(name.to_owned(), source.clone());
            }
        }
        let mut schema = match targets.normalise(&root) {
            Value::Object(schema) => schema,
            _ => Map::new(),
        };
        identify(&mut schema, "ObjectMeta", &meta::gvk(group, version, kind));
        self.default_spec(&mut schema);
        self.schemas.insert(name, Value::Object(schema));
    }

    /// A spec that is not sent is read as an empty one, where the type of the spec takes that.
    fn default_spec(&self, schema: &mut Map<String, Value>) {
        let spec = schema.get_mut("properties").and_then(|properties| properties.get_mut("spec"));
        let Some(spec) = spec else { return };
        let reference = spec["$ref"].as_str().and_then(|it| it.strip_prefix(COMPONENTS));
        let Some((name, target)) = reference.and_then(|it| self.schemas.get_key_value(it)) else {
            return;
        };
        let narrow = ["required", "minProperties", "oneOf", "anyOf", "allOf", "not"];
        if target["type"] == "object" && narrow.iter().all(|key| target.get(key).is_none()) {
            *spec = json!({"default": {}, "allOf": [meta::reference(name)]});
        }
    }

    fn add_list(&mut self, (group, version): (&str, &str), list_kind: &str, kind: &str) {
        let prefix = names::definition_prefix(group, version);
        let items = json!({"type": "array", "items": meta::reference(&format!("{prefix}{kind}"))});
        let mut schema = Map::new();
        schema.insert("required".to_owned(), json!(["items"]));
        schema.insert("properties".to_owned(), json!({"items": items}));
        identify(&mut schema, "ListMeta", &meta::gvk(group, version, list_kind));
        self.schemas.insert(format!("{prefix}{list_kind}"), Value::Object(schema));
    }

    /// What the references within the schema of a kind become.
    fn targets(&self, prefix: &str, kind: &str, locals: &Map<String, Value>) -> Targets {
        let mut targets = Targets::default();
        let mut chosen = BTreeSet::new();
        let none = Targets::default();
        for (local, source) in locals {
            let target = match none.normalise(source) {
                _ if local.starts_with(KUBERNETES) => Target::Definition(local.clone()),
                _ if local == kind => Target::Definition(format!("{prefix}{kind}")),
                Value::Object(schema) if is_primitive(&schema) => Target::Inline(schema),
                _ => {
                    let taken = |name: &String| {
                        let other = self.sources.get(name).is_some_and(|there| there != source);
                        other || self.kinds.contains(name) || chosen.contains(name)
                    };
                    let name = free_name(prefix, kind, &names::definition(local), taken);
                    chosen.insert(name.clone());
                    Target::Definition(name)
                }
            };
            targets.insert(local.clone(), target);
        }
        targets
    }
}

/// Makes a schema of what it refers to, where it says nothing else: the type of a kind that is another
/// type by a new name.
fn follow(root: &mut Value, locals: &Map<String, Value>) {
    let Some(root) = root.as_object_mut() else { return };
    let target = match (root.get("$ref"), root.get("allOf").and_then(Value::as_array)) {
        (Some(target), _) => target,
        (None, Some(all)) if all.len() == 1 => &all[0]["$ref"],
        _ => return,
    };
    let local = target.as_str().and_then(|target| target.rsplit('/').next());
    let Some(Value::Object(source)) = local.and_then(|local| locals.get(local)) else { return };
    root.remove("$ref");
    root.remove("allOf");
    for (key, value) in source {
        root.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// The name of a type within a kind: its own, and where another type has that, the two together.
fn free_name(prefix: &str, kind: &str, local: &str, taken: impl Fn(&String) -> bool) -> String {
    let plain = format!("{prefix}{local}");
    let together = format!("{prefix}{kind}{local}");
    let numbered = (2..NAMESAKES_MAX).map(|n| format!("{together}{n}"));
    let mut names = [plain, together.clone()].into_iter().chain(numbered);
    names.find(|name| !taken(name)).unwrap_or(together)
}

/// Makes a schema one of a kind: with `apiVersion`, `kind` and `metadata`.
fn identify(schema: &mut Map<String, Value>, metadata: &str, gvk: &Value) {
    schema.insert("type".to_owned(), json!("object"));
    meta::add_identity(schema);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let reference = meta::reference(&format!("{V1}{metadata}"));
        properties.insert("metadata".to_owned(), json!({"default": {}, "allOf": [reference]}));
    }
    schema.insert(GVK.to_owned(), json!([gvk]));
}

/// Collects the names of the definitions to which a document refers.
pub(super) fn references(value: &Value, names: &mut BTreeSet<String>) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(values) => rest.extend(values),
            Value::Object(fields) => {
                let reference = fields.get("$ref").and_then(Value::as_str);
                let name = reference.and_then(|reference| reference.strip_prefix(COMPONENTS));
                names.extend(name.map(str::to_owned));
                rest.extend(fields.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_with(spec: &Value, more: &Value) -> Value {
        let properties = json!({"spec": {"$ref": "#/components/schemas/Spec"}});
        let mut schemas = json!({"Spec": spec});
        if let (Value::Object(schemas), Value::Object(more)) = (&mut schemas, more) {
            schemas.extend(more.clone());
        }
        json!({"type": "object", "properties": properties, "components": {"schemas": schemas}})
    }

    fn apple() -> Value {
        let pie =
            json!({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/Pear"}}});
        kind_with(&json!({"type": "object", "description": "of apples"}), &json!({"Pear": pie}))
    }

    fn pear() -> Value {
        let namesake = json!({"type": "object", "description": "not the spec"});
        kind_with(
            &json!({"type": "object", "description": "of pears"}),
            &json!({"PearSpec": namesake, "io.k8s.api.core.v1.Thing": {"type": "object"}}),
        )
    }

    #[test]
    fn namesakes() {
        let mut definitions = Definitions::default();
        let home = ("fruit.example.com", "v1");
        for kind in ["Apple", "Pear"] {
            definitions.reserve(home, kind);
        }
        definitions.add_kind(home, "Apple", apple);
        definitions.add_kind(home, "Pear", pear);
        let schemas = definitions.complete(&json!({}), &[home]);
        let check = |name: &str, pointer: &str, want: &str| {
            let schema = schemas.get(name).unwrap_or(&Value::Null);
            assert_eq!(schema.pointer(pointer), Some(&json!(want)), "{name}{pointer}");
        };
        let to = |name: &str| format!("{COMPONENTS}com.example.fruit.v1.{name}");
        check("com.example.fruit.v1.Spec", "/description", "of apples");
        check("com.example.fruit.v1.Apple", "/properties/spec/allOf/0/$ref", &to("Spec"));
        // A type called like a kind makes way for the kind.
        check("com.example.fruit.v1.ApplePear", "/properties/a/$ref", &to("ApplePear"));
        check("com.example.fruit.v1.Pear", "/properties/spec/allOf/0/$ref", &to("PearSpec2"));
        check("com.example.fruit.v1.PearSpec2", "/description", "of pears");
        check("com.example.fruit.v1.PearSpec", "/description", "not the spec");
        check("io.k8s.api.core.v1.Thing", "/type", "object");
    }
}
