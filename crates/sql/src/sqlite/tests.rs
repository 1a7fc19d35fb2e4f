//! What only a look inside can show: a full disk, and what compaction leaves of the file.

use super::Sqlite;
use crate::commit::{Outcome, Write};
use crate::database::Database as _;
use pintle_storage::Error;
use std::sync::PoisonError;

fn put(key: String, bytes: usize) -> Write {
    Write { key: key.into(), expected: None, value: Some(vec![7; bytes].into()) }
}

impl Sqlite {
    fn pragma(&self, statement: &str) -> i64 {
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.query_row(&format!("PRAGMA {statement}"), [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("objects.db");
    let database = Sqlite::open(path.to_str().unwrap()).await.unwrap();
    database.pragma("max_page_count = 64");
    let mut written = 0;
    let refused = loop {
        match database.commit(vec![put(format!("/{written}"), 10_000)]).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "64 pages hold less");
    };
    assert!(matches!(refused, Error::Unavailable(_)), "it may be tried again: {refused}");
    assert!(refused.to_string().contains("full"), "{refused}");
    let now = database.marks().await.unwrap().revision;
    assert_eq!(now, 1 + written);
    let found: String = {
        let writer = database.inner.writer.lock().unwrap();
        writer.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(found, "ok");

    database.pragma("max_page_count = 1000");
    let commit = database.commit(vec![put("/after".to_owned(), 10_000)]).await.unwrap();
    assert!(matches!(commit.outcomes[..], [Outcome::Written(revision)] if revision == now + 1));
}

#[tokio::test]
async fn compaction_makes_the_file_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("objects.db");
    let database = Sqlite::open(path.to_str().unwrap()).await.unwrap();
    let mut at = 1;
    for _ in 0..20 {
        // Revisions have no gaps, so each write knows the one before it in its transaction.
        let write = |n| Write { expected: (n > 1).then_some(n), ..put("/a".to_owned(), 4000) };
        let commit = database.commit((at..at + 100).map(write).collect()).await.unwrap();
        at = commit.changes[99].revision;
    }
    let before = database.pragma("page_count");
    database.compact(at).await.unwrap();
    while !database.clean().await.unwrap() {}
    let after = database.pragma("page_count");
    assert!(before > 2000 && after < 500, "{before} pages became {after}");
    let writer = database.inner.writer.lock().unwrap();
    let rows = "SELECT count(*) FROM pintle_log";
    let rows: i64 = writer.query_row(rows, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1, "one key, one row");
}
