//! What a value of a schema is in CEL.
//!
//! See [type mapping](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#schema-types).
//! Strings are borrowed from the object; everything else is made for the time of an evaluation.

use super::keyed::Keyed;
use crate::schema::{Kind, List, Node, duration};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull,
    CelString, CelTimestamp,
};
use cel::common::value::Val;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// A value as an expression sees it. With `only`, nothing but these of its fields is there.
pub(super) fn of<'v>(
    node: Option<&Node>,
    value: &'v Value,
    is_root: bool,
    only: Option<&[String]>,
) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(value) => number(node, value),
        Value::String(text) => string(node, text),
        Value::Array(items) => {
            let below = node.and_then(|node| node.items.as_deref());
            let items = items.iter().map(|item| of(below, item, false, None)).collect::<Vec<_>>();
            match node.map(|node| &node.list) {
                None | Some(List::Other) => Box::new(CelList::from(items)),
                Some(List::Set) => Box::new(Keyed::new(items, Arc::default())),
                Some(List::Map(keys)) => {
                    let keys = keys.iter().map(|key| escaped(key).into_owned());
                    Box::new(Keyed::new(items, keys.collect()))
                }
            }
        }
        Value::Object(fields) => Box::new(CelMap::from(map(node, fields, is_root, only))),
    }
}

fn number<'v>(node: Option<&Node>, value: &Number) -> Box<dyn Val + 'v> {
    let whole = value.as_i64().filter(|_| node.and_then(|node| node.kind) != Some(Kind::Number));
    match whole {
        Some(value) => Box::new(CelInt::from(value)),
        None => Box::new(CelDouble::from(value.as_f64().unwrap_or_default())),
    }
}

fn string<'v>(node: Option<&Node>, text: &'v str) -> Box<dyn Val + 'v> {
    let plain = || Box::new(CelString::from(text)) as Box<dyn Val + 'v>;
    // By the whole name: what is declared as `datetime` stays a text.
    match node.and_then(|node| node.limits.format.as_ref()).map(|format| format.name.as_str()) {
        Some("date-time") => {
            let time = chrono::DateTime::parse_from_rfc3339(text).ok();
            time.map_or_else(plain, |time| Box::new(CelTimestamp::from(time)))
        }
        Some("date") => {
            let midnight = format!("{text}T00:00:00Z");
            let time = chrono::DateTime::parse_from_rfc3339(&midnight).ok();
            time.map_or_else(plain, |time| Box::new(CelTimestamp::from(time)))
        }
        Some("duration") => duration(text).map_or_else(plain, |nanoseconds| {
            Box::new(CelDuration::from(chrono::Duration::nanoseconds(nanoseconds)))
        }),
        Some("byte") => BASE64_STANDARD
            .decode(text)
            .map_or_else(|_| plain(), |bytes| Box::new(CelBytes::from(bytes))),
        _ => plain(),
    }
}

fn map<'v>(
    node: Option<&Node>,
    fields: &'v Map<String, Value>,
    is_root: bool,
    only: Option<&[String]>,
) -> HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> {
    let mut made = HashMap::with_capacity(only.map_or(fields.len(), <[_]>::len));
    for (name, value) in fields {
        let declared = node.and_then(|node| node.fields.get(name));
        let key = match declared {
            Some(_) => escaped(name),
            None => Cow::Borrowed(name.as_str()),
        };
        if only.is_some_and(|only| !only.iter().any(|wanted| *wanted == key)) {
            continue;
        }
        let known = node.is_some_and(|node| !node.fields.is_empty());
        if value.is_null() && declared.is_some() {
            // A declared field that is null is as good as one that is not there.
            continue;
        }
        let value = match (declared, node.and_then(|node| node.values.as_deref())) {
            (None, None) if is_root && name == "metadata" => metadata(value),
            (None, None) if is_root && matches!(name.as_str(), "apiVersion" | "kind") => {
                of(None, value, false, None)
            }
            // What is not declared is not there, but in a value of which nothing is declared.
            (None, None) if known => continue,
            (declared, values) => of(declared.or(values), value, false, None),
        };
        let key = match key {
            Cow::Borrowed(key) => CelMapKey::from(key),
            Cow::Owned(key) => CelMapKey::from(key),
        };
        made.insert(key, value);
    }
    made
}

/// Of the metadata a rule sees the name only.
fn metadata(value: &Value) -> Box<dyn Val + '_> {
    let mut made: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> = HashMap::new();
    for name in ["name", "generateName"] {
        if let Some(Value::String(text)) = value.get(name) {
            made.insert(CelMapKey::from(name), Box::new(CelString::from(text.as_str())));
        }
    }
    Box::new(CelMap::from(made))
}

/// Words that cannot be names of fields in CEL.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The name of a declared field as an expression writes it: `__dash__` for a dash, and so on.
pub(super) fn escaped(name: &str) -> Cow<'_, str> {
    if RESERVED.contains(&name) {
        return Cow::Owned(format!("__{name}__"));
    }
    if !name.contains(['.', '-', '/']) && !name.contains("__") {
        return Cow::Borrowed(name);
    }
    let name = name.replace("__", "__underscores__");
    Cow::Owned(name.replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__"))
}
