//! The watch cache: every object of one kind in memory, encoded, and its recent history.
//!
//! A task follows the storage and applies its events in order. Reads never touch the storage: they
//! learn its revision where they must be consistent, wait for the cache to reach it, and read here.
//! Watchers have a place in the shared history; one that falls behind is told so and costs nobody
//! else anything. See [the design](https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions)
//! of resource versions.

mod entry;
mod feed;
mod history;
mod json;
mod proto;
#[cfg(test)]
mod tests;
mod tree;
mod watcher;

use history::History;
use pintle_meta::KindInfo;
use pintle_storage::{Revision, Storage};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tree::Tree;

pub(crate) use entry::{Corrupt, Entry, Key, mark, mark_of};
pub(crate) use history::Change;
pub(crate) use tree::{Cursor, Slice};
pub(crate) use watcher::{Lagged, Watcher};

/// How long a read waits for the cache to reach a revision.
pub(crate) const FRESHNESS_WAIT: Duration = Duration::from_secs(3);

/// The objects of one kind.
#[derive(Debug)]
pub(crate) struct Cache {
    kind: Arc<KindInfo>,
    storage: Arc<dyn Storage>,
    /// What the keys of the kind begin with in the storage, for example
    /// `/registry/hello.zeng.dev/foos/`.
    prefix: String,
    state: RwLock<State>,
    /// The revision that the state has reached; zero until it has been loaded once.
    reached: watch::Sender<Revision>,
    progress_wanted: Notify,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    history: History,
    /// The revision that the tree shows.
    revision: Revision,
    /// Grows when the state was loaded anew, so that the watchers of the old one end.
    generation: u64,
}

/// Why a read cannot be answered from the cache.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Nothing has been loaded yet.
    NotReady,
    /// The revision has not been reached in time; holds the newest one.
    TooNew(Revision),
}

/// A page at one revision.
#[derive(Debug)]
pub(crate) struct Page {
    /// The entries, none of them a removal.
    pub entries: Vec<Arc<Entry>>,
    /// The revision that they show.
    pub revision: Revision,
    /// Whether the limit left entries out.
    pub more: bool,
    /// How many entries were left out, where that is known without looking at them.
    pub remaining: Option<usize>,
}

/// What to list.
#[derive(Debug)]
pub(crate) struct Query<'a, F> {
    /// What keys begin with: `""` or `namespace/`.
    pub prefix: &'a str,
    /// The first key wanted.
    pub start: &'a str,
    /// At most so many entries; zero for all.
    pub limit: usize,
    /// The marks that the labels of wanted entries have; see [`mark`].
    pub marks: u64,
    /// Which entries are wanted; `None` for all.
    pub filter: Option<F>,
}

impl Cache {
    /// An empty cache, and nobody feeding it yet.
    pub(crate) fn new(kind: Arc<KindInfo>, storage: Arc<dyn Storage>, prefix: String) -> Arc<Self> {
        let state =
            State { tree: Tree::default(), history: History::new(0), revision: 0, generation: 0 };
        Arc::new(Self {
            kind,
            storage,
            prefix,
            state: RwLock::new(state),
            reached: watch::Sender::new(0),
            progress_wanted: Notify::new(),
        })
    }

    /// Whether the objects have been loaded once.
    pub(crate) fn is_ready(&self) -> bool {
        self.revision() > 0
    }

    /// What the resource is called in metrics.
    pub(crate) fn labels(&self) -> [(&'static str, &str); 2] {
        [("group", &self.kind.group), ("resource", &self.kind.plural)]
    }

    /// How many objects there are.
    pub(crate) fn count(&self) -> usize {
        self.read().tree.len()
    }

    /// The revision that reads see.
    pub(crate) fn revision(&self) -> Revision {
        *self.reached.borrow()
    }

    /// Waits until the cache shows everything that was acknowledged before the call.
    pub(crate) async fn consistent(
        &self,
    ) -> Result<Result<Revision, Unreadable>, pintle_storage::Error> {
        let newest = self.storage.current_revision().await?;
        Ok(self.not_older_than(newest).await)
    }

    /// Waits until the cache has reached a revision.
    pub(crate) async fn not_older_than(&self, revision: Revision) -> Result<Revision, Unreadable> {
        let now = self.revision();
        if now >= revision && now > 0 {
            return Ok(now);
        }
        // Writes to other kinds raise the store's revision too; only the store can say that none of
        // them is ours.
        self.progress_wanted.notify_one();
        let mut reached = self.reached.subscribe();
        let wanted = reached.wait_for(|now| *now >= revision && *now > 0);
        match timeout(FRESHNESS_WAIT, wanted).await {
            Ok(Ok(now)) => Ok(*now),
            Ok(Err(_)) | Err(_) => match self.revision() {
                0 => Err(Unreadable::NotReady),
                now => Err(Unreadable::TooNew(now)),
            },
        }
    }

    /// The newest state of a key, if it exists.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.read().tree.get(key).filter(|entry| !entry.removed).cloned()
    }

    /// All entries at the newest revision, shared: nothing is copied but references to chunks.
    pub(crate) fn all(&self, prefix: &str) -> (Slice, Revision) {
        let state = self.read();
        (state.tree.range(prefix, "", 0), state.revision)
    }

    /// A page at the newest revision.
    pub(crate) fn page<F: Fn(&Entry) -> bool>(&self, query: &Query<'_, F>) -> Page {
        let (slice, revision) = {
            let state = self.read();
            let want = if query.filter.is_some() { 0 } else { query.limit.saturating_add(1) };
            let want = if query.limit == 0 { 0 } else { want };
            (state.tree.range(query.prefix, query.start, want), state.revision)
        };
        let entries = slice.marked(query.marks).filter(|entry| !entry.removed).cloned();
        let mut page = pick(entries, query, revision);
        if query.limit > 0 && page.entries.len() == query.limit {
            // Marks pass over entries that are not wanted, but they count as something to follow.
            let last = page.entries.last().map_or("", |entry| &*entry.key);
            page.more |= slice.iter().any(|entry| !entry.removed && *entry.key > *last);
        }
        if page.more && query.filter.is_none() {
            page.remaining = self.remaining(query.prefix, &page);
        }
        page
    }

    /// A page at an earlier revision; `None` where that is no longer remembered.
    pub(crate) fn page_at<F: Fn(&Entry) -> bool>(
        &self,
        query: &Query<'_, F>,
        revision: Revision,
    ) -> Option<Page> {
        let mut page = {
            let state = self.read();
            if revision < state.history.floor() {
                return None;
            }
            let slice = state.tree.range(query.prefix, query.start, 0);
            // The chain of older states is cut when the history forgets them: follow it under the
            // lock.
            let entries = slice.iter().filter_map(|entry| entry.at(revision));
            pick(entries.filter(|entry| !entry.removed), query, revision)
        };
        if page.more && query.filter.is_none() {
            page.remaining = self.remaining(query.prefix, &page);
        }
        Some(page)
    }

    /// How many entries stand behind a page at the page's revision: those that stand there now,
    /// less what was created and plus what was removed since.
    fn remaining(&self, prefix: &str, page: &Page) -> Option<usize> {
        let last = &page.entries.last()?.key;
        let state = self.read();
        if page.revision < state.history.floor() {
            return None;
        }
        let mut count = i64::try_from(state.tree.count_after(prefix, last)).ok()?;
        for change in state.history.newer_than(page.revision) {
            let key = &change.new.key;
            if **key > **last && key.starts_with(prefix) {
                let existed = change.old.is_some();
                count += i64::from(existed) - i64::from(!change.new.removed);
            }
        }
        usize::try_from(count).ok()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pick<F: Fn(&Entry) -> bool>(
    entries: impl Iterator<Item = Arc<Entry>>,
    query: &Query<'_, F>,
    revision: Revision,
) -> Page {
    let wanted = |entry: &Arc<Entry>| query.filter.as_ref().is_none_or(|filter| filter(entry));
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let mut entries = entries;
    let picked: Vec<Arc<Entry>> = entries.by_ref().filter(wanted).take(limit).collect();
    // As in Kubernetes, whether what follows is wanted too is seen by who asks for it.
    let more = picked.len() == limit && entries.next().is_some();
    Page { entries: picked, revision, more, remaining: None }
}
