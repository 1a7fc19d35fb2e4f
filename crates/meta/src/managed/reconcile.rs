//! Field sets that were written when a type was another one.

use super::schema::{ListKind, Shape, Type};
use super::set::{Entry, FieldSet};

impl FieldSet {
    /// Fits a set to its type: who owns something inside what has become one value owns all of it.
    ///
    /// The other way, from one value to many, needs nothing: the set says as much as it did.
    pub(super) fn reconcile(&mut self, of: Type<'_>) {
        for entry in &mut self.entries {
            let below = match entry.element.as_field() {
                Some(name) => of.field(name),
                None => of.items(),
            };
            if let Some(below) = below {
                entry.reconcile(below);
            }
        }
    }
}

impl Entry {
    fn reconcile(&mut self, of: Type<'_>) {
        let atomic = match of.first_shape() {
            Shape::Scalar(_) => return,
            Shape::Map(map) if of.map_is_deduced(map) => return,
            Shape::Map(map) => map.atomic,
            Shape::List(list) => list.kind == ListKind::Atomic,
        };
        if !atomic {
            self.children.reconcile(of);
        } else if !self.children.is_empty() {
            self.children = FieldSet::new();
            self.member = true;
        }
    }
}
