//! Items of lists by name: by their key fields in a list-map, by their value in a set.

use super::element::{PathElement, compare_keys, compare_values};
use super::schema::{ListKind, ListNode, Type};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

#[cfg(test)]
thread_local! {
    /// How many pairs of names were compared: what would grow first if something were quadratic.
    pub(super) static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// What names an item, borrowed from it.
#[derive(Clone, Debug)]
pub(super) enum ItemKey<'a> {
    Value(&'a Value),
    One((&'a str, &'a Value)),
    Many(Vec<(&'a str, &'a Value)>),
}

impl<'a> ItemKey<'a> {
    /// The name of an item.
    pub(super) fn of(
        list: &'a ListNode,
        items: Type<'a>,
        item: &'a Value,
    ) -> Result<Self, &'static str> {
        let keys = match &list.kind {
            ListKind::Atomic => return Err("invalid indexing of non-associative list"),
            ListKind::Set => return Self::of_set(item),
            ListKind::Map(keys) => keys,
        };
        let fields = match item {
            Value::Object(fields) => fields,
            Value::Null => return Err("associative list with keys may not have a null element"),
            _ => return Err("associative list with keys may not have non-map elements"),
        };
        let pair = |key: &'a str| {
            let value = fields.get(key).or_else(|| items.default_of(key))?;
            Some((key, value))
        };
        let none = "associative list with keys has an element that omits all key fields \
                    (and doesn't have default values for any key fields)";
        if let [key] = &**keys {
            return pair(key).map(Self::One).ok_or(none);
        }
        let pairs: Vec<_> = keys.iter().filter_map(|key| pair(key)).collect();
        if pairs.is_empty() { Err(none) } else { Ok(Self::Many(pairs)) }
    }

    fn of_set(item: &'a Value) -> Result<Self, &'static str> {
        match item {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type")
            }
            Value::Array(_) => Err("not supported: associative list with lists as elements"),
            Value::Null => {
                Err("associative list without keys has an element that's an explicit null")
            }
            scalar => Ok(Self::Value(scalar)),
        }
    }

    /// The name as a step of a path.
    pub(super) fn to_element(&self) -> PathElement {
        match self {
            Self::Value(value) => PathElement::Value((*value).clone()),
            Self::One(_) | Self::Many(_) => {
                PathElement::Key(self.pairs().map(|(k, v)| (k.into(), v.clone())).collect())
            }
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let pairs = match self {
            Self::Value(_) => &[],
            Self::One(pair) => std::slice::from_ref(pair),
            Self::Many(pairs) => pairs,
        };
        pairs.iter().copied()
    }

    /// The order of names, that of [`PathElement`].
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        COMPARED.set(COMPARED.get() + 1);
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => compare_values(a, b),
            (Self::Value(_), _) => Ordering::Greater,
            (_, Self::Value(_)) => Ordering::Less,
            (Self::One(a), Self::One(b)) => a.0.cmp(b.0).then_with(|| compare_values(a.1, b.1)),
            (a, b) => compare_keys(a.pairs(), b.pairs()),
        }
    }

    /// The order of a name and a step of a path.
    pub(super) fn compare_element(&self, element: &PathElement) -> Ordering {
        match (self, element) {
            (Self::Value(a), PathElement::Value(b)) => compare_values(a, b),
            (Self::One(_) | Self::Many(_), PathElement::Key(b)) => {
                compare_keys(self.pairs(), b.iter().map(|(k, v)| (&**k, v)))
            }
            (_, PathElement::Field(_)) => Ordering::Greater,
            (Self::Value(_), PathElement::Key(_)) => Ordering::Greater,
            _ => Ordering::Less,
        }
    }
}

impl PartialEq for ItemKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

impl Eq for ItemKey<'_> {}

impl Hash for ItemKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Value(value) => hash_value(value, state),
            Self::One((_, value)) => hash_value(value, state),
            Self::Many(pairs) => pairs.iter().for_each(|(_, value)| hash_value(value, state)),
        }
    }
}

/// Equal numbers have equal hashes whatever their form; what is no scalar is told apart by comparing.
fn hash_value<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::String(text) => text.hash(state),
        Value::Bool(b) => b.hash(state),
        Value::Number(n) => (n.as_f64().unwrap_or_default() + 0.0).to_bits().hash(state),
        _ => {}
    }
}

/// Whether no two items have the same name.
pub(super) fn all_differ(keys: &[ItemKey<'_>]) -> bool {
    first_repeated(keys).is_none()
}

/// The first item whose name an earlier one has too.
pub(super) fn first_repeated<'k, 'a>(keys: &'k [ItemKey<'a>]) -> Option<&'k ItemKey<'a>> {
    // Lists are often sorted.
    if keys.is_sorted_by(|a, b| a.compare(b).is_lt()) {
        return None;
    }
    let mut seen = HashSet::with_capacity(keys.len());
    keys.iter().find(|key| !seen.insert(*key))
}

/// The names of all items of a list in its order.
pub(super) fn keys_of<'a>(
    list: &'a ListNode,
    items: Type<'a>,
    values: &'a [Value],
) -> Result<Vec<ItemKey<'a>>, String> {
    let key = |(i, item)| ItemKey::of(list, items, item).map_err(|e| format!("element {i}: {e}"));
    values.iter().enumerate().map(key).collect()
}

/// Items sorted by name, equal ones in the order of the list.
pub(super) fn sorted<'a>(
    keys: Vec<ItemKey<'a>>,
    values: &'a [Value],
) -> Vec<(ItemKey<'a>, &'a Value)> {
    let mut out: Vec<_> = keys.into_iter().zip(values).collect();
    out.sort_by(|a, b| a.0.compare(&b.0));
    out
}

/// Splits the run of items with the first name off a sorted list.
pub(super) fn split_run<'s, 'a>(
    sorted: &mut &'s [(ItemKey<'a>, &'a Value)],
) -> &'s [(ItemKey<'a>, &'a Value)] {
    let length = match sorted.split_first() {
        None => 0,
        Some((first, rest)) => {
            1 + rest.iter().take_while(|item| item.0.compare(&first.0).is_eq()).count()
        }
    };
    let (run, rest) = sorted.split_at(length);
    *sorted = rest;
    run
}
