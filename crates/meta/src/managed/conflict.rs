//! Conflicts: fields that an apply would change and that others own.

use super::element::PathElement;
use super::entries::{Entry, Manager, Operation};
use super::set::{FieldSet, path_text};
use crate::status::{Cause, Status};
use std::fmt;

/// One field that another manager owns with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns the field.
    pub manager: Manager,
    /// The way to the field.
    pub path: Vec<PathElement>,
}

/// All conflicts of an apply, sorted by manager; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflicts(pub(super) Vec<Conflict>);

impl Conflicts {
    pub(super) fn of(owned: &mut Vec<(&Entry, FieldSet)>) -> Self {
        owned.sort_by(|a, b| a.0.manager.sort_key().cmp(&b.0.manager.sort_key()));
        let mut conflicts = Vec::new();
        for (entry, set) in owned {
            set.for_each(|path| {
                let manager = entry.manager.clone();
                conflicts.push(Conflict { manager, path: path.to_vec() });
            });
        }
        Self(conflicts)
    }

    /// The conflicts.
    #[must_use]
    pub fn as_slice(&self) -> &[Conflict] {
        &self.0
    }

    /// The conflicts of an apply to a part that has one field of the object, as its client sees them:
    /// the field is the part's, and so is the version in which it was written.
    #[must_use]
    pub fn of_part(mut self, field: &[PathElement], api_version: &str) -> Self {
        for conflict in &mut self.0 {
            conflict.path = field.to_vec();
            api_version.clone_into(&mut conflict.manager.api_version);
        }
        self
    }

    /// The conflicts as causes of a [`Status`].
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let cause = |conflict: &Conflict| Cause {
            reason: "FieldManagerConflict".to_owned(),
            message: format!("conflict with {}", Owner(&conflict.manager)),
            field: path_text(&conflict.path),
        };
        self.0.iter().map(cause).collect()
    }
}

impl From<Conflicts> for Status {
    fn from(conflicts: Conflicts) -> Self {
        Self::apply_conflict(conflicts.to_string(), conflicts.causes())
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            let (owner, path) = (Owner(&one.manager), path_text(&one.path));
            return write!(f, "Apply failed with 1 conflict: conflict with {owner}: {path}");
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut last: Option<&Manager> = None;
        for conflict in &self.0 {
            let line = if last.is_some() { "\n" } else { "" };
            if last.is_none_or(|last| *last != conflict.manager) {
                write!(f, "{line}conflicts with {}:", Owner(&conflict.manager))?;
            }
            write!(f, "\n- {}", path_text(&conflict.path))?;
            last = Some(&conflict.manager);
        }
        Ok(())
    }
}

/// A manager as messages name it: of one that applies, the version is not told.
struct Owner<'a>(&'a Manager);

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manager { name, operation, api_version, subresource } = self.0;
        write!(f, "{name:?}")?;
        if !subresource.is_empty() {
            write!(f, " with subresource {subresource:?}")?;
        }
        match operation {
            Operation::Apply => Ok(()),
            Operation::Update => write!(f, " using {api_version}"),
        }
    }
}
