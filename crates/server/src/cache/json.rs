//! An object as JSON without its resource version, and where in it things stand.
//!
//! A resource version is a fact of the storage and not of the object, so the bytes that are stored
//! do not have one. An answer is put together from three slices: what comes before it, the number,
//! and what follows. So the storage, the cache and every state of the object that differs only in
//! its number can share one copy.

use bytes::Bytes;
use pintle_meta::encode::Encoded;
use pintle_meta::managed::{MANAGED_FIELDS_KEY, Record};
use pintle_storage::Revision;
use std::borrow::Cow;
use std::ops::Range;

/// JSON as [`pintle_meta::encode`] writes it without a resource version.
#[derive(Clone, Debug)]
pub(crate) struct Json {
    bytes: Bytes,
    /// The opening brace of the metadata.
    meta_start: u32,
    /// Just behind their closing brace.
    meta_end: u32,
    /// Where the resource version belongs.
    version_at: u32,
    /// The opening brace of the labels; zero where there are none.
    labels_at: u32,
}

const META_KEY: &[u8] = br#""metadata":"#;

impl Json {
    /// What was encoded without a resource version.
    pub(super) fn new(encoded: Encoded) -> Self {
        let (version_at, labels_at) = places(encoded.metadata());
        let Encoded { bytes, meta_start, meta_end } = encoded;
        let labels_at = if labels_at == 0 { 0 } else { meta_start + labels_at };
        Self { bytes, meta_start, meta_end, version_at: meta_start + version_at, labels_at }
    }

    /// The same in the bytes that the storage holds, where they are the same, without the line feed
    /// at their end; else these stay as they are.
    pub(super) fn shared_with(mut self, stored: &Bytes) -> Self {
        if stored.strip_suffix(b"\n").unwrap_or(stored) == self.bytes {
            self.bytes = stored.slice(..self.bytes.len());
        }
        self
    }

    /// The JSON without a resource version.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Where the text of the managed fields stands, which are the last of the metadata.
    ///
    /// No text within the metadata looks like their key: its quotes are escaped.
    fn record_at(&self) -> Option<Range<usize>> {
        let (start, end) = (self.meta_start as usize, self.meta_end as usize);
        let mut places = self.bytes[start..end].windows(MANAGED_FIELDS_KEY.len() + 1);
        let list = |place: &[u8]| place.ends_with(b"[") && place.starts_with(MANAGED_FIELDS_KEY);
        let key = start + places.position(list)?;
        Some(key + MANAGED_FIELDS_KEY.len()..end - 1)
    }

    /// Who owns the fields of the object.
    pub(super) fn record(&self) -> Record {
        self.record_at().map(|at| Record::from_text(self.bytes.slice(at))).unwrap_or_default()
    }

    /// The JSON without managed fields.
    pub(crate) fn bare(&self) -> Cow<'_, [u8]> {
        let Some(at) = self.record_at() else { return Cow::Borrowed(&self.bytes) };
        let before = &self.bytes[..at.start - MANAGED_FIELDS_KEY.len()];
        let before = before.strip_suffix(b",").unwrap_or(before);
        Cow::Owned([before, &self.bytes[at.end..]].concat())
    }

    /// Writes the whole object.
    pub(crate) fn write(&self, revision: Revision, out: &mut Vec<u8>) {
        self.splice(0, self.bytes.len(), revision, out);
    }

    /// Writes the object as an item of a list: without `kind` and `apiVersion`.
    pub(crate) fn write_item(&self, revision: Revision, out: &mut Vec<u8>) {
        out.push(b'{');
        self.splice(self.meta_start as usize - META_KEY.len(), self.bytes.len(), revision, out);
    }

    /// Writes the metadata.
    pub(crate) fn write_metadata(&self, revision: Revision, out: &mut Vec<u8>) {
        self.splice(self.meta_start as usize, self.meta_end as usize, revision, out);
    }

    /// Writes a part that holds the place of the resource version; what was not stored has none.
    fn splice(&self, start: usize, end: usize, revision: Revision, out: &mut Vec<u8>) {
        let at = self.version_at as usize;
        if revision == 0 {
            return out.extend_from_slice(&self.bytes[start..end]);
        }
        out.extend_from_slice(&self.bytes[start..at]);
        let is_first = self.bytes[at - 1] == b'{';
        let key: &[u8] =
            if is_first { br#""resourceVersion":""# } else { br#","resourceVersion":""# };
        out.extend_from_slice(key);
        let mut digits = [0; DIGITS_MAX];
        out.extend_from_slice(decimal(revision, &mut digits));
        out.push(b'"');
        if is_first && self.bytes[at] != b'}' {
            out.push(b',');
        }
        out.extend_from_slice(&self.bytes[at..end]);
    }

    /// The value of a label.
    ///
    /// Where a label holds what JSON escapes, this is the escaped text: no selector can name such a
    /// label or such a value, so none can tell.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        let (_, value) = self.labels().find(|(k, _)| *k == key.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// The labels as they stand in the JSON.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = match self.labels_at as usize {
            0 => &[][..],
            at => &self.bytes[at + 1..self.meta_end as usize],
        };
        std::iter::from_fn(move || {
            let key = string(rest)?;
            let value = string(rest.get(key.len() + 3..)?)?;
            let next = rest.get(key.len() + value.len() + 5..)?;
            rest = next.strip_prefix(b",").unwrap_or_default();
            Some((key, value))
        })
    }
}

/// A revision has at most so many digits.
const DIGITS_MAX: usize = 20;

/// The decimal digits of a number.
fn decimal(number: u64, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut rest = number;
    let mut at = DIGITS_MAX;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 || at == 0 {
            return &digits[at..];
        }
    }
}

/// Where in metadata the resource version belongs, and where the labels begin.
fn places(meta: &[u8]) -> (u32, u32) {
    let mut version_at = 1;
    let mut at = 1;
    while let Some(key) = string(&meta[at..]) {
        let value = at + key.len() + 3;
        if key == b"labels" {
            return (version_at, offset(value));
        }
        // What comes before the labels is text or a number; what comes after them is of no interest.
        let end = match string(&meta[value..]) {
            Some(text) => value + text.len() + 2,
            None if meta[value].is_ascii_digit() || meta[value] == b'-' => {
                let digits = meta[value..].iter().position(|byte| matches!(byte, b',' | b'}'));
                value + digits.unwrap_or_default()
            }
            None => break,
        };
        if matches!(key, b"name" | b"generateName" | b"namespace" | b"uid") {
            version_at = offset(end);
        }
        if meta.get(end) != Some(&b',') {
            break;
        }
        at = end + 1;
    }
    (version_at, 0)
}

/// What the encoder counts in 32 bits fits into 32 bits.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or_default()
}

/// The inside of the JSON string that begins here.
fn string(json: &[u8]) -> Option<&[u8]> {
    let inside = json.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        match inside.get(at)? {
            b'"' => return Some(&inside[..at]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
        FieldsV1, ManagedFieldsEntry, ObjectMeta, Time,
    };
    use kube::CustomResource;
    use pintle_meta::encode::{encode, encode_bare};
    use proptest::prelude::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use std::collections::BTreeMap;

    /// A thing.
    #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "Thing", namespaced)]
    struct ThingSpec {
        text: String,
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::weighted(0.6, ".{0,6}")
    }

    fn metadata() -> impl Strategy<Value = ObjectMeta> {
        let names = (text(), text(), text(), text());
        let labels =
            prop::option::of(prop::collection::btree_map("[ab\"\\\\<é]{0,3}", ".{0,4}", 0..4));
        let annotations = prop::option::of(prop::collection::btree_map(".{0,6}", ".{0,6}", 0..3));
        let numbers = (prop::option::of(any::<i64>()), prop::option::of(0..4_000_000_000_i64));
        let owners = prop::collection::vec(".{1,3}|\"managedFields\":\\[", 0..3);
        let all = (names, labels, annotations, numbers, owners);
        all.prop_map(|(names, labels, annotations, numbers, owners)| {
            let owner = |name: String| ManagedFieldsEntry {
                fields_v1: Some(FieldsV1(serde_json::json!({ (format!("f:{name}")): {} }))),
                manager: Some(name),
                ..ManagedFieldsEntry::default()
            };
            let owners: Vec<_> = owners.into_iter().map(owner).collect();
            let (name, generate_name, namespace, uid) = names;
            let (generation, created) = numbers;
            let created = created.and_then(|at| jiff::Timestamp::from_second(at).ok()).map(Time);
            ObjectMeta {
                name,
                generate_name,
                namespace,
                uid,
                labels,
                annotations,
                generation,
                creation_timestamp: created.clone(),
                deletion_timestamp: created,
                managed_fields: Some(owners).filter(|owners| !owners.is_empty()),
                ..ObjectMeta::default()
            }
        })
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        /// A splice is what the encoder writes with a resource version, in all its forms.
        #[test]
        fn a_splice_is_what_is_encoded(meta in metadata(), content in ".{0,9}", revision: u64) {
            let mut thing = Thing::new("", ThingSpec { text: content });
            thing.metadata = meta;
            let plain = encode(&thing, "Thing", "example.com/v1", None).unwrap();
            let stored = Bytes::from([&plain.bytes[..], b"\n"].concat());
            let json = Json::new(plain.clone()).shared_with(&stored);
            prop_assert_eq!(json.bytes().as_ptr(), stored.as_ptr());
            prop_assert_eq!(json.bytes(), &plain.bytes);
            for revision in [0, revision] {
                let shown = (revision > 0).then_some(revision);
                let want = encode(&thing, "Thing", "example.com/v1", shown).unwrap();
                let whole = written(|out| json.write(revision, out));
                prop_assert_eq!(whole.as_bytes(), &want.bytes);
                let meta = written(|out| json.write_metadata(revision, out));
                prop_assert_eq!(meta.as_bytes(), want.metadata());
                let item = written(|out| json.write_item(revision, out));
                prop_assert_eq!(&item.as_bytes()[1..], want.item());
            }
            let bare = encode_bare(&thing, "Thing", "example.com/v1").unwrap();
            prop_assert_eq!(&*json.bare(), &bare.bytes);
            let entries = thing.metadata.managed_fields.clone().unwrap_or_default();
            let record = json.record();
            prop_assert_eq!(record.entries(), entries);
            prop_assert_eq!(&record.put_into(bare).unwrap(), &plain);
            let unescape = |text: &[u8]| -> String {
                serde_json::from_slice(&[b"\"", text, b"\""].concat()).unwrap()
            };
            let labels: BTreeMap<String, String> =
                json.labels().map(|(key, value)| (unescape(key), unescape(value))).collect();
            prop_assert_eq!(labels, thing.metadata.labels.unwrap_or_default());
        }
    }

    #[test]
    fn other_bytes_are_not_shared() {
        let thing = Thing::new("a", ThingSpec { text: "b".to_owned() });
        let plain = encode(&thing, "Thing", "example.com/v1", None).unwrap();
        let spaced = Bytes::from_static(br#"{ "kind": "Thing" }"#);
        let json = Json::new(plain.clone()).shared_with(&spaced);
        assert_eq!(json.bytes(), &plain.bytes);
        let value: Value = serde_json::from_slice(json.bytes()).unwrap();
        assert_eq!(value["metadata"]["name"], "a");
        assert_eq!(json.label("a"), None);
    }
}
