//! Watches of a memory store: cursors into the one log that all of them share.
//!
//! A watcher has no queue. A write only notes, for each watcher that it concerns and that has
//! nothing to read yet, where in the log there is something to read now. So a watch of a quiet
//! prefix costs nothing while others are written, and does not fall behind the log that they fill.

use super::Shared;
use crate::{Error, Event, Result, Revision, Watch};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// How many changes one batch of a watch holds.
pub(super) const WATCH_BATCH_EVENTS_MAX: usize = 512;

/// How many changes a watcher looks at before it lets writers in.
const WATCH_EVENTS_PER_LOCK: usize = 4096;

/// How many events a batch reserves room for before it knows how many there are.
const WATCH_RESERVE_EVENTS: usize = 8;

/// The watches that are running.
#[derive(Default)]
pub(super) struct Watchers {
    running: BTreeMap<u64, Arc<Watcher>>,
    next: u64,
}

impl Watchers {
    fn add(&mut self, watcher: Arc<Watcher>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.running.insert(id, watcher);
        id
    }

    /// Notes the change with the watchers it concerns; returns those that may be asleep.
    pub(super) fn mark(&self, event: &Event) -> Vec<Arc<Watcher>> {
        let mut wake = Vec::new();
        for watcher in self.running.values() {
            if watcher.concerned(event) && watcher.unread.load(Ordering::Relaxed) == NOTHING {
                watcher.unread.store(event.revision(), Ordering::Relaxed);
                wake.push(watcher.clone());
            }
        }
        wake
    }
}

/// What a write has to know of a watch.
pub(super) struct Watcher {
    prefix: Box<str>,
    /// No change before this revision concerns the watcher any more; [`NOTHING`] where none up to
    /// the newest does. Written only under the lock of the state: by a write that holds it alone,
    /// or by the watch itself that holds it shared.
    unread: AtomicU64,
    woken: Notify,
}

const NOTHING: Revision = 0;

impl Watcher {
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    fn concerned(&self, event: &Event) -> bool {
        match event {
            Event::Put(item) => item.key.starts_with(&*self.prefix),
            Event::Delete { key, .. } => key.starts_with(&*self.prefix),
            Event::Progress(_) => false,
        }
    }
}

/// One watch of a memory store.
pub(super) struct MemoryWatch {
    shared: Arc<Shared>,
    watcher: Arc<Watcher>,
    id: u64,
    /// The revision of the first change to deliver.
    cursor: Revision,
    progress_requested: bool,
}

impl MemoryWatch {
    pub(super) fn start(shared: &Arc<Shared>, prefix: &str, after: Revision) -> Result<Self> {
        let cursor = after.saturating_add(1);
        let mut state = shared.write();
        let oldest = state.history.oldest();
        if cursor < oldest {
            return Err(Error::Compacted { oldest });
        }
        let unread = if cursor > state.revision { NOTHING } else { cursor };
        let watcher = Arc::new(Watcher {
            prefix: prefix.into(),
            unread: AtomicU64::new(unread),
            woken: Notify::new(),
        });
        let id = state.watchers.add(watcher.clone());
        Ok(Self { shared: shared.clone(), watcher, id, cursor, progress_requested: false })
    }

    /// Reads on in the log; true when its end has been reached.
    fn read_log(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        let state = self.shared.read();
        let unread = self.watcher.unread.load(Ordering::Relaxed);
        if unread != NOTHING {
            self.cursor = self.cursor.max(unread);
            let oldest = state.history.oldest();
            if self.cursor < oldest {
                return Err(Error::Compacted { oldest });
            }
            let mut ended = true;
            for (seen, event) in state.history.since(self.cursor).enumerate() {
                if seen == WATCH_EVENTS_PER_LOCK || batch.len() == WATCH_BATCH_EVENTS_MAX {
                    ended = false;
                    break;
                }
                self.cursor = event.revision() + 1;
                if self.watcher.concerned(event) {
                    batch.push(event.clone());
                }
            }
            self.watcher.unread.store(if ended { NOTHING } else { self.cursor }, Ordering::Relaxed);
            if !ended {
                return Ok(false);
            }
        }
        if self.progress_requested {
            self.progress_requested = false;
            batch.push(Event::Progress(state.revision));
        }
        Ok(true)
    }
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let mut batch = Vec::with_capacity(WATCH_RESERVE_EVENTS);
            // Nothing is awaited between reading the log and returning what was read, so a call
            // that is cancelled has taken nothing.
            let ended = self.read_log(&mut batch)?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            if ended {
                self.watcher.woken.notified().await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn request_progress(&mut self) -> Result<()> {
        self.progress_requested = true;
        Ok(())
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.shared.write().watchers.running.remove(&self.id);
    }
}
