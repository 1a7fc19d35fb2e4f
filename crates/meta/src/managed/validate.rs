//! Whether a configuration fits its schema: server-side apply refuses one that does not.

use super::MAX_DEPTH;
use super::element::PathElement;
use super::items::{ItemKey, all_differ};
use super::problem::{Problem, join};
use super::schema::{ListKind, ListNode, Scalar, Shape, Type};
use crate::go;
use serde_json::{Map, Value};

/// How many findings are reported at most.
const MAX_PROBLEMS: usize = 64;

/// Checks that all fields are declared and of their type, and that no two items have one name.
pub(super) fn validate(of: Type<'_>, value: &Value) -> Result<(), String> {
    let mut problems = Vec::new();
    walk(of, value, &mut Vec::new(), &mut problems);
    problems.truncate(MAX_PROBLEMS);
    if problems.is_empty() { Ok(()) } else { Err(join(&problems)) }
}

/// A step of the way to a value; it is put into words only where something is wrong.
enum Step<'a> {
    Field(&'a str),
    Item(ItemKey<'a>),
    Index(usize),
}

impl Step<'_> {
    fn to_element(&self) -> PathElement {
        match self {
            Self::Field(name) => PathElement::field(name),
            Self::Item(key) => key.to_element(),
            Self::Index(i) => PathElement::Index(i64::try_from(*i).unwrap_or(i64::MAX)),
        }
    }
}

fn report(problems: &mut Vec<Problem>, path: &[Step<'_>], message: impl Into<String>) {
    if problems.len() < MAX_PROBLEMS {
        let below = |problem: Problem, step: &Step<'_>| problem.below(&step.to_element());
        problems.push(path.iter().rev().fold(Problem::new(message), below));
    }
}

fn walk<'a>(of: Type<'a>, value: &'a Value, path: &mut Vec<Step<'a>>, problems: &mut Vec<Problem>) {
    if path.len() > MAX_DEPTH {
        problems.push(Problem::too_deep());
        return;
    }
    match (of.shape(value), value) {
        (_, Value::Null) => {}
        (Shape::Map(_), Value::Object(object)) => fields(of, object, path, problems),
        (Shape::List(list), Value::Array(values)) => items(of, list, values, path, problems),
        (Shape::Scalar(scalar), value) => {
            let (fits, expected) = match scalar {
                Scalar::Number => (value.is_number(), "numeric (int or float)"),
                Scalar::String => (value.is_string(), "string"),
                Scalar::Bool => (value.is_boolean(), "boolean"),
                Scalar::Any => (!value.is_object() && !value.is_array(), "any scalar"),
            };
            if !fits {
                let got = match scalar {
                    Scalar::Number => go::type_name(value).to_owned(),
                    Scalar::Bool => format!("&{{{}}}", go::plain(value)),
                    Scalar::String | Scalar::Any => {
                        format!("&value.valueUnstructured{{Value:{}}}", go::syntax(value))
                    }
                };
                report(problems, path, format!("expected {expected}, got {got}"));
            }
        }
        (Shape::Map(_), other) => {
            report(problems, path, format!("expected map, got &{{{}}}", go::plain(other)));
        }
        (Shape::List(_), other) => {
            report(problems, path, format!("expected list, got &{{{}}}", go::plain(other)));
        }
    }
}

fn fields<'a>(
    of: Type<'a>,
    object: &'a Map<String, Value>,
    path: &mut Vec<Step<'a>>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in object {
        path.push(Step::Field(name));
        match of.field(name) {
            Some(below) => walk(below, value, path, problems),
            None => report(problems, path, "field not declared in schema"),
        }
        path.pop();
    }
}

fn items<'a>(
    of: Type<'a>,
    list: &'a ListNode,
    values: &'a [Value],
    path: &mut Vec<Step<'a>>,
    problems: &mut Vec<Problem>,
) {
    let types = of.of_items(list);
    let mut keys = Vec::new();
    for (i, value) in values.iter().enumerate() {
        let step = if list.kind == ListKind::Atomic {
            Step::Index(i)
        } else {
            match ItemKey::of(list, types, value) {
                Ok(key) => {
                    keys.push(key.clone());
                    Step::Item(key)
                }
                Err(e) => {
                    report(problems, path, format!("element {i}: {e}"));
                    return;
                }
            }
        };
        path.push(step);
        walk(types, value, path, problems);
        path.pop();
    }
    if all_differ(&keys) {
        return;
    }
    keys.sort_by(ItemKey::compare);
    for [a, b] in keys.array_windows() {
        if a.compare(b).is_eq() {
            report(problems, path, format!("duplicate entries for key {}", a.to_element()));
        }
    }
}
