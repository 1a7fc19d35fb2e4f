//! What has changed between two states of an object, as field sets.

use super::MAX_DEPTH;
use super::element::{PathElement, same};
use super::items::{ItemKey, all_differ, keys_of, sorted, split_run};
use super::problem::Problem;
use super::schema::{ListKind, ListNode, Owned, Shape, Type};
use super::set::FieldSet;
use serde_json::{Map, Value};

/// The fields in which two states of an object differ.
///
/// None is in two of the sets, but for items whose name several have on one side only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The fields that only the new state has.
    pub added: FieldSet,
    /// The fields that both states have with different values.
    pub modified: FieldSet,
    /// The fields that only the old state has.
    pub removed: FieldSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Added,
    Modified,
    Removed,
}

type Pair<'a> = (Option<&'a Value>, Option<&'a Value>);

impl Comparison {
    /// Compares two states of an object of a type.
    ///
    /// A field that the type does not declare is compared as a value of which nothing is known, for
    /// what is already there is not to be refused here.
    ///
    /// # Errors
    /// Where an item of a list has no name, and where an object is deeper than
    /// [`MAX_DEPTH`]. The text is Go's.
    pub fn of(schema: Type<'_>, old: &Value, new: &Value) -> Result<Self, String> {
        let mut out = Self::default();
        walk(schema, (Some(old), Some(new)), 0, &mut out).map_err(|p| p.to_string())?;
        Ok(out)
    }

    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Drops fields and all that is below them.
    pub(super) fn leave_out(&mut self, fields: &FieldSet) {
        self.added.subtract_recursively(fields);
        self.modified.subtract_recursively(fields);
        self.removed.subtract_recursively(fields);
    }

    fn push(&mut self, element: impl Fn() -> PathElement, change: Change, below: Self) {
        let sets = [
            (&mut self.added, Change::Added, below.added),
            (&mut self.modified, Change::Modified, below.modified),
            (&mut self.removed, Change::Removed, below.removed),
        ];
        for (set, of, children) in sets {
            if change == of || !children.is_empty() {
                set.push(element(), change == of, children);
            }
        }
    }
}

/// Compares two values, of which at least one is there. What is found below goes to `out`, what
/// became of the value itself is returned.
fn walk(
    of: Type<'_>,
    pair: Pair<'_>,
    depth: usize,
    out: &mut Comparison,
) -> Result<Change, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::too_deep());
    }
    let change = match pair {
        (None, None) => return Ok(Change::None),
        (Some(one), None) => {
            step(of, of.shape(one), pair, depth, out)?;
            Change::Removed
        }
        (None, Some(one)) => {
            step(of, of.shape(one), pair, depth, out)?;
            Change::Added
        }
        (Some(old), Some(new)) => {
            let (before, after) = (of.shape(old), of.shape(new));
            let mut leaf = step(of, after, pair, depth, out)?;
            if !before.is_like(after) {
                // The value has become one of another kind: what was below it is gone.
                let mut gone = Comparison::default();
                leaf |= step(of, before, pair, depth, &mut gone)?;
                out.added.unite(gone.added);
                out.modified.unite(gone.modified);
                out.removed.unite(gone.removed);
            }
            if leaf && !same(old, new) { Change::Modified } else { Change::None }
        }
    };
    Ok(if of.owned() == Owned::Yes { change } else { Change::None })
}

/// Compares two values as values of one shape; whether they are one value each rather than a
/// container of fields or items.
fn step<'a>(
    of: Type<'a>,
    shape: Shape<'a>,
    (old, new): Pair<'a>,
    depth: usize,
    out: &mut Comparison,
) -> Result<bool, Problem> {
    match shape {
        Shape::Scalar(_) => Ok(true),
        Shape::Map(map) => {
            let object = |value: Option<&'a Value>| {
                value.and_then(Value::as_object).filter(|fields| !fields.is_empty())
            };
            let (old, new) = (object(old), object(new));
            if map.atomic || (old.is_none() && new.is_none()) {
                return Ok(true);
            }
            fields(of, old, new, depth, out)?;
            Ok(false)
        }
        Shape::List(list) => {
            let items = |value: Option<&'a Value>| {
                value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
            };
            let (old, new) = (items(old), items(new));
            if list.kind == ListKind::Atomic || (old.is_empty() && new.is_empty()) {
                return Ok(true);
            }
            items_of(of, list, old, new, depth, out)?;
            Ok(false)
        }
    }
}

fn fields(
    of: Type<'_>,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    depth: usize,
    out: &mut Comparison,
) -> Result<(), Problem> {
    let mut old = old.into_iter().flatten().peekable();
    let mut new = new.into_iter().flatten().peekable();
    loop {
        let (name, pair) = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some((a, _)), Some((b, _))) if a == b => match (old.next(), new.next()) {
                (Some((name, x)), y) => (name, (Some(x), y.map(|(_, y)| y))),
                (None, _) => return Ok(()),
            },
            (Some((a, _)), Some((b, _))) if a > b => match new.next() {
                Some((name, y)) => (name, (None, Some(y))),
                None => return Ok(()),
            },
            (None, Some(_)) => match new.next() {
                Some((name, y)) => (name, (None, Some(y))),
                None => return Ok(()),
            },
            (Some(_), _) => match old.next() {
                Some((name, x)) => (name, (Some(x), None)),
                None => return Ok(()),
            },
        };
        let below_type = of.below(name);
        if below_type.owned() == Owned::Never {
            continue;
        }
        let mut below = Comparison::default();
        let element = || PathElement::field(name);
        let change = walk(below_type, pair, depth + 1, &mut below)
            .map_err(|problem| problem.below(&element()))?;
        out.push(element, change, below);
    }
}

fn items_of<'a>(
    of: Type<'a>,
    list: &'a ListNode,
    old: &'a [Value],
    new: &'a [Value],
    depth: usize,
    out: &mut Comparison,
) -> Result<(), Problem> {
    let items = of.of_items(list);
    let keys = |values| keys_of(list, items, values).map_err(Problem::new);
    let (old_keys, new_keys) = (keys(old)?, keys(new)?);
    if old_keys == new_keys && all_differ(&new_keys) {
        return same_items(items, &new_keys, old, new, depth, out);
    }
    let (old, new) = (sorted(old_keys, old), sorted(new_keys, new));
    let (mut old, mut new) = (&old[..], &new[..]);
    while let Some(key) = first_key(old, new) {
        let is_next = |rest: &[(ItemKey<'a>, &'a Value)]| {
            rest.first().is_some_and(|item| item.0.compare(key).is_eq())
        };
        let olds = if is_next(old) { split_run(&mut old) } else { &[] };
        let news = if is_next(new) { split_run(&mut new) } else { &[] };
        let mut below = Comparison::default();
        let element = || key.to_element();
        let mut compare = |pair| {
            let found = walk(items, pair, depth + 1, &mut below);
            found.map_err(|problem| problem.below(&element()))
        };
        // Items with the same name are owned together and without what is below them.
        let change = match (olds, news) {
            ([] | [_], [] | [_]) => {
                compare((olds.first().map(|i| i.1), news.first().map(|i| i.1)))?
            }
            ([_, _, ..], [_, _, ..]) => {
                let equal =
                    olds.len() == news.len() && olds.iter().zip(news).all(|(a, b)| same(a.1, b.1));
                if equal { Change::None } else { Change::Modified }
            }
            ([_, _, ..], one) => {
                if let [one] = one {
                    // The name is an item of its own now: the new owner gets what is below it.
                    compare((None, Some(one.1)))?;
                    out.added.push(element(), true, std::mem::take(&mut below.added));
                }
                Change::Removed
            }
            (one, [_, _, ..]) => {
                if let [one] = one {
                    compare((Some(one.1), None))?;
                    out.removed.push(element(), true, std::mem::take(&mut below.removed));
                }
                Change::Added
            }
        };
        out.push(element, change, below);
    }
    Ok(())
}

/// Compares lists that have the same items in the same order, which is what most writes leave.
fn same_items<'a>(
    items: Type<'a>,
    keys: &[ItemKey<'a>],
    old: &'a [Value],
    new: &'a [Value],
    depth: usize,
    out: &mut Comparison,
) -> Result<(), Problem> {
    for ((key, old), new) in keys.iter().zip(old).zip(new) {
        let mut below = Comparison::default();
        let element = || key.to_element();
        let change = walk(items, (Some(old), Some(new)), depth + 1, &mut below)
            .map_err(|problem| problem.below(&element()))?;
        out.push(element, change, below);
    }
    for set in [&mut out.added, &mut out.modified, &mut out.removed] {
        set.entries.sort_by(|a, b| a.element.cmp(&b.element));
    }
    Ok(())
}

fn first_key<'s, 'a>(
    old: &'s [(ItemKey<'a>, &'a Value)],
    new: &'s [(ItemKey<'a>, &'a Value)],
) -> Option<&'s ItemKey<'a>> {
    match (old.first(), new.first()) {
        (Some(a), Some(b)) => Some(if a.0.compare(&b.0).is_le() { &a.0 } else { &b.0 }),
        (a, b) => a.or(b).map(|item| &item.0),
    }
}
