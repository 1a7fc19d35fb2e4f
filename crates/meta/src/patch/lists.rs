//! The lists of a strategic merge patch: sets of scalars, and objects that a merge key names.

use super::Error;
use super::strategic::unknown_directive;
use crate::go;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Merges an item of a patch into the item of the object that has the same name.
pub(super) type MergeItem<'a> =
    dyn FnMut(Map<String, Value>, &Map<String, Value>) -> Result<Map<String, Value>, Error> + 'a;

/// What the items of a list are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Items {
    Objects,
    Scalars,
}

/// Merges two lists: the items of the patch come in its order, the others stay where they were
/// among them as far as that can be.
pub(super) fn merge(
    current: Vec<Value>,
    patch: &[Value],
    key: Option<&str>,
    merge_item: &mut MergeItem<'_>,
) -> Result<Vec<Value>, Error> {
    match kind_of(&current, patch)? {
        None => Ok(current),
        Some(Items::Scalars) => {
            let merged = distinct(current.iter().chain(patch));
            Order { patch, before: &current, key: None }.sorted(merged)
        }
        Some(Items::Objects) => {
            let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
                internal("cannot merge lists without merge key for struct".to_owned())
            })?;
            let (before, patch) = follow_directives(current, patch, key)?;
            let merged = merge_objects(before.clone(), &patch, key, merge_item)?;
            Order { patch: &patch, before: &before, key: Some(key) }.sorted(merged)
        }
    }
}

/// Takes scalars out of a list.
pub(super) fn delete(items: &mut Vec<Value>, deleted: &[Value]) -> Result<(), Error> {
    if kind_of(items, deleted)? == Some(Items::Scalars) {
        let deleted: HashSet<String> = deleted.iter().map(Value::to_string).collect();
        items.retain(|item| !deleted.contains(&item.to_string()));
    }
    Ok(())
}

/// Checks that `$setElementOrder` names all items of the patch, in the same order.
pub(super) fn check_order(
    patch: &[Value],
    order: &[Value],
    key: Option<&str>,
) -> Result<(), Error> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut order_left = order.iter();
    for item in patch {
        if item.as_object().is_some_and(|fields| fields.contains_key("$patch")) {
            continue;
        }
        let name = name_of(item, key)?;
        let mut found = false;
        for ordered in order_left.by_ref() {
            if name_of(ordered, key)? == name {
                found = true;
                break;
            }
        }
        if !found {
            return Err(internal(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                go::plain_list(patch),
                go::plain_list(order)
            )));
        }
    }
    Ok(())
}

/// In which order the items of a merged list stand.
pub(super) struct Order<'a> {
    /// The items that have a place by the will of the client.
    pub(super) patch: &'a [Value],
    /// The list before the patch, which orders all others.
    pub(super) before: &'a [Value],
    /// The field that names an item; items without one are their own name.
    pub(super) key: Option<&'a str>,
}

impl Order<'_> {
    /// Sorts the items of both kinds for themselves and joins them: an item that only the object
    /// has comes first if it was in front of the other before.
    pub(super) fn sorted(&self, merged: Vec<Value>) -> Result<Vec<Value>, Error> {
        let by_patch = self.places(self.patch)?;
        let by_before = self.places(self.before)?;
        let place = |places: &HashMap<String, usize>, name: &String| {
            places.get(name).copied().unwrap_or(usize::MAX)
        };
        let (mut ordered, mut others) = (Vec::new(), Vec::new());
        for item in merged {
            let name = name_of(&item, self.key)?;
            let list = if by_patch.contains_key(&name) { &mut ordered } else { &mut others };
            list.push((name, item));
        }
        ordered.sort_by_key(|(name, _)| place(&by_patch, name));
        others.sort_by_key(|(name, _)| place(&by_before, name));
        let mut sorted = Vec::with_capacity(ordered.len() + others.len());
        let mut others = others.into_iter().peekable();
        for (name, item) in ordered {
            if let Some(here) = by_before.get(&name) {
                let in_front = |(name, _): &(String, Value)| {
                    by_before.get(name).is_some_and(|other| other < here)
                };
                while let Some((_, other)) = others.next_if(in_front) {
                    sorted.push(other);
                }
            }
            sorted.push(item);
        }
        sorted.extend(others.map(|(_, item)| item));
        Ok(sorted)
    }

    /// The first place of each name in a list.
    fn places(&self, items: &[Value]) -> Result<HashMap<String, usize>, Error> {
        let mut places = HashMap::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            places.entry(name_of(item, self.key)?).or_insert(place);
        }
        Ok(places)
    }
}

/// The order before a patch, in which its new items have taken the places that deleted ones have
/// left at the end.
pub(super) fn places_taken(current: &[Value], patch: &[Value], key: &str) -> Vec<Value> {
    let name = |item: &Value| item.get(key).map(Value::to_string);
    let deletes = |item: &&Value| item.get("$patch").is_some_and(|directive| directive == "delete");
    let deleted: HashSet<_> = patch.iter().filter(deletes).filter_map(name).collect();
    let stays = |item: &&Value| name(item).is_none_or(|name| !deleted.contains(&name));
    let mut places: Vec<Value> = current.iter().filter(stays).cloned().collect();
    let known: HashSet<_> = places.iter().filter_map(name).collect();
    let is_new = |item: &&Value| {
        item.get("$patch").is_none() && name(item).is_some_and(|name| !known.contains(&name))
    };
    let freed = current.len() - places.len();
    places.extend(patch.iter().filter(is_new).take(freed).cloned());
    places
}

/// Carries out `$patch` in items: deletes items, or all of them.
///
/// Gives back the items that are left, and those of the patch that are to be merged into them.
fn follow_directives(
    mut current: Vec<Value>,
    patch: &[Value],
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let mut merged = Vec::new();
    let mut deleted = HashSet::new();
    let mut replace = false;
    for item in patch {
        let fields = object(item)?;
        match fields.get("$patch") {
            None => merged.push(item.clone()),
            Some(Value::String(directive)) if directive == "delete" => {
                deleted.insert(name_of(item, Some(key))?);
            }
            Some(Value::String(directive)) if directive == "replace" => replace = true,
            Some(Value::String(directive)) if directive == "merge" => {
                return Err(internal("merging lists cannot yet be specified in the patch".into()));
            }
            Some(other) => return Err(unknown_directive(other, fields)),
        }
    }
    if replace {
        return Ok((merged, Vec::new()));
    }
    if !deleted.is_empty() {
        current
            .retain(|item| item.get(key).is_none_or(|name| !deleted.contains(&name.to_string())));
    }
    Ok((current, merged))
}

fn merge_objects(
    mut current: Vec<Value>,
    patch: &[Value],
    key: &str,
    merge_item: &mut MergeItem<'_>,
) -> Result<Vec<Value>, Error> {
    let mut places = HashMap::new();
    for (place, item) in current.iter().enumerate() {
        if let Some(name) = object(item)?.get(key) {
            places.entry(name.to_string()).or_insert(place);
        }
    }
    for item in patch {
        let fields = object(item)?;
        let name = name_of(item, Some(key))?;
        match places.get(&name) {
            Some(&place) => {
                if let Value::Object(existing) = std::mem::take(&mut current[place]) {
                    current[place] = merge_item(existing, fields)?.into();
                }
            }
            None => {
                places.insert(name, current.len());
                current.push(item.clone());
            }
        }
    }
    Ok(current)
}

/// What an item is known by, as JSON.
fn name_of(item: &Value, key: Option<&str>) -> Result<String, Error> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Ok(item.to_string());
    };
    let fields = object(item)?;
    fields.get(key).map(Value::to_string).ok_or_else(|| {
        let shown = go::plain_object(fields);
        internal(format!("map: {shown} does not contain declared merge key: {key}"))
    })
}

fn object(item: &Value) -> Result<&Map<String, Value>, Error> {
    item.as_object().ok_or_else(|| {
        let received = type_name(item);
        internal(format!("expected a map[string]interface {{}}, but received a {received}"))
    })
}

/// What the messages of the Go library call the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    if value.is_null() { "%!s(<nil>)" } else { go::type_name(value) }
}

/// The kind of the items of two lists, which must all have the same type; `None` if there are none.
fn kind_of(current: &[Value], patch: &[Value]) -> Result<Option<Items>, Error> {
    let mut types = current.iter().chain(patch).map(type_name);
    let Some(first) = types.next() else {
        return Ok(None);
    };
    if first == "[]interface {}" {
        return Err(Error::CannotApply("lists of lists are not supported".to_owned()));
    }
    if types.any(|other| other != first) {
        let (current, patch) = (go::plain_list(current), go::plain_list(patch));
        return Err(internal(format!("list element types are not identical: [{current} {patch}]")));
    }
    let objects = first == "map[string]interface {}";
    Ok(Some(if objects { Items::Objects } else { Items::Scalars }))
}

fn distinct<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.to_string())).cloned().collect()
}

fn internal(why: String) -> Error {
    Error::Internal(why)
}
