//! FieldsV1: how a field set is written in `metadata.managedFields`.
//!
//! A tree of objects. The key of each says what kind of step it is (`f:`, `k:`, `v:`, `i:`); an
//! empty object is a member, and `.` says that an object with content is one too.

use super::MAX_DEPTH;
use super::element::PathElement;
use super::set::{Entry, FieldSet};
use serde_json::{Map, Value};

impl FieldSet {
    /// Reads a set. Keys of an unknown kind are skipped, as Go skips them.
    ///
    /// # Errors
    /// Where a key is not of the form, a value is not an object, or the tree is deeper than
    /// [`MAX_DEPTH`].
    pub fn from_fields_v1(fields: &Value) -> Result<Self, String> {
        Ok(read(fields, 0)?.0)
    }

    /// Writes a set.
    ///
    /// A JSON tree sorts its keys by their text. That is Go's order too, but for items whose keys
    /// are numbers or need escapes; a client that reads JSON cannot tell.
    #[must_use]
    pub fn to_fields_v1(&self) -> Value {
        let fields = self.entries.iter().map(|entry| (entry.element.encode(), entry.to_value()));
        Value::Object(fields.collect())
    }

    /// Whether a tree is what this set is written as.
    pub(super) fn is_written_as(&self, fields: &Value) -> bool {
        self.is_tree(fields, false, &mut String::new())
    }

    /// `is_member` is whether the field that is the tree's root is in a set with others below it.
    fn is_tree(&self, fields: &Value, is_member: bool, key: &mut String) -> bool {
        let Value::Object(fields) = fields else { return false };
        if fields.len() != self.entries.len() + usize::from(is_member)
            || (is_member && fields.get(".") != Some(&Value::Object(Map::new())))
        {
            return false;
        }
        // The order of both is nearly the same, so what comes next there is looked at first.
        let mut in_order = fields.iter().filter(|(key, _)| *key != ".");
        self.entries.iter().all(|entry| {
            key.clear();
            entry.element.encode_into(key);
            let below = match in_order.next() {
                Some((next, below)) if next == key => Some(below),
                _ => fields.get(&**key),
            };
            let is_member = entry.member && !entry.children.is_empty();
            below.is_some_and(|below| entry.children.is_tree(below, is_member, key))
        })
    }
}

impl Entry {
    fn to_value(&self) -> Value {
        let mut below = self.children.to_fields_v1();
        if let (true, Some(fields)) =
            (self.member && !self.children.is_empty(), below.as_object_mut())
        {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        below
    }
}

/// What is below a key, and whether the key itself is a member.
fn read(fields: &Value, depth: usize) -> Result<(FieldSet, bool), String> {
    if depth > MAX_DEPTH {
        return Err(format!("fields are nested deeper than {MAX_DEPTH}"));
    }
    let fields = match fields {
        Value::Object(fields) => fields,
        Value::Null => return Ok((FieldSet::new(), true)),
        other => return Err(format!("expected an object, got {other}")),
    };
    let mut set = FieldSet { entries: Vec::with_capacity(fields.len()) };
    let mut is_member = false;
    let mut sorted = true;
    for (key, below) in fields {
        if key == "." {
            is_member = true;
            continue;
        }
        let Some(element) = PathElement::decode(key)? else { continue };
        let (children, member) = read(below, depth + 1)?;
        sorted &= set.entries.last().is_none_or(|last| last.element < element);
        set.push(element, member, children);
    }
    if !sorted {
        set.entries.sort_by(|a, b| a.element.cmp(&b.element));
        merge_equal(&mut set.entries);
    }
    is_member |= set.is_empty();
    Ok((set, is_member))
}

/// Two spellings of one key, for example `v:1` and `v:1.0`, are one entry.
fn merge_equal(entries: &mut Vec<Entry>) {
    entries.dedup_by(|next, kept| {
        let equal = next.element == kept.element;
        if equal {
            kept.member |= next.member;
            kept.children.unite(std::mem::take(&mut next.children));
        }
        equal
    });
}
