//! A place in a schema, in a form that a walk over a value and its schema together can use.

use super::format::Declared;
use crate::cel::Expressions;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What a schema says of the values at one place.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) kind: Option<Kind>,
    pub(crate) nullable: bool,
    /// The declared fields.
    pub(crate) fields: BTreeMap<String, Node>,
    /// The fields of a map, `additionalProperties`.
    pub(crate) values: Option<Box<Node>>,
    pub(crate) items: Option<Box<Node>>,
    pub(crate) list: List,
    /// A map that is one value, `x-kubernetes-map-type: atomic`.
    #[cfg_attr(not(feature = "cel"), expect(dead_code, reason = "only rules compare maps"))]
    pub(crate) atomic: bool,
    pub(crate) required: Vec<String>,
    pub(crate) default: Option<Value>,
    pub(crate) limits: Limits,
    pub(crate) one_of: Vec<Node>,
    pub(crate) any_of: Vec<Node>,
    pub(crate) all_of: Vec<Node>,
    pub(crate) not: Option<Box<Node>>,
    /// The rules in CEL, `x-kubernetes-validations`.
    pub(crate) expressions: Expressions,
    /// Whether there is something to check here or below.
    pub(crate) checks_below: bool,
    /// Whether there is a rule in CEL here or below.
    pub(crate) expressions_below: bool,
    /// Whether there is a default below.
    pub(crate) defaults_below: bool,
    /// Whether there is a set or a map of items here or below.
    pub(crate) lists_below: bool,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    /// `x-kubernetes-int-or-string`.
    IntOrString,
}

/// How the items of a list relate, `x-kubernetes-list-type`.
#[derive(Debug, Default)]
pub(crate) enum List {
    #[default]
    Other,
    Set,
    Map(Vec<String>),
}

/// The limits of a value.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) max_length: Option<usize>,
    pub(crate) min_length: Option<usize>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) format: Option<Declared>,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) maximum: Option<(f64, bool)>,
    pub(crate) minimum: Option<(f64, bool)>,
    pub(crate) max_items: Option<usize>,
    pub(crate) min_items: Option<usize>,
    pub(crate) max_fields: Option<usize>,
    pub(crate) min_fields: Option<usize>,
    pub(crate) one_of: Option<Vec<Value>>,
}

impl Limits {
    pub(super) fn is_empty(&self) -> bool {
        let counts = [
            self.max_length,
            self.min_length,
            self.max_items,
            self.min_items,
            self.max_fields,
            self.min_fields,
        ];
        counts.iter().all(Option::is_none)
            && self.pattern.is_none()
            && self.format.is_none()
            && self.multiple_of.is_none()
            && self.maximum.is_none()
            && self.minimum.is_none()
            && self.one_of.is_none()
    }
}

impl Kind {
    /// The word of the schema.
    #[cfg(feature = "cel")]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "",
        }
    }

    /// Whether a value is of the type.
    pub(crate) fn fits(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => is_whole(value),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntOrString => value.is_string() || is_whole(value),
        }
    }
}

/// Whether a value is a whole number, also one that is written with a fraction of nothing.
fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

impl Node {
    /// What the schema says of a field, declared or not.
    pub(crate) fn field(&self, name: &str) -> Option<&Node> {
        self.fields.get(name).or(self.values.as_deref())
    }

    /// What names an item of a list that is a map, as text. A key that is left out has its default.
    pub(crate) fn key(&self, item: &Value) -> Option<String> {
        let List::Map(keys) = &self.list else { return None };
        let mut name = String::new();
        for key in keys {
            let default = || self.items.as_ref()?.fields.get(key)?.default.as_ref();
            match item.get(key).or_else(default) {
                Some(Value::String(text)) => name.push_str(text),
                Some(other) => name.push_str(&other.to_string()),
                None => {}
            }
            name.push('\0');
        }
        Some(name)
    }

    /// The items of an older list by what names them; of a list that is no map nothing, because
    /// nobody can tell which item became which.
    pub(crate) fn by_key<'a>(&self, old: Option<&'a Value>) -> HashMap<String, &'a Value> {
        let old = old.and_then(Value::as_array).into_iter().flatten();
        old.filter_map(|item| Some((self.key(item)?, item))).collect()
    }
}
