//! The log of a database as a [`Storage`].

use crate::commit::{Outcome, Write};
use crate::compaction;
use crate::database::{Database, KEY_BYTES_MAX, States, VALUE_BYTES_MAX, prefix_end};
use crate::tail::Tail;
use crate::watch::LogWatch;
use crate::writer::{self, Request, WRITES_WAITING_MAX};
use async_trait::async_trait;
use bytes::Bytes;
use pintle_storage::{Error, Got, Page, Range, Result, Revision, Storage, Watch};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

/// How often a range of the newest state is begun again where compactions overtake it.
const RANGE_TRIES_MAX: usize = 8;

/// How long to wait before a database that cannot be read is asked again for the changes of others.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// What the handle, its tasks and the watches have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub database: Arc<dyn Database>,
    pub tail: Tail,
    /// Wakes the task that follows the changes of others.
    pub catch_up_soon: Notify,
}

impl Shared {
    /// The newest revision: of a database that this process has for itself it is known.
    pub(crate) async fn current_revision(&self) -> Result<Revision> {
        match self.database.is_shared() {
            false => Ok(self.tail.published()),
            true => Ok(self.database.marks().await?.revision),
        }
    }

    /// Reads the changes that are not in the tail yet.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        loop {
            let published = self.tail.published();
            if published == 0 {
                let marks = self.database.marks().await?;
                self.tail.restart(marks.revision);
                return Ok(());
            }
            let changes = self.database.changes(published).await?;
            if changes.is_empty() {
                return Ok(());
            }
            if !self.tail.publish(changes) {
                let marks = self.database.marks().await?;
                if marks.compacted <= published && self.tail.published() == published {
                    let why = format!("the change {} is missing in the log", published + 1);
                    return Err(Error::Internal(why.into()));
                }
                // Watches that need what has been compacted will be told by the log.
                self.tail.restart(marks.compacted);
            }
        }
    }

    /// Follows the changes of others, until the task is aborted.
    async fn follow(self: Arc<Self>) {
        let mut told = false;
        loop {
            if let Err(error) = self.catch_up().await {
                // Said once while it is away, however often it is tried.
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "the database cannot be followed; it is tried again");
                }
                tokio::time::sleep(RETRY_DELAY).await;
                continue;
            }
            if std::mem::take(&mut told) {
                tracing::info!("the database is followed again");
            }
            tokio::select! {
                () = self.database.changed() => {}
                () = self.catch_up_soon.notified() => {}
            }
        }
    }
}

/// A storage over the log of a database.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    writes: mpsc::Sender<Request>,
    /// The tasks that do not end by themselves.
    tasks: Vec<JoinHandle<()>>,
}

impl Log {
    /// Starts the tasks of a storage; `interval` is that of compaction.
    ///
    /// # Errors
    /// Where a database that only this process uses cannot be read.
    pub(crate) async fn start(database: Arc<dyn Database>, interval: Duration) -> io::Result<Self> {
        let is_shared = database.is_shared();
        let published = match is_shared {
            // Not known until the database can be reached.
            true => 0,
            false => database.marks().await.map_err(io::Error::other)?.revision,
        };
        let tail = Tail::new(published);
        let shared = Arc::new(Shared { database, tail, catch_up_soon: Notify::new() });
        let (writes, requests) = mpsc::channel(WRITES_WAITING_MAX);
        tokio::spawn(writer::run(Arc::clone(&shared), requests));
        let mut tasks = Vec::new();
        if is_shared {
            tasks.push(tokio::spawn(Arc::clone(&shared).follow()));
        }
        if !interval.is_zero() {
            tasks.push(tokio::spawn(compaction::run(Arc::clone(&shared), interval)));
        }
        Ok(Self { shared, writes, tasks })
    }

    async fn write(
        &self,
        key: &str,
        expected: Option<Revision>,
        value: Option<Bytes>,
    ) -> Result<Outcome> {
        let write = Write { key: key.into(), expected, value };
        let (size, limit) = match key.len() > KEY_BYTES_MAX {
            true => (key.len(), KEY_BYTES_MAX),
            false => (write.bytes(), VALUE_BYTES_MAX),
        };
        if size > limit {
            return Err(Error::TooLarge { size, limit });
        }
        let (answer, answered) = oneshot::channel();
        let gone = || Error::Unavailable("the storage has been closed".into());
        self.writes.send(Request { write, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[async_trait]
impl Storage for Log {
    async fn get(&self, key: &str) -> Result<Got> {
        self.shared.database.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page> {
        let database = &self.shared.database;
        let start = (&range.start).max(&range.prefix).as_bytes().to_vec();
        let end = prefix_end(&range.prefix);
        // One more than asked for says whether there are more.
        let limit = if range.limit == 0 { usize::MAX } else { range.limit.saturating_add(1) };
        for _ in 0..RANGE_TRIES_MAX {
            let marks = database.marks().await?;
            let at = if range.revision == 0 { marks.revision } else { range.revision };
            if at > marks.revision {
                return Err(Error::Future { current: marks.revision });
            }
            if at < marks.compacted {
                return Err(Error::Compacted { oldest: marks.compacted });
            }
            let (start, end) = (start.clone(), end.clone());
            let mut items = database.states(States { start, end, revision: at, limit }).await?;
            let oldest = database.marks().await?.compacted;
            if at < oldest {
                if range.revision != 0 {
                    return Err(Error::Compacted { oldest });
                }
                continue;
            }
            let more = range.limit != 0 && items.len() > range.limit;
            if more {
                items.truncate(range.limit);
            }
            return Ok(Page { items, revision: at, more });
        }
        Err(Error::Unavailable("compactions overtake the read again and again".into()))
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision> {
        match self.write(key, None, Some(value)).await? {
            Outcome::Written(revision) => Ok(revision),
            Outcome::Refused(Some(now)) => Err(Error::Exists(now)),
            Outcome::Refused(None) => Err(Error::Internal("a free key was refused".into())),
        }
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision> {
        match self.write(key, Some(expected), Some(value)).await? {
            Outcome::Written(revision) => Ok(revision),
            Outcome::Refused(now) => Err(Error::Conflict(now)),
        }
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        match self.write(key, Some(expected), None).await? {
            Outcome::Written(revision) => Ok(revision),
            Outcome::Refused(now) => Err(Error::Conflict(now)),
        }
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        let oldest = self.shared.database.marks().await?.compacted;
        if after < oldest {
            return Err(Error::Compacted { oldest });
        }
        Ok(Box::new(LogWatch::new(Arc::clone(&self.shared), prefix, after)))
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.shared.current_revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        compaction::compact(&self.shared, revision).await
    }

    async fn size(&self) -> Result<Option<u64>> {
        self.shared.database.size().await
    }
}
