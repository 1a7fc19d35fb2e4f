//! Watches: cursors into the log, of which the newest part is in memory.

use crate::commit::Change;
use crate::log::Shared;
use crate::tail::key;
use async_trait::async_trait;
use pintle_storage::{Error, Event, Result, Revision, Watch};
use std::sync::Arc;
use tokio::sync::watch::Receiver;

/// One watch of a log.
pub(crate) struct LogWatch {
    shared: Arc<Shared>,
    prefix: Box<str>,
    /// The revision of the first change to deliver.
    cursor: Revision,
    published: Receiver<Revision>,
    progress_requested: bool,
}

impl LogWatch {
    pub(crate) fn new(shared: Arc<Shared>, prefix: &str, after: Revision) -> Self {
        let published = shared.tail.subscribe();
        let cursor = after.saturating_add(1);
        Self { shared, prefix: prefix.into(), cursor, published, progress_requested: false }
    }

    /// Reads on in the log, of which everything up to `published` is there.
    async fn read(&mut self, published: Revision) -> Result<Vec<Event>> {
        if let Some((events, next)) = self.shared.tail.read(self.cursor, &self.prefix) {
            self.cursor = next;
            return Ok(events);
        }
        let after = self.cursor - 1;
        let changes = self.shared.database.changes(after).await?;
        // Asked for after the read: rows that were missing then had been compacted before.
        let oldest = self.shared.database.marks().await?.compacted;
        if after < oldest {
            return Err(Error::Compacted { oldest });
        }
        // Nothing is awaited from here on, so a call that is cancelled has taken nothing.
        self.cursor = changes.last().map_or(published, |change| change.revision) + 1;
        let events = changes.into_iter().map(Change::into_event);
        Ok(events.filter(|event| key(event).starts_with(&*self.prefix)).collect())
    }
}

#[async_trait]
impl Watch for LogWatch {
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let published = *self.published.borrow_and_update();
            if self.cursor <= published {
                let events = self.read(published).await?;
                if !events.is_empty() {
                    return Ok(events);
                }
                continue;
            }
            // A watch that starts in the future has nothing to say until then.
            if self.progress_requested
                && published + 1 == self.cursor
                && self.shared.current_revision().await? <= published
            {
                self.progress_requested = false;
                return Ok(vec![Event::Progress(published)]);
            }
            if self.progress_requested {
                self.shared.catch_up_soon.notify_one();
            }
            // The sender is in `shared`: it does not go away.
            let _ = self.published.changed().await;
        }
    }

    async fn request_progress(&mut self) -> Result<()> {
        self.progress_requested = true;
        Ok(())
    }
}
