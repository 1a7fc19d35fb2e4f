//! Random operations of many clients at once, held against a model afterwards.
//!
//! Every write that succeeded has a revision, and so the writes have an order. The checks ask
//! whether all answers can be explained by that order and by the time: whether the store is
//! [linearizable](https://jepsen.io/consistency/models/linearizable) for each key and for the
//! revision, and whether watches deliver all of it.

use super::feed::Feed;
use super::{Store, cases, current};
use crate::{Error, Event, KeyValue, Page, Range, Revision};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

cases![few_keys_many_clients, many_keys, among_compactions];

async fn few_keys_many_clients(store: Store) {
    check(store, Load { clients: 8, operations: 100, keys: 3, compacts: false }).await;
}

async fn many_keys(store: Store) {
    check(store, Load { clients: 4, operations: 200, keys: 50, compacts: false }).await;
}

async fn among_compactions(store: Store) {
    check(store, Load { clients: 6, operations: 120, keys: 8, compacts: true }).await;
}

/// What is done to a store.
#[derive(Clone, Copy)]
struct Load {
    clients: u64,
    operations: u64,
    keys: u64,
    compacts: bool,
}

/// How far before the newest revision a client compacts.
const COMPACT_BEHIND: Revision = 40;

/// An operation, with the times when it was asked for and answered.
struct Done {
    asked: u64,
    answered: u64,
    key: Arc<str>,
    answer: Answer,
}

enum Answer {
    /// A write with its guard: at this revision, or with none where the key must not exist.
    Written {
        guard: Option<Revision>,
        value: Option<bytes::Bytes>,
        revision: Revision,
    },
    /// A write that was refused because of what is there.
    Refused {
        guard: Option<Revision>,
        now: Option<KeyValue>,
    },
    Got {
        item: Option<KeyValue>,
        revision: Revision,
    },
    Listed(Page),
    Current(Revision),
}

async fn check(store: Store, load: Load) {
    let seed = RandomState::new().hash_one(0);
    // With the same seed clients ask for much the same; how that mixes is up to the scheduler.
    eprintln!("the seed is {seed:#x}");
    let after = current(&store).await;
    let mut early = Feed::start(&store, "/m/", after).await;
    let clock = Arc::new(AtomicU64::new(0));
    let clients = (0..load.clients).map(|client| {
        let random = Random(seed ^ (client + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        tokio::spawn(run(store.clone(), load, random, clock.clone(), client))
    });
    let clients: Vec<_> = clients.collect();
    tokio::task::yield_now().await;
    let middle = current(&store).await;
    let mut late = Feed::start(&store, "/m/", middle).await;
    let mut done = Vec::new();
    for client in clients {
        done.extend(client.await.expect("a client is answered"));
    }
    let model = Model::new(after, &done);
    for one in &done {
        model.explain(one);
    }
    if load.compacts {
        // The watches have been overtaken, as is right.
        return;
    }
    let last = current(&store).await;
    let watched = early.up_to(last).await;
    assert!(watched == model.events(after), "a watch from the start has every change");
    let watched = late.up_to(last).await;
    assert!(watched == model.events(middle), "a watch from the middle has every change since");
}

async fn run(
    store: Store,
    load: Load,
    mut random: Random,
    clock: Arc<AtomicU64>,
    client: u64,
) -> Vec<Done> {
    let mut done = Vec::new();
    // What this client has seen last of each key, so that many of its guards hold.
    let mut seen: HashMap<Arc<str>, Revision> = HashMap::new();
    for n in 0..load.operations {
        let key: Arc<str> = format!("/m/{}", random.below(load.keys)).into();
        let value = bytes::Bytes::from(format!("{client} {n}"));
        let guard = seen.get(&key).copied();
        let asked = clock.fetch_add(1, Ordering::SeqCst);
        let answer = match random.below(10) {
            0..=3 => match guard {
                None => Answer::write(None, Some(value.clone()), store.create(&key, value).await),
                Some(at) => {
                    let answer = store.update(&key, value.clone(), at).await;
                    Answer::write(Some(at), Some(value), answer)
                }
            },
            4 => Answer::write(None, Some(value.clone()), store.create(&key, value).await),
            5 | 6 => {
                let at = guard.unwrap_or(1);
                Answer::write(Some(at), None, store.delete(&key, at).await)
            }
            7 => {
                let got = store.get(&key).await.expect("get");
                Answer::Got { item: got.item, revision: got.revision }
            }
            8 => {
                let all = Range { prefix: "/m/".into(), ..Range::default() };
                Answer::Listed(store.range(all).await.expect("range"))
            }
            _ => Answer::Current(store.current_revision().await.expect("the current revision")),
        };
        let answered = clock.fetch_add(1, Ordering::SeqCst);
        match answer.head(&key) {
            Some(Some(head)) => seen.insert(key.clone(), head),
            Some(None) => seen.remove(&key),
            None => None,
        };
        if load.compacts && random.below(20) == 0 {
            compact(&store).await;
        }
        done.push(Done { asked, answered, key, answer });
    }
    done
}

async fn compact(store: &Store) {
    let at = current(store).await.saturating_sub(COMPACT_BEHIND);
    match store.compact(at).await {
        // Another client may have gone further.
        Ok(()) | Err(Error::Compacted { .. }) => {}
        Err(error) => panic!("a compaction fails: {error}"),
    }
}

impl Answer {
    fn write(
        guard: Option<Revision>,
        value: Option<bytes::Bytes>,
        answer: crate::Result<Revision>,
    ) -> Self {
        match (answer, guard) {
            (Ok(revision), _) => Self::Written { guard, value, revision },
            (Err(Error::Exists(now)), None) => Self::Refused { guard, now: Some(now) },
            (Err(Error::Conflict(now)), Some(_)) => Self::Refused { guard, now },
            (Err(error), _) => panic!("a write with the guard {guard:?} fails: {error}"),
        }
    }

    /// The revision of the key that this tells of, where it tells of any.
    fn head(&self, key: &str) -> Option<Option<Revision>> {
        match self {
            Self::Written { value, revision, .. } => Some(value.as_ref().map(|_| *revision)),
            Self::Refused { now: item, .. } | Self::Got { item, .. } => {
                Some(item.as_ref().map(|item| item.revision))
            }
            Self::Listed(page) => {
                Some(page.items.iter().find(|item| &*item.key == key).map(|item| item.revision))
            }
            Self::Current(_) => None,
        }
    }
}

/// All writes in their order, and when each was under way.
struct Model {
    /// The changes by revision, and when they were asked for and answered.
    writes: BTreeMap<Revision, (Event, u64, u64)>,
    /// The revision before the first of them.
    start: Revision,
}

impl Model {
    fn new(start: Revision, done: &[Done]) -> Self {
        let mut writes = BTreeMap::new();
        for Done { asked, answered, key, answer } in done {
            let Answer::Written { value, revision, .. } = answer else { continue };
            let event = match value.clone() {
                Some(value) => {
                    Event::Put(KeyValue { key: key.clone(), value, revision: *revision })
                }
                None => Event::Delete { key: key.clone(), revision: *revision },
            };
            let before = writes.insert(*revision, (event, *asked, *answered));
            assert!(before.is_none(), "two writes have the revision {revision}");
        }
        Self { writes, start }
    }

    fn events(&self, after: Revision) -> Vec<Event> {
        self.writes.range(after + 1..).map(|(_, (event, ..))| event.clone()).collect()
    }

    /// The key as it was at a revision.
    fn head(&self, key: &str, at: Revision) -> Option<&KeyValue> {
        let mut earlier = self.writes.range(..=at).rev().map(|(_, (event, ..))| event);
        match earlier.find(|event| event_key(event) == key) {
            Some(Event::Put(item)) => Some(item),
            _ => None,
        }
    }

    /// The newest write that had been answered at a time, which everybody has to know then.
    fn known(&self, time: u64) -> Revision {
        let known = self.writes.iter().rev().find(|(_, (.., answered))| *answered < time);
        known.map_or(self.start, |(revision, _)| *revision)
    }

    /// The newest state that may be seen at a time: nothing in it was asked for later.
    fn possible(&self, time: u64) -> Revision {
        let unheard = self.writes.iter().find(|(_, (_, asked, _))| *asked > time);
        unheard.map_or(Revision::MAX, |(revision, _)| revision - 1)
    }

    fn explain(&self, done: &Done) {
        let Done { asked, answered, key, answer } = done;
        let (known, possible) = (self.known(*asked), self.possible(*answered));
        let in_time = |revision: Revision| {
            assert!(revision >= known, "{revision} is older than {known}, which was answered");
            assert!(revision <= possible, "{revision} has writes that nobody had asked for");
        };
        match answer {
            Answer::Written { guard, revision, .. } => {
                assert!(*revision > known, "{revision} is not after {known}, which was answered");
                let before = self.head(key, revision - 1).map(|item| item.revision);
                assert_eq!(before, *guard, "the guard of the write {revision} of {key} holds");
            }
            Answer::Refused { guard, now } => {
                let at = now.as_ref().map(|item| item.revision);
                assert_ne!(at, *guard, "a write of {key} is refused although its guard holds");
                let revisions = self.writes.keys().copied().filter(|at| *at > known);
                let mut moments =
                    std::iter::once(known).chain(revisions).take_while(|at| *at <= possible);
                assert!(
                    moments.any(|at| self.head(key, at) == now.as_ref()),
                    "{key} was not {now:?} between {known} and {possible}"
                );
            }
            Answer::Got { item, revision } => {
                in_time(*revision);
                assert_eq!(item.as_ref(), self.head(key, *revision), "{key} at {revision}");
            }
            Answer::Listed(page) => {
                in_time(page.revision);
                let mut state = BTreeMap::new();
                for (event, ..) in self.writes.range(..=page.revision).map(|(_, write)| write) {
                    match event {
                        Event::Put(item) => state.insert(event_key(event), item),
                        _ => state.remove(event_key(event)),
                    };
                }
                let expected: Vec<_> = state.into_values().cloned().collect();
                assert_eq!(page.items, expected, "all keys at {}", page.revision);
            }
            Answer::Current(revision) => in_time(*revision),
        }
    }
}

fn event_key(event: &Event) -> &str {
    match event {
        Event::Put(item) => &item.key,
        Event::Delete { key, .. } => key,
        Event::Progress(_) => "",
    }
}

/// Numbers that look random: [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
