//! A place in the history of a cache that moves on as changes come.

use super::{Cache, Change};
use pintle_storage::Revision;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// Somebody who is told every change of a kind, once and in order.
///
/// It holds no queue: only a number in the shared history.
#[derive(Debug)]
pub(crate) struct Watcher {
    cache: Arc<Cache>,
    changed: watch::Receiver<()>,
    next: u64,
    generation: u64,
}

/// The watcher was too slow, or the cache was loaded anew: changes were forgotten that it has not seen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lagged;

impl Watcher {
    /// Waits for changes, and returns at most `limit` of them with the revision that they reach.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// Where changes were forgotten before they were taken; the watcher is told once.
    pub(crate) async fn next(
        &mut self,
        limit: usize,
    ) -> Result<(Vec<Arc<Change>>, Revision), Lagged> {
        loop {
            self.changed.borrow_and_update();
            let taken = self.take(limit);
            if taken.is_err() {
                self.cache.counts.terminated.fetch_add(1, Ordering::Relaxed);
            }
            let (changes, reached) = taken?;
            if !changes.is_empty() {
                return Ok((changes, reached));
            }
            self.changed.changed().await.map_err(|_| Lagged)?;
        }
    }

    /// The changes that are there already.
    pub(crate) fn take(&mut self, limit: usize) -> Result<(Vec<Arc<Change>>, Revision), Lagged> {
        let state = self.cache.read();
        if state.generation != self.generation {
            return Err(Lagged);
        }
        let changes = state.history.from(self.next, limit).ok_or(Lagged)?;
        self.next += changes.len() as u64;
        let reached = match changes.last() {
            Some(last) if changes.len() == limit => last.new.revision,
            _ => state.revision,
        };
        Ok((changes, reached))
    }

    /// The revision up to which this watcher has taken every change; waiting for the next one it
    /// has taken them all.
    pub(crate) fn seen(&self) -> Revision {
        let state = self.cache.read();
        match state.history.from(self.next, 1).as_deref() {
            Some([]) => state.revision,
            Some([next, ..]) => next.new.revision - 1,
            None => 0,
        }
    }

    /// The oldest revision that a watch could start after.
    pub(crate) fn floor(&self) -> Revision {
        self.cache.floor()
    }
}

impl Cache {
    /// The oldest revision that a watch can start after.
    pub(crate) fn floor(&self) -> Revision {
        self.read().history.floor()
    }

    /// Follows the changes after a revision; `None` where they are forgotten.
    pub(crate) fn watch_after(self: &Arc<Self>, revision: Revision) -> Option<Watcher> {
        let state = self.read();
        let next = state.history.position_after(revision)?;
        Some(Watcher {
            cache: Arc::clone(self),
            changed: self.changed.subscribe(),
            next,
            generation: state.generation,
        })
    }
}
