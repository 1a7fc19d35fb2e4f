//! GET of a collection with `watch=true`, and the old paths with `watch` in them.

use super::Context;
use super::select::Selection;
use crate::cache::{Change, Entry, Lagged, Reader, Watcher};
use crate::metrics::Events;
use crate::names;
use crate::negotiate::{Media, Transform, not_served};
use crate::reply::Reply;
use crate::serve::{Counted, Shutdown};
use crate::shape::{INITIAL_EVENTS_END, Shape};
use crate::store::Store;
use bytes::Bytes;
use futures::stream;
use pintle_meta::options::{ListOptions, ReadAt, ResourceVersionMatch, parse_resource_version};
use pintle_meta::{Reason, Status};
use pintle_storage::Revision;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How often a watch that allows it is told how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// So long before its end a watch is told how far it is for the last time.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// So long a watch from a revision that is still to come waits for it. A client ahead of this server
/// has seen what it is about to see; one that is still ahead then has seen another storage, which was
/// lost, and would wait for changes in vain.
const AHEAD_WAIT: Duration = Duration::from_secs(5);
/// How many changes are taken from the cache at a time.
const CHANGES_AT_ONCE: usize = 512;
/// Events are sent when so many bytes of them have been collected.
const PIECE_BYTES: usize = 64 << 10;

/// A watch of a collection.
pub(super) async fn watch(cx: &Context, store: &Store) -> Result<Reply, Status> {
    let options = ListOptions::from_query(&cx.query)?;
    let selection = Selection::new(cx, &options)?;
    let shape = cx.shape()?;
    let version = parse_resource_version(&options.resource_version)?;
    let initial = options.send_initial_events.unwrap_or(version == 0);
    // As in Kubernetes, which looks at the text of the version here.
    let says_so =
        options.send_initial_events.is_some() || matches!(&*options.resource_version, "" | "0");
    let (start, from) = if initial {
        let at = match (options.resource_version.as_str(), version) {
            ("", _) if options.resource_version_match == Some(ResourceVersionMatch::Exact) => {
                ReadAt::Any
            }
            ("", _) => ReadAt::Latest,
            (_, 0) => ReadAt::Any,
            (_, version) => ReadAt::NotOlderThan(version),
        };
        match store.freshen(at).await {
            // As in Kubernetes, a client that is ahead for too long is told so by an event.
            Err(status) if status.is(Reason::Timeout) => return Ok(ended(cx, &shape, &status)),
            fresh => fresh?,
        };
        store.check_readable(&selection.prefix)?;
        let (reader, revision) = store.cache().candidates(&selection.query(&selection.wanted(cx)));
        (Some(reader), revision)
    } else {
        let reached = store.freshen(ReadAt::Any).await?;
        (None, if version == 0 { reached } else { version })
    };
    let doubt = (from > store.cache().revision()).then(|| Instant::now() + AHEAD_WAIT);
    check_format(cx)?;
    if cx.format.transform == Transform::PartialList {
        // As in Kubernetes: no object can be shown as a list, and the first one ends the watch.
        return Ok(Reply::Watch(Box::pin(stream::empty())));
    }
    let Some(watcher) = store.cache().watch_after(from) else {
        return Ok(ended(cx, &shape, &too_old(from, store.cache().floor())));
    };
    let end = Instant::now() + time(cx, &options);
    let state = Watching {
        sent: Arc::clone(cx.events()),
        shape,
        selection,
        watcher,
        initial: start,
        from,
        seen: from,
        bookmarks: options.allow_watch_bookmarks,
        tell_initial_end: initial && says_so && options.allow_watch_bookmarks,
        end,
        doubt,
        timer: Box::pin(sleep_until(next_wake(end, options.allow_watch_bookmarks, doubt))),
        shutdown: cx.shutdown.clone(),
        share: names::fraction(),
        _counted: cx.shutdown.watch(),
        first: true,
        over: false,
    };
    Ok(Reply::Watch(Box::pin(stream::unfold(state, |mut state| async move {
        let piece = state.next().await?;
        Some((piece, state))
    }))))
}

/// How long a watch lasts.
pub(super) fn time(cx: &Context, options: &ListOptions) -> Duration {
    match options.timeout_seconds.and_then(|s| u64::try_from(s).ok()) {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds),
        _ => cx.watch_time + cx.watch_time.mul_f64(spread(cx)),
    }
}

/// Refuses a format that has no stream, once all else is well.
pub(super) fn check_format(cx: &Context) -> Result<(), Status> {
    if cx.format.media != Media::Yaml {
        return Ok(());
    }
    let types = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
    let more = if cx.cbor { ", application/cbor-seq" } else { "" };
    Err(not_served(&format!("{types}{more}")))
}

/// A number from zero to one that differs from watch to watch, so that they do not end together.
fn spread(cx: &Context) -> f64 {
    f64::from(cx.request.time.subsec_microsecond()) / 1_000_000.0
}

fn next_wake(end: Instant, bookmarks: bool, doubt: Option<Instant>) -> Instant {
    let now = Instant::now();
    let end = doubt.map_or(end, |doubt| doubt.min(end));
    if !bookmarks {
        return end;
    }
    let last = end.checked_sub(BOOKMARK_BEFORE_END).filter(|last| *last > now);
    last.unwrap_or(end).min(now + BOOKMARK_EVERY)
}

/// A watch that cannot start gets one event that says why; the client lists again.
fn ended(cx: &Context, shape: &Shape, status: &Status) -> Reply {
    let piece = error_event(shape, status, cx.events());
    Reply::Watch(Box::pin(stream::once(async move { piece })))
}

fn too_old(from: Revision, known: Revision) -> Status {
    Status::expired(format!("too old resource version: {from} ({known})"))
}

pub(super) fn error_event(shape: &Shape, status: &Status, sent: &Events) -> Bytes {
    let mut out = Vec::new();
    shape.error_event(status, &mut out);
    shape.count(sent, out.len());
    out.into()
}

/// A watch under way.
struct Watching {
    /// Where the events are counted.
    sent: Arc<Events>,
    shape: Shape,
    selection: Selection,
    watcher: Watcher,
    /// What is left of the objects that the watch starts with.
    initial: Option<Reader>,
    /// Changes up to this one are not for this watch.
    from: Revision,
    /// How far the client is.
    seen: Revision,
    bookmarks: bool,
    tell_initial_end: bool,
    end: Instant,
    /// When a watch that is ahead of the storage is told so.
    doubt: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    shutdown: Shutdown,
    /// When this one of all watches ends with the server.
    share: f64,
    /// Counts for as long as the watch lasts.
    _counted: Counted,
    first: bool,
    over: bool,
}

impl Watching {
    /// Waits for the next piece of the body; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        if self.initial.is_some() || self.tell_initial_end {
            self.write_initial(&mut out);
            if !out.is_empty() {
                return Some(out.into());
            }
        }
        while !self.over {
            tokio::select! {
                biased;
                () = self.shutdown.ends_watch(self.share) => return None,
                () = &mut self.timer => self.wake(&mut out)?,
                changes = self.watcher.next(CHANGES_AT_ONCE) => match changes {
                    Ok((changes, reached)) => {
                        let from = self.from;
                        for change in changes.iter().filter(|c| c.new.revision > from) {
                            self.write_change(change, &mut out);
                        }
                        self.seen = self.seen.max(reached);
                    }
                    Err(Lagged) => {
                        self.over = true;
                        let status = too_old(self.seen, self.watcher.floor());
                        return Some(error_event(&self.shape, &status, &self.sent));
                    }
                },
            }
            if !out.is_empty() {
                return Some(out.into());
            }
        }
        None
    }

    /// The time for a bookmark, or the end, has come.
    fn wake(&mut self, out: &mut Vec<u8>) -> Option<()> {
        if Instant::now() >= self.end {
            return None;
        }
        let reached = self.watcher.seen();
        let doubted = self.doubt.take_if(|doubt| Instant::now() >= *doubt).is_some();
        if doubted && reached < self.from {
            self.over = true;
            let status = too_old(self.from, reached);
            out.extend_from_slice(&error_event(&self.shape, &status, &self.sent));
            return Some(());
        }
        self.seen = self.seen.max(reached);
        if !doubted && self.bookmarks {
            self.bookmark(false, out);
        }
        let next = next_wake(self.end, self.bookmarks, self.doubt);
        self.timer.as_mut().reset(next);
        Some(())
    }

    fn write_initial(&mut self, out: &mut Vec<u8>) {
        if let Some(mut reader) = self.initial.take() {
            while let Some(entry) = reader.next() {
                if self.selection.matches(entry) {
                    self.event("ADDED", entry, out);
                }
                if out.len() >= PIECE_BYTES {
                    self.initial = Some(reader);
                    return;
                }
            }
        }
        if std::mem::take(&mut self.tell_initial_end) {
            self.bookmark(true, out);
        }
    }

    /// Shows a change as this watch sees it: an object that leaves the selection is deleted, one
    /// that enters it is added.
    fn write_change(&mut self, change: &Change, out: &mut Vec<u8>) {
        let within = |entry: &Entry| {
            entry.key.starts_with(&self.selection.prefix) && self.selection.matches(entry)
        };
        let was = change.old.as_deref().is_some_and(within);
        let is = !change.new.removed && within(&change.new);
        match (was, is) {
            (false, false) => {}
            (false, true) => self.event("ADDED", &change.new, out),
            (true, true) => self.event("MODIFIED", &change.new, out),
            (true, false) if change.new.removed => self.event("DELETED", &change.new, out),
            (true, false) => {
                if let Some(left) = change.left(&self.shape.kind) {
                    self.event("DELETED", &left, out);
                }
            }
        }
    }

    fn event(&mut self, kind: &str, entry: &Entry, out: &mut Vec<u8>) {
        let before = out.len();
        self.shape.event(kind, entry, std::mem::take(&mut self.first), out);
        self.shape.count(&self.sent, out.len() - before);
    }

    /// Tells the client how far it is, and once that it has seen everything there was at the start.
    fn bookmark(&mut self, initial_end: bool, out: &mut Vec<u8>) {
        let mut object = mark(&self.shape, self.seen);
        if initial_end {
            object["metadata"]["annotations"][INITIAL_EVENTS_END] = "true".into();
        }
        let (first, before) = (std::mem::take(&mut self.first), out.len());
        self.shape.bookmark(&object, first, out);
        self.shape.count(&self.sent, out.len() - before);
    }
}

/// What a bookmark carries: an object with nothing in it but a resource version.
pub(super) fn mark(shape: &Shape, seen: Revision) -> Value {
    let version = &shape.kind.versions[shape.version];
    let mut object = empty(shape)
        .unwrap_or_else(|| json!({ "kind": shape.kind.kind, "apiVersion": version.api_version }));
    object["metadata"]["resourceVersion"] = seen.to_string().into();
    object
}

fn empty(shape: &Shape) -> Option<Value> {
    let (kind, version) = (&shape.kind, &shape.kind.versions[shape.version]);
    let empty = (kind.hub().convert)((kind.hub().zero)()).ok()?;
    let encoded = (version.encode)(empty.as_ref(), None).ok()?;
    let mut empty: Value = serde_json::from_slice(&encoded.bytes).ok()?;
    if version.has_status && empty["status"].is_null() {
        empty["status"] = json!({});
    }
    Some(empty)
}
