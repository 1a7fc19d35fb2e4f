//! The task that keeps a cache in step with the storage.

use super::broken::Broken;
use super::counts::Operation;
use super::history::{Change, History};
use super::tree::Tree;
use super::{Cache, Entry, Key, State};
use pintle_storage::{Error, Event, KeyValue, Range, Revision, Watch};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many keys one read of the storage asks for.
const LOAD_PAGE: usize = 10_000;
/// Up to so many values are decoded where they were read, more on other threads, so many at a time.
const DECODE_INLINE_MAX: usize = 64;
const DECODE_AT_ONCE: usize = 1_000;
/// How long to wait before the storage is tried again, at first and at most.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// One event of the storage on its way into the cache.
enum Write {
    Put(Arc<Entry>),
    /// The new value cannot be decoded.
    Broken(Key, Broken),
    /// The object that was removed is known only where the state is.
    Removal(Key, Revision),
}

/// Values on their way to being entries.
enum Decoding {
    Done(Vec<Write>),
    Elsewhere(JoinHandle<Vec<Write>>),
}

/// What has been read so far of a state that is loaded.
#[derive(Default)]
struct Loaded {
    entries: Vec<Arc<Entry>>,
    broken: BTreeMap<Box<str>, Arc<Broken>>,
}

impl Loaded {
    /// Takes in a page, in the order in which it was read.
    async fn take(&mut self, page: Vec<Decoding>) -> Result<(), Error> {
        for decoding in page {
            let writes = match decoding {
                Decoding::Done(writes) => writes,
                Decoding::Elsewhere(task) => {
                    task.await.map_err(|error| Error::Internal(error.into()))?
                }
            };
            for write in writes {
                match write {
                    Write::Put(entry) => self.entries.push(entry),
                    Write::Broken(key, why) => {
                        self.broken.insert((*key).into(), Arc::new(why));
                    }
                    Write::Removal(..) => {}
                }
            }
        }
        Ok(())
    }
}

impl Cache {
    /// Loads the kind and follows its changes; does not end.
    pub(super) async fn keep(self: &Arc<Self>) {
        let kind = self.kind.plural.as_str();
        let mut pause = RETRY_MIN;
        loop {
            match self.load().await {
                Ok(revision) => {
                    pause = RETRY_MIN;
                    let error = self.follow(revision).await;
                    tracing::warn!(kind, %error, "the storage must be read anew");
                }
                Err(error) => tracing::warn!(
                    kind, %error, "the storage cannot be read; it is tried again, and until then \
                    the server is not ready"
                ),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Replaces the state by what the storage has now.
    pub(super) async fn load(self: &Arc<Self>) -> Result<Revision, Error> {
        let mut loaded = Loaded::default();
        let mut decoding = Vec::new();
        let mut range = Range { prefix: self.prefix.clone(), limit: LOAD_PAGE, ..Range::default() };
        loop {
            let asking = self.storage.range(range.clone());
            let page = self.counts.of(Operation::List).time(asking).await?;
            // The page before this one was decoded while this one was read.
            loaded.take(std::mem::take(&mut decoding)).await?;
            range.revision = page.revision;
            let next = page.items.last().filter(|_| page.more).map(|it| format!("{}\0", it.key));
            decoding = self.decode(page.items);
            match next {
                Some(next) => range.start = next,
                None => break,
            }
        }
        loaded.take(decoding).await?;
        let Loaded { entries, broken } = loaded;
        self.counts.loaded.fetch_add(entries.len() as u64, Ordering::Relaxed);
        self.counts.initializations.fetch_add(1, Ordering::Relaxed);
        let bytes = entries.iter().map(|entry| entry.bytes().len()).sum();
        let planting = tokio::task::spawn_blocking(move || (Tree::from_sorted(&entries), entries));
        let (tree, entries) = planting.await.map_err(|error| Error::Internal(error.into()))?;
        let mut state = State {
            tree,
            broken,
            bytes,
            history: History::new(range.revision, self.settings.history_bytes, &self.budget),
            revision: range.revision,
            generation: 0,
        };
        self.exchange(&mut state);
        // Freeing as many objects takes as long as reading them all: nobody has to wait for it.
        drop(tokio::task::spawn_blocking(move || drop((state, entries))));
        self.reached.send_replace(range.revision);
        self.changed.send_replace(());
        Ok(range.revision)
    }

    /// Puts a new state in the place of the old one, which is given back.
    fn exchange(&self, new: &mut State) {
        let mut state = self.write();
        new.generation = state.generation + 1;
        // What stays as it is must not keep what was before it.
        for change in state.history.clear(new.revision) {
            change.new.older.store(None);
        }
        std::mem::swap(&mut *state, new);
    }

    /// Starts to decode what was read: on threads for that, where it is so much that the requests of
    /// this thread would have to wait for it.
    fn decode(self: &Arc<Self>, items: Vec<KeyValue>) -> Vec<Decoding> {
        if items.len() <= DECODE_INLINE_MAX {
            return vec![Decoding::Done(self.decode_here(items))];
        }
        let mut rest = items;
        let mut decoding = Vec::new();
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(DECODE_AT_ONCE));
            let items = std::mem::replace(&mut rest, after);
            let cache = Arc::clone(self);
            let task = tokio::task::spawn_blocking(move || cache.decode_here(items));
            decoding.push(Decoding::Elsewhere(task));
        }
        decoding
    }

    fn decode_here(&self, items: Vec<KeyValue>) -> Vec<Write> {
        let write = |item: KeyValue| match self.known(&item) {
            Some(entry) => Some(Write::Put(entry)),
            None => self.write_of(&item),
        };
        items.into_iter().filter_map(write).collect()
    }

    /// The entry that is here already for what the storage has: the very same bytes, written by the
    /// same write. So a cache that loads anew does not hold everything twice, and what is read past it
    /// need not be decoded.
    pub(crate) fn known(&self, item: &KeyValue) -> Option<Arc<Entry>> {
        let key = item.key.strip_prefix(&*self.prefix)?;
        let state = self.read();
        let entry = state.tree.get(key).filter(|entry| !entry.removed)?;
        let same = entry.revision == item.revision && entry.is_stored_as(&item.value);
        same.then(|| Arc::clone(entry))
    }

    /// The stored value as an entry; `None` where the key is not one of this kind.
    fn write_of(&self, item: &KeyValue) -> Option<Write> {
        let KeyValue { key: path, value, revision } = item;
        let key = Key::below(&self.prefix, path)?;
        if let Some(entry) = self.drafts.take(&key, item) {
            return Some(Write::Put(Arc::new(entry)));
        }
        Some(match Entry::new(&self.kind, key.clone(), value, *revision) {
            Ok(entry) => Write::Put(Arc::new(entry)),
            Err(why) => Write::Broken(key, Broken::found(self, path, *revision, why)),
        })
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
                    tracing::warn!(kind = self.kind.plural, %error, "the storage cannot be watched");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                    continue;
                }
            };
            pause = RETRY_MIN;
            match self.drain(watch.as_mut(), &mut after).await {
                error @ (Error::Compacted { .. } | Error::Future { .. }) => return error,
                error => tracing::warn!(kind = self.kind.plural, %error, "the watch broke"),
            }
        }
    }

    async fn drain(&self, watch: &mut dyn Watch, after: &mut Revision) -> Error {
        let mut exceeded = self.budget.subscribe();
        // It may have been while this task was not here to hear of it.
        exceeded.mark_changed();
        loop {
            let events = tokio::select! {
                events = watch.next() => events,
                Ok(()) = exceeded.changed() => {
                    self.shorten();
                    continue;
                }
                () = self.reload_wanted.notified() => return Error::Future { current: *after },
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

    /// Gives back what the history holds beyond its share.
    fn shorten(&self) {
        let mut state = self.write();
        let forgotten = state.history.shorten();
        state.forget(&forgotten);
        drop(state);
        // Watchers that have not seen all of it are told now, and not at the next change.
        if !forgotten.is_empty() {
            self.changed.send_replace(());
        }
    }

    /// Applies events in order; readers and watchers see all of them at once.
    fn apply(&self, events: Vec<Event>, reached: Revision) {
        // Decoding is the work here: it is done before the lock is taken.
        let writes: Vec<Write> = events
            .into_iter()
            .filter_map(|event| match event {
                Event::Put(item) => self.write_of(&item),
                Event::Delete { key, revision } => {
                    Some(Write::Removal(Key::below(&self.prefix, &key)?, revision))
                }
                Event::Progress(_) => None,
            })
            .collect();
        let concerned = !writes.is_empty();
        self.counts.received.fetch_add(writes.len() as u64, Ordering::Relaxed);
        let mut state = self.write();
        let mut dispatched = 0;
        // What is forgotten is freed when the lock has been given back.
        let (mut forgotten, mut lost) = (Vec::new(), Vec::new());
        for write in writes {
            match write {
                Write::Broken(key, broken) => {
                    state.forget(&forgotten);
                    lost.append(&mut forgotten);
                    lost.extend(state.lose(&key, broken));
                }
                write => {
                    if let Some(change) = state.change(&self.kind, write) {
                        dispatched += 1;
                        forgotten.extend(state.history.push(Arc::new(change)));
                    }
                }
            }
        }
        state.revision = state.revision.max(reached);
        state.forget(&forgotten);
        drop(state);
        self.counts.dispatched.fetch_add(dispatched, Ordering::Relaxed);
        self.reached.send_if_modified(|now| {
            let grows = reached > *now;
            *now = reached.max(*now);
            grows
        });
        if concerned {
            self.changed.send_replace(());
        }
    }
}

impl State {
    /// Puts a write into the tree; `None` where it changes nothing that anybody has seen.
    fn change(&mut self, kind: &pintle_meta::KindInfo, write: Write) -> Option<Change> {
        let (key, revision) = match &write {
            Write::Put(entry) => (&entry.key, entry.revision),
            Write::Removal(key, revision) => (key, *revision),
            Write::Broken(..) => return None,
        };
        self.broken.remove(&**key);
        let old = self.tree.get(key).filter(|old| !old.removed).cloned();
        let new = match write {
            Write::Put(entry) => entry,
            _ => Arc::new(old.as_ref()?.removal(kind, revision)),
        };
        let gone = old.as_ref().map_or(0, |old| old.bytes().len());
        self.bytes -= gone;
        self.bytes += if new.removed { 0 } else { new.bytes().len() };
        let before = self.tree.insert(Arc::clone(&new));
        new.older.store(before);
        Some(Change { new, old })
    }

    /// Cuts off the states that the history no longer reaches.
    fn forget(&mut self, changes: &[Arc<Change>]) {
        for change in changes {
            change.new.older.store(None);
            if let Some(old) = &change.old {
                self.tree.forget(old);
            }
            if change.new.removed {
                self.tree.remove(&change.new);
            }
        }
    }

    /// Takes out a key whose new value cannot be decoded, and returns what is forgotten with it.
    ///
    /// There is no event that would tell a watcher the truth, so the watchers end, and nothing from
    /// before is offered to new ones: whoever lists again learns which value is broken.
    fn lose(&mut self, key: &Key, broken: Broken) -> Vec<Arc<Change>> {
        if let Some(old) = self.tree.get(key).filter(|old| !old.removed) {
            self.bytes -= old.bytes().len();
        }
        let forgotten = self.history.clear(broken.revision);
        self.forget(&forgotten);
        self.tree.remove_key(key);
        self.generation += 1;
        self.broken.insert((**key).into(), Arc::new(broken));
        forgotten
    }
}
