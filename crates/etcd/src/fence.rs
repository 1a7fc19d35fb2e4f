//! How far a watch is where etcd's own word cannot be trusted: by a write that the watch must see.
//!
//! A watch delivers what it follows in order. So a write to a key at the end of what it follows
//! comes after every change before it. The key comes after all that start with the prefix, as
//! `foos0!watched` for `foos/`: a server that reads what starts with the prefix never sees it.

use crate::cluster::{Shared, put};
use crate::keys;
use bytes::Bytes;
use pintle_storage::{Error, Result, Revision};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often a fence is tried that other servers write too.
const TRIES_MAX: usize = 4;

/// What its key ends in; no key of an object does.
const SUFFIX: &[u8] = b"!watched";

/// What is stored there, for whoever finds it.
const VALUE: &[u8] = b"written by pintle to see how far a watch is\n";

/// Whether a key is the fence of some prefix, and nothing that anybody keeps.
pub(crate) fn hidden(key: &[u8]) -> bool {
    key.ends_with(SUFFIX)
}

/// The key of one watch.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    shared: Arc<Shared>,
    key: Bytes,
    end: Bytes,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a write is under way.
    busy: AtomicBool,
    /// The revision of the key as far as known; zero where nothing is.
    revision: AtomicU64,
}

impl Fence {
    /// The fence of a prefix.
    pub(crate) fn new(shared: Arc<Shared>, prefix: &str) -> Self {
        let end = keys::end(prefix);
        let (key, end) = match prefix {
            // Every key starts so.
            "" => (Bytes::from_static(SUFFIX), end),
            _ => {
                let key = [&end[..], SUFFIX].concat();
                let end = keys::next(&key);
                (key.into(), end)
            }
        };
        Self { shared, key, end, state: Arc::default() }
    }

    /// Whether this is its key.
    pub(crate) fn is(&self, key: &[u8]) -> bool {
        self.key == key
    }

    /// The end of what a watch must follow to see it too.
    pub(crate) fn end(&self) -> Bytes {
        self.end.clone()
    }

    /// Writes the key, unless a write is under way.
    pub(crate) fn write(&self) {
        if self.state.busy.swap(true, Ordering::Relaxed) {
            return;
        }
        let fence = self.clone();
        tokio::spawn(async move {
            if let Err(error) = fence.put().await {
                tracing::warn!(key = ?fence.key, %error, "cannot see how far a watch of etcd is");
            }
            fence.state.busy.store(false, Ordering::Relaxed);
        });
    }

    async fn put(&self) -> Result<()> {
        for _ in 0..TRIES_MAX {
            let expected = self.state.revision.load(Ordering::Relaxed);
            match self.put_at(expected).await {
                Ok(revision) => {
                    self.state.revision.store(revision, Ordering::Relaxed);
                    return Ok(());
                }
                Err(Error::Conflict(now)) => {
                    let now = now.map_or(0, |item| item.revision);
                    self.state.revision.store(now, Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        // Others write it as often: their writes say the same.
        Ok(())
    }

    async fn put_at(&self, expected: Revision) -> Result<Revision> {
        let change = put(self.key.clone(), Bytes::from_static(VALUE));
        if expected > 0 {
            return self.shared.replace(&self.key, expected, change).await;
        }
        let (answer, revision) = self.shared.txn(&self.key, 0, change, None).await?;
        match answer.succeeded {
            true => Ok(revision),
            false => Err(Error::Conflict(self.shared.get(self.key.clone()).await?.item)),
        }
    }
}
