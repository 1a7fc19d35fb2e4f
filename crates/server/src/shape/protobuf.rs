//! Entries as protocol buffers: envelopes, items of lists and events around bytes that the cache keeps.

use super::Shape;
use crate::cache::Entry;
use crate::negotiate::Transform;
use pintle_meta::Status;
use pintle_meta::protobuf::{Codec, envelope, known};
use pintle_storage::Revision;
use serde_json::{Value, json};

/// The field of a list that an item is.
const ITEMS: u32 = 2;

impl Shape {
    /// What the envelope of an object says.
    fn object_type(&self) -> (&str, &str) {
        match self.transform {
            Transform::None => (&self.kind.versions[self.version].api_version, &self.kind.kind),
            _ => (self.meta_version(), "PartialObjectMetadata"),
        }
    }

    /// What the envelope of a list says.
    pub(super) fn list_type(&self) -> (&str, &str) {
        match self.transform {
            Transform::None => {
                (&self.kind.versions[self.version].api_version, &self.kind.list_kind)
            }
            _ => (self.meta_version(), "PartialObjectMetadataList"),
        }
    }

    fn message_length(&self, entry: &Entry) -> Option<usize> {
        Some(match self.transform {
            Transform::None => entry.protobuf(&self.kind, self.version)?.length(entry.revision),
            _ => entry.partial_protobuf(&self.kind)?.metadata_length(entry.revision),
        })
    }

    fn write_message(&self, entry: &Entry, out: &mut Vec<u8>) {
        match self.transform {
            Transform::None => {
                if let Some(message) = entry.protobuf(&self.kind, self.version) {
                    message.write(entry.revision, out);
                }
            }
            // Metadata alone are the first field of an object; those of the hub, as with JSON.
            _ => {
                if let Some(message) = entry.partial_protobuf(&self.kind) {
                    message.write_metadata(entry.revision, out);
                }
            }
        }
    }

    /// Writes one object as a document of its own; `None` where it has no such form.
    pub(crate) fn protobuf(&self, entry: &Entry, out: &mut Vec<u8>) -> Option<()> {
        let (api_version, kind) = self.object_type();
        envelope::begin(api_version, kind, self.message_length(entry)?, out);
        self.write_message(entry, out);
        envelope::end(out);
        Some(())
    }

    /// Writes one object as an event of a watch; `None` where it has no such form.
    pub(super) fn protobuf_event(
        &self,
        event: &str,
        entry: &Entry,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (api_version, kind) = self.object_type();
        let message = self.message_length(entry)?;
        let length = envelope::length(api_version, kind, message);
        let write = |out: &mut Vec<u8>| {
            envelope::begin(api_version, kind, message, out);
            self.write_message(entry, out);
            envelope::end(out);
        };
        envelope::event(event, length, write, out);
        Some(())
    }

    /// Writes the event that tells how far a watch is.
    pub(super) fn protobuf_bookmark(&self, object: &Value, out: &mut Vec<u8>) {
        if self.transform != Transform::None {
            let (api_version, kind) = self.object_type();
            let metadata = super::bookmark_metadata(object);
            let part = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
            return document_event(&known::PARTIAL_CODEC, "BOOKMARK", &part, out);
        }
        if let Ok(codec) = self.kind.versions[self.version].protobuf.codec() {
            document_event(codec, "BOOKMARK", object, out);
        }
    }

    /// How long an item of a list is; `None` where it has no such form.
    pub(crate) fn protobuf_item_length(&self, entry: &Entry) -> Option<usize> {
        self.message_length(entry).map(envelope::field_length)
    }

    /// Writes one item of a list.
    pub(super) fn protobuf_item(&self, entry: &Entry, out: &mut Vec<u8>) {
        envelope::put_length(ITEMS, self.message_length(entry).unwrap_or_default(), out);
        self.write_message(entry, out);
    }

    /// Writes the beginning of a list whose items take so many bytes; `metadata` is JSON.
    pub(crate) fn protobuf_list_head(&self, metadata: &[u8], items: usize, out: &mut Vec<u8>) {
        let metadata: Value = serde_json::from_slice(metadata).unwrap_or_default();
        let mut message = Vec::new();
        // Metadata of a list are texts and a number, which cannot fail to be written.
        let _ = known::LIST_META_CODEC.write(&metadata, &mut message);
        let (api_version, kind) = self.list_type();
        let length = envelope::field_length(message.len()) + items;
        envelope::begin(api_version, kind, length, out);
        envelope::put_field(1, &message, out);
    }
}

/// Writes a JSON document in its envelope; `None` where the codec does not fit.
pub(crate) fn document(codec: &Codec, json: &Value, out: &mut Vec<u8>) -> Option<()> {
    let mut message = Vec::with_capacity(256);
    let written = codec.write(json, &mut message);
    written.inspect_err(|error| tracing::error!(%error, "a document has no protobuf form")).ok()?;
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    envelope::write(text("apiVersion"), text("kind"), &message, out);
    Some(())
}

/// Writes a JSON document as an event of a watch.
pub(super) fn document_event(codec: &Codec, event: &str, json: &Value, out: &mut Vec<u8>) {
    let mut object = Vec::with_capacity(256);
    if document(codec, json, &mut object).is_some() {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&object);
        envelope::event(event, object.len(), write, out);
    }
}

/// The answer where an object is there and has no such form.
pub(crate) fn unfit(key: &str, revision: Revision) -> Status {
    Status::internal(format_args!("{key} at {revision} cannot be encoded to a protobuf message"))
}
