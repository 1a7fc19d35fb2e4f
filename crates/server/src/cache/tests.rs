//! The cache against a model: every past state, every page, every count, every watch.

use super::{Budget, Cache, Entry, Page, Query, Question, Settings, Wanted};
use crate::metrics::Asked;
use async_trait::async_trait;
use bytes::Bytes;
use kube::CustomResource;
use pintle_meta::selector::{FieldSelector, LabelSelector};
use pintle_meta::{Hub, KindInfo};
use pintle_storage::{Error, Got, Memory, Range, Revision, Storage, Watch};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod budget;
mod select;

/// A thing.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Thing", namespaced)]
struct ThingSpec {
    /// How many.
    count: u32,
}

impl Hub for Thing {}

const SETTINGS: Settings = Settings { history_bytes: 16 << 20, idle: None, counted: true };
fn unlimited() -> Arc<Budget> {
    Budget::new(usize::MAX)
}

const PREFIX: &str = "/registry/example.com/things/";

/// One write: to which key, and whether it removes; the number makes labels and content.
#[derive(Clone, Debug)]
struct Write {
    namespace: u8,
    name: u8,
    remove: bool,
    count: u32,
}

impl Write {
    fn key(&self) -> String {
        // "a-b" sorts before "a/": a namespace is not a prefix of its neighbour's keys.
        let namespace = ["a", "a-b", "b"][usize::from(self.namespace % 3)];
        format!("{namespace}/n{:03}", self.name)
    }
}

fn write() -> impl Strategy<Value = Write> {
    (0..3u8, 0..40u8, prop::bool::weighted(0.3), 0..5u32)
        .prop_map(|(namespace, name, remove, count)| Write { namespace, name, remove, count })
}

/// The keys and counts at a revision.
type State = BTreeMap<String, u32>;

struct Model {
    cache: Arc<Cache>,
    storage: Memory,
    states: BTreeMap<Revision, State>,
    revisions: BTreeMap<String, Revision>,
}

impl Model {
    fn new() -> Self {
        let storage = Memory::new();
        let kind = Arc::new(KindInfo::of::<Thing>());
        let cache =
            Cache::new(kind, Arc::new(storage.clone()), PREFIX.to_owned(), SETTINGS, &unlimited());
        let states = BTreeMap::from([(1, State::new())]);
        Self { cache, storage, states, revisions: BTreeMap::new() }
    }

    /// Feeds the cache from the very first revision on.
    async fn feed(&self) -> tokio::task::JoinHandle<()> {
        let feed = tokio::spawn(Arc::clone(&self.cache).feed());
        self.cache.not_older_than(1).await.unwrap();
        feed
    }

    /// Waits until the cache shows all that was written.
    async fn consistent(&self) {
        let newest = self.cache.newest().await.unwrap();
        self.cache.not_older_than(newest).await.unwrap();
    }

    async fn apply(&mut self, write: &Write) {
        let key = write.key();
        let path = format!("{PREFIX}{key}");
        let mut state = self.states.values().next_back().cloned().unwrap_or_default();
        let revision = match (self.revisions.get(&key), write.remove) {
            (None, true) => return,
            (Some(at), true) => {
                state.remove(&key);
                self.storage.delete(&path, *at).await.unwrap()
            }
            (at, false) => {
                state.insert(key.clone(), write.count);
                let (namespace, name) = key.split_once('/').unwrap();
                let labels = json!({"count": write.count.to_string()});
                let meta = json!({"namespace": namespace, "name": name, "labels": labels});
                let object = json!({"metadata": meta, "spec": {"count": write.count}});
                let value = object.to_string().into();
                match at {
                    None => self.storage.create(&path, value).await.unwrap(),
                    Some(at) => self.storage.update(&path, value, *at).await.unwrap(),
                }
            }
        };
        match write.remove {
            true => self.revisions.remove(&key),
            false => self.revisions.insert(key, revision),
        };
        self.states.insert(revision, state);
    }

    /// Reads a collection page by page, and compares it with the state that it must show.
    fn check_pages(&self, prefix: &str, limit: usize, revision: Revision, newest: bool) {
        let state = &self.states[&revision];
        let want: Vec<_> = state.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        let mut start = prefix.to_owned();
        let mut got = Vec::new();
        loop {
            let filter = None::<fn(&Entry) -> bool>;
            let wanted = &Wanted::default();
            let query = Query { prefix, start: &start, limit, wanted, name: None, filter };
            let page: Page = match newest {
                true => self.cache.page(&query),
                false => self.cache.page_at(&query, revision).unwrap(),
            };
            got.extend(page.entries.iter().map(|entry| (entry.key.to_string(), count(entry))));
            if !page.more {
                break;
            }
            assert_eq!(page.remaining, Some(want.len() - got.len()), "{prefix} at {revision}");
            start = format!("{}\0", page.last.as_ref().unwrap().key);
        }
        let want: Vec<_> = want.into_iter().map(|(key, count)| (key.clone(), *count)).collect();
        assert_eq!(got, want, "{prefix} at {revision} by {limit}");
    }

    /// Picks by a label with the help of marks, and without.
    fn check_marks(&self, wanted: u32) {
        let value = wanted.to_string();
        let filter = |entry: &Entry| entry.label("count") == Some(value.as_str());
        let pick = |wanted: &Wanted| {
            let query =
                Query { prefix: "", start: "", limit: 0, wanted, name: None, filter: Some(filter) };
            let page = self.cache.page(&query);
            page.entries.iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>()
        };
        let labels = LabelSelector::parse(&format!("count={value}")).unwrap();
        let wanted = Wanted::by(&labels, &FieldSelector::default(), &self.cache.kind, 0);
        assert_eq!(pick(&wanted), pick(&Wanted::default()));
    }

    /// Follows the changes after a revision, and compares every state on the way.
    async fn check_watch(&self, after: Revision) {
        let mut state = self.states[&after].clone();
        let mut watcher = self.cache.watch_after(after).unwrap();
        let newest = *self.states.keys().next_back().unwrap();
        let mut reached = after;
        while reached < newest {
            let (changes, _) = watcher.next(7).await.unwrap();
            for change in changes {
                let existed = state.contains_key(&*change.new.key);
                assert_eq!(change.old.is_some(), existed, "{:?}", change.new);
                match change.new.removed {
                    true => state.remove(&*change.new.key),
                    false => state.insert(change.new.key.to_string(), count(&change.new)),
                };
                reached = change.new.revision;
                assert_eq!(&state, &self.states[&reached], "after {after} at {reached}");
            }
        }
        assert_eq!(watcher.seen(), newest);
    }
}

fn count(entry: &Entry) -> u32 {
    let object: Thing = serde_json::from_slice(entry.bytes()).unwrap();
    object.spec.count
}

async fn check(writes: &[Write], limit: usize) {
    let mut model = Model::new();
    let feed = model.feed().await;
    for write in writes {
        model.apply(write).await;
    }
    let newest = *model.states.keys().next_back().unwrap();
    model.consistent().await;
    for prefix in ["", "a/", "a-b/", "b/", "c/"] {
        model.check_pages(prefix, limit, newest, true);
        for revision in model.states.keys().filter(|r| **r >= model.cache.floor()) {
            model.check_pages(prefix, limit, *revision, false);
        }
    }
    (0..5).for_each(|wanted| model.check_marks(wanted));
    for after in model.states.keys().filter(|r| **r >= model.cache.floor()) {
        model.check_watch(*after).await;
    }
    feed.abort();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn shows_every_state_that_it_remembers(
        writes in prop::collection::vec(write(), 0..60),
        limit in 1..9usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&writes, limit));
    }
}

#[tokio::test]
async fn chunks_split_and_empty() {
    let grow = (0..=255u8).flat_map(|name| (0..3).map(move |namespace| (namespace, name)));
    let write = |(namespace, name), remove| Write { namespace, name, remove, count: 1 };
    let mut writes: Vec<Write> = grow.clone().map(|at| write(at, false)).collect();
    writes.extend(grow.map(|at| write(at, true)));
    let mut model = Model::new();
    let feed = model.feed().await;
    for write in &writes {
        model.apply(write).await;
    }
    model.consistent().await;
    for revision in [1, 300, 769, 900, 1537] {
        model.check_pages("", 100, revision, false);
    }
    feed.abort();
}

/// A storage whose answers about its revision take their time, and are counted.
#[derive(Debug)]
struct Slow {
    memory: Memory,
    questions: AtomicU64,
}

#[async_trait]
impl Storage for Slow {
    async fn get(&self, key: &str) -> Result<Got, Error> {
        self.memory.get(key).await
    }

    async fn range(&self, range: Range) -> Result<pintle_storage::Page, Error> {
        self.memory.range(range).await
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision, Error> {
        self.memory.create(key, value).await
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision, Error> {
        self.memory.update(key, value, expected).await
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision, Error> {
        self.memory.delete(key, expected).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>, Error> {
        self.memory.watch(prefix, after).await
    }

    async fn current_revision(&self) -> Result<Revision, Error> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let revision = self.memory.current_revision().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        revision
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.memory.compact(revision).await
    }
}

/// A reader never gets an answer that was under way when it came: that one may not know of a
/// write which was acknowledged to the reader before.
#[tokio::test]
async fn readers_share_a_question_that_was_asked_after_they_came() {
    let slow = Slow { memory: Memory::new(), questions: AtomicU64::new(0) };
    let slow = Arc::new(slow);
    let question = Arc::new(Question::default());
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..100_u64 {
        let revision = slow.memory.create(&format!("/{number}"), Bytes::new()).await.unwrap();
        let (slow, question) = (Arc::clone(&slow), Arc::clone(&question));
        readers.spawn(async move {
            let answer = question.ask(slow.as_ref(), &Asked::default()).await.unwrap();
            assert!(answer >= revision, "{answer} is older than {revision}");
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
    let questions = slow.questions.load(Ordering::Relaxed);
    assert!(questions < 20, "{questions} questions for 100 readers");
}

/// A cache that loads anew keeps the entries of what has not changed, without what was before them.
#[tokio::test]
async fn what_has_not_changed_is_not_held_twice() {
    let mut model = Model::new();
    let feed = model.feed().await;
    let write = |name, count| Write { namespace: 0, name, remove: false, count };
    for name in 0..200 {
        model.apply(&write(name, 1)).await;
    }
    // As it would have been stored by this program itself.
    for name in 0..100 {
        let key = write(name, 1).key();
        let entry = loop {
            match model.cache.get(&key).filter(|it| it.revision == model.revisions[&key]) {
                Some(entry) => break entry,
                None => tokio::task::yield_now().await,
            }
        };
        let value = entry.to_stored(&model.cache.kind, crate::options::StorageMediaType::Json);
        let path = format!("{PREFIX}{key}");
        let revision = model.storage.update(&path, value, entry.revision).await.unwrap();
        model.states.insert(revision, model.states.values().next_back().cloned().unwrap());
        model.revisions.insert(key, revision);
    }
    model.consistent().await;
    let newest = *model.states.keys().next_back().unwrap();
    let before: Vec<_> = model.cache.all("").0.iter().cloned().collect();
    assert!(before[..100].iter().all(|entry| entry.older.load().is_some()));
    feed.abort();
    let _ = feed.await;
    model.cache.load().await.unwrap();
    let after: Vec<_> = model.cache.all("").0.iter().cloned().collect();
    let same = before.iter().zip(&after).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
    assert_eq!((before.len(), after.len(), same), (200, 200, 100));
    assert!(after.iter().all(|entry| entry.older.load().is_none()));
    model.check_pages("", 7, newest, true);
    assert_eq!(model.cache.floor(), newest);
}

/// A cache that is not always there: loaded when somebody reads, there as long as somebody watches,
/// given up after a while, and right all the time.
#[tokio::test]
async fn a_cache_is_given_up_and_comes_back() {
    const IDLE: Duration = Duration::from_millis(100);
    let storage = Memory::new();
    let kind = Arc::new(KindInfo::of::<Thing>());
    let settings = Settings { idle: Some(IDLE), ..SETTINGS };
    let cache =
        Cache::new(kind, Arc::new(storage.clone()), PREFIX.to_owned(), settings, &unlimited());
    let feed = tokio::spawn(Arc::clone(&cache).feed());
    let value = |count: u32| Bytes::from(json!({"spec": {"count": count}}).to_string());
    let first = storage.create(&format!("{PREFIX}a/one"), value(1)).await.unwrap();
    tokio::time::sleep(IDLE * 2).await;
    assert!(!cache.is_ready() && cache.is_as_ready_as_it_must_be(), "nobody has asked");
    let given_up = async || {
        let begun = std::time::Instant::now();
        while cache.is_ready() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is not given up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut revision = first;
    for round in 2..5 {
        assert_eq!(cache.not_older_than(revision).await, Ok(revision));
        assert_eq!(count(&cache.get("a/one").unwrap()), round - 1);
        let mut watcher = cache.watch_after(revision).unwrap();
        tokio::time::sleep(IDLE * 3).await;
        assert!(cache.is_ready(), "somebody watches");
        let path = format!("{PREFIX}a/one");
        revision = storage.update(&path, value(round), revision).await.unwrap();
        let (changes, _) = watcher.next(10).await.unwrap();
        assert_eq!(changes[0].new.revision, revision);
        drop((watcher, changes));
        given_up().await;
        assert_eq!((cache.count(), cache.revision()), (0, 0));
        assert!(cache.get("a/one").is_none());
    }
    feed.abort();
}

/// The history forgets what has no room in its budget, and says what it holds.
#[tokio::test]
async fn a_history_has_a_budget() {
    const BUDGET: usize = 4_000;
    let mut model = Model::new();
    let kind = Arc::new(KindInfo::of::<Thing>());
    let settings = Settings { history_bytes: BUDGET, ..SETTINGS };
    let storage = Arc::new(model.storage.clone());
    model.cache = Cache::new(kind, storage, PREFIX.to_owned(), settings, &unlimited());
    let feed = model.feed().await;
    for count in 0..100 {
        model.apply(&Write { namespace: 0, name: 1, remove: false, count }).await;
    }
    model.consistent().await;
    let (events, bytes) = model.cache.read().history.held();
    assert!(events > 2 && events < 20 && bytes > BUDGET / 2 && bytes <= BUDGET, "{events} {bytes}");
    let newest = *model.states.keys().next_back().unwrap();
    model.check_watch(model.cache.floor()).await;
    assert!(model.cache.watch_after(newest - events as u64 - 1).is_none());
    feed.abort();
}
