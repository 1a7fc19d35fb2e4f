//! FieldsV1: how a field set is written in `metadata.managedFields`.
//!
//! A tree of objects. The key of each says what kind of step it is (`f:`, `k:`, `v:`, `i:`); an
//! empty object is a member, and `.` says that an object with content is one too.

use super::MAX_DEPTH;
use super::element::PathElement;
use super::set::{Entry, FieldSet};
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

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

    /// Writes a set as the text that [`to_fields_v1`](Self::to_fields_v1) has.
    ///
    /// `is_member` is whether the field that is the tree's root is in a set with others below it.
    pub(super) fn write(&self, is_member: bool, out: &mut Vec<u8>) {
        out.push(b'{');
        if is_member {
            out.extend_from_slice(br#"".":{}"#);
        }
        let mut is_first = !is_member;
        let mut write = |key: &str, entry: &Entry| {
            out.extend_from_slice(if is_first { b"" } else { b"," });
            is_first = false;
            push_key(key, out);
            out.push(b':');
            entry.children.write(entry.member && !entry.children.is_empty(), out);
        };
        if self.entries.iter().all(|entry| matches!(entry.element, PathElement::Field(_))) {
            let mut key = String::new();
            for entry in &self.entries {
                key.clear();
                entry.element.encode_into(&mut key);
                write(&key, entry);
            }
        } else {
            let mut keyed: Vec<_> = self.entries.iter().map(|e| (e.element.encode(), e)).collect();
            keyed.sort_by(|a, b| a.0.cmp(&b.0));
            keyed.iter().for_each(|(key, entry)| write(key, entry));
        }
        out.push(b'}');
    }
}

/// Writes a key as JSON; nearly all of them need no escapes but those of quotes.
fn push_key(key: &str, out: &mut Vec<u8>) {
    if !key.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'>' | b'&')) {
        // Text can be written as JSON.
        let _ = crate::json::write(out, key);
        return;
    }
    out.push(b'"');
    for byte in key.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
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
    let mut level = Level::default();
    for (key, below) in fields {
        match Key::of(key)? {
            Key::Itself => level.is_member = true,
            Key::Unknown => {}
            Key::Below(element) => level.add(element, read(below, depth + 1)?),
        }
    }
    Ok(level.done())
}

/// What a key says.
enum Key {
    /// The field itself is a member.
    Itself,
    Below(PathElement),
    /// What later versions may know.
    Unknown,
}

impl Key {
    fn of(text: &str) -> Result<Self, String> {
        match text {
            "." => Ok(Self::Itself),
            _ => Ok(PathElement::decode(text)?.map_or(Self::Unknown, Self::Below)),
        }
    }
}

/// One object of the tree, as far as it has been read.
#[derive(Default)]
struct Level {
    set: FieldSet,
    is_member: bool,
    is_unsorted: bool,
}

impl Level {
    fn add(&mut self, element: PathElement, (children, member): (FieldSet, bool)) {
        self.is_unsorted |= self.set.entries.last().is_some_and(|last| last.element >= element);
        self.set.push(element, member, children);
    }

    fn done(mut self) -> (FieldSet, bool) {
        let entries = &mut self.set.entries;
        if self.is_unsorted {
            entries.sort_by(|a, b| a.element.cmp(&b.element));
            merge_equal(entries);
        }
        let is_member = self.is_member || self.set.is_empty();
        (self.set, is_member)
    }
}

/// A set as it is read from text, without a tree in between.
pub(super) struct Fields(pub(super) FieldSet);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Node { depth: 0 }.deserialize(deserializer)?.0))
    }
}

struct Node {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = (FieldSet, bool);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = (FieldSet, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((FieldSet::new(), true))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom(format!("fields are nested deeper than {MAX_DEPTH}")));
        }
        let mut level = Level::default();
        while let Some(key) = map.next_key_seed(KeyOf)? {
            match key {
                Key::Itself => {
                    map.next_value::<IgnoredAny>()?;
                    level.is_member = true;
                }
                Key::Unknown => _ = map.next_value::<IgnoredAny>()?,
                Key::Below(element) => {
                    level.add(element, map.next_value_seed(Node { depth: self.depth + 1 })?);
                }
            }
        }
        Ok(level.done())
    }
}

struct KeyOf;

impl<'de> DeserializeSeed<'de> for KeyOf {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key of fields")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
        Key::of(text).map_err(E::custom)
    }
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
