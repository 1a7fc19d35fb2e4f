//! The memory store: the suite of every backend, and what is asked of this one beyond it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use pintle_storage::{Error, Event, Memory, Range, Revision, Storage, Watch, suite};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

type State = BTreeMap<String, (Bytes, Revision)>;

#[tokio::test]
async fn suite_on_one_thread() {
    suite::run(|| async { Arc::new(Memory::new()) as Arc<_> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn suite_on_many_threads() {
    suite::run(|| async { Arc::new(Memory::new()) as Arc<_> }).await;
}

#[tokio::test]
async fn a_later_store_knows_nothing_of_an_earlier_one() {
    let store = Memory::starting_at(1000);
    assert_eq!(store.current_revision().await.unwrap(), 1000);
    for after in [0, 1, 998] {
        let watch = store.watch("/", after).await;
        assert!(matches!(watch, Err(Error::Compacted { oldest: 1000 })), "{after}");
    }
    let range = Range { revision: 999, ..Range::default() };
    assert!(matches!(store.range(range).await, Err(Error::Compacted { oldest: 1000 })));
    let mut watch = store.watch("/", 1000).await.unwrap();
    assert_eq!(store.create("/a", "a".into()).await.unwrap(), 1001);
    assert!(
        matches!(&watch.next().await.unwrap()[..], [Event::Put(item)] if item.revision == 1001)
    );
    assert_eq!(Memory::starting_at(0).current_revision().await.unwrap(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Create(String, Bytes),
    /// Updates a key at its revision, or at one that is wrong by so much.
    Update(String, Bytes, u64),
    Delete(String, u64),
    /// Compacts at this part, of 256, of what has happened.
    Compact(u8),
}

/// Few keys, and all that can go wrong with prefixes: the empty key, keys within keys.
fn key() -> impl Strategy<Value = String> {
    "(/[ab]{0,2}(/[a-c-]{0,2})?)?".prop_map_into()
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop::collection::vec(any::<u8>(), 0..4).prop_map(Bytes::from);
    let wrong = || prop_oneof![9 => Just(0_u64), 1 => 1..4_u64];
    prop_oneof![
        8 => (key(), value()).prop_map(|(key, value)| Step::Create(key, value)),
        8 => (key(), value(), wrong()).prop_map(|(key, value, by)| Step::Update(key, value, by)),
        6 => (key(), wrong()).prop_map(|(key, by)| Step::Delete(key, by)),
        1 => any::<u8>().prop_map(Step::Compact),
    ]
}

/// The store as a list of full states.
#[derive(Debug)]
struct Model {
    /// The state at each revision; the empty states at 0 and 1 included.
    states: Vec<State>,
    oldest: Revision,
}

impl Model {
    fn current(&self) -> Revision {
        self.states.len() as Revision - 1
    }

    fn newest(&self) -> &State {
        &self.states[self.states.len() - 1]
    }

    /// Does one step to both, and holds the answers against each other.
    async fn step(&mut self, store: &Memory, step: Step) {
        let next = self.current() + 1;
        let mut state = self.newest().clone();
        let now = |key: &str| self.newest().get(key).cloned();
        let (written, refused) = match step {
            Step::Create(key, value) => {
                let old = state.insert(key.clone(), (value.clone(), next));
                (store.create(&key, value).await, old.map(Some))
            }
            Step::Update(key, value, by) => {
                let old = now(&key);
                let expected = old.as_ref().map_or(by, |(_, revision)| revision + by);
                state.insert(key.clone(), (value.clone(), next));
                let answer = store.update(&key, value, expected).await;
                (answer, (old.is_none() || by > 0).then_some(old))
            }
            Step::Delete(key, by) => {
                let old = state.remove(&key);
                let expected = old.as_ref().map_or(by, |(_, revision)| revision + by);
                let answer = store.delete(&key, expected).await;
                (answer, (old.is_none() || by > 0).then_some(old))
            }
            Step::Compact(part) => {
                let at = self.current() * Revision::from(part) / 256;
                match store.compact(at).await {
                    Ok(()) if at > self.oldest => self.oldest = at,
                    Err(Error::Compacted { oldest }) if at <= self.oldest => {
                        assert_eq!(oldest, self.oldest);
                    }
                    other => panic!("compaction at {at} of {}: {other:?}", self.oldest),
                }
                return;
            }
        };
        match (written, refused) {
            (Ok(revision), None) => {
                assert_eq!(revision, next);
                self.states.push(state);
            }
            (Err(Error::Exists(now)), Some(Some(old))) => {
                assert_eq!((now.value, now.revision), old);
            }
            (Err(Error::Conflict(now)), Some(old)) => {
                assert_eq!(now.map(|now| (now.value, now.revision)), old);
            }
            (answer, refused) => panic!("{answer:?} instead of {refused:?}"),
        }
    }

    async fn check_reads(&self, store: &Memory, range: &Range) {
        assert_eq!(store.current_revision().await.unwrap(), self.current());
        for (key, (value, revision)) in self.newest() {
            let got = store.get(key).await.unwrap();
            let item = got.item.expect("a key that exists");
            assert_eq!((&*item.key, &item.value, item.revision), (&**key, value, *revision));
            assert_eq!(got.revision, self.current());
        }
        for revision in 0..=self.current() + 1 {
            let answer = store.range(Range { revision, ..range.clone() }).await;
            let at = if revision == 0 { self.current() } else { revision };
            if at > self.current() {
                assert!(matches!(answer, Err(Error::Future { current }) if current == at - 1));
                continue;
            }
            if at < self.oldest {
                let oldest = self.oldest;
                assert!(matches!(answer, Err(Error::Compacted { oldest: told }) if told == oldest));
                continue;
            }
            let page = answer.unwrap();
            let expected: Vec<_> = self.states[usize::try_from(at).unwrap()]
                .iter()
                .filter(|(key, _)| key.starts_with(&range.prefix) && **key >= range.start)
                .collect();
            let limit = if range.limit == 0 { usize::MAX } else { range.limit };
            assert_eq!((page.more, page.revision), (expected.len() > limit, at));
            assert_eq!(page.items.len(), expected.len().min(limit));
            for (item, (key, (value, revision))) in page.items.iter().zip(expected) {
                assert_eq!((&*item.key, &item.value, item.revision), (&**key, value, *revision));
            }
        }
    }

    /// A watch from any revision turns the state there into every later one.
    async fn check_replays(&self, store: &Memory, prefix: &str) {
        for after in 0..=self.current() {
            let mut watch = match store.watch(prefix, after).await {
                Ok(watch) if after + 1 >= self.oldest => watch,
                Err(Error::Compacted { oldest }) if after + 1 < self.oldest => {
                    assert_eq!(oldest, self.oldest);
                    continue;
                }
                _ => panic!("a watch after {after} while {} is the oldest", self.oldest),
            };
            let mut state = part(&self.states[usize::try_from(after).unwrap()], prefix);
            let mut reached = after;
            for event in events_until_progress(&mut *watch).await {
                // Nothing of the prefix changes in what the watch leaves out.
                for skipped in reached..event.revision() {
                    assert_eq!(
                        part(&self.states[usize::try_from(skipped).unwrap()], prefix),
                        state
                    );
                }
                reached = event.revision();
                match event {
                    Event::Put(item) => {
                        state.insert(item.key.to_string(), (item.value, item.revision));
                    }
                    Event::Delete { key, .. } => {
                        state.remove(&*key).expect("only a key that exists is deleted");
                    }
                    Event::Progress(revision) => assert_eq!(revision, self.current()),
                }
                assert_eq!(part(&self.states[usize::try_from(reached).unwrap()], prefix), state);
            }
            assert_eq!(reached, self.current());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_list_of_states(
        steps in prop::collection::vec(step(), 0..60),
        (prefix, start, limit) in (key(), key(), 0..5_usize),
    ) {
        block_on(async {
            let store = Memory::new();
            let mut model = Model { states: vec![State::new(), State::new()], oldest: 0 };
            for step in steps {
                model.step(&store, step).await;
            }
            let range = Range { prefix, start, limit, revision: 0 };
            model.check_reads(&store, &range).await;
            model.check_reads(&store, &Range::default()).await;
            model.check_replays(&store, &range.prefix).await;
            model.check_replays(&store, "").await;
        });
    }
}

/// Increments of shared counters, each guarded by the revision read before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_increments_lose_nothing() {
    const TASKS: usize = 8;
    const INCREMENTS: usize = 500;
    const COUNTERS: usize = 3;
    let store = Memory::new();
    for n in 0..COUNTERS {
        store.create(&format!("/n/{n}"), "0".into()).await.unwrap();
    }
    let start = store.current_revision().await.unwrap();
    let last = start + (TASKS * INCREMENTS) as Revision;
    let watchers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut watch = store.watch("/n/", start).await.unwrap();
                let mut events = Vec::new();
                while events.last().map_or(start, Event::revision) < last {
                    events.extend(soon(watch.next()).await.unwrap());
                }
                events
            })
        })
        .collect();
    let writers: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..INCREMENTS {
                    increment(&store, &format!("/n/{}", (task + n) % COUNTERS)).await;
                }
            })
        })
        .collect();
    for writer in writers {
        soon(writer).await.unwrap();
    }
    let page = store.range(Range::default()).await.unwrap();
    let sum: usize = page.items.iter().map(|item| number(&item.value)).sum();
    assert_eq!((sum, page.revision), (TASKS * INCREMENTS, last));

    for watcher in watchers {
        let events = soon(watcher).await.unwrap();
        let revisions: Vec<_> = events.iter().map(Event::revision).collect();
        assert_eq!(revisions, (start + 1..=last).collect::<Vec<_>>());
        let mut counters = BTreeMap::new();
        for event in events {
            let Event::Put(item) = event else { panic!("{event:?} is no increment") };
            let old = counters.insert(item.key, number(&item.value)).unwrap_or(0);
            assert_eq!(number(&item.value), old + 1, "each increment builds on the one before");
        }
    }
}

async fn increment(store: &Memory, key: &str) {
    loop {
        let old = store.get(key).await.unwrap().item.expect("a counter");
        let new = (number(&old.value) + 1).to_string();
        match store.update(key, new.into(), old.revision).await {
            Ok(_) => return,
            Err(Error::Conflict(Some(now))) => assert!(now.revision > old.revision),
            Err(error) => panic!("{error:?} is no answer to an increment"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn empty_store_is_at_one() {
    let store = Memory::default();
    assert_eq!(store.current_revision().await.unwrap(), 1);
    assert_eq!(store.range(Range { revision: 1, ..Range::default() }).await.unwrap().revision, 1);
    assert_eq!(store.create("", "".into()).await.unwrap(), 2);
    assert_eq!(store.clone().get("").await.unwrap().item.unwrap().revision, 2);
}

/// Key and value together, as etcd counts a request.
#[tokio::test]
async fn size_limit_is_exact() {
    let store = Memory::new();
    let most = Memory::VALUE_BYTES_MAX;
    let fits = Bytes::from(vec![0; most - 2]);
    let revision = store.create("/a", fits).await.unwrap();
    let over = Bytes::from(vec![0; most - 1]);
    for answer in [store.update("/a", over.clone(), revision).await, store.create("/b", over).await]
    {
        let Err(Error::TooLarge { size, limit }) = answer else { panic!("{answer:?}") };
        assert_eq!((size, limit), (most + 1, most));
    }
}

/// As etcd: the write at the compacted revision itself can still be watched.
#[tokio::test]
async fn watch_starts_just_before_the_compacted_revision() {
    let store = Memory::new();
    let mut revision = store.create("/a", "0".into()).await.unwrap();
    for n in 1..5 {
        revision = store.update("/a", format!("{n}").into(), revision).await.unwrap();
    }
    store.compact(revision).await.unwrap();
    let refused = store.watch("", revision - 2).await.err();
    assert!(matches!(refused, Some(Error::Compacted { oldest }) if oldest == revision));
    let mut watch = store.watch("", revision - 1).await.unwrap();
    let events = events_until_progress(&mut *watch).await;
    assert_eq!(events.iter().map(Event::revision).collect::<Vec<_>>(), [revision, revision]);
}

#[tokio::test]
async fn history_is_trimmed_by_events() {
    let store = Memory::new();
    let mut lagging = store.watch("/busy", 1).await.unwrap();
    let mut quiet = store.watch("/quiet", 1).await.unwrap();
    let first = store.create("/busy", "0".into()).await.unwrap();
    let mut revision = first;
    for _ in 0..Memory::HISTORY_EVENTS_MAX {
        revision = store.update("/busy", "1".into(), revision).await.unwrap();
    }
    let oldest = oldest(&store).await;
    assert_eq!(oldest, first + 1);
    let page = store.range(Range { revision: oldest, ..Range::default() }).await.unwrap();
    assert_eq!(page.items[0].revision, oldest);

    let behind = lagging.next().await;
    assert!(matches!(behind, Err(Error::Compacted { .. })), "{behind:?}");
    let over = lagging.next().await;
    assert!(matches!(over, Err(Error::Compacted { .. })), "a watch that is over stays over");
    let own = store.create("/quiet", "0".into()).await.unwrap();
    assert_eq!(
        soon(quiet.next()).await.unwrap()[0].revision(),
        own,
        "and nobody else falls behind"
    );
}

#[tokio::test]
async fn history_is_trimmed_by_bytes() {
    const BYTES: usize = 1024 * 1024;
    let store = Memory::new();
    let mut revision = store.create("/a", vec![0; BYTES].into()).await.unwrap();
    for _ in 0..200 {
        revision = store.update("/a", vec![0; BYTES].into(), revision).await.unwrap();
    }
    let kept = usize::try_from(revision - oldest(&store).await).unwrap();
    let most = Memory::HISTORY_BYTES_MAX / BYTES;
    assert!((most - 2..=most).contains(&kept), "{kept} old values of at most {most}");

    // What is deleted is paid for by the past as well, whoever wrote it and when.
    store.delete("/a", revision).await.unwrap();
    for n in 0..200 {
        store.create(&format!("/b/{n}"), vec![0; BYTES].into()).await.unwrap();
    }
    let page = store.range(Range { prefix: "/b/".into(), ..Range::default() }).await.unwrap();
    for item in page.items {
        revision = store.delete(&item.key, item.revision).await.unwrap();
    }
    let kept = usize::try_from(revision - oldest(&store).await).unwrap();
    assert!((most - 2..=most).contains(&kept), "{kept} deleted values of at most {most}");
}

#[tokio::test]
async fn batches_are_bounded() {
    let store = Memory::new();
    let writes = Memory::WATCH_BATCH_EVENTS_MAX * 2 + 1;
    for n in 0..writes {
        store.create(&format!("/{n}"), "".into()).await.unwrap();
    }
    let mut watch = store.watch("/", 1).await.unwrap();
    watch.request_progress().await.unwrap();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        sizes.push(soon(watch.next()).await.unwrap().len());
    }
    // The last one has the progress asked for, which is not told before all is delivered.
    let most = Memory::WATCH_BATCH_EVENTS_MAX;
    assert_eq!(sizes, [most, most, 1 + 1]);
}

/// A range longer than one hold of the lock: writes and compactions come in between.
#[tokio::test]
async fn long_range_is_one_moment() {
    const KEYS: usize = 5000;
    for (named, compacted) in [(false, false), (true, false), (false, true), (true, true)] {
        let store = Memory::new();
        for n in 0..KEYS {
            store.create(&format!("/{n:04}"), "old".into()).await.unwrap();
        }
        let revision = if named { store.current_revision().await.unwrap() } else { 0 };
        let reader = tokio::spawn({
            let store = store.clone();
            async move { store.range(Range { revision, ..Range::default() }).await }
        });
        // The reader gets as far as its first pause.
        tokio::task::yield_now().await;
        assert!(!reader.is_finished());
        let last = store.get("/4999").await.unwrap().item.unwrap();
        let last = store.update("/4999", "new".into(), last.revision).await.unwrap();
        let last = store.create("/5000", Bytes::from(format!("{last}"))).await.unwrap();
        if compacted {
            store.compact(last).await.unwrap();
        }
        let answer = soon(reader).await.unwrap();
        if named && compacted {
            assert!(matches!(answer, Err(Error::Compacted { oldest }) if oldest == last));
            continue;
        }
        let page = answer.unwrap();
        let (keys, value) = if compacted { (KEYS + 1, "new") } else { (KEYS, "old") };
        assert_eq!(
            (page.items.len(), page.items[KEYS - 1].value.as_ref()),
            (keys, value.as_bytes())
        );
        assert_eq!(page.revision, if compacted { last } else { last - 2 });
    }
}

/// The suite must find what is wrong and name it.
#[tokio::test]
#[should_panic(expected = "case pintle_storage::suite::reads::start_key: ")]
async fn suite_finds_a_broken_store() {
    suite::run(|| async { Arc::new(IgnoresStart(Memory::new())) as Arc<_> }).await;
}

/// A store with one mistake.
#[derive(Debug)]
struct IgnoresStart(Memory);

#[async_trait::async_trait]
impl Storage for IgnoresStart {
    async fn get(&self, key: &str) -> pintle_storage::Result<pintle_storage::Got> {
        self.0.get(key).await
    }
    async fn range(&self, range: Range) -> pintle_storage::Result<pintle_storage::Page> {
        self.0.range(Range { start: String::new(), ..range }).await
    }
    async fn create(&self, key: &str, value: Bytes) -> pintle_storage::Result<Revision> {
        self.0.create(key, value).await
    }
    async fn update(
        &self,
        key: &str,
        value: Bytes,
        at: Revision,
    ) -> pintle_storage::Result<Revision> {
        self.0.update(key, value, at).await
    }
    async fn delete(&self, key: &str, expected: Revision) -> pintle_storage::Result<Revision> {
        self.0.delete(key, expected).await
    }
    async fn watch(&self, prefix: &str, after: Revision) -> pintle_storage::Result<Box<dyn Watch>> {
        self.0.watch(prefix, after).await
    }
    async fn current_revision(&self) -> pintle_storage::Result<Revision> {
        self.0.current_revision().await
    }
    async fn compact(&self, revision: Revision) -> pintle_storage::Result<()> {
        self.0.compact(revision).await
    }
}

/// All that a watch has to say now, the progress at the end included.
async fn events_until_progress(watch: &mut dyn Watch) -> Vec<Event> {
    watch.request_progress().await.unwrap();
    let mut events = Vec::new();
    while !matches!(events.last(), Some(Event::Progress(_))) {
        events.extend(soon(watch.next()).await.unwrap());
    }
    events
}

async fn oldest(store: &Memory) -> Revision {
    match store.compact(1).await {
        Err(Error::Compacted { oldest }) => oldest,
        other => panic!("nothing has been trimmed: {other:?}"),
    }
}

fn part(state: &State, prefix: &str) -> State {
    let matching = state.iter().filter(|(key, _)| key.starts_with(prefix));
    matching.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn number(value: &[u8]) -> usize {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("an answer in time")
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future);
}
