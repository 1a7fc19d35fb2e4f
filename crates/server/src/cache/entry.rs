//! An object at a revision: its encoded bytes and the little that must be known without decoding.

use super::decode::{Corrupt, decode};
use super::fields::Fields;
use super::index::{Term, bit, term, term_of};
use super::json::Json;
use super::key::Key;
use super::proto::Proto;
use crate::options::StorageMediaType;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jiff::Timestamp;
use pintle_meta::columns::Row;
use pintle_meta::encode::Encoded;
use pintle_meta::managed::Record;
use pintle_meta::protobuf::{envelope, known};
use pintle_meta::{KindInfo, Object, cbor, yaml};
use pintle_storage::Revision;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// An object as it was after one write, or the mark that a removal leaves.
///
/// It never changes, so what is computed from it is computed once and shared by every GET, LIST and
/// WATCH: the hub's JSON is there when it arrives, everything else is [`Made`] when first asked for.
pub(crate) struct Entry {
    /// `namespace/name`, or `name` of a kind without namespaces.
    pub key: Key,
    /// The write that led to this state.
    pub revision: Revision,
    /// Whether that write removed the object. The bytes then show its last state, with the
    /// revision of the removal.
    pub removed: bool,
    /// The object in the hub version: where possible in the very bytes that the storage holds.
    hub: Json,
    /// The selectable fields, if the kind has any.
    fields: Option<Arc<Fields>>,
    made: OnceLock<Arc<Made>>,
    /// The state before, as long as the cache's history reaches back to it.
    pub(super) older: ArcSwapOption<Entry>,
}

/// What is made of an object when it is first asked for.
///
/// Nothing here knows the revision, so the states of an object that differ in nothing else share it.
#[derive(Debug)]
struct Made {
    /// The object as JSON in the versions behind the hub; `None` where it cannot be had in one.
    json: Box<[OnceLock<Option<Json>>]>,
    /// The object as protocol buffers in all versions.
    protobuf: OnceLock<Box<[OnceLock<Option<Proto>>]>>,
    row: OnceLock<Option<(Row, Option<Timestamp>)>>,
}

/// What an entry that is to be stored shares with the one that comes back from the storage.
#[derive(Debug)]
pub(super) struct Draft {
    hub: Json,
    fields: Option<Arc<Fields>>,
}

impl Draft {
    /// How many bytes it keeps.
    pub(super) fn size(&self) -> usize {
        self.hub.bytes().len()
    }

    /// The entry of a stored value; `None` where that is something else.
    pub(super) fn stored(self, key: Key, value: &Bytes, revision: Revision) -> Option<Entry> {
        let hub = self.hub.shared_with(value);
        let entry = Entry::with(key, hub, self.fields, revision, false);
        entry.is_stored_as(value).then_some(entry)
    }
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

impl Entry {
    /// The entry of a stored value, which is kept and not copied where it is what this program would
    /// have stored itself.
    pub(crate) fn new(
        kind: &KindInfo,
        key: Key,
        value: &Bytes,
        revision: Revision,
    ) -> Result<Self, Corrupt> {
        let object = decode(kind, value)?;
        let hub = encode(kind, 0, object.as_ref())?.shared_with(value);
        let fields = Fields::of(kind, object.as_ref()).map(Arc::new);
        Ok(Self::with(key, hub, fields, revision, false))
    }

    /// The entry of an object that is to be stored, has been stored, or never will be.
    pub(crate) fn of(
        kind: &KindInfo,
        key: Key,
        object: &dyn Object,
        revision: Revision,
    ) -> Result<Self, Corrupt> {
        let encoded = (kind.hub().encode)(object, None).map_err(|e| Corrupt(e.to_string()))?;
        Ok(Self::encoded(kind, key, (object, encoded), revision))
    }

    /// The same of an object that is written already in the hub version.
    pub(crate) fn encoded(
        kind: &KindInfo,
        key: Key,
        (object, encoded): (&dyn Object, Encoded),
        revision: Revision,
    ) -> Self {
        let fields = Fields::of(kind, object).map(Arc::new);
        Self::with(key, Json::new(encoded), fields, revision, false)
    }

    /// The bytes to store: the hub version without a resource version, as the Go library stores it.
    /// What has no form in protocol buffers is stored as JSON.
    pub(crate) fn to_stored(&self, kind: &KindInfo, media: StorageMediaType) -> Bytes {
        let hub = kind.hub();
        match media {
            StorageMediaType::Protobuf if hub.protobuf.is_offered() => {
                if let Some(message) = self.protobuf(kind, 0) {
                    let mut value = Vec::with_capacity(message.bytes().len() + 64);
                    envelope::write(&hub.api_version, &kind.kind, message.bytes(), &mut value);
                    return value.into();
                }
            }
            StorageMediaType::Yaml => {
                if let Ok(value) = serde_json::from_slice(self.bytes()) {
                    return yaml::encode(&value).into();
                }
            }
            StorageMediaType::Cbor => return cbor::from_json(self.bytes()).into(),
            StorageMediaType::Json | StorageMediaType::Protobuf => {}
        }
        let mut value = Vec::with_capacity(self.bytes().len() + 1);
        value.extend_from_slice(self.bytes());
        value.push(b'\n');
        value.into()
    }

    /// What the entry that comes back from the storage will be made of.
    pub(super) fn draft(&self) -> Draft {
        Draft { hub: self.hub.clone(), fields: self.fields.clone() }
    }

    /// This entry once its bytes have been stored.
    pub(crate) fn stored(self, value: &Bytes, revision: Revision) -> Self {
        Self { hub: self.hub.shared_with(value), revision, ..self }
    }

    fn with(
        key: Key,
        hub: Json,
        fields: Option<Arc<Fields>>,
        revision: Revision,
        removed: bool,
    ) -> Self {
        let older = ArcSwapOption::const_empty();
        Self { key, revision, removed, hub, fields, made: OnceLock::new(), older }
    }

    /// The mark of a removal: this entry's object at the revision of the removal.
    pub(crate) fn removal(&self, kind: &KindInfo, revision: Revision) -> Self {
        let fields = self.fields.clone();
        let mark = Self::with(self.key.clone(), self.hub.clone(), fields, revision, true);
        let _ = mark.made.set(Arc::clone(self.made(kind)));
        mark
    }

    fn made(&self, kind: &KindInfo) -> &Arc<Made> {
        self.made.get_or_init(|| {
            let json = (1..kind.versions.len()).map(|_| OnceLock::new()).collect();
            Arc::new(Made { json, protobuf: OnceLock::new(), row: OnceLock::new() })
        })
    }

    /// The object, decoded anew: for a write, not for a read.
    pub(crate) fn object(&self, kind: &KindInfo) -> Result<Box<dyn Object>, Corrupt> {
        self.decoded(kind, self.hub.bytes())
    }

    /// The object without its managed fields.
    pub(crate) fn bare_object(&self, kind: &KindInfo) -> Result<Box<dyn Object>, Corrupt> {
        self.decoded(kind, &self.hub.bare())
    }

    fn decoded(&self, kind: &KindInfo, bytes: &[u8]) -> Result<Box<dyn Object>, Corrupt> {
        let mut object = decode(kind, bytes)?;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        Ok(object)
    }

    /// Who owns the object's fields.
    pub(crate) fn record(&self) -> Record {
        self.hub.record()
    }

    /// The bytes without managed fields.
    pub(crate) fn bare(&self) -> Cow<'_, [u8]> {
        self.hub.bare()
    }

    /// The object in a version, as JSON to be written with this entry's revision; `None` where it
    /// cannot be had in that version.
    pub(crate) fn json(&self, kind: &KindInfo, version: usize) -> Option<&Json> {
        let Some(other) = version.checked_sub(1) else { return Some(&self.hub) };
        let convert = || {
            let object = decode(kind, self.hub.bytes()).ok()?;
            encode(kind, version, object.as_ref()).ok()
        };
        self.made(kind).json[other].get_or_init(convert).as_ref()
    }

    /// The whole object in a version, as a JSON value.
    pub(crate) fn value(&self, kind: &KindInfo, version: usize) -> Option<serde_json::Value> {
        let json = self.json(kind, version)?;
        let mut out = Vec::with_capacity(self.size());
        json.write(self.revision, &mut out);
        serde_json::from_slice(&out).ok()
    }

    /// The object in a version as a JSON value, without its managed fields.
    pub(crate) fn document(&self, kind: &KindInfo, version: usize) -> Option<serde_json::Value> {
        let bare = self.json(kind, version)?.bare();
        let mut document: serde_json::Value = serde_json::from_slice(&bare).ok()?;
        if self.revision > 0 {
            document["metadata"]["resourceVersion"] = self.revision.to_string().into();
        }
        Some(document)
    }

    /// The object in a version, as protocol buffers to be written with this entry's revision; `None`
    /// where it has none.
    pub(crate) fn protobuf(&self, kind: &KindInfo, version: usize) -> Option<&Proto> {
        let make = || {
            let codec = kind.versions[version].protobuf.codec().ok()?;
            let value = serde_json::from_slice(self.json(kind, version)?.bytes()).ok()?;
            let made = Proto::new(codec, &value);
            made.inspect_err(|error| tracing::error!(key = %self.key, %error, "no protobuf")).ok()
        };
        self.protos(kind)[version].get_or_init(make).as_ref()
    }

    /// A message of which only the metadata, those of the hub, are sure to be there: every kind has
    /// that form.
    pub(crate) fn partial_protobuf(&self, kind: &KindInfo) -> Option<&Proto> {
        let make = || {
            let value: serde_json::Value = serde_json::from_slice(self.bytes()).ok()?;
            let part = serde_json::json!({ "metadata": value["metadata"] });
            let made = Proto::new(&known::PARTIAL_CODEC, &part);
            made.inspect_err(|error| tracing::error!(key = %self.key, %error, "no metadata")).ok()
        };
        let whole = self.protobuf(kind, 0);
        whole.or_else(|| self.protos(kind)[kind.versions.len()].get_or_init(make).as_ref())
    }

    /// The messages of the versions, and one of the metadata alone.
    fn protos(&self, kind: &KindInfo) -> &[OnceLock<Option<Proto>>] {
        let empty = || (0..=kind.versions.len()).map(|_| OnceLock::new()).collect();
        self.made(kind).protobuf.get_or_init(empty)
    }

    /// The object in the hub version, as JSON without a resource version: what is stored.
    pub(crate) fn bytes(&self) -> &Bytes {
        self.hub.bytes()
    }

    /// Whether this is the entry of a stored value, as far as that is known without decoding it.
    pub(super) fn is_stored_as(&self, value: &[u8]) -> bool {
        value.strip_suffix(b"\n").unwrap_or(value) == *self.hub.bytes()
    }

    /// About how long the object is as JSON with a resource version.
    pub(crate) fn size(&self) -> usize {
        const RESOURCE_VERSION: usize = 40;
        self.hub.bytes().len() + RESOURCE_VERSION
    }

    /// Writes the metadata in the hub version, as JSON.
    pub(crate) fn write_metadata(&self, out: &mut Vec<u8>) {
        self.hub.write_metadata(self.revision, out);
    }

    /// The cells of the object's table row, and when the object was created.
    pub(crate) fn row(&self, kind: &KindInfo) -> Option<&(Row, Option<Timestamp>)> {
        let make = || {
            let object = decode(kind, self.hub.bytes()).ok()?;
            let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
            Some((kind.table.row(object.as_ref()), created))
        };
        self.made(kind).row.get_or_init(make).as_ref()
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
        self.hub.label(key)
    }

    /// The value of a selectable field of a version.
    pub(crate) fn field(&self, kind: &KindInfo, version: usize, field: &str) -> Option<&str> {
        self.fields.as_ref()?.get(kind, version, field)
    }

    /// What the index knows the object by: its labels and its selectable fields.
    pub(super) fn terms(&self) -> impl Iterator<Item = Term> {
        let labels = self.hub.labels().flat_map(|(key, value)| [term(key), term_of(key, value)]);
        labels.chain(self.fields.iter().flat_map(|fields| fields.terms()))
    }

    /// Bits that say which terms the object may have.
    pub(super) fn marks(&self) -> u64 {
        self.terms().fold(0, |all, term| all | bit(term))
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
        OVERHEAD + self.key.len() + self.hub.bytes().len()
    }
}

/// The object in a version, without a resource version.
fn encode(kind: &KindInfo, version: usize, object: &dyn Object) -> Result<Json, Corrupt> {
    let encoded = (kind.versions[version].encode)(object, None);
    encoded.map(Json::new).map_err(|e| Corrupt(e.to_string()))
}
