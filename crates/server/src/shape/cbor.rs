//! Entries as CBOR, made of their JSON each time: who speaks CBOR takes part in an experiment.

use super::Shape;
use crate::cache::Entry;
use crate::negotiate::{Media, Transform};
use pintle_meta::cbor;
use serde_json::Value;

impl Shape {
    fn in_json(&self) -> Self {
        Self { media: Media::Json, ..self.clone() }
    }

    /// Writes an event that `write` knows to write as JSON. The object in it is a document of its own.
    pub(super) fn cbor_event(&self, write: impl Fn(&Self, &mut Vec<u8>), out: &mut Vec<u8>) {
        let mut json = Vec::new();
        write(&self.in_json(), &mut json);
        let event: Value = serde_json::from_slice(&json).unwrap_or_default();
        out.extend_from_slice(cbor::MAGIC);
        cbor::begin_map(2, out);
        cbor::write_text("type", out);
        cbor::write(&event["type"], out);
        cbor::write_text("object", out);
        out.extend_from_slice(cbor::MAGIC);
        cbor::write(&event["object"], out);
    }

    /// Writes the beginning of a list up to its first item; `metadata` is JSON. Go leaves a list that
    /// it makes of another one unset where there is nothing to put in.
    pub(crate) fn cbor_list_head(&self, metadata: &[u8], items: usize, out: &mut Vec<u8>) {
        let (api_version, kind) = self.list_type();
        out.extend_from_slice(cbor::MAGIC);
        cbor::begin_map(4, out);
        for (key, value) in [("kind", kind), ("apiVersion", api_version)] {
            cbor::write_text(key, out);
            cbor::write_text(value, out);
        }
        cbor::write_text("metadata", out);
        cbor::write(&serde_json::from_slice(metadata).unwrap_or_default(), out);
        cbor::write_text("items", out);
        match (items, self.transform) {
            (1.., _) | (_, Transform::None) => cbor::begin_array(items, out),
            _ => cbor::write(&Value::Null, out),
        }
    }

    /// Writes one item of a list.
    pub(super) fn cbor_item(&self, entry: &Entry, out: &mut Vec<u8>) {
        let mut json = Vec::new();
        self.in_json().item(entry, &mut json);
        cbor::write(&serde_json::from_slice(&json).unwrap_or_default(), out);
    }
}
