//! Watches of kinds that keep their objects themselves.

use super::super::watch::{check_format, error_event, mark, time};
use super::{Context, Selection, entry};
use crate::cache::Entry;
use crate::metrics::Events;
use crate::negotiate::Transform;
use crate::reply::Reply;
use crate::rest::{AnyRest, WatchEvent, WatchStream};
use crate::serve::Shutdown;
use crate::shape::Shape;
use bytes::Bytes;
use futures::{StreamExt, stream};
use pintle_meta::options::ListOptions;
use pintle_meta::{Object, Status};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::{Sleep, sleep};

/// A watch that selects remembers what it shows, to tell what enters and leaves; so many objects at
/// most.
const SHOWN_MAX: usize = 100_000;

/// A watch of a collection, or of one object.
pub(super) async fn watch(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    let options = ListOptions::from_query(&cx.query)?;
    let selection = Selection::new(cx, &options)?;
    let shape = cx.shape()?;
    check_format(cx)?;
    if cx.format.transform == Transform::PartialList {
        return Ok(Reply::Watch(Box::pin(stream::empty())));
    }
    let from = Some(options.resource_version.as_str()).filter(|from| !matches!(*from, "" | "0"));
    let events = rest.watch(&cx.request, from).await?;
    let selects = !selection.is_everything() || !selection.prefix.is_empty();
    let state = Watching {
        sent: Arc::clone(cx.events()),
        shape,
        selection,
        events,
        // From a version on, what is there is taken for shown: it was in the list.
        shown: (selects && from.is_none()).then(HashSet::new),
        bookmarks: options.allow_watch_bookmarks,
        end: Box::pin(sleep(time(cx, &options))),
        shutdown: cx.shutdown.clone(),
        first: true,
        over: false,
    };
    Ok(Reply::Watch(Box::pin(stream::unfold(state, |mut state| async move {
        let piece = state.next().await?;
        Some((piece, state))
    }))))
}

/// A watch under way.
struct Watching {
    /// Where the events are counted.
    sent: Arc<Events>,
    shape: Shape,
    selection: Selection,
    events: WatchStream<Box<dyn Object>>,
    /// The objects that the client has, where that is not all.
    shown: Option<HashSet<Box<str>>>,
    bookmarks: bool,
    end: Pin<Box<Sleep>>,
    shutdown: Shutdown,
    first: bool,
    over: bool,
}

impl Watching {
    /// Waits for the next piece of the body; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        while out.is_empty() {
            if self.over {
                return None;
            }
            let event = tokio::select! {
                biased;
                () = self.shutdown.started() => return None,
                () = &mut self.end => return None,
                event = self.events.next() => event?,
            };
            if let Err(status) = event.and_then(|event| self.write(event, &mut out)) {
                self.over = true;
                return Some(error_event(&self.shape, &status, &self.sent));
            }
            if !out.is_empty() {
                self.shape.count(&self.sent, out.len());
            }
        }
        Some(out.into())
    }

    fn write(
        &mut self,
        event: WatchEvent<Box<dyn Object>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let (kind, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark(revision) => {
                if self.bookmarks {
                    let first = std::mem::take(&mut self.first);
                    self.shape.bookmark(&mark(&self.shape, revision), first, out);
                }
                return Ok(());
            }
        };
        let entry = entry(&self.shape.kind, object.as_ref())?;
        let within = entry.key.starts_with(&self.selection.prefix);
        let selected = within && self.selection.matches(&entry);
        if let Some(kind) = self.seen(kind, selected, &entry)? {
            self.shape.event(kind, &entry, std::mem::take(&mut self.first), out);
        }
        Ok(())
    }

    /// How the client of this watch sees an event, if it does: an object that leaves the selection is
    /// deleted, one that enters it is added.
    fn seen(
        &mut self,
        kind: &'static str,
        selected: bool,
        entry: &Entry,
    ) -> Result<Option<&'static str>, Status> {
        let Some(shown) = &mut self.shown else {
            // What was shown is not known. Taking an object away that is not there harms nobody.
            let left = kind == "MODIFIED" && !selected;
            let within = entry.key.starts_with(&self.selection.prefix);
            return Ok(within
                .then_some(if left { "DELETED" } else { kind })
                .filter(|kind| selected || *kind == "DELETED"));
        };
        if kind == "DELETED" || !selected {
            return Ok(shown.remove(&*entry.key).then_some("DELETED"));
        }
        if shown.len() >= SHOWN_MAX {
            let why = format!("a watch with a selector shows {SHOWN_MAX} objects at most");
            return Err(Status::expired(why));
        }
        Ok(Some(if shown.insert(Box::from(&*entry.key)) { "ADDED" } else { "MODIFIED" }))
    }
}
