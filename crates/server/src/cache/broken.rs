//! Stored values that are not objects of their kind.
//!
//! One value that cannot be decoded must not keep the others from being served. It is no entry; its
//! key is remembered, so that whoever asks for it learns why.

use super::Cache;
use super::decode::Corrupt;
use pintle_storage::Revision;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A stored value that cannot be decoded.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The key in the storage.
    pub path: Arc<str>,
    /// The write that put the value there.
    pub revision: Revision,
    /// What is wrong with it.
    pub why: Corrupt,
}

impl Broken {
    /// Tells the log and the metrics that a value was found that cannot be decoded.
    pub(crate) fn found(cache: &Cache, path: &Arc<str>, revision: Revision, why: Corrupt) -> Self {
        tracing::error!(key = %path, revision, error = %why, "a stored value cannot be decoded");
        cache.counts.decode_errors.fetch_add(1, Ordering::Relaxed);
        Self { path: Arc::clone(path), revision, why }
    }
}

impl Cache {
    /// The newest value of a key, where it cannot be decoded.
    pub(crate) fn broken_at(&self, key: &str) -> Option<Arc<Broken>> {
        self.read().broken.get(key).cloned()
    }

    /// At most `limit` values below a prefix that cannot be decoded.
    pub(crate) fn broken_below(&self, prefix: &str, limit: usize) -> Vec<Arc<Broken>> {
        let state = self.read();
        let from = state.broken.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let below = from.take_while(|(key, _)| key.starts_with(prefix));
        below.take(limit).map(|(_, broken)| Arc::clone(broken)).collect()
    }
}
