//! What Pintle asks of a place to keep objects in: keys, bytes, revisions and watch.
//!
//! A [`Storage`] knows nothing of objects, kinds or HTTP. Its semantics are those of
//! [etcd v3](https://etcd.io/docs/v3.6/learning/api/): one counter, the *revision*, grows with every
//! write to any key; a read can look at the state of an earlier revision; a watch delivers every
//! change after a revision, in order and exactly once, until the revision has been compacted away.
//! Everything that is Kubernetes (preconditions on objects, paging tokens, decoding, encryption)
//! is built once above this trait.
//!
//! [`Memory`] keeps everything in the process and forgets it at its end. Every backend passes the
//! same suite (feature `suite`).

mod backend;
mod memory;
#[cfg(feature = "suite")]
pub mod suite;

use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

pub use backend::Backend;
pub use memory::Memory;

/// A position in the history of a store: the number of the write that led to a state.
///
/// Zero is the state before the first write and is never the revision of a key. An empty store
/// answers reads with revision 1, as etcd does, so that a list of an empty store has a resource
/// version that a watch can start from.
pub type Revision = u64;

/// A key, its value, and the write that put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key, for example `/registry/hello.zeng.dev/foos/default/bar`.
    pub key: Arc<str>,
    /// The bytes stored under it.
    pub value: Bytes,
    /// The revision of the write that stored this value (etcd's `mod_revision`).
    pub revision: Revision,
}

/// Which keys to read, and as of when.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Only keys that start with this.
    pub prefix: String,
    /// Only keys greater than or equal to this; empty means from the start of the prefix.
    pub start: String,
    /// The state to read; zero means the newest.
    pub revision: Revision,
    /// At most this many keys; zero means all of them.
    pub limit: usize,
}

/// The keys that a [`Range`] selects, in ascending byte order.
#[derive(Clone, Debug)]
pub struct Page {
    /// The keys and their values.
    pub items: Vec<KeyValue>,
    /// The store's revision at the time of the read, or the revision that was asked for.
    pub revision: Revision,
    /// Whether the limit left keys out.
    pub more: bool,
}

/// The answer to [`Storage::get`].
#[derive(Clone, Debug)]
pub struct Got {
    /// The key, where it exists.
    pub item: Option<KeyValue>,
    /// The store's revision at the time of the read.
    pub revision: Revision,
}

/// One message of a [`Watch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was created or replaced.
    Put(KeyValue),
    /// A key was removed by the write with this revision.
    Delete {
        /// The key.
        key: Arc<str>,
        /// The revision of the removal.
        revision: Revision,
    },
    /// Every change up to and including this revision has been delivered.
    ///
    /// Sent after [`Watch::request_progress`], and by a backend on its own account when it likes.
    Progress(Revision),
}

impl Event {
    /// The revision that the watcher has reached with this event.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(item) => item.revision,
            Self::Delete { revision, .. } | Self::Progress(revision) => *revision,
        }
    }
}

/// What a storage can refuse.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The key to be created exists already.
    Exists(KeyValue),
    /// The key to be updated or deleted is not at the expected revision; holds what is there now.
    Conflict(Option<KeyValue>),
    /// The revision asked for has been compacted away; holds the oldest one that can be read.
    Compacted {
        /// The oldest revision that can still be read or watched from.
        oldest: Revision,
    },
    /// The revision asked for has not been reached yet; holds the newest one.
    Future {
        /// The store's newest revision.
        current: Revision,
    },
    /// The store does not accept a value of this size.
    TooLarge {
        /// The size in bytes of the value, with whatever else the store counts towards its limit.
        size: usize,
        /// The greatest size accepted, in bytes.
        limit: usize,
    },
    /// The store cannot be reached now; the same request may succeed later.
    ///
    /// A write that fails so may or may not have happened.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
    /// The store answered something that it must not answer, or its data are damaged.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(item) => {
                write!(f, "key {} exists at revision {}", item.key, item.revision)
            }
            Self::Conflict(Some(item)) => {
                write!(f, "key {} is at revision {}", item.key, item.revision)
            }
            Self::Conflict(None) => f.write_str("the key does not exist"),
            Self::Compacted { oldest } => {
                write!(f, "the revision has been compacted; the oldest is {oldest}")
            }
            Self::Future { current } => {
                write!(f, "the revision is in the future; the newest is {current}")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "a value of {size} bytes is over the limit of {limit}")
            }
            Self::Unavailable(cause) => write!(f, "the store is unavailable: {cause}"),
            Self::Internal(cause) => write!(f, "the store failed: {cause}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// The result of a storage operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A store of keys and bytes with a revision for every write.
///
/// An acknowledged write is durable in whatever way the backend promises, and is seen by every
/// read and watch that starts after it.
#[async_trait]
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Reads one key, newest state.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Internal`], as every operation.
    async fn get(&self, key: &str) -> Result<Got>;

    /// Reads keys in order.
    ///
    /// # Errors
    /// [`Error::Compacted`] and [`Error::Future`] for a revision that cannot be read.
    async fn range(&self, range: Range) -> Result<Page>;

    /// Stores a key that must not exist, and returns the revision of the write.
    ///
    /// # Errors
    /// [`Error::Exists`] where it does, [`Error::TooLarge`].
    async fn create(&self, key: &str, value: Bytes) -> Result<Revision>;

    /// Replaces a key that must be at the revision `expected`, and returns the revision of the write.
    ///
    /// # Errors
    /// [`Error::Conflict`] with what is there now, [`Error::TooLarge`].
    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision>;

    /// Removes a key that must be at the revision `expected`, and returns the revision of the write.
    ///
    /// # Errors
    /// [`Error::Conflict`] with what is there now.
    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision>;

    /// Follows every change after the revision `after` to keys that start with `prefix`.
    ///
    /// A revision that has not been reached yet is no error: the changes up to it are left out.
    /// After a compaction of the revision `r` a watch can start from `r`; whether it can start from
    /// `r - 1`, as with etcd, is left to the backend.
    ///
    /// # Errors
    /// [`Error::Compacted`] where the changes just after it are gone. A backend that learns so only
    /// later answers it with the first [`Watch::next`].
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>>;

    /// The newest revision.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn current_revision(&self) -> Result<Revision>;

    /// Forgets the states before `revision`: they can no longer be read, and a watch can no longer
    /// start before it. Current values stay.
    ///
    /// # Errors
    /// [`Error::Compacted`] where it is not newer than the last compaction, [`Error::Future`] where
    /// it is newer than the store.
    async fn compact(&self, revision: Revision) -> Result<()>;

    /// How many bytes the store takes, with its history and whatever else it keeps; `None` where it
    /// does not know.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn size(&self) -> Result<Option<u64>> {
        Ok(None)
    }
}

/// A running watch; dropping it ends it.
#[async_trait]
pub trait Watch: Send {
    /// Waits for the next events: at least one, in the order of their revisions.
    ///
    /// Cancel safe: an event that was not returned is returned by the next call.
    ///
    /// # Errors
    /// [`Error::Compacted`] where this watcher fell behind a compaction, [`Error::Unavailable`] where
    /// the link broke. After an error the watch is over; a new one may start from the revision of
    /// the last event.
    async fn next(&mut self) -> Result<Vec<Event>>;

    /// Asks for an [`Event::Progress`] that says how far this watcher is.
    ///
    /// It comes out of [`Watch::next`] after all changes it speaks for, also where none of them
    /// concerned this watcher. One event may answer several requests. A watch over a link may name
    /// a revision that is behind a write just acknowledged; ask again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the link broke.
    async fn request_progress(&mut self) -> Result<()>;
}
