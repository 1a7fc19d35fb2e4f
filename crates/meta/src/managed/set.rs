//! Field sets: which fields of an object somebody owns, and the algebra of such sets.

use super::element::PathElement;
use super::schema::Type;
use std::cmp::Ordering;
use std::fmt;

/// A set of fields of an object, as a tree that shares the beginnings of paths.
///
/// A field may be a member with or without its parent: who owns `spec.image` does not own `spec`.
/// What a set says on the wire is in [`FieldSet::from_fields_v1`] and [`FieldSet::to_fields_v1`].
///
/// ```
/// use pintle_meta::managed::FieldSet;
/// use serde_json::json;
///
/// let a = FieldSet::from_fields_v1(&json!({"f:spec": {"f:image": {}, "f:replicas": {}}})).unwrap();
/// let b = FieldSet::from_fields_v1(&json!({"f:spec": {"f:image": {}}})).unwrap();
/// assert_eq!(a.difference(&b).to_string(), ".spec.replicas");
/// assert_eq!(a.intersection(&b), b);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Sorted by element, each once; an entry is a member, has children, or both.
    pub(super) entries: Vec<Entry>,
}

/// One element of a set with what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) element: PathElement,
    /// Whether the field itself is in the set; `.` on the wire where it has children too.
    pub(super) member: bool,
    pub(super) children: FieldSet,
}

impl FieldSet {
    /// A set without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of one field and what is on the way to it, the way not included; an object as a
    /// whole, the empty path, is never a member.
    pub fn insert(&mut self, path: impl IntoIterator<Item = PathElement>) {
        let mut path = path.into_iter().peekable();
        let mut set = self;
        while let Some(element) = path.next() {
            let at = match set.entries.binary_search_by(|e| e.element.cmp(&element)) {
                Ok(at) => at,
                Err(at) => {
                    let entry = Entry { element, member: false, children: Self::new() };
                    set.entries.insert(at, entry);
                    at
                }
            };
            let entry = &mut set.entries[at];
            entry.member |= path.peek().is_none();
            set = &mut entry.children;
        }
    }

    /// Adds what a walk over a container has found, where it has found something.
    pub(super) fn push(&mut self, element: PathElement, member: bool, children: Self) {
        if member || !children.is_empty() {
            self.entries.push(Entry { element, member, children });
        }
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().map(|e| usize::from(e.member) + e.children.len()).sum()
    }

    pub(super) fn find(&self, element: &PathElement) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|e| e.element.cmp(element)).ok()?;
        Some(&self.entries[at])
    }

    /// Whether a field is a member.
    #[must_use]
    pub fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.find(last).is_some_and(|e| e.member),
            [first, rest @ ..] => self.find(first).is_some_and(|e| e.children.has(rest)),
        }
    }

    /// Calls `found` with each member in Go's order: at each level first the members, then what is
    /// below them.
    pub fn for_each(&self, mut found: impl FnMut(&[PathElement])) {
        self.walk(&mut Vec::new(), &mut found);
    }

    fn walk(&self, path: &mut Vec<PathElement>, found: &mut dyn FnMut(&[PathElement])) {
        for entry in self.entries.iter().filter(|e| e.member) {
            path.push(entry.element.clone());
            found(path);
            path.pop();
        }
        for entry in self.entries.iter().filter(|e| !e.children.is_empty()) {
            path.push(entry.element.clone());
            entry.children.walk(path, found);
            path.pop();
        }
    }

    /// The members that have no members below them.
    #[must_use]
    pub fn leaves(&self) -> Self {
        let leaf = |e: &Entry| Entry {
            element: e.element.clone(),
            member: e.children.is_empty(),
            children: e.children.leaves(),
        };
        Self { entries: self.entries.iter().map(leaf).collect() }
    }

    /// Adds the members of another set.
    pub fn unite(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        if other.is_empty() {
            return;
        }
        let mine = std::mem::take(&mut self.entries);
        let mut out = Vec::with_capacity(mine.len().max(other.entries.len()));
        let mut theirs = other.entries.into_iter().peekable();
        for mut entry in mine {
            while let Some(before) = theirs.next_if(|e| e.element < entry.element) {
                out.push(before);
            }
            if let Some(same) = theirs.next_if(|e| e.element == entry.element) {
                entry.member |= same.member;
                entry.children.unite(same.children);
            }
            out.push(entry);
        }
        out.extend(theirs);
        self.entries = out;
    }

    /// The members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.unite(other.clone());
        out
    }

    /// Drops the members of another set; what is below them stays.
    pub fn subtract(&mut self, other: &Self) {
        self.thin(other, false);
    }

    /// Drops the members of another set and all that is below them.
    pub fn subtract_recursively(&mut self, other: &Self) {
        self.thin(other, true);
    }

    /// Drops the members of another set after
    /// [`ensure_named_fields_are_members`](Self::ensure_named_fields_are_members) of it.
    pub(super) fn subtract_with_named_fields(&mut self, other: &Self, of: Type<'_>) {
        let mut rest = &other.entries[..];
        self.entries.retain_mut(|entry| {
            let Some(other) = advance(&mut rest, &entry.element) else { return true };
            let (named, below) = of.step(&entry.element);
            let is_member = other.member || (named && !other.children.is_empty());
            entry.member &= !is_member;
            match below {
                Some(below) => entry.children.subtract_with_named_fields(&other.children, below),
                None => entry.children.subtract(&other.children),
            }
            entry.member || !entry.children.is_empty()
        });
    }

    fn thin(&mut self, other: &Self, recursively: bool) {
        if other.is_empty() {
            return;
        }
        let mut rest = &other.entries[..];
        self.entries.retain_mut(|entry| {
            let Some(other) = advance(&mut rest, &entry.element) else { return true };
            if recursively && other.member {
                return false;
            }
            entry.member &= !other.member;
            entry.children.thin(&other.children, recursively);
            entry.member || !entry.children.is_empty()
        });
    }

    /// The members of this set that are not in the other; what is below those stays.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.subtract(other);
        out
    }

    /// The members of this set that are neither in the other nor below a member of it.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.subtract_recursively(other);
        out
    }

    /// The members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::new();
        let mut rest = &other.entries[..];
        for entry in &self.entries {
            if let Some(other) = advance(&mut rest, &entry.element) {
                let member = entry.member && other.member;
                let children = entry.children.intersection(&other.children);
                if member || !children.is_empty() {
                    out.push(entry.element.clone(), member, children);
                }
            }
        }
        out
    }

    /// Whether each member is in the other set too.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut rest = &other.entries[..];
        self.entries.iter().all(|entry| {
            advance(&mut rest, &entry.element).is_some_and(|other| {
                (!entry.member || other.member) && entry.children.is_subset(&other.children)
            })
        })
    }

    /// Makes each field that a type declares a member where something below it is one.
    ///
    /// Whoever owns `spec.image` then owns `spec` too, but who owns the label `metadata.labels.a`
    /// owns `metadata.labels` only because that is a declared field, and never a key of a map.
    pub fn ensure_named_fields_are_members(&mut self, of: Type<'_>) {
        for entry in &mut self.entries {
            let (named, below) = of.step(&entry.element);
            entry.member |= named && !entry.children.is_empty();
            if let Some(below) = below {
                entry.children.ensure_named_fields_are_members(below);
            }
        }
    }
}

impl<'a> Type<'a> {
    /// Whether a step leads to a field that the schema names, and the type it leads to.
    fn step(self, element: &PathElement) -> (bool, Option<Self>) {
        match element {
            PathElement::Field(name) => match self.declared(name) {
                Some(named) => (true, Some(named)),
                None => (false, self.values()),
            },
            PathElement::Key(_) => (false, self.items()),
            PathElement::Value(_) | PathElement::Index(_) => (false, None),
        }
    }
}

/// Skips to an element in what is left of a sorted set.
fn advance<'a>(rest: &mut &'a [Entry], element: &PathElement) -> Option<&'a Entry> {
    // Stepping wins where both sets are alike, which is the usual case; searching where they are not.
    const STEPS_MAX: usize = 4;
    for _ in 0..STEPS_MAX {
        let (first, others) = rest.split_first()?;
        match first.element.cmp(element) {
            Ordering::Less => *rest = others,
            Ordering::Equal => {
                *rest = others;
                return Some(first);
            }
            Ordering::Greater => return None,
        }
    }
    *rest = &rest[rest.partition_point(|e| e.element < *element)..];
    let (first, others) = rest.split_first().filter(|(first, _)| first.element == *element)?;
    *rest = others;
    Some(first)
}

impl fmt::Display for FieldSet {
    /// The paths of the members, one a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        self.for_each(|path| lines.push(path_text(path)));
        f.write_str(&lines.join("\n"))
    }
}

/// A path as messages show it, for example `.spec.containers[name="a"].image`.
pub(super) fn path_text(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}
