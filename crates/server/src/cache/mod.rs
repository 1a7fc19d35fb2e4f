//! The watch cache: every object of one kind in memory, encoded, and its recent history.
//!
//! A task follows the storage and applies its events in order. Reads never touch the storage: they
//! learn its revision where they must be consistent, wait for the cache to reach it, and read here.
//! Watchers have a place in the shared history; one that falls behind is told so and costs nobody
//! else anything. See [the design](https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions)
//! of resource versions.

mod broken;
mod budget;
mod counts;
mod decode;
mod drafts;
mod entry;
mod feed;
mod fields;
mod history;
mod idle;
mod index;
mod json;
mod key;
mod page;
mod proto;
mod reader;
mod slice;
#[cfg(test)]
mod tests;
mod tree;
mod wanted;
mod watcher;

use crate::metrics::Asked;
use counts::Counts;
use drafts::Drafts;
use history::History;
use idle::Need;
use pintle_meta::KindInfo;
use pintle_storage::{Error, Revision, Storage};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::timeout;
use tree::Tree;

pub(crate) use broken::Broken;
pub(crate) use budget::Budget;
pub(crate) use counts::{Operation, write as write_metrics};
pub(crate) use decode::Corrupt;
pub(crate) use entry::Entry;
pub(crate) use history::Change;
pub(crate) use key::Key;
pub(crate) use page::{Entries, Page, Query};
pub(crate) use reader::Reader;
pub(crate) use slice::{Cursor, Slice};
pub(crate) use wanted::Wanted;
pub(crate) use watcher::{Lagged, Watcher};

/// How long a read waits for the cache to reach a revision.
pub(crate) const FRESHNESS_WAIT: Duration = Duration::from_secs(3);

/// What a cache remembers, and for how long it is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// At most so many bytes of states that are no longer current are remembered.
    pub history_bytes: usize,
    /// It is loaded when it is first needed, and given up when nobody has needed it for so long.
    pub idle: Option<Duration>,
    /// Whether the number of objects is a metric.
    pub counted: bool,
}

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
    /// Tells watchers that there is something for them.
    changed: watch::Sender<()>,
    progress_wanted: Notify,
    reload_wanted: Notify,
    question: Question,
    drafts: Drafts,
    settings: Settings,
    /// What its history shares with those of the other caches.
    budget: Arc<Budget>,
    /// Whether it is needed: of a cache that is not always there.
    need: Need,
    pub(crate) counts: Counts,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    /// The stored values that are no objects, by key.
    broken: BTreeMap<Box<str>, Arc<Broken>>,
    /// The size of the objects in the tree.
    bytes: usize,
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

impl Cache {
    /// An empty cache, and nobody feeding it yet.
    pub(crate) fn new(
        kind: Arc<KindInfo>,
        storage: Arc<dyn Storage>,
        prefix: String,
        settings: Settings,
        budget: &Arc<Budget>,
    ) -> Arc<Self> {
        let state = State::empty(settings, budget, 0);
        Arc::new(Self {
            kind,
            storage,
            prefix,
            state: RwLock::new(state),
            reached: watch::Sender::new(0),
            changed: watch::Sender::new(()),
            progress_wanted: Notify::new(),
            reload_wanted: Notify::new(),
            question: Question::default(),
            drafts: Drafts::default(),
            settings,
            budget: Arc::clone(budget),
            need: Need::default(),
            counts: Counts::default(),
        })
    }

    /// Is told what is about to be written here, in the form in which the storage will tell of it.
    pub(crate) fn expect(&self, path: &str, entry: &Entry, value: &[u8]) {
        if self.is_ready() && entry.is_stored_as(value) {
            self.drafts.keep(path, entry.draft());
        }
    }

    /// Whether the objects have been loaded once.
    pub(crate) fn is_ready(&self) -> bool {
        self.revision() > 0
    }

    /// Whether the objects have been loaded, where they have to be before the server is ready.
    pub(crate) fn is_as_ready_as_it_must_be(&self) -> bool {
        self.settings.idle.is_some() || self.is_ready()
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

    /// The storage's revision, which is not older than the call.
    ///
    /// # Errors
    /// Where the storage does not say it in time, or is older than what was read from it before.
    pub(crate) async fn newest(&self) -> Result<Revision, Error> {
        let before = self.revision();
        let asking = self.question.ask(self.storage.as_ref(), self.counts.of(Operation::Get));
        let newest = match timeout(FRESHNESS_WAIT, asking).await {
            Ok(answer) => answer?,
            Err(_) => return Err(Error::Unavailable("it does not tell its revision".into())),
        };
        if newest < before {
            // Another storage than before, or one that lost what it had acknowledged: nothing here
            // says what it holds.
            self.reload_wanted.notify_one();
            let why = format!("it was at revision {before} and is at {newest}");
            return Err(Error::Unavailable(why.into()));
        }
        Ok(newest)
    }

    /// Waits until the cache has reached a revision.
    pub(crate) async fn not_older_than(&self, revision: Revision) -> Result<Revision, Unreadable> {
        self.needed();
        let now = self.revision();
        if now >= revision && now > 0 {
            return Ok(now);
        }
        // Writes to other kinds raise the store's revision too; only the store can say that none of
        // them is ours.
        self.progress_wanted.notify_one();
        let begun = Instant::now();
        let mut reached = self.reached.subscribe();
        let wanted = reached.wait_for(|now| *now >= revision && *now > 0);
        let result = timeout(FRESHNESS_WAIT, wanted).await;
        self.counts.waited(begun.elapsed());
        match result {
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

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Nothing; the watchers of what was there before have to end.
    fn empty(settings: Settings, budget: &Arc<Budget>, generation: u64) -> Self {
        Self {
            tree: Tree::default(),
            broken: BTreeMap::new(),
            bytes: 0,
            history: History::new(0, settings.history_bytes, budget),
            revision: 0,
            generation,
        }
    }
}

/// The answers of a storage about its revision.
///
/// A reader needs an answer to a question that was asked after the reader came. While one is under
/// way, all who come wait for the next one together. So a storage is asked one question at a time,
/// however many readers there are.
#[derive(Debug, Default)]
struct Question {
    /// How many questions have been asked.
    asked: AtomicU64,
    /// The number of the last question that was answered, and its answer.
    answered: Mutex<Option<(u64, Answer)>>,
}

impl Question {
    /// The storage's revision at some time after the call.
    async fn ask(&self, storage: &dyn Storage, asked: &Asked) -> Result<Revision, Error> {
        let known = self.asked.load(Ordering::Acquire);
        let mut answered = self.answered.lock().await;
        let answer = match &*answered {
            Some((number, answer)) if *number > known => answer.clone(),
            _ => {
                let number = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
                let asking = asked.time(storage.current_revision());
                let answer = asking.await.map_err(Arc::new);
                *answered = Some((number, answer.clone()));
                answer
            }
        };
        drop(answered);
        answer.map_err(|error| Error::Unavailable(Box::new(Shared(error))))
    }
}

type Answer = Result<Revision, Arc<Error>>;

/// An error that several readers were told.
#[derive(Debug)]
struct Shared(Arc<Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {}
