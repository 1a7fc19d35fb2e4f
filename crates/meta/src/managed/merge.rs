//! Laying an applied configuration over an object.
//!
//! Nothing is removed here. Where both have a leaf, the configuration's wins. The items of a list
//! come in the configuration's order, those that only the object has where they were before.

use super::MAX_DEPTH;
use super::element::{PathElement, same};
use super::items::{ItemKey, all_differ, first_repeated, keys_of};
use super::problem::Problem;
use super::schema::{ListKind, ListNode, Shape, Type};
use serde_json::{Map, Value};
use std::cell::LazyCell;
use std::collections::HashMap;

/// Lays `config` over `object`.
pub(super) fn merge(of: Type<'_>, object: &mut Value, config: &Value) -> Result<(), String> {
    walk(of, object, config, 0).map_err(|problem| problem.to_string())
}

/// Whether laying `config`, which fits its type, over `object` may change it.
///
/// This is the usual case of a controller that applies what is there, so it copies nothing.
pub(super) fn changes(of: Type<'_>, object: &Value, config: &Value) -> bool {
    match of.shape(config) {
        Shape::Map(map) if !map.atomic => {
            let have = object.as_object().filter(|fields| !fields.is_empty());
            match (have, config.as_object()) {
                (Some(have), Some(config)) => config.iter().any(|(name, value)| {
                    have.get(name).is_none_or(|field| changes(of.below(name), field, value))
                }),
                (Some(_), None) => false,
                (None, _) => !same(object, config),
            }
        }
        Shape::List(list) if list.kind != ListKind::Atomic => {
            let config = config.as_array().map_or(&[][..], Vec::as_slice);
            match object.as_array().filter(|items| !items.is_empty()) {
                Some(_) if config.is_empty() => false,
                Some(have) => items_change(of.of_items(list), list, have, config),
                None => true,
            }
        }
        _ => !same(object, config),
    }
}

/// As [`changes`], of lists: one stays as it is where it has the items of the other in its order, and
/// maybe more; but not where a name is there twice, for its items become one.
fn items_change(types: Type<'_>, list: &ListNode, have: &[Value], config: &[Value]) -> bool {
    if have.len() != config.len() && !keys_of(list, types, have).is_ok_and(|keys| all_differ(&keys))
    {
        return true;
    }
    let mut have = have.iter();
    let is_there = |item: &Value| {
        let Ok(key) = ItemKey::of(list, types, item) else { return false };
        let is_namesake =
            |other: &&Value| ItemKey::of(list, types, other).is_ok_and(|other| other == key);
        have.find(is_namesake).is_some_and(|other| !changes(types, other, item))
    };
    !config.iter().all(is_there)
}

fn walk(of: Type<'_>, object: &mut Value, config: &Value, depth: usize) -> Result<(), Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::too_deep());
    }
    match of.shape(config) {
        Shape::Map(map) if !map.atomic => {
            let have = object.as_object_mut().filter(|fields| !fields.is_empty());
            match (have, config.as_object()) {
                (Some(have), Some(config)) => return fields(of, have, config, depth),
                // Null or nothing says nothing about what is there.
                (Some(_), None) => return Ok(()),
                (None, _) => {}
            }
        }
        Shape::List(list) if list.kind != ListKind::Atomic => {
            let config = config.as_array().map_or(&[][..], Vec::as_slice);
            match object.as_array_mut().filter(|items| !items.is_empty()) {
                Some(_) if config.is_empty() => return Ok(()),
                Some(have) => return items(of, list, have, config, depth),
                None => {}
            }
        }
        _ => {}
    }
    object.clone_from(config);
    Ok(())
}

fn fields(
    of: Type<'_>,
    have: &mut Map<String, Value>,
    config: &Map<String, Value>,
    depth: usize,
) -> Result<(), Problem> {
    for (name, value) in config {
        match have.get_mut(name) {
            Some(field) => walk(of.below(name), field, value, depth + 1)
                .map_err(|problem| problem.below(&PathElement::field(name)))?,
            None => {
                have.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// Where an item of the result comes from.
enum Take {
    /// Only the object has it, at this place.
    Left(usize),
    /// The configuration has it at this place.
    Right(usize),
}

/// Which items of the object the configuration names too.
struct Matches {
    /// For each item of the object the place of its namesake.
    left: Vec<Option<usize>>,
    /// For each item of the configuration the place of its namesake, where there is exactly one:
    /// several with one name are replaced, not merged into.
    right: Vec<Namesake>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Namesake {
    None,
    One(usize),
    Several,
}

fn items(
    of: Type<'_>,
    list: &ListNode,
    have: &mut Vec<Value>,
    config: &[Value],
    depth: usize,
) -> Result<(), Problem> {
    let types = of.of_items(list);
    let matches = Matches::find(list, types, have, config)?;
    let order = matches.order();
    let mut left: Vec<Value> = std::mem::take(have);
    have.reserve(order.len());
    for take in order {
        let (place, item) = match take {
            Take::Left(l) => {
                have.push(std::mem::take(&mut left[l]));
                continue;
            }
            Take::Right(r) => (matches.right[r], &config[r]),
        };
        let mut merged = match place {
            Namesake::One(l) => std::mem::take(&mut left[l]),
            Namesake::None | Namesake::Several => Value::Null,
        };
        walk(types, &mut merged, item, depth + 1).map_err(|problem| {
            match ItemKey::of(list, types, item) {
                Ok(key) => problem.below(&key.to_element()),
                Err(_) => problem,
            }
        })?;
        have.push(merged);
    }
    Ok(())
}

fn places_of<'k, 'a>(keys: &'k [ItemKey<'a>]) -> HashMap<&'k ItemKey<'a>, usize> {
    keys.iter().enumerate().map(|(at, key)| (key, at)).collect()
}

impl Matches {
    fn find<'a>(
        list: &'a ListNode,
        types: Type<'a>,
        have: &'a [Value],
        config: &'a [Value],
    ) -> Result<Self, Problem> {
        let right = keys_of(list, types, config).map_err(Problem::new)?;
        if let Some(twice) = first_repeated(&right) {
            return Err(Problem::new(format!("duplicate entries for key {}", twice.to_element())));
        }
        let left = keys_of(list, types, have).map_err(Problem::new)?;
        let by_key = LazyCell::new(|| places_of(&right));
        let mut out =
            Self { left: Vec::with_capacity(left.len()), right: vec![Namesake::None; right.len()] };
        let mut expected = 0;
        for (l, key) in left.iter().enumerate() {
            // The lists are usually in the same order, so the next item is looked at first.
            let found = match right.get(expected) {
                Some(next) if next == key => Some(expected),
                _ => by_key.get(key).copied(),
            };
            if let Some(r) = found {
                expected = r + 1;
                out.right[r] = match out.right[r] {
                    Namesake::None => Namesake::One(l),
                    _ => Namesake::Several,
                };
            }
            out.left.push(found);
        }
        Ok(out)
    }

    /// The order of the result, that of `structured-merge-diff` v6: both lists are walked side by
    /// side; an item that only the object has comes before whatever its successor there was.
    fn order(&self) -> Vec<Take> {
        let (lefts, rights) = (self.left.len(), self.right.len());
        let mut shared = (0..rights).filter(|r| self.right[*r] != Namesake::None);
        let mut next_shared = shared.next();
        let mut taken = vec![false; rights];
        let mut order = Vec::with_capacity(lefts.max(rights));
        let (mut l, mut r) = (0, 0);
        while l < lefts || r < rights {
            let namesake = if l < lefts { Some(self.left[l]) } else { None };
            if let (Some(Some(place)), true) = (namesake, r < rights) {
                if place == r {
                    taken[r] = true;
                    order.push(Take::Right(r));
                    (l, r) = (l + 1, r + 1);
                    next_shared = shared.next();
                    continue;
                }
                if next_shared.is_some_and(|next| next != place) {
                    // Named by both, but the configuration wants another one first.
                    l += 1;
                    continue;
                }
            }
            match namesake {
                Some(None) => {
                    order.push(Take::Left(l));
                    l += 1;
                    continue;
                }
                Some(Some(place)) if taken[place] || r >= rights => l += 1,
                _ => {}
            }
            if r < rights {
                taken[r] = true;
                order.push(Take::Right(r));
                if next_shared == Some(r) {
                    next_shared = shared.next();
                }
                r += 1;
            }
        }
        order
    }
}
