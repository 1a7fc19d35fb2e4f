//! What this server is writing, until the storage tells of it: it comes back as it went, and need not
//! be decoded.

use super::Key;
use super::entry::{Draft, Entry};
use pintle_storage::KeyValue;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many drafts are kept, and so many bytes of them. A write that fails leaves its draft behind, so
/// when there is no more room all are given up: what comes back then is decoded, as what others write.
const KEPT_MAX: usize = 1_000;
const KEPT_BYTES_MAX: usize = 16 << 20;

/// The drafts by the keys of the storage. At most one is kept of a key.
#[derive(Debug, Default)]
pub(super) struct Drafts(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_path: HashMap<Box<str>, Draft>,
    bytes: usize,
}

impl Drafts {
    /// Keeps a draft that is about to be written.
    pub(super) fn keep(&self, path: &str, draft: Draft) {
        let mut kept = self.lock();
        if kept.by_path.len() >= KEPT_MAX || kept.bytes + draft.size() > KEPT_BYTES_MAX {
            *kept = Kept::default();
        }
        kept.bytes += draft.size();
        if let Some(before) = kept.by_path.insert(path.into(), draft) {
            kept.bytes -= before.size();
        }
    }

    /// What was written here, if a value is that.
    pub(super) fn take(&self, key: &Key, item: &KeyValue) -> Option<Entry> {
        let draft = {
            let mut kept = self.lock();
            let draft = kept.by_path.remove(&*item.key)?;
            kept.bytes -= draft.size();
            draft
        };
        draft.stored(key.clone(), &item.value, item.revision)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
