//! An object at a revision: its encoded bytes and the little that must be known without decoding.

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pintle_meta::columns::Row;
use pintle_meta::encode::Encoded;
use pintle_meta::{KindInfo, Object};
use pintle_storage::Revision;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// An object as it was after one write, or the mark that a removal leaves.
///
/// It never changes, so what is computed from it is computed once and shared by every GET, LIST and
/// WATCH: the hub's JSON when it arrives, that of another version or a table row when first asked for.
pub(crate) struct Entry {
    /// `namespace/name`, or `name` of a kind without namespaces.
    pub key: Box<str>,
    /// The write that led to this state.
    pub revision: Revision,
    /// Whether that write removed the object. The bytes then show its last state, with the
    /// revision of the removal.
    pub removed: bool,
    /// The labels, sorted by key.
    labels: Box<[(Box<str>, Box<str>)]>,
    created: Option<i64>,
    hub: Encoded,
    others: OnceLock<Box<[OnceLock<Option<Encoded>>]>>,
    row: OnceLock<Box<Row>>,
    /// The state before, as long as the cache's history reaches back to it.
    pub(super) older: ArcSwapOption<Entry>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .field("removed", &self.removed)
            .finish_non_exhaustive()
    }
}

/// Why stored bytes are not an object of their kind.
#[derive(Debug)]
pub(crate) struct Corrupt(String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Corrupt {}

/// Decodes bytes that the storage or this cache holds.
pub(crate) fn decode(kind: &KindInfo, bytes: &[u8]) -> Result<Box<dyn Object>, Corrupt> {
    let value = serde_json::from_slice(bytes).map_err(|e| Corrupt(e.to_string()))?;
    let decoded = (kind.hub().decode)(value).map_err(|e| Corrupt(e.to_string()))?;
    Ok(decoded.object)
}

impl Entry {
    /// The entry of a stored value.
    pub(crate) fn new(
        kind: &KindInfo,
        key: &str,
        value: &[u8],
        revision: Revision,
    ) -> Result<Self, Corrupt> {
        let object = decode(kind, value)?;
        Self::of(kind, key, object.as_ref(), revision, false)
    }

    /// A removal of which only the key is known yet.
    pub(super) fn mark(key: &str, revision: Revision) -> Self {
        Self {
            key: key.into(),
            revision,
            removed: true,
            labels: Box::default(),
            created: None,
            hub: Encoded { bytes: Bytes::new(), meta_start: 0, meta_end: 0 },
            others: OnceLock::new(),
            row: OnceLock::new(),
            older: ArcSwapOption::const_empty(),
        }
    }

    /// The mark of a removal: this entry's object at the revision of the removal.
    pub(crate) fn removal(&self, kind: &KindInfo, revision: Revision) -> Result<Self, Corrupt> {
        let object = self.object(kind)?;
        Self::of(kind, &self.key, object.as_ref(), revision, true)
    }

    pub(crate) fn of(
        kind: &KindInfo,
        key: &str,
        object: &dyn Object,
        revision: Revision,
        removed: bool,
    ) -> Result<Self, Corrupt> {
        let hub = (kind.hub().encode)(object, (revision > 0).then_some(revision))
            .map_err(|e| Corrupt(e.to_string()))?;
        let meta = object.meta();
        Ok(Self {
            key: key.into(),
            revision,
            removed,
            labels: labels(meta),
            created: meta.creation_timestamp.as_ref().map(|time| time.0.as_second()),
            hub,
            others: OnceLock::new(),
            row: OnceLock::new(),
            older: ArcSwapOption::const_empty(),
        })
    }

    /// The object, decoded anew: for a write, not for a read.
    pub(crate) fn object(&self, kind: &KindInfo) -> Result<Box<dyn Object>, Corrupt> {
        let mut object = decode(kind, &self.hub.bytes)?;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        Ok(object)
    }

    /// The object in a version, as JSON; `None` where it cannot be had in that version.
    pub(crate) fn encoded(&self, kind: &KindInfo, version: usize) -> Option<&Encoded> {
        let Some(other) = version.checked_sub(1) else { return Some(&self.hub) };
        let convert = || {
            let object = decode(kind, &self.hub.bytes).ok()?;
            (kind.versions[version].encode)(object.as_ref(), self.shown_revision()).ok()
        };
        let empty = || (1..kind.versions.len()).map(|_| OnceLock::new()).collect();
        self.others.get_or_init(empty)[other].get_or_init(convert).as_ref()
    }

    /// The revision as clients see it: what was not stored has none.
    fn shown_revision(&self) -> Option<Revision> {
        (self.revision > 0).then_some(self.revision)
    }

    /// The object in the hub version, as JSON.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.hub.bytes
    }

    /// The metadata in the hub version, as JSON.
    pub(crate) fn metadata(&self) -> &[u8] {
        self.hub.metadata()
    }

    /// The cells of the object's table row.
    pub(crate) fn row(&self, kind: &KindInfo) -> Option<&Row> {
        if self.row.get().is_none() {
            let object = decode(kind, &self.hub.bytes).ok()?;
            let _ = self.row.set(Box::new(kind.table.row(object.as_ref())));
        }
        self.row.get().map(std::convert::AsRef::as_ref)
    }

    /// The namespace, or `""`.
    pub(crate) fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.key.split_once('/').map_or(&*self.key, |(_, name)| name)
    }

    /// The value of a label.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.labels[at].1)
    }

    /// Bits that say which labels the object may have.
    pub(super) fn marks(&self) -> u64 {
        let marks = self.labels.iter().map(|(key, value)| mark(key) | mark_of(key, value));
        marks.fold(0, |all, mark| all | mark)
    }

    /// When the object was created.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.created.and_then(|second| Timestamp::from_second(second).ok())
    }

    /// The state at a revision: this one or an older one.
    pub(super) fn at(self: &Arc<Self>, revision: Revision) -> Option<Arc<Self>> {
        let mut entry = Arc::clone(self);
        while entry.revision > revision {
            entry = entry.older.load_full()?;
        }
        Some(entry)
    }

    /// What keeping this entry costs, roughly, in bytes.
    pub(super) fn cost(&self) -> usize {
        const OVERHEAD: usize = 256;
        OVERHEAD + self.key.len() + self.hub.bytes.len()
    }
}

/// The bit of a label's key.
pub(crate) fn mark(key: &str) -> u64 {
    1 << (fnv(FNV_START, key.as_bytes()) % 64)
}

/// The bit of a label.
pub(crate) fn mark_of(key: &str, value: &str) -> u64 {
    1 << (fnv(fnv(fnv(FNV_START, key.as_bytes()), b"="), value.as_bytes()) % 64)
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash FNV-1a: short keys, no attackers who gain by a collision.
fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn labels(meta: &ObjectMeta) -> Box<[(Box<str>, Box<str>)]> {
    let labels = meta.labels.iter().flatten();
    labels.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}
