//! Path elements: one step from a container to a field or an item of it.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use std::cmp::Ordering;
use std::fmt;

/// Most steps are no longer than this as text.
const ENCODED_USUAL_BYTES: usize = 32;

/// One step of a path, as FieldsV1 and the messages of conflicts name it.
///
/// The order is that of Go's `fieldpath.PathElement`: fields before keys before values before
/// indexes; numbers by their value, so that port 80 comes before port 443.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// A field of an object: `f:name`, shown as `.name`.
    Field(Box<str>),
    /// The item of a list that has these key fields, sorted by name: `k:{"name":"a"}`, shown as
    /// `[name="a"]`.
    Key(Box<[(Box<str>, Value)]>),
    /// The item of a set that is this value: `v:"a"`, shown as `[="a"]`.
    Value(Value),
    /// The item of a list at this position: `i:3`, shown as `[3]`.
    Index(i64),
}

impl PathElement {
    /// A field of an object.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// Reads `f:…`, `k:…`, `v:…` or `i:…`; `None` for a letter that is not known, which a reader
    /// skips because a later version may give it a meaning.
    pub(super) fn decode(text: &str) -> Result<Option<Self>, String> {
        let (letter, rest) = match text.as_bytes() {
            [letter, b':', ..] => (*letter, &text[2..]),
            [_, _, ..] => return Err(format!("missing colon: {text}")),
            _ => return Err("key must be 2 characters long:".to_owned()),
        };
        let of_json = |e: serde_json::Error| format!("{e} in {text:?}");
        Ok(Some(match letter {
            b'f' => Self::field(rest),
            b'v' => Self::Value(serde_json::from_str(rest).map_err(of_json)?),
            b'k' => Self::Key(serde_json::from_str::<Keys>(rest).map_err(of_json)?.0),
            b'i' => Self::Index(rest.parse().map_err(|e| format!("{e} in {text:?}"))?),
            _ => return Ok(None),
        }))
    }

    /// Writes what [`decode`](Self::decode) reads.
    pub(super) fn encode(&self) -> String {
        let mut text = String::with_capacity(ENCODED_USUAL_BYTES);
        self.encode_into(&mut text);
        text
    }

    pub(super) fn encode_into(&self, text: &mut String) {
        match self {
            Self::Field(name) => {
                text.push_str("f:");
                text.push_str(name);
            }
            Self::Key(fields) => {
                text.push_str("k:{");
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        text.push(',');
                    }
                    push_text(text, name);
                    text.push(':');
                    push_json(text, value);
                }
                text.push('}');
            }
            Self::Value(value) => {
                text.push_str("v:");
                push_json(text, value);
            }
            Self::Index(index) => {
                text.push_str("i:");
                text.push_str(&index.to_string());
            }
        }
    }

    pub(super) fn as_field(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

/// JSON as Go writes it into a key.
fn push_json(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => push_text(text, value),
        other => push_any(text, other),
    }
}

/// A JSON string; most names need no escapes.
fn push_text(text: &mut String, value: &str) {
    let is_plain = |byte: u8| {
        matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
    };
    if value.bytes().all(is_plain) {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        push_any(text, value);
    }
}

fn push_any(text: &mut String, value: &(impl serde::Serialize + ?Sized)) {
    // A value of a JSON tree always serialises; nothing would be lost but the name of one item.
    let bytes = crate::json::to_vec(value).unwrap_or_default();
    text.push_str(&String::from_utf8_lossy(&bytes));
}

/// The key fields of an item, by name.
struct Keys(Box<[(Box<str>, Value)]>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut fields: Vec<(Box<str>, Value)> = Vec::with_capacity(1);
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        if !fields.is_sorted_by(|a, b| a.0 < b.0) {
            // As in any object the last one of a name counts.
            fields.reverse();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            fields.dedup_by(|next, kept| next.0 == kept.0);
        }
        Ok(Keys(fields.into_boxed_slice()))
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => {
                compare_keys(a.iter().map(|(k, v)| (&**k, v)), b.iter().map(|(k, v)| (&**k, v)))
            }
            (Self::Value(a), Self::Value(b)) => compare_values(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PathElement {}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                f.write_str("[")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{name}={}", Shown(value))?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={}]", Shown(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A value as Go's `value.ToString` shows it.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { "," } else { "" }, Shown(item))?;
                }
                f.write_str("]")
            }
            Value::Object(fields) => {
                fields.iter().try_for_each(|(name, value)| write!(f, "{name}={}", Shown(value)))
            }
            scalar => write!(f, "{scalar}"),
        }
    }
}

/// The order of two lists of key fields: by name, then by value, the shorter one first.
pub(super) fn compare_keys<'a>(
    mut a: impl Iterator<Item = (&'a str, &'a Value)>,
    mut b: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Ordering {
    loop {
        let (x, y) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        match x.0.cmp(y.0).then_with(|| compare_values(x.1, y.1)) {
            Ordering::Equal => {}
            other => return other,
        }
    }
}

/// A total order of JSON values, that of Go's `value.Compare`: numbers by their value whatever
/// their form, then strings, booleans, lists, maps, null.
pub(super) fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let unequal = a.iter().zip(b).map(|(a, b)| compare_values(a, b)).find(|o| o.is_ne());
            unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => compare_keys(
            a.iter().map(|(k, v)| (k.as_str(), v)),
            b.iter().map(|(k, v)| (k.as_str(), v)),
        ),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => match (a.as_u64(), b.as_u64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            // JSON has no NaN, so the fallback is never taken.
            _ => {
                let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
                a.partial_cmp(&b).unwrap_or(Ordering::Equal)
            }
        },
    }
}

/// Whether two values say the same: `1` and `1.0` do.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b || compare_numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((ak, av), (bk, bv))| ak == bk && same(av, bv))
        }
        (a, b) => a == b,
    }
}
