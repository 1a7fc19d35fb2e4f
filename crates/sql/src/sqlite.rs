//! SQLite: one file, which this process has for itself.
//!
//! [Write-ahead logging](https://sqlite.org/wal.html) lets readers read while a transaction is
//! written, and `synchronous=FULL` has each transaction on the disk before it is acknowledged.
//! SQLite waits for the disk in the thread that calls it, so every call runs on a thread for that.

mod file;
mod sql;
#[cfg(test)]
mod tests;

use crate::commit::{Change, Commit, Write};
use crate::database::{Database, Marks, States, damaged};
use async_trait::async_trait;
use pintle_storage::{Error, Got, KeyValue, Result, Revision};
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// How many reads run at a time; others wait.
const READERS_MAX: usize = 4;

/// A database in a file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    inner: Arc<Inner>,
    /// How many more readers there may be.
    readers: Arc<Semaphore>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    /// The connections of readers that nobody uses now.
    idle: Mutex<Vec<Connection>>,
    /// Held as long as the database is open; the last to be dropped.
    _lock: File,
}

impl Sqlite {
    /// Opens a file, or makes one.
    ///
    /// # Errors
    /// Where another process has it, where it is something else or damaged, or where it was written
    /// by a newer version. The file is not changed then.
    pub(crate) async fn open(path: &str) -> io::Result<Self> {
        if path.is_empty() || path == ":memory:" {
            let why = "it has to name a file, as in sqlite:/var/lib/hello/objects.db";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let path = Path::new(path).to_owned();
        let lock = file::lock(&path).await?;
        let opened = tokio::task::spawn_blocking(move || {
            let writer = file::open(&path)?;
            Ok::<_, io::Error>(Inner {
                path,
                writer: Mutex::new(writer),
                idle: Mutex::default(),
                _lock: lock,
            })
        });
        let inner = Arc::new(opened.await.map_err(io::Error::other)??);
        Ok(Self { inner, readers: Arc::new(Semaphore::new(READERS_MAX)) })
    }

    /// Runs what reads with a connection of its own.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(closed)?;
        let inner = Arc::clone(&self.inner);
        run(move || {
            // Kept to the end of the work, also where nobody waits for that any more.
            let _permit = permit;
            let idle = || inner.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = idle().pop();
            let connection = match kept {
                Some(connection) => connection,
                None => file::reader(&inner.path)?,
            };
            let answer = work(&connection);
            if answer.is_ok() {
                idle().push(connection);
            }
            answer
        })
        .await
    }

    /// Runs what writes, one after the other.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.inner);
        // A transaction that was not committed has been rolled back, also by a panic.
        let work = move || work(&mut inner.writer.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.map_err(closed)?
    }
}

/// Runs what may wait for the disk on a thread for that.
async fn run<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(closed)?.map_err(failed)
}

fn closed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unavailable(error.into())
}

/// A full disk, a disk that fails, a file that cannot be opened: all of that may be mended.
fn failed(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error),
        Some(_) => Error::Unavailable(error.into()),
        None => damaged(error),
    }
}

#[async_trait]
impl Database for Sqlite {
    fn is_shared(&self) -> bool {
        false
    }

    async fn marks(&self) -> Result<Marks> {
        self.read(sql::marks).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit> {
        self.write(move |connection| sql::commit(connection, &writes).map_err(failed)).await
    }

    async fn get(&self, key: &str) -> Result<Got> {
        let key: Arc<str> = key.into();
        self.read(move |connection| sql::get(connection, &key)).await
    }

    async fn states(&self, states: States) -> Result<Vec<KeyValue>> {
        self.read(move |connection| sql::states(connection, &states)).await
    }

    async fn changes(&self, after: Revision) -> Result<Vec<Change>> {
        self.read(move |connection| sql::changes(connection, after)).await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.write(move |connection| sql::compact(connection, revision)).await
    }

    async fn clean(&self) -> Result<bool> {
        self.write(|connection| sql::clean(connection).map_err(failed)).await
    }

    async fn size(&self) -> Result<Option<u64>> {
        self.read(sql::size).await
    }
}
