//! Taking fields and items out of an object.

use super::element::PathElement;
use super::items::ItemKey;
use super::schema::{ListKind, Owned, Shape, Type};
use super::set::{Entry, FieldSet};
use serde_json::Value;

/// Removes the members of a set, and what holds nothing any more after that.
///
/// Go leaves `null` where a map or list has lost all it held; here such a field is gone, which
/// decodes to the same and needs no `null` in a type that has none. The fields that are gone for that
/// alone come back: to Go they are still there, so whoever owns them goes on owning them.
pub(super) fn remove(of: Type<'_>, value: &mut Value, fields: &FieldSet) -> FieldSet {
    let mut emptied = FieldSet::new();
    walk(of, value, fields, &mut emptied);
    emptied
}

/// Whether nothing is left that is worth keeping.
fn walk(of: Type<'_>, value: &mut Value, set: &FieldSet, emptied: &mut FieldSet) -> bool {
    match (of.shape(value), value) {
        // A set that goes on below what is one value means all of it.
        (Shape::Map(map), _) if map.atomic => true,
        (Shape::List(list), _) if list.kind == ListKind::Atomic => true,
        (Shape::Map(_), Value::Object(object)) => {
            for entry in &set.entries {
                let PathElement::Field(name) = &entry.element else { continue };
                let Some(below) = object.get_mut(&**name) else { continue };
                let types = of.below(name);
                // `metadata` itself stays: what the server sets in it is in nobody's set.
                let removable = types.owned() == Owned::Yes;
                if entry.member && removable {
                    object.remove(&**name);
                    continue;
                }
                let mut under = FieldSet::new();
                let is_empty = walk(types, below, &entry.children, &mut under) && removable;
                if is_empty {
                    object.remove(&**name);
                }
                if is_empty || !under.is_empty() {
                    emptied.push(entry.element.clone(), is_empty, under);
                }
            }
            object.is_empty()
        }
        (Shape::List(list), Value::Array(items)) => {
            let types = of.of_items(list);
            let mut expected = 0;
            items.retain_mut(|item| {
                let found = match ItemKey::of(list, types, item) {
                    Ok(key) => find(&set.entries, &key, &mut expected),
                    Err(_) => None,
                };
                match found {
                    None => true,
                    Some(entry) if entry.member => false,
                    // An item that has lost all it held is gone for Go too.
                    Some(entry) => !walk(types, item, &entry.children, &mut FieldSet::new()),
                }
            });
            items.is_empty()
        }
        _ => false,
    }
}

/// The entry of an item; the one after the last that was found is tried first.
fn find<'s>(entries: &'s [Entry], key: &ItemKey<'_>, expected: &mut usize) -> Option<&'s Entry> {
    let is_it = |entry: &Entry| key.compare_element(&entry.element).is_eq();
    if !entries.get(*expected).is_some_and(is_it) {
        *expected = entries.binary_search_by(|e| key.compare_element(&e.element).reverse()).ok()?;
    }
    let entry = &entries[*expected];
    *expected += 1;
    Some(entry)
}
