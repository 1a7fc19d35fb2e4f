//! The task that keeps a cache in step with the storage.

use super::history::{Change, History};
use super::tree::Tree;
use super::{Cache, Entry, Key};
use pintle_storage::{Error, Event, KeyValue, Range, Revision, Watch};
use std::sync::Arc;
use std::time::Duration;

/// How many keys one read of the storage asks for.
const LOAD_PAGE: usize = 10_000;
/// How long to wait before the storage is tried again, at first and at most.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

impl Cache {
    /// Loads the kind and follows its changes until the task is aborted.
    pub(crate) async fn feed(self: Arc<Self>) {
        let mut pause = RETRY_MIN;
        loop {
            let error = match self.load().await {
                Ok(revision) => {
                    pause = RETRY_MIN;
                    self.follow(revision).await
                }
                Err(error) => error,
            };
            tracing::warn!(kind = self.kind.kind, %error, "the storage must be read anew");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Replaces the state by what the storage has now.
    async fn load(&self) -> Result<Revision, Error> {
        let mut entries = Vec::new();
        let mut range = Range { prefix: self.prefix.clone(), limit: LOAD_PAGE, ..Range::default() };
        loop {
            let page = self.storage.range(range.clone()).await?;
            range.revision = page.revision;
            for item in &page.items {
                entries.extend(self.entry(item));
            }
            let Some(last) = page.items.last().filter(|_| page.more) else { break };
            range.start = format!("{}\0", last.key);
            tokio::task::yield_now().await;
        }
        let mut state = self.write();
        state.tree = Tree::from_sorted(&entries);
        state.history = History::new(range.revision);
        state.revision = range.revision;
        state.generation += 1;
        drop(state);
        self.reached.send_replace(range.revision);
        Ok(range.revision)
    }

    fn entry(&self, item: &KeyValue) -> Option<Arc<Entry>> {
        let KeyValue { key, value, revision } = item;
        match Entry::new(&self.kind, Key::below(&self.prefix, key)?, value, *revision) {
            Ok(entry) => Some(Arc::new(entry)),
            Err(error) => {
                tracing::error!(%key, revision, %error, "a stored value cannot be decoded");
                None
            }
        }
    }

    /// Applies changes as they come; returns why that ended.
    async fn follow(&self, after: Revision) -> Error {
        let mut after = after;
        let mut pause = RETRY_MIN;
        loop {
            let mut watch = match self.storage.watch(&self.prefix, after).await {
                Ok(watch) => watch,
                Err(error @ Error::Compacted { .. }) => return error,
                Err(error) => {
                    tracing::warn!(kind = self.kind.kind, %error, "the storage cannot be watched");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                    continue;
                }
            };
            pause = RETRY_MIN;
            match self.drain(watch.as_mut(), &mut after).await {
                error @ Error::Compacted { .. } => return error,
                error => tracing::warn!(kind = self.kind.kind, %error, "the watch broke"),
            }
        }
    }

    async fn drain(&self, watch: &mut dyn Watch, after: &mut Revision) -> Error {
        loop {
            let events = tokio::select! {
                events = watch.next() => events,
                () = self.progress_wanted.notified() => match watch.request_progress().await {
                    Ok(()) => continue,
                    Err(error) => return error,
                },
            };
            match events {
                Ok(events) => {
                    *after = events.last().map_or(*after, Event::revision).max(*after);
                    self.apply(events, *after);
                }
                Err(error) => return error,
            }
        }
    }

    /// Applies events in order; readers and watchers see all of them at once.
    fn apply(&self, events: Vec<Event>, reached: Revision) {
        // Decoding is the work here: it is done before the lock is taken.
        let writes: Vec<Write> =
            events.into_iter().filter_map(|event| self.write_of(event)).collect();
        let mut state = self.write();
        let mut forgotten = Vec::new();
        for write in writes {
            let key = match &write {
                Write::Put(entry) => &entry.key,
                Write::Removal(key, _) => key,
            };
            let old = state.tree.get(key).filter(|old| !old.removed).cloned();
            let entry = match (write, &old) {
                (Write::Put(entry), _) => entry,
                (Write::Removal(_, revision), Some(old)) => {
                    Arc::new(old.removal(&self.kind, revision))
                }
                (Write::Removal(..), None) => continue,
            };
            let before = state.tree.insert(Arc::clone(&entry));
            entry.older.store(before);
            forgotten.extend(state.history.push(Arc::new(Change { new: entry, old })));
        }
        state.revision = state.revision.max(reached);
        for change in &forgotten {
            change.new.older.store(None);
            if change.new.removed {
                state.tree.remove(&change.new);
            }
        }
        drop(state);
        self.reached.send_if_modified(|now| {
            let grows = reached > *now;
            *now = reached.max(*now);
            grows
        });
    }

    fn write_of(&self, event: Event) -> Option<Write> {
        match event {
            Event::Put(item) => self.entry(&item).map(Write::Put),
            Event::Delete { key, revision } => {
                Some(Write::Removal(Key::below(&self.prefix, &key)?, revision))
            }
            Event::Progress(_) => None,
        }
    }
}

/// One event of the storage on its way into the cache.
enum Write {
    Put(Arc<Entry>),
    /// The object that was removed is known only where the state is.
    Removal(Key, Revision),
}
