//! From a structural schema to its [`Node`]s.

use super::MAX_DEPTH;
use super::default;
use super::format::Declared;
use super::node::{Kind, Limits, List, Node};
use crate::cel::Expressions;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Compiles a schema; `path` is for messages, `""` for the object itself.
pub(super) fn node(schema: &Value, path: &str, depth: usize, problems: &mut Vec<String>) -> Node {
    let Some(source) = schema.as_object().filter(|_| depth <= MAX_DEPTH) else {
        return Node::default();
    };
    let mut made = Node {
        kind: kind(source),
        nullable: source.get("nullable") == Some(&Value::Bool(true)),
        fields: fields(source, path, depth, problems),
        values: below(source, "additionalProperties", path, depth, problems),
        items: below(source, "items", path, depth, problems),
        list: list(source),
        atomic: source.get("x-kubernetes-map-type").is_some_and(|kind| kind == "atomic"),
        required: strings(source.get("required")),
        // The type of an object that is read from nothing fills in its zeros by itself.
        default: source.get("default").filter(|default| !default::is_zero(default)).cloned(),
        limits: limits(source, path, problems),
        one_of: variants(source, "oneOf", path, depth, problems),
        any_of: variants(source, "anyOf", path, depth, problems),
        all_of: variants(source, "allOf", path, depth, problems),
        not: below(source, "not", path, depth, problems),
        ..Node::default()
    };
    if depth == 0 {
        // The metadata of an object has rules of its own, which no schema can change; and a spec
        // that is not there is read as an empty one.
        made.fields.remove("metadata");
        made.required.retain(|name| !matches!(name.as_str(), "metadata" | "spec"));
    }
    let rules = source.get("x-kubernetes-validations");
    if let Some(rules) = rules.and_then(Value::as_array).filter(|rules| !rules.is_empty()) {
        made.expressions = Expressions::compile(rules, &made, path, problems);
    }
    summarize(&mut made);
    made
}

/// Says what is here and below, so that a walk can pass over what has nothing to check.
fn summarize(node: &mut Node) {
    let checked = |nodes: &[Node]| nodes.iter().any(|node| node.checks_below);
    let below = || {
        let boxed = [node.values.as_deref(), node.items.as_deref()];
        node.fields.values().chain(boxed.into_iter().flatten())
    };
    let here = !node.required.is_empty()
        || !node.limits.is_empty()
        || !node.expressions.is_empty()
        || node.not.is_some();
    let expressions = !node.expressions.is_empty() || below().any(|node| node.expressions_below);
    let checks = here
        || below().any(|node| node.checks_below)
        || [&node.one_of, &node.any_of, &node.all_of].into_iter().any(|nodes| checked(nodes));
    let defaults = below().any(|node| node.default.is_some() || node.defaults_below);
    let lists = !matches!(node.list, List::Other) || below().any(|node| node.lists_below);
    node.checks_below = checks;
    node.expressions_below = expressions;
    node.defaults_below = defaults;
    node.lists_below = lists;
}

fn kind(source: &Map<String, Value>) -> Option<Kind> {
    if source.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return Some(Kind::IntOrString);
    }
    match source.get("type")?.as_str()? {
        "object" => Some(Kind::Object),
        "array" => Some(Kind::Array),
        "string" => Some(Kind::String),
        "integer" => Some(Kind::Integer),
        "number" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        _ => None,
    }
}

fn fields(
    source: &Map<String, Value>,
    path: &str,
    depth: usize,
    problems: &mut Vec<String>,
) -> BTreeMap<String, Node> {
    let declared = source.get("properties").and_then(Value::as_object).into_iter().flatten();
    let field = |(name, schema): (&String, &Value)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        (name.clone(), node(schema, &path, depth + 1, problems))
    };
    declared.map(field).collect()
}

fn below(
    source: &Map<String, Value>,
    name: &str,
    path: &str,
    depth: usize,
    problems: &mut Vec<String>,
) -> Option<Box<Node>> {
    let schema = source.get(name).filter(|schema| schema.is_object())?;
    let path = if name == "not" { path.to_owned() } else { format!("{path}[*]") };
    Some(Box::new(node(schema, &path, depth + 1, problems)))
}

fn variants(
    source: &Map<String, Value>,
    name: &str,
    path: &str,
    depth: usize,
    problems: &mut Vec<String>,
) -> Vec<Node> {
    let schemas = source.get(name).and_then(Value::as_array).into_iter().flatten();
    schemas.map(|schema| node(schema, path, depth + 1, problems)).collect()
}

fn list(source: &Map<String, Value>) -> List {
    match source.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => List::Set,
        Some("map") => List::Map(strings(source.get("x-kubernetes-list-map-keys"))),
        _ => List::Other,
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn limits(source: &Map<String, Value>, path: &str, problems: &mut Vec<String>) -> Limits {
    let count = |name: &str| {
        let number = source.get(name).and_then(Value::as_f64);
        number.filter(|number| *number >= 0.0).map(|number| number as usize)
    };
    // One that excludes the limit itself says so with a flag, as OpenAPI 3.0 has it.
    let bound = |name: &str, exclusive: &str| {
        let excluded = source.get(exclusive) == Some(&Value::Bool(true));
        source.get(name).and_then(Value::as_f64).map(|limit| (limit, excluded))
    };
    let pattern = source.get("pattern").and_then(Value::as_str);
    let pattern = pattern.and_then(|pattern| match Regex::new(pattern) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            problems.push(format!("{path}: the pattern {pattern:?} cannot be read: {error}"));
            None
        }
    });
    let format = source.get("format").and_then(Value::as_str);
    Limits {
        max_length: count("maxLength"),
        min_length: count("minLength"),
        pattern,
        format: format.filter(|_| kind(source) == Some(Kind::String)).and_then(Declared::of),
        multiple_of: source.get("multipleOf").and_then(Value::as_f64).filter(|of| *of > 0.0),
        maximum: bound("maximum", "exclusiveMaximum"),
        minimum: bound("minimum", "exclusiveMinimum"),
        max_items: count("maxItems"),
        min_items: count("minItems"),
        max_fields: count("maxProperties"),
        min_fields: count("minProperties"),
        one_of: source.get("enum").and_then(Value::as_array).cloned(),
    }
}
