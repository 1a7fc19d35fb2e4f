//! Who owns which field: `metadata.managedFields`, and server-side apply, which is built on it.
//!
//! Every write is done in the name of a manager. An ordinary write ([`update`]) makes its manager
//! the owner of what it has changed; an apply ([`apply`]) hands in a configuration, the fields that
//! the manager cares about, and gets an error where another manager owns one of them with another
//! value. What was in the manager's last configuration and is not in this one is removed, unless
//! somebody else owns it.
//!
//! The rules are those of
//! [structured-merge-diff](https://github.com/kubernetes-sigs/structured-merge-diff) v6 and of
//! `k8s.io/apimachinery/pkg/util/managedfields`. All of it is arithmetic on JSON trees: no I/O, no
//! clock.
//!
//! # Who reads and writes `metadata.managedFields`
//! Objects come and go with their `metadata.managedFields` beside them, those of stored ones as text
//! ([`Record`]), which is read and written here and nowhere else. A client may set them too: with [`update`], entries in the
//! new object replace those of the live one if they can be read; `[]` and `[{}]` start afresh; none
//! at all leaves those of the live object in force. So a caller must hand an empty list on as one.

mod apply;
mod collect;
mod compare;
mod compile;
mod conflict;
mod element;
mod entries;
mod fields_v1;
mod items;
mod last_applied;
mod merge;
mod object_meta;
mod problem;
mod prune;
mod reconcile;
mod record;
mod remove;
mod schema;
mod set;
mod track;
mod update;
mod validate;
mod versions;

#[cfg(test)]
mod tests;

pub use apply::{Applied, ApplyError, apply};
pub use compare::Comparison;
pub use conflict::{Conflict, Conflicts};
pub use element::PathElement;
pub use entries::{Manager, Operation};
pub use record::{MANAGED_FIELDS_KEY, Record};
pub use schema::{ListType, Type, TypeSchema};
pub use set::FieldSet;
pub use update::{Error, Live, Sent, update};
pub use versions::Versions;

/// How deep an object, a schema or a tree of fields may be nested.
///
/// All walks recurse; the limit is above that of [`json::MAX_DEPTH`](crate::json::MAX_DEPTH), so
/// that whatever was read can be walked.
pub const MAX_DEPTH: usize = 160;

/// How many entries of ordinary writes an object keeps; the oldest ones over that become one,
/// `ancient-changes`.
pub const MAX_UPDATE_MANAGERS: usize = 10;
