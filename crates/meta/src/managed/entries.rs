//! The entries of `metadata.managedFields`, read and written.

use super::MAX_UPDATE_MANAGERS;
use super::record::Record;
use super::set::FieldSet;
use crate::json;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        self.identity() == other.identity()
    }

    /// What tells managers apart.
    fn identity(&self) -> (Operation, &str, &str, &str) {
        let version = match self.operation {
            Operation::Apply => "",
            Operation::Update => &self.api_version,
        };
        (self.operation, &self.name, &self.subresource, version)
    }

    /// What managers are sorted by in messages and where times are equal.
    pub(super) fn sort_key(&self) -> (&str, Operation, &str, &str) {
        (&self.name, self.operation, &self.api_version, &self.subresource)
    }

    /// What entries of one kind and time are sorted by.
    fn name_key(&self) -> (&str, &str, &str) {
        (&self.name, &self.api_version, &self.subresource)
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

    /// Writes the entry as [`encode`](crate::encode::encode) writes it.
    fn write(&self, out: &mut Vec<u8>) {
        let Manager { name, operation, api_version, subresource } = &self.manager;
        let operation = match operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        out.push(b'{');
        push_text("manager", name, out);
        push_text("operation", operation, out);
        push_text("apiVersion", api_version, out);
        if let Some(time) = self.time {
            push_text("time", &time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), out);
        }
        push_text("fieldsType", FIELDS_V1, out);
        out.extend_from_slice(br#","fieldsV1":"#);
        self.set.write(false, out);
        push_text("subresource", subresource, out);
        out.push(b'}');
    }
}

/// Writes a field of an entry, unless it is empty.
fn push_text(name: &str, value: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        return;
    }
    if !out.ends_with(b"{") {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"":"#);
    // Text can be written as JSON.
    let _ = json::write(out, value);
}

/// The entries that an object carries.
pub(super) fn read(list: &[ManagedFieldsEntry]) -> Result<Vec<Entry>, String> {
    let read = list.iter().enumerate().map(|(i, entry)| {
        let fields = entry.fields_v1.as_ref().map(|fields| FieldSet::from_fields_v1(&fields.0));
        entry_of(i, entry, fields)
    });
    read.collect::<Result<_, _>>().map(each_once)
}

/// An entry with its fields, if there are any.
pub(super) fn entry_of(
    i: usize,
    entry: &ManagedFieldsEntry,
    fields: Option<Result<FieldSet, String>>,
) -> Result<Entry, String> {
    let manager = manager_of(entry)?;
    match entry.fields_type.as_deref() {
        Some(FIELDS_V1) => {}
        None | Some("") => return Err(format!("missing fieldsType in managed fields entry {i}")),
        Some(other) => {
            return Err(format!("invalid fieldsType {other:?} in managed fields entry {i}"));
        }
    }
    let set = fields.unwrap_or_else(|| Ok(FieldSet::new()));
    let set = set.map_err(|e| format!("error decoding set: {e}"))?;
    Ok(Entry { manager, set, time: entry.time.as_ref().map(|time| time.0) })
}

/// Of two for one manager the last one counts, as in Go.
pub(super) fn each_once(entries: Vec<Entry>) -> Vec<Entry> {
    let (mut places, mut last) = (HashMap::with_capacity(entries.len()), Vec::new());
    for (i, entry) in entries.iter().enumerate() {
        match places.entry(entry.manager.identity()) {
            Occupied(place) => last[*place.get()] = i,
            Vacant(place) => {
                place.insert(last.len());
                last.push(i);
            }
        }
    }
    if last.len() == entries.len() {
        return entries;
    }
    let mut entries: Vec<_> = entries.into_iter().map(Some).collect();
    last.into_iter().filter_map(|i| entries[i].take()).collect()
}

fn manager_of(entry: &ManagedFieldsEntry) -> Result<Manager, String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let operation = match entry.operation.as_deref() {
        Some("Apply") => Operation::Apply,
        Some("Update") => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    let api_version = text(&entry.api_version);
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    let (name, subresource) = (text(&entry.manager), text(&entry.subresource));
    Ok(Manager { name, operation, api_version, subresource })
}

/// The entries in force for a write: the client's own if it has sent any, or else the live ones.
///
/// On a subresource the client's are ignored. What cannot be read counts as not there.
pub(super) fn in_force(
    live: &Record,
    new: Option<&[ManagedFieldsEntry]>,
    subresource: &str,
) -> Vec<Entry> {
    let of_live = || live.read().unwrap_or_default();
    match new {
        Some(list) if subresource.is_empty() => match read(list) {
            _ if is_reset(list) => Vec::new(),
            Ok(entries) if !entries.is_empty() => entries,
            _ => of_live(),
        },
        _ => of_live(),
    }
}

/// `[]` or `[{}]`: the client wants the record to start afresh.
fn is_reset(list: &[ManagedFieldsEntry]) -> bool {
    let is_empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    match list {
        [] => true,
        [entry] => {
            let texts = [&entry.manager, &entry.operation, &entry.api_version];
            texts.into_iter().all(is_empty)
                && is_empty(&entry.fields_type)
                && is_empty(&entry.subresource)
                && entry.time.is_none()
                && entry.fields_v1.is_none()
        }
        _ => false,
    }
}

/// The entries as metadata carry them, in Go's order: those of apply first, then by time in
/// seconds, then by manager, version and subresource.
pub(super) fn write(mut entries: Vec<Entry>) -> Record {
    if entries.is_empty() {
        return Record::default();
    }
    entries.sort_by(|a, b| {
        let key = |e: &Entry| (e.manager.operation, e.seconds());
        key(a).cmp(&key(b)).then_with(|| a.manager.name_key().cmp(&b.manager.name_key()))
    });
    let mut text = vec![b'['];
    for entry in &entries {
        if text.len() > 1 {
            text.push(b',');
        }
        entry.write(&mut text);
    }
    text.push(b']');
    Record::from_text(text.into())
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
pub(super) fn differ_only_in_time(a: &[ManagedFieldsEntry], b: &[ManagedFieldsEntry]) -> bool {
    let same = |a: &ManagedFieldsEntry, b: &ManagedFieldsEntry| {
        (&a.manager, &a.operation, &a.api_version, &a.subresource, &a.fields_v1)
            == (&b.manager, &b.operation, &b.api_version, &b.subresource, &b.fields_v1)
    };
    a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| same(a, b)))
}
