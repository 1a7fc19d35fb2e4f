//! Ordinary writes: create, update and every patch but apply.

use super::entries::{Entry, Manager, Operation, cap, in_force, whole_seconds, write};
use super::record::Record;
use super::track::{Change, reconcile};
use super::versions::Versions;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;
use std::fmt;

/// Why ownership could not be worked out. The text is for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// The stored object, and apart from it who owns its fields: what is recorded may be the larger part.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The object without `metadata.managedFields`.
    pub object: &'a Value,
    /// Who owns its fields.
    pub record: &'a Record,
}

/// An object as a client has sent it.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The object without `metadata.managedFields`.
    pub object: &'a Value,
    /// Its `metadata.managedFields`; none is not the same as an empty list.
    pub managed_fields: Option<&'a [ManagedFieldsEntry]>,
}

/// The entries of an object that is created or changed by an ordinary write.
///
/// `new` is the object as the client has written it, before the kind's own preparation: what the
/// server sets afterwards belongs to nobody. `live` is the stored object, `None` for a create. Both
/// are in the version of `manager`, whose operation does not matter: it is always an update.
///
/// An object without entries that is not new stays without; its first apply starts the record.
///
/// # Errors
/// Where an object does not fit its schema or cannot be converted. Go's servers then go on without
/// any entries, and so should the caller.
pub fn update(
    versions: &dyn Versions,
    live: Option<Live<'_>>,
    new: Sent<'_>,
    manager: &Manager,
    now: Timestamp,
) -> Result<Record, Error> {
    let nobody = Record::default();
    let recorded = live.map_or(&nobody, |live| live.record);
    let mut entries = in_force(recorded, new.managed_fields, &manager.subresource);
    if entries.is_empty() && live.is_some_and(|live| has_uid(live.object)) {
        return Ok(nobody);
    }
    let nothing = Value::Null;
    let old = live.map(|live| live.object).or_else(|| versions.empty(&manager.api_version));
    let manager = Manager { operation: Operation::Update, ..manager.or_unknown() };
    let old = old.unwrap_or(&nothing);
    let change = Change { versions, old, new: new.object, manager: &manager };
    record(&change, &mut entries, now)?;
    Ok(write(entries))
}

/// A stored object has a UID; what is compared with for a create has none.
pub(super) fn has_uid(object: &Value) -> bool {
    object["metadata"]["uid"].as_str().is_some_and(|uid| !uid.is_empty())
}

/// Gives the manager of a change what it has changed.
pub(super) fn record(
    change: &Change<'_>,
    entries: &mut Vec<Entry>,
    now: Timestamp,
) -> Result<(), Error> {
    let versions = change.versions;
    let mut found = change.compare()?;
    reconcile(versions, entries);
    if found.is_empty() {
        entries.retain(|e| !e.set.is_empty() && versions.schema(&e.manager.api_version).is_some());
        return Ok(());
    }
    change.filter(&change.manager.api_version, &mut found);
    // The manager's own entry loses the fields too, and gets back those that are still there.
    change.take_away(&found, entries, None, true)?;
    let mut set = found.added;
    set.unite(found.modified);
    if !set.is_empty() {
        let time = Some(whole_seconds(now));
        match entries.iter_mut().find(|e| e.manager.is_same(change.manager)) {
            Some(own) => {
                own.set.unite(set);
                own.time = time;
            }
            None => entries.push(Entry { manager: change.manager.clone(), set, time }),
        }
    }
    cap(entries);
    Ok(())
}
