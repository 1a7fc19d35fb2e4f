//! A store in the memory of the process: every feature of [`Storage`], no durability.
//!
//! The newest state is an ordered map of its own, so a read of it costs the same however long the
//! history is. Older states and the events of watches come from one shared [`history`] with a limit
//! in events and in bytes; no watcher has a buffer.

mod history;
mod state;
mod watch;

use crate::{Error, Got, Page, Range, Result, Revision, Storage, Watch};
use async_trait::async_trait;
use bytes::Bytes;
use history::{HISTORY_BYTES_MAX, HISTORY_EVENTS_MAX};
use state::{Commit, State};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use watch::{MemoryWatch, WATCH_BATCH_EVENTS_MAX};

/// The longest key and value together; etcd's default limit of a request.
const VALUE_BYTES_MAX: usize = 3 * 512 * 1024;

/// How many keys a range looks at before it lets writers in.
const RANGE_KEYS_PER_LOCK: usize = 1024;

/// How many events a compaction forgets before it lets readers and writers in.
const COMPACT_EVENTS_PER_LOCK: usize = 128;

/// Keeps every key in the memory of the process and forgets it at the end of the process.
///
/// A clone is another handle of the same store.
///
/// The history does not grow without end: beyond [`Memory::HISTORY_EVENTS_MAX`] events or
/// [`Memory::HISTORY_BYTES_MAX`] bytes the oldest revisions are compacted with the next write. The
/// newest state has no limit; whoever writes decides how large it gets. A value is kept as it is
/// handed in: a [`Bytes`] cut out of a larger buffer keeps that buffer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> pintle_storage::Result<()> {
/// use pintle_storage::{Error, Event, Memory, Storage};
///
/// let store = Memory::new();
/// let created = store.create("/foos/default/bar", "one".into()).await?;
/// let updated = store.update("/foos/default/bar", "two".into(), created).await?;
///
/// let stale = store.delete("/foos/default/bar", created).await;
/// assert!(matches!(stale, Err(Error::Conflict(Some(now))) if now.revision == updated));
///
/// let mut watch = store.watch("/foos/", created).await?;
/// assert!(matches!(&watch.next().await?[..], [Event::Put(item)] if item.value == "two"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Shared>,
}

impl Memory {
    /// How many bytes a key and its value may have together.
    pub const VALUE_BYTES_MAX: usize = VALUE_BYTES_MAX;

    /// How many changes are remembered for watches and reads of the past.
    pub const HISTORY_EVENTS_MAX: usize = HISTORY_EVENTS_MAX;

    /// How many bytes are spent on values that only the past still needs.
    pub const HISTORY_BYTES_MAX: usize = HISTORY_BYTES_MAX;

    /// How many changes one call of [`Watch::next`] returns at most.
    pub const WATCH_BATCH_EVENTS_MAX: usize = WATCH_BATCH_EVENTS_MAX;

    /// An empty store, at revision 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store, at a revision of the caller's choice and at least 1.
    ///
    /// Whoever remembers a revision of an earlier store, for example a client that watches across a
    /// restart, must learn that what came behind it is lost. It does where every store starts at a
    /// greater revision than the one before it has reached: a time will do.
    #[must_use]
    pub fn starting_at(revision: Revision) -> Self {
        let state = State::starting_at(revision.max(1));
        let revision = AtomicU64::new(state.revision());
        Self { shared: Arc::new(Shared { state: RwLock::new(state), revision }) }
    }

    /// Commits one change and wakes whom it concerns.
    fn write(&self, change: impl FnOnce(&mut State) -> Result<Commit>) -> Result<Revision> {
        let mut state = self.shared.write();
        let Commit { revision, wake } = change(&mut state)?;
        // Published before the lock is released: whoever sees the number finds the state.
        self.shared.revision.store(revision, Ordering::Release);
        drop(state);
        for watcher in wake {
            watcher.wake();
        }
        Ok(revision)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.shared.revision.load(Ordering::Acquire);
        f.debug_struct("Memory").field("revision", &revision).finish_non_exhaustive()
    }
}

#[async_trait]
impl Storage for Memory {
    async fn get(&self, key: &str) -> Result<Got> {
        let state = self.shared.read();
        Ok(Got { item: state.get(key).cloned(), revision: state.revision() })
    }

    async fn range(&self, range: Range) -> Result<Page> {
        let newest = range.revision == 0;
        let mut reading = self.shared.read().start(range)?;
        loop {
            let step = self.shared.read().advance(&mut reading, RANGE_KEYS_PER_LOCK);
            match step {
                Ok(true) => return Ok(reading.into_page()),
                Ok(false) => tokio::task::yield_now().await,
                // The caller named no revision, so it must not learn that one was compacted: read
                // the state of this moment, and keep writers out until it is read.
                Err(Error::Compacted { .. }) if newest => {
                    let state = self.shared.read();
                    reading = state.start(reading.into_range())?;
                    state.advance(&mut reading, usize::MAX)?;
                    return Ok(reading.into_page());
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision> {
        check_size(key, &value)?;
        let key = Arc::from(key);
        self.write(|state| state.create(key, value))
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision> {
        check_size(key, &value)?;
        self.write(|state| state.update(key, value, expected))
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        self.write(|state| state.delete(key, expected))
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        Ok(Box::new(MemoryWatch::start(&self.shared, prefix, after)?))
    }

    async fn current_revision(&self) -> Result<Revision> {
        Ok(self.shared.revision.load(Ordering::Acquire))
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.shared.write().compact(revision)?;
        // Where the caller goes away in the middle, later writes forget the rest.
        while !self.shared.write().history.forget(COMPACT_EVENTS_PER_LOCK) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// What the handles and the watches of one store have in common.
struct Shared {
    state: RwLock<State>,
    /// The revision of `state`, readable without the lock.
    revision: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        let state = State::default();
        Self { revision: AtomicU64::new(state.revision()), state: RwLock::new(state) }
    }
}

// A poisoned lock is taken all the same: a change is checked before anything is touched, and what
// follows the check does not panic.
impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_size(key: &str, value: &Bytes) -> Result<()> {
    let size = key.len() + value.len();
    if size > VALUE_BYTES_MAX {
        return Err(Error::TooLarge { size, limit: VALUE_BYTES_MAX });
    }
    Ok(())
}
