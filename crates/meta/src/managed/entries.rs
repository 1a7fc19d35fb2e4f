//! The entries of `metadata.managedFields`, read and written.

use super::MAX_UPDATE_MANAGERS;
use super::set::FieldSet;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use serde_json::Value;

/// Under this name the oldest entries become one.
const ANCIENT: &str = "ancient-changes";
const FIELDS_V1: &str = "FieldsV1";

/// In whose name, how and where a write is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// The field manager, `fieldManager` of the request; an empty one is called `unknown`.
    pub name: String,
    /// Whether it applies or writes.
    pub operation: Operation,
    /// The version in which it speaks, `group/version`.
    pub api_version: String,
    /// The subresource it writes to, or empty.
    pub subresource: String,
}

/// How a manager came to own its fields. The order is that of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

/// What one manager owns.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) manager: Manager,
    pub(super) set: FieldSet,
    pub(super) time: Option<Timestamp>,
}

impl Manager {
    /// Whether two are the same manager: of one that applies, the version does not count, so that
    /// its new configuration replaces the old one in whatever version.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.operation == other.operation
            && self.name == other.name
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// What managers are sorted by in messages and where times are equal.
    pub(super) fn sort_key(&self) -> (&str, Operation, &str, &str) {
        (&self.name, self.operation, &self.api_version, &self.subresource)
    }

    pub(super) fn or_unknown(&self) -> Self {
        let mut manager = self.clone();
        if manager.name.is_empty() {
            "unknown".clone_into(&mut manager.name);
        }
        manager
    }
}

impl Entry {
    fn seconds(&self) -> i64 {
        self.time.map_or(0, Timestamp::as_second)
    }
}

/// The entries that an object carries. Of two for one manager the last one counts, as in Go.
pub(super) fn read(object: &Value) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let list = object["metadata"]["managedFields"].as_array();
    for (i, entry) in list.into_iter().flatten().enumerate() {
        let entry = read_entry(i, entry)?;
        match entries.iter_mut().find(|e| e.manager.is_same(&entry.manager)) {
            Some(same) => *same = entry,
            None => entries.push(entry),
        }
    }
    Ok(entries)
}

fn read_entry(i: usize, entry: &Value) -> Result<Entry, String> {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    if text("apiVersion").is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        FIELDS_V1 => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {i}")),
        other => return Err(format!("invalid fieldsType {other:?} in managed fields entry {i}")),
    }
    let set = match entry.get("fieldsV1") {
        Some(fields) => FieldSet::from_fields_v1(fields),
        None => Ok(FieldSet::new()),
    };
    let set = set.map_err(|e| format!("error decoding set: {e}"))?;
    let time = match &entry["time"] {
        Value::String(time) => Some(time.parse().map_err(|e| format!("error decoding time: {e}"))?),
        _ => None,
    };
    let manager = Manager {
        name: text("manager").to_owned(),
        operation,
        api_version: text("apiVersion").to_owned(),
        subresource: text("subresource").to_owned(),
    };
    Ok(Entry { manager, set, time })
}

/// The entries in force for a write: the client's own if it has sent any, or else the live ones.
///
/// On a subresource the client's are ignored. What cannot be read counts as not there.
pub(super) fn in_force(live: Option<&Value>, new: &Value, subresource: &str) -> Vec<Entry> {
    let of_live = || live.and_then(|live| read(live).ok()).unwrap_or_default();
    if !subresource.is_empty() {
        return of_live();
    }
    match new["metadata"]["managedFields"].as_array() {
        Some(list) if is_reset(list) => Vec::new(),
        None => of_live(),
        Some(_) => match read(new) {
            Ok(entries) if !entries.is_empty() => entries,
            _ => of_live(),
        },
    }
}

/// `[]` or `[{}]`: the client wants the record to start afresh.
fn is_reset(list: &[Value]) -> bool {
    let is_empty = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
    match list {
        [] => true,
        [Value::Object(entry)] => entry.values().all(is_empty),
        _ => false,
    }
}

/// The entries as metadata carry them, in Go's order: those of apply first, then by time in
/// seconds, then by manager, version and subresource.
pub(super) fn write(mut entries: Vec<Entry>) -> Vec<ManagedFieldsEntry> {
    entries.sort_by(|a, b| {
        let key = |e: &Entry| (e.manager.operation, e.seconds());
        let name = |m: &Manager| (m.name.clone(), m.api_version.clone(), m.subresource.clone());
        key(a).cmp(&key(b)).then_with(|| name(&a.manager).cmp(&name(&b.manager)))
    });
    entries.into_iter().map(write_entry).collect()
}

fn write_entry(entry: Entry) -> ManagedFieldsEntry {
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());
    let Manager { name, operation, api_version, subresource } = entry.manager;
    let operation = match operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    ManagedFieldsEntry {
        manager: filled(name),
        operation: Some(operation.to_owned()),
        api_version: filled(api_version),
        subresource: filled(subresource),
        time: entry.time.map(Time),
        fields_type: Some(FIELDS_V1.to_owned()),
        fields_v1: Some(FieldsV1(entry.set.to_fields_v1())),
    }
}

/// A time as metadata carry it, in whole seconds.
pub(super) fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Merges the oldest entries of ordinary writes while there are too many, by version.
pub(super) fn cap(entries: &mut Vec<Entry>) {
    let is_update = |e: &&Entry| e.manager.operation == Operation::Update;
    let count = entries.iter().filter(is_update).count();
    if count <= MAX_UPDATE_MANAGERS {
        return;
    }
    // The entries of ordinary writes come last and in the order of their age.
    entries.sort_by(|a, b| {
        let age = |e: &Entry| (e.manager.operation, e.seconds());
        age(a).cmp(&age(b)).then_with(|| a.manager.sort_key().cmp(&b.manager.sort_key()))
    });
    let mut over = count - MAX_UPDATE_MANAGERS;
    let mut at = entries.len() - count;
    while over > 0 && at < entries.len() {
        let version = entries[at].manager.api_version.clone();
        let bucket = Manager {
            name: ANCIENT.to_owned(),
            operation: Operation::Update,
            api_version: version.clone(),
            subresource: String::new(),
        };
        let older = |e: &Entry| {
            e.manager.operation == Operation::Update && e.manager.api_version == version
        };
        let Some(first) = entries[..at].iter().position(older) else {
            at += 1;
            continue;
        };
        let entry = entries.remove(at);
        entries[first].set.unite(entry.set);
        // The bucket is as old as the youngest entry in it.
        entries[first].time = entry.time;
        entries[first].manager = bucket;
        over -= 1;
    }
}

/// Whether two lists of entries say the same but for their times.
///
/// A write that changes nothing else is no write: the server keeps the stored object.
#[must_use]
pub fn differ_only_in_time(a: &[ManagedFieldsEntry], b: &[ManagedFieldsEntry]) -> bool {
    let same = |a: &ManagedFieldsEntry, b: &ManagedFieldsEntry| {
        (&a.manager, &a.operation, &a.api_version, &a.subresource, &a.fields_v1)
            == (&b.manager, &b.operation, &b.api_version, &b.subresource, &b.fields_v1)
    };
    a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| same(a, b)))
}
