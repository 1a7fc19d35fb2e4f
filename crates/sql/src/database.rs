//! What a database has to do: keep the rows of the log, and the marks beside them.

use crate::commit::{Change, Commit, Write};
use async_trait::async_trait;
use pintle_storage::{Error, Got, KeyValue, Result, Revision};
use std::fmt;

/// The longest key. The index of a database takes no more than about 2,700 bytes.
pub(crate) const KEY_BYTES_MAX: usize = 2048;

/// The longest key and value together; etcd's default limit of a request, as for the memory store.
pub(crate) const VALUE_BYTES_MAX: usize = 3 * 512 * 1024;

/// How many rows, and bytes of them, are read from the log at once.
pub(crate) const READ_CHANGES_MAX: usize = 512;
pub(crate) const READ_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The version of the tables. A database with a greater one is left alone.
pub(crate) const SCHEMA: i64 = 1;

/// How far the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision whose state is still there in full; zero before the first compaction.
    pub compacted: Revision,
}

/// Which states to read: keys from `start` on that are before `end`, as they were at `revision`.
#[derive(Clone, Debug)]
pub(crate) struct States {
    pub start: Vec<u8>,
    pub end: Vec<u8>,
    pub revision: Revision,
    /// At most this many.
    pub limit: usize,
}

/// A database that holds one log.
///
/// Rows are only added, and in the order of their revisions: what is read at a revision is the same
/// whenever it is read, until it is compacted. So no operation needs the snapshot of another one.
#[async_trait]
pub(crate) trait Database: fmt::Debug + Send + Sync + 'static {
    /// Whether other processes may write to it too.
    fn is_shared(&self) -> bool;

    async fn marks(&self) -> Result<Marks>;

    /// Adds what can be added of these writes, each looking at those before it, in one transaction.
    async fn commit(&self, writes: Vec<Write>) -> Result<Commit>;

    /// The newest state of a key, and the revision of the same moment.
    async fn get(&self, key: &str) -> Result<Got>;

    /// States in the order of their keys.
    async fn states(&self, states: States) -> Result<Vec<KeyValue>>;

    /// The rows after a revision, in order, within the limits for reading; empty where there are none.
    async fn changes(&self, after: Revision) -> Result<Vec<Change>>;

    /// Moves the mark of compaction forward; see [`check_compaction`] for what is refused.
    async fn compact(&self, revision: Revision) -> Result<()>;

    /// Removes a bounded number of rows that nothing needs since the last compaction; true when
    /// none are left.
    async fn clean(&self) -> Result<bool>;

    /// How many bytes the database takes; `None` where it does not know.
    async fn size(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Waits until another process may have written; for a database that is shared.
    async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}

/// Whether the log may be compacted up to a revision.
pub(crate) fn check_compaction(marks: Marks, revision: Revision) -> Result<()> {
    if revision > marks.revision {
        return Err(Error::Future { current: marks.revision });
    }
    if revision <= marks.compacted {
        return Err(Error::Compacted { oldest: marks.compacted });
    }
    Ok(())
}

/// The first key, in byte order, that is after all that start with a prefix.
pub(crate) fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return end;
        }
        end.pop();
    }
    // No text has this byte, so all keys are before it.
    vec![u8::MAX]
}

/// A revision as databases have it: they know no unsigned numbers.
pub(crate) fn to_number(revision: Revision) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// A number of a database as a revision.
pub(crate) fn to_revision(number: i64) -> Result<Revision> {
    Revision::try_from(number).map_err(|_| damaged(format!("{number} is no revision")))
}

/// A key of a database as text.
pub(crate) fn to_key(bytes: &[u8]) -> Result<std::sync::Arc<str>> {
    std::str::from_utf8(bytes).map(Into::into).map_err(|_| damaged("a key is no text"))
}

/// The error for data that must not be there.
pub(crate) fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Internal(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key() {
        for (prefix, end) in [("/a/", "/a0"), ("a", "b"), ("é", "ê"), ("\u{7f}", "\u{80}")] {
            let found = prefix_end(prefix);
            assert!(found.as_slice() <= end.as_bytes(), "{prefix:?}");
            assert!(found.as_slice() > format!("{prefix}\u{10ffff}").as_bytes(), "{prefix:?}");
        }
        assert!(prefix_end("").as_slice() > "\u{10ffff}".as_bytes());
    }

    #[test]
    fn compaction_goes_forward_and_not_too_far() {
        let marks = Marks { revision: 9, compacted: 4 };
        assert!(check_compaction(marks, 5).is_ok() && check_compaction(marks, 9).is_ok());
        for revision in [0, 4] {
            let answer = check_compaction(marks, revision);
            assert!(matches!(answer, Err(Error::Compacted { oldest: 4 })), "{answer:?}");
        }
        let answer = check_compaction(marks, 10);
        assert!(matches!(answer, Err(Error::Future { current: 9 })), "{answer:?}");
    }
}
