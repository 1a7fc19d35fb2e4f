//! From the schemas that `schemars` makes to the ones that Kubernetes publishes.
//!
//! Go's generator knows neither `null` nor unions: optional means absent, an enumeration is a
//! string whose description lists the values, a reference that has more to say stands in `allOf`.
//! Clients such as `kubectl explain` rely on that.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Schemas may be nested this deep; what is below is described as anything.
const DEPTH_MAX: usize = 64;
/// What heads the list of values in the description of an enumeration.
const VALUES: &str = "Possible enum values:";

/// What is known of the definitions that a schema may refer to.
#[derive(Debug, Default)]
pub(super) struct Targets(BTreeMap<String, Target>);

#[derive(Debug)]
pub(super) enum Target {
    /// The full name of the definition.
    Definition(String),
    /// A schema that stands in the place of the reference: Go has no definitions for strings.
    Inline(Map<String, Value>),
}

impl Targets {
    /// Says what the reference to `name` below [`COMPONENTS`](super::meta::COMPONENTS) becomes.
    pub(super) fn insert(&mut self, name: String, target: Target) {
        self.0.insert(name, target);
    }

    /// The full name of the definition that `name` refers to, where it refers to one.
    pub(super) fn definition(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Target::Definition(name)) => Some(name),
            Some(Target::Inline(_)) | None => None,
        }
    }

    /// The schema as Kubernetes would write it.
    pub(super) fn normalise(&self, schema: &Value) -> Value {
        self.at(schema, 0)
    }

    fn at(&self, schema: &Value, depth: usize) -> Value {
        let Value::Object(source) = schema else { return json!({}) };
        if depth > DEPTH_MAX {
            return json!({});
        }
        let mut schema = source.clone();
        drop_noise(&mut schema);
        for key in ["anyOf", "oneOf"] {
            simplify_union(&mut schema, key);
        }
        lift_single_reference(&mut schema);
        self.children(&mut schema, depth);
        merge_strings(&mut schema);
        merge_objects(&mut schema);
        self.resolve(&mut schema);
        name_both_types(&mut schema);
        Value::Object(schema)
    }

    fn children(&self, schema: &mut Map<String, Value>, depth: usize) {
        for (key, value) in schema.iter_mut() {
            match (key.as_str(), value) {
                ("properties", Value::Object(properties)) => {
                    for property in properties.values_mut() {
                        *property = self.at(property, depth + 1);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    for schema in schemas {
                        *schema = self.at(schema, depth + 1);
                    }
                }
                ("items" | "not", value) | ("additionalProperties", value @ Value::Object(_)) => {
                    *value = self.at(value, depth + 1);
                }
                _ => {}
            }
        }
    }

    fn resolve(&self, schema: &mut Map<String, Value>) {
        let Some(Value::String(reference)) = schema.get("$ref") else { return };
        let local = reference.rsplit('/').next().unwrap_or_default();
        match self.0.get(local) {
            Some(Target::Inline(target)) => {
                schema.remove("$ref");
                inline(schema, target.clone());
            }
            Some(Target::Definition(name)) => {
                let reference = super::meta::reference(name);
                schema.remove("$ref");
                if schema.is_empty() {
                    schema.insert("$ref".to_owned(), reference["$ref"].clone());
                } else {
                    schema.insert("allOf".to_owned(), json!([reference]));
                }
            }
            // Without its definition a reference says nothing.
            None => {
                schema.remove("$ref");
            }
        }
    }
}

/// Whether a definition is so simple that Go would have no definition for it.
pub(super) fn is_primitive(schema: &Map<String, Value>) -> bool {
    let kind = schema.get("type").and_then(Value::as_str);
    matches!(kind, Some("string" | "integer" | "number" | "boolean"))
}

/// Takes what a property does not say itself from the type that it has.
fn inline(schema: &mut Map<String, Value>, target: Map<String, Value>) {
    for (key, value) in target {
        match (key.as_str(), schema.get_mut(&key)) {
            (_, None) => {
                schema.insert(key, value);
            }
            ("description", Some(Value::String(own))) => {
                let values =
                    value.as_str().and_then(|text| text.find(VALUES).map(|at| &text[at..]));
                if let Some(values) = values {
                    own.push_str("\n\n");
                    own.push_str(values);
                }
            }
            _ => {}
        }
    }
}

/// Removes what OpenAPI 3.0 or Kubernetes has no word for, and puts the rest in their words.
fn drop_noise(schema: &mut Map<String, Value>) {
    for key in ["$schema", "title", "nullable", "examples", "components", "$defs", "writeOnly"] {
        schema.remove(key);
    }
    if let Some(Value::Array(types)) = schema.get("type") {
        let mut types: Vec<_> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        match (types.pop(), types.is_empty()) {
            (Some(kind), true) => schema.insert("type".to_owned(), kind),
            _ => schema.remove("type"),
        };
    }
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if schema.remove("prefixItems").is_some() || schema.get("type") == Some(&json!("array")) {
        schema.entry("items").or_insert_with(|| json!({}));
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("additionalProperties");
    }
    for (key, flag) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if schema.get(key).is_some_and(Value::is_number) {
            let limit = schema.insert(key.to_owned(), Value::Bool(true)).unwrap_or_default();
            schema.insert(flag.to_owned(), limit);
        }
    }
    if let Some(default) = schema.get_mut("default") {
        drop_nulls(default, 0);
        if default.is_null() {
            schema.remove("default");
        }
    }
    let format = schema.get("format").and_then(Value::as_str);
    let format = match format {
        Some("int8" | "int16" | "uint8" | "uint16") => "int32",
        Some("int" | "uint" | "uint32" | "uint64") => "int64",
        _ => return,
    };
    schema.insert("format".to_owned(), json!(format));
}

fn drop_nulls(value: &mut Value, depth: usize) {
    if let Value::Object(fields) = value
        && depth <= DEPTH_MAX
    {
        fields.retain(|_, field| !field.is_null());
        fields.values_mut().for_each(|field| drop_nulls(field, depth + 1));
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("null"))
        || schema.get("const") == Some(&Value::Null)
        || schema.get("enum") == Some(&json!([null]))
}

/// Removes variants that mean nothing; a single one that remains is no union.
fn simplify_union(schema: &mut Map<String, Value>, key: &str) {
    let Some(Value::Array(mut variants)) = schema.remove(key) else { return };
    variants.retain(|variant| !is_null(variant));
    if variants.len() > 1 {
        schema.insert(key.to_owned(), Value::Array(variants));
    } else if let Some(Value::Object(only)) = variants.pop() {
        let mut only = only;
        drop_noise(&mut only);
        for (key, value) in only {
            schema.entry(key).or_insert(value);
        }
    }
}

/// Makes one enumeration of variants that are each a string or a few.
fn merge_strings(schema: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let mut values: Vec<(&str, Option<&str>)> = Vec::new();
    for variant in variants {
        let Some(Value::Array(strings)) = variant.get("enum") else { return };
        let description = variant.get("description").and_then(Value::as_str);
        for string in strings {
            let Some(string) = string.as_str() else { return };
            values.push((string, description));
        }
    }
    values.sort_unstable();
    let list: Vec<_> = values.iter().map(|(value, _)| *value).collect();
    let mut text = String::from(VALUES);
    for (value, description) in &values {
        text.push_str(&format!("\n - `\"{value}\"`"));
        if let Some(description) = description {
            text.push(' ');
            text.push_str(description);
        }
    }
    let described = values.iter().any(|(_, description)| description.is_some());
    let (list, kind) = (json!(list), json!("string"));
    schema.remove("oneOf");
    schema.insert("type".to_owned(), kind);
    schema.insert("enum".to_owned(), list);
    if described {
        inline(schema, Map::from_iter([("description".to_owned(), Value::String(text))]));
    }
}

/// Gives an object whose variants are objects the properties of all of them, so that a reader
/// sees them; which ones go together remains in the union. Kubernetes asks the same of CRDs.
fn merge_objects(schema: &mut Map<String, Value>) {
    for key in ["oneOf", "anyOf"] {
        let Some(Value::Array(variants)) = schema.get(key) else { continue };
        let is_object =
            |variant: &Value| variant["type"] == "object" && variant["properties"].is_object();
        if !variants.iter().all(is_object) {
            continue;
        }
        let variants = variants.clone();
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        let Value::Object(properties) = properties else { continue };
        for variant in &variants {
            let Some(Value::Object(own)) = variant.get("properties") else { continue };
            for (name, property) in own {
                merge_property(properties, name, property, variant.get("description"));
            }
        }
        let rules: Vec<_> =
            variants.iter().map(|variant| json!({"required": variant["required"]})).collect();
        schema.entry("type").or_insert_with(|| json!("object"));
        let distinct = rules
            .iter()
            .enumerate()
            .all(|(i, rule)| rule["required"].is_array() && !rules[..i].contains(rule));
        schema.remove(key);
        if distinct {
            schema.insert(key.to_owned(), Value::Array(rules));
        }
    }
}

/// Adds the property of a variant. Tags, which each variant has with a value of its own, become
/// one enumeration; a variant's description goes to the property that it consists of.
fn merge_property(
    properties: &mut Map<String, Value>,
    name: &str,
    property: &Value,
    description: Option<&Value>,
) {
    if let Some(there) = properties.get_mut(name) {
        if let (Some(Value::Array(values)), Some(Value::Array(more))) =
            (there.get_mut("enum"), property.get("enum"))
        {
            let new: Vec<_> =
                more.iter().filter(|value| !values.contains(value)).cloned().collect();
            values.extend(new);
        }
        return;
    }
    let mut property = property.clone();
    if let (Value::Object(object), Some(description)) = (&mut property, description)
        && !object.contains_key("description")
        && !object.contains_key("enum")
    {
        object.insert("description".to_owned(), description.clone());
        if let Some(reference) = object.remove("$ref") {
            object.insert("allOf".to_owned(), json!([{"$ref": reference}]));
        }
    }
    properties.insert(name.to_owned(), property);
}

/// `allOf` with one reference is that reference; [`Targets::resolve`] decides how it is written.
fn lift_single_reference(schema: &mut Map<String, Value>) {
    let Some(Value::Array(all)) = schema.get_mut("allOf") else { return };
    let [Value::Object(only)] = all.as_mut_slice() else { return };
    if only.len() == 1
        && let Some(reference) = only.remove("$ref")
    {
        schema.remove("allOf");
        schema.insert("$ref".to_owned(), reference);
    }
}

/// Quantities and the like say only by an extension that they are numbers or strings.
fn name_both_types(schema: &mut Map<String, Value>) {
    let either = schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
    if either && ["type", "anyOf", "oneOf", "allOf"].iter().all(|key| !schema.contains_key(*key)) {
        let types = json!([{"type": "integer"}, {"type": "string"}]);
        schema.insert("oneOf".to_owned(), types);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &Value, want: &Value) {
        let mut targets = Targets::default();
        let text = json!({"type": "string", "description": "T.", "maxLength": 3});
        targets.insert("Text".to_owned(), Target::Inline(text.as_object().unwrap().clone()));
        targets.insert("Foo".to_owned(), Target::Definition("a.v1.Foo".to_owned()));
        assert_eq!(targets.normalise(schema), *want, "{schema}");
    }

    fn to(name: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    #[test]
    fn optional() {
        check(&json!({"type": ["string", "null"]}), &json!({"type": "string"}));
        check(&json!({"type": "string", "nullable": true}), &json!({"type": "string"}));
        check(&json!({"anyOf": [to("Foo"), {"type": "null"}]}), &to("a.v1.Foo"));
        check(
            &json!({"anyOf": [to("Foo"), {"enum": [null], "nullable": true}], "default": null}),
            &to("a.v1.Foo"),
        );
        check(
            &json!({"description": "d", "anyOf": [to("Foo"), {"type": "null"}]}),
            &json!({"description": "d", "allOf": [to("a.v1.Foo")]}),
        );
        check(
            &json!({"type": "object", "default": {"a": null, "b": {"c": null, "d": 1}}}),
            &json!({"type": "object", "default": {"b": {"d": 1}}}),
        );
    }

    #[test]
    fn references() {
        check(&json!({"allOf": [to("Foo")]}), &to("a.v1.Foo"));
        check(
            &json!({"default": {}, "allOf": [to("Foo")]}),
            &json!({"default": {}, "allOf": [to("a.v1.Foo")]}),
        );
        check(
            &json!({"description": "own", "allOf": [to("Text")]}),
            &json!({"description": "own", "type": "string", "maxLength": 3}),
        );
        check(&to("Unknown"), &json!({}));
        check(
            &json!({"type": "array", "items": to("Foo")}),
            &json!({"type": "array", "items": to("a.v1.Foo")}),
        );
    }

    #[test]
    fn enumerations() {
        check(
            &json!({"description": "d", "oneOf": [
                {"type": "string", "enum": ["C", "A"]},
                {"type": "string", "const": "B", "description": "Is b"},
            ]}),
            &json!({
                "type": "string",
                "enum": ["A", "B", "C"],
                "description": "d\n\nPossible enum values:\n - `\"A\"`\n - `\"B\"` Is b\n - `\"C\"`",
            }),
        );
        check(
            &json!({"oneOf": [{"const": "A"}, {"const": "B"}]}),
            &json!({"type": "string", "enum": ["A", "B"]}),
        );
    }

    #[test]
    fn unions() {
        let object = |name: &str| {
            json!({
                "type": "object", "properties": {name: to("Foo")}, "required": [name],
                "additionalProperties": false, "description": format!("is {name}"),
            })
        };
        let property = |text: &str| json!({"description": text, "allOf": [to("a.v1.Foo")]});
        check(
            &json!({"oneOf": [object("one"), object("two")]}),
            &json!({
                "type": "object",
                "properties": {"one": property("is one"), "two": property("is two")},
                "oneOf": [{"required": ["one"]}, {"required": ["two"]}],
            }),
        );
        let tagged = |tag: &str| {
            json!({
                "type": "object",
                "properties": {"type": {"type": "string", "const": tag}},
                "required": ["type"],
            })
        };
        check(
            &json!({"oneOf": [tagged("A"), tagged("B")]}),
            &json!({
                "type": "object",
                "properties": {"type": {"type": "string", "enum": ["A", "B"]}},
            }),
        );
    }

    #[test]
    fn words() {
        check(&json!(true), &json!({}));
        check(
            &json!({"type": "integer", "format": "uint32", "minimum": 0, "title": "T"}),
            &json!({"type": "integer", "format": "int64", "minimum": 0}),
        );
        check(
            &json!({"type": "integer", "exclusiveMinimum": 5}),
            &json!({"type": "integer", "minimum": 5, "exclusiveMinimum": true}),
        );
        check(
            &json!({"type": "array", "prefixItems": [{"type": "string"}], "maxItems": 1}),
            &json!({"type": "array", "items": {}, "maxItems": 1}),
        );
        let either = json!([{"type": "integer"}, {"type": "string"}]);
        check(
            &json!({"x-kubernetes-int-or-string": true}),
            &json!({"x-kubernetes-int-or-string": true, "oneOf": either}),
        );
        check(&json!({"x-kubernetes-list-type": "map"}), &json!({"x-kubernetes-list-type": "map"}));
    }

    #[test]
    fn depth_has_a_limit() {
        let mut schema = json!({"type": "string"});
        for _ in 0..10 * DEPTH_MAX {
            schema = json!({"type": "array", "items": schema});
        }
        let text = Targets::default().normalise(&schema).to_string();
        assert_eq!(text.matches("array").count(), DEPTH_MAX + 1);
    }
}
