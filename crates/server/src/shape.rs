//! Entries as a client wants to see them: as objects, metadata only, or rows of a table.
//!
//! Everything is put together from bytes that the cache keeps; nothing is decoded here unless a
//! version or a row is asked for the first time.

mod cbor;
mod other;
pub(crate) mod protobuf;

use crate::cache::Entry;
use crate::metrics::Events;
use crate::negotiate::{Media, Transform};
use jiff::Timestamp;
use pintle_meta::columns::Definition;
use pintle_meta::json;
use pintle_meta::protobuf::{envelope, known};
use pintle_meta::{KindInfo, Status};
use serde_json::{Value, json};
use std::sync::Arc;

/// Marks the bookmark that ends the objects a watch starts with.
pub(crate) const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What a table row shows of the object beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

/// How entries of a kind are shown.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub kind: Arc<KindInfo>,
    /// The position of the version in the kind.
    pub version: usize,
    pub media: Media,
    pub transform: Transform,
    /// Whether the transformation is `meta.k8s.io/v1beta1`.
    pub beta: bool,
    pub include: Include,
    /// The time that ages are counted to.
    pub now: Timestamp,
}

impl Shape {
    /// Whether a list or a watch is shown as tables.
    pub(crate) fn is_table(&self) -> bool {
        self.transform == Transform::Table
    }

    fn meta_version(&self) -> &'static str {
        if self.beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" }
    }

    /// Writes one object as a document of its own.
    pub(crate) fn object(&self, entry: &Entry, out: &mut Vec<u8>) {
        match self.transform {
            Transform::None => self.full(entry, out),
            Transform::Partial | Transform::PartialList => self.partial(entry, out),
            Transform::Table => {
                self.table_head(&metadata_of(entry), Some(self.columns()), out);
                self.row(entry, out);
                out.extend_from_slice(b"]}");
            }
        }
    }

    /// Writes an event of a watch; a table names its columns only in the first.
    pub(crate) fn event(&self, event: &str, entry: &Entry, first: bool, out: &mut Vec<u8>) {
        if self.media == Media::Protobuf {
            if self.protobuf_event(event, entry, out).is_none() {
                let failure = protobuf::unfit(&entry.key, entry.revision);
                self.error_event(&failure, out);
            }
            return;
        }
        if self.media == Media::Cbor {
            return self.cbor_event(|json, out| json.event(event, entry, first, out), out);
        }
        event_head(event, out);
        if self.is_table() {
            self.table_head(&metadata_of(entry), first.then(|| self.columns()), out);
            self.row(entry, out);
            out.extend_from_slice(b"]}");
        } else {
            self.object(entry, out);
        }
        out.extend_from_slice(b"}\n");
    }

    /// Writes the event that tells how far a watch is, about an object with nothing else in it.
    pub(crate) fn bookmark(&self, object: &Value, first: bool, out: &mut Vec<u8>) {
        if self.media == Media::Protobuf {
            return self.protobuf_bookmark(object, out);
        }
        if self.media == Media::Cbor {
            return self.cbor_event(|json, out| json.bookmark(object, first, out), out);
        }
        event_head("BOOKMARK", out);
        if self.is_table() {
            let metadata = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
            let columns = first.then(|| self.columns());
            self.table_head(metadata.to_string().as_bytes(), columns, out);
            out.extend_from_slice(br#"{"cells":"#);
            match (self.kind.hub().convert)((self.kind.hub().zero)()) {
                Ok(empty) => self.kind.table.row(empty.as_ref()).write(out, None, self.now),
                Err(_) => out.extend_from_slice(b"[]"),
            }
            out.extend_from_slice(br#","object":"#);
        }
        match (self.transform, self.include) {
            (Transform::Table, Include::Nothing) => out.extend_from_slice(b"null"),
            (Transform::None, _) | (Transform::Table, Include::Object) => {
                // A JSON value can be written as JSON.
                let _ = json::write(out, object);
            }
            _ => {
                type_meta("PartialObjectMetadata", self.meta_version(), out);
                let metadata = bookmark_metadata(object);
                out.extend_from_slice(format!(r#","metadata":{metadata}}}"#).as_bytes());
            }
        }
        if self.is_table() {
            out.extend_from_slice(b"}]}");
        }
        out.extend_from_slice(b"}\n");
    }

    /// Writes the event that says why a watch ends.
    pub(crate) fn error_event(&self, status: &Status, out: &mut Vec<u8>) {
        if self.media == Media::Protobuf {
            let status = serde_json::to_value(status).unwrap_or_default();
            return protobuf::document_event(&known::STATUS_CODEC, "ERROR", &status, out);
        }
        if self.media == Media::Cbor {
            return self.cbor_event(|json, out| json.error_event(status, out), out);
        }
        event_head("ERROR", out);
        // A status is text and numbers: it cannot fail to be written.
        let _ = json::write(out, status);
        out.extend_from_slice(b"}\n");
    }

    /// Counts an event that was written with so many bytes. The length before a message is not the
    /// event's.
    pub(crate) fn count(&self, events: &Events, bytes: usize) {
        let frame = if self.media == Media::Protobuf { size_of::<u32>() } else { 0 };
        events.add(bytes.saturating_sub(frame));
    }

    /// Writes the beginning of a list up to its first item; `metadata` is JSON.
    pub(crate) fn list_head(&self, metadata: &[u8], out: &mut Vec<u8>) {
        match self.transform {
            Transform::Table => return self.table_head(metadata, Some(self.columns()), out),
            Transform::None => {
                let version = &self.kind.versions[self.version].api_version;
                type_meta(&self.kind.list_kind, version, out);
            }
            Transform::Partial | Transform::PartialList => {
                type_meta("PartialObjectMetadataList", self.meta_version(), out);
            }
        }
        out.extend_from_slice(br#","metadata":"#);
        out.extend_from_slice(metadata);
        out.extend_from_slice(br#","items":["#);
    }

    /// Writes one item of a list.
    pub(crate) fn item(&self, entry: &Entry, out: &mut Vec<u8>) {
        if self.media == Media::Protobuf {
            return self.protobuf_item(entry, out);
        }
        if self.media == Media::Cbor {
            return self.cbor_item(entry, out);
        }
        match self.transform {
            Transform::Table => self.row(entry, out),
            Transform::Partial | Transform::PartialList => self.partial(entry, out),
            Transform::None => match entry.json(&self.kind, self.version) {
                Some(json) => json.write_item(entry.revision, out),
                None => out.extend_from_slice(b"{}"),
            },
        }
    }

    /// What stands between two items.
    pub(crate) fn separator(&self) -> &'static [u8] {
        if matches!(self.media, Media::Protobuf | Media::Cbor) { b"" } else { b"," }
    }

    /// Writes the end of a list. Go leaves a list that it makes of another one unset where there is
    /// nothing to put in.
    pub(crate) fn list_tail(&self, is_empty: bool, out: &mut Vec<u8>) {
        if self.media == Media::Protobuf {
            return envelope::end(out);
        }
        if self.media == Media::Cbor {
            return;
        }
        if is_empty && self.transform != Transform::None {
            out.pop();
            out.extend_from_slice(b"null}\n");
            return;
        }
        out.extend_from_slice(b"]}\n");
    }

    fn full(&self, entry: &Entry, out: &mut Vec<u8>) {
        match entry.json(&self.kind, self.version) {
            Some(json) => json.write(entry.revision, out),
            None => out.extend_from_slice(b"{}"),
        }
    }

    fn partial(&self, entry: &Entry, out: &mut Vec<u8>) {
        type_meta("PartialObjectMetadata", self.meta_version(), out);
        out.extend_from_slice(br#","metadata":"#);
        // As in Kubernetes, metadata alone are those of the hub, whatever version was asked for.
        entry.write_metadata(out);
        out.push(b'}');
    }

    fn columns(&self) -> &[Definition] {
        &self.kind.table.definitions
    }

    fn table_head(&self, metadata: &[u8], columns: Option<&[Definition]>, out: &mut Vec<u8>) {
        type_meta("Table", self.meta_version(), out);
        out.extend_from_slice(br#","metadata":"#);
        out.extend_from_slice(metadata);
        out.extend_from_slice(br#","columnDefinitions":"#);
        // Columns are plain text: they cannot fail to be written.
        let _ = json::write(out, &columns);
        out.extend_from_slice(br#","rows":["#);
    }

    fn row(&self, entry: &Entry, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"cells":"#);
        match entry.row(&self.kind) {
            Some((row, created)) => row.write(out, *created, self.now),
            None => out.extend_from_slice(b"[]"),
        }
        out.extend_from_slice(br#","object":"#);
        match self.include {
            Include::Nothing => out.extend_from_slice(b"null"),
            Include::Metadata => self.partial(entry, out),
            Include::Object => self.full(entry, out),
        }
        out.push(b'}');
    }
}

/// What the metadata of a bookmark say.
fn bookmark_metadata(object: &Value) -> Value {
    let mut metadata = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
    let end = &object["metadata"]["annotations"][INITIAL_EVENTS_END];
    if !end.is_null() {
        metadata["annotations"][INITIAL_EVENTS_END] = end.clone();
    }
    metadata
}

fn event_head(event: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(br#"","object":"#);
}

fn type_meta(kind: &str, api_version: &str, out: &mut Vec<u8>) {
    // Kinds and versions are checked at registration and have nothing to escape.
    for part in [r#"{"kind":""#, kind, r#"","apiVersion":""#, api_version, r#"""#] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn metadata_of(entry: &Entry) -> Vec<u8> {
    if entry.revision == 0 {
        return b"{}".to_vec();
    }
    format!(r#"{{"resourceVersion":"{}"}}"#, entry.revision).into_bytes()
}
