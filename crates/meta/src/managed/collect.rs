//! The fields that an object has, as a field set: what an applied configuration owns.

use super::MAX_DEPTH;
use super::element::PathElement;
use super::items::{keys_of, sorted, split_run};
use super::problem::Problem;
use super::schema::{ListKind, ListNode, Owned, Shape, Type};
use super::set::FieldSet;
use serde_json::{Map, Value};

impl FieldSet {
    /// Every leaf of an object, every item of its lists, and every key of its maps.
    ///
    /// # Errors
    /// Where an item of a list has no name, and where the object is deeper than [`MAX_DEPTH`].
    pub fn of_object(schema: Type<'_>, object: &Value) -> Result<Self, String> {
        walk(schema, object, 0).map(|(set, _)| set).map_err(|problem| problem.to_string())
    }
}

/// What is below a value, and whether the value itself is a leaf.
fn walk<'a>(of: Type<'a>, value: &'a Value, depth: usize) -> Result<(FieldSet, bool), Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::too_deep());
    }
    match (of.shape(value), value) {
        (Shape::Scalar(_), _) => Ok((FieldSet::new(), true)),
        (Shape::Map(map), _) if map.atomic => Ok((FieldSet::new(), true)),
        (Shape::List(list), _) if list.kind == ListKind::Atomic => Ok((FieldSet::new(), true)),
        (Shape::Map(_), Value::Object(object)) => Ok((fields(of, object, depth)?, false)),
        (Shape::List(list), Value::Array(values)) => Ok((items(of, list, values, depth)?, false)),
        (Shape::Map(_) | Shape::List(_), _) => Ok((FieldSet::new(), false)),
    }
}

fn fields(of: Type<'_>, object: &Map<String, Value>, depth: usize) -> Result<FieldSet, Problem> {
    let mut set = FieldSet::new();
    for (name, value) in object {
        let below_type = of.below(name);
        if below_type.owned() == Owned::Never {
            continue;
        }
        let (below, leaf) = walk(below_type, value, depth + 1)
            .map_err(|problem| problem.below(&PathElement::field(name)))?;
        let nothing = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        let member = leaf || nothing || of.declared(name).is_none();
        let member = member && below_type.owned() == Owned::Yes;
        if member || !below.is_empty() {
            set.push(PathElement::field(name), member, below);
        }
    }
    Ok(set)
}

fn items<'a>(
    of: Type<'a>,
    list: &'a ListNode,
    values: &'a [Value],
    depth: usize,
) -> Result<FieldSet, Problem> {
    let items = of.of_items(list);
    let sorted = sorted(keys_of(list, items, values).map_err(Problem::new)?, values);
    let mut rest = &sorted[..];
    let mut set = FieldSet { entries: Vec::with_capacity(rest.len()) };
    while let [(key, first), others @ ..] = split_run(&mut rest) {
        let element = key.to_element();
        let below = if others.is_empty() {
            walk(items, first, depth + 1).map_err(|problem| problem.below(&element))?.0
        } else {
            FieldSet::new()
        };
        set.push(element, true, below);
    }
    Ok(set)
}
