//! What a verb answers, before it has a format.

use crate::cache::{Entries, Entry};
use crate::negotiate::Media;
use crate::shape::{Shape, protobuf};
use bytes::Bytes;
use futures::Stream;
use pintle_meta::Status;
use pintle_meta::protobuf::LazyCodec;
use pintle_storage::Revision;
use serde::Serialize;
use std::pin::Pin;
use std::sync::Arc;

/// The answer of a verb.
pub(crate) enum Reply {
    /// An object of the resource's own kind.
    Object { code: u16, entry: Arc<Entry> },
    /// A list of such objects.
    List(List),
    /// An object of another kind, as compact JSON without a line feed.
    Other { code: u16, json: Vec<u8>, protobuf: LazyCodec },
    /// No object, but a result.
    Status(Status),
    /// Events as they come, already framed.
    Watch(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

/// A list at one revision.
#[derive(Debug)]
pub(crate) struct List {
    pub entries: Entries,
    pub revision: Revision,
    /// The token for the next page.
    pub continue_token: Option<String>,
    /// How many items follow, where that is known.
    pub remaining: Option<usize>,
}

/// What is sent of a list at a time. With the header of an HTTP/2 frame it fills one TLS record; a
/// byte more would be a record of its own.
const FRAME_BYTES: usize = (16 << 10) - 9;
/// Frames are cut from pieces that have grown to this size.
const PIECE_BYTES: usize = 5 * FRAME_BYTES;
/// An item may make a piece so much longer before its memory has to grow.
const ITEM_BYTES: usize = 4 << 10;
/// How far behind the beginning of its memory a piece begins. That memory begins with a page, as does
/// what TLS copies a frame into behind a few bytes of header: and to copy from the beginning of a page
/// to just behind the beginning of another takes some processors thirty times as long.
const PIECE_OFFSET: usize = 2 << 10;

impl List {
    /// The metadata as JSON.
    pub(crate) fn metadata(&self) -> Vec<u8> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ListMeta<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            resource_version: Option<String>,
            #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
            continue_token: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            remaining_item_count: Option<usize>,
        }
        let meta = ListMeta {
            resource_version: (self.revision > 0).then(|| self.revision.to_string()),
            continue_token: self.continue_token.as_deref(),
            remaining_item_count: self.remaining,
        };
        serde_json::to_vec(&meta).unwrap_or_default()
    }

    /// How long the items are as protocol buffers: a message says its length first.
    fn protobuf_length(&self, shape: &Shape) -> Result<usize, Status> {
        let add = |sum: usize, entry: &Arc<Entry>| match shape.protobuf_item_length(entry) {
            Some(length) => Ok(sum + length),
            None => Err(protobuf::unfit(&entry.key, entry.revision)),
        };
        match &self.entries {
            Entries::Picked(entries) => entries.iter().try_fold(0, add),
            Entries::Shared(slice) => slice.iter().filter(|e| !e.removed).try_fold(0, add),
        }
    }

    fn count(&self) -> usize {
        match &self.entries {
            Entries::Picked(entries) => entries.len(),
            Entries::Shared(slice) => slice.alive().count(),
        }
    }

    /// The list in pieces, made one by one: memory does not grow with the list.
    ///
    /// # Errors
    /// 500 where an item has no form in protocol buffers.
    pub(crate) fn pieces(
        self,
        shape: Shape,
    ) -> Result<Box<dyn Iterator<Item = Bytes> + Send>, Status> {
        let mut head = piece();
        match shape.media {
            Media::Protobuf => {
                let length = self.protobuf_length(&shape)?;
                shape.protobuf_list_head(&self.metadata(), length, &mut head);
            }
            Media::Cbor => shape.cbor_list_head(&self.metadata(), self.count(), &mut head),
            Media::Json | Media::Yaml => shape.list_head(&self.metadata(), &mut head),
        }
        let mut entries = self.entries.reader();
        Ok(Box::new(join(head, shape, move |shape, out| {
            shape.item(entries.next()?, out);
            Some(())
        })))
    }
}

/// The memory of a piece.
fn piece() -> Vec<u8> {
    let mut piece = Vec::with_capacity(PIECE_OFFSET + PIECE_BYTES + ITEM_BYTES);
    piece.resize(PIECE_OFFSET, 0);
    piece
}

/// Joins items behind a head; `next` writes the next one, or says that there is none.
fn join<F>(head: Vec<u8>, shape: Shape, mut next: F) -> impl Iterator<Item = Bytes> + Send
where
    F: FnMut(&Shape, &mut Vec<u8>) -> Option<()> + Send,
{
    let mut head = Some(head);
    let mut first = true;
    let mut done = false;
    let mut made = Bytes::new();
    std::iter::from_fn(move || {
        if made.is_empty() && !done {
            let mut out = head.take().unwrap_or_else(piece);
            while out.len() < PIECE_OFFSET + PIECE_BYTES {
                let end = out.len();
                if !first {
                    out.extend_from_slice(shape.separator());
                }
                if next(&shape, &mut out).is_none() {
                    out.truncate(end);
                    shape.list_tail(first, &mut out);
                    done = true;
                    break;
                }
                first = false;
            }
            made = Bytes::from(out).slice(PIECE_OFFSET..);
        }
        (!made.is_empty()).then(|| made.split_to(made.len().min(FRAME_BYTES)))
    })
}
