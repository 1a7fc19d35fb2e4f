//! Create, update and delete: their guards, and what is readable after them.

use super::feed::{Feed, within};
use super::{Store, all, cases, create, current, delete, get, item, keys, update};
use crate::{Error, KeyValue, Result, Revision};
use bytes::Bytes;

cases![
    create_stores,
    create_refuses_existing,
    create_after_delete,
    update_replaces,
    update_refuses_other_revision,
    update_refuses_missing,
    delete_removes,
    delete_refuses_other_revision,
    delete_refuses_missing,
    refused_writes_leave_no_trace,
    revisions_grow,
    one_of_many_creators_wins,
    one_of_many_updaters_wins,
    values_of_any_bytes,
    keys_of_any_text,
    large_values,
    too_large_values,
];

async fn create_stores(store: Store) {
    let revision = create(&store, "/w/a", "one").await;
    assert_eq!(get(&store, "/w/a").await, Some(item("/w/a", "one", revision)));
    assert_eq!(get(&store, "/w/").await, None, "a prefix of a key is another key");
    assert_eq!(get(&store, "/w/ab").await, None, "a longer key is another key");
}

async fn create_refuses_existing(store: Store) {
    let revision = create(&store, "/w/a", "one").await;
    let refused = store.create("/w/a", "two".into()).await;
    assert_eq!(exists(refused), item("/w/a", "one", revision));
    assert_eq!(get(&store, "/w/a").await, Some(item("/w/a", "one", revision)));
}

async fn create_after_delete(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let removed = delete(&store, "/w/a", first).await;
    let again = create(&store, "/w/a", "two").await;
    assert!(again > removed, "{again} is after {removed}");
    assert_eq!(get(&store, "/w/a").await, Some(item("/w/a", "two", again)));
    let refused = store.update("/w/a", "three".into(), first).await;
    assert_eq!(conflict(refused), Some(item("/w/a", "two", again)));
}

async fn update_replaces(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let second = update(&store, "/w/a", "two", first).await;
    let third = update(&store, "/w/a", "two", second).await;
    assert!(third > second, "the same value is a write as well");
    assert_eq!(get(&store, "/w/a").await, Some(item("/w/a", "two", third)));
}

async fn update_refuses_other_revision(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let second = update(&store, "/w/a", "two", first).await;
    let now = Some(item("/w/a", "two", second));
    for other in [0, first, second + 1] {
        let refused = store.update("/w/a", "three".into(), other).await;
        assert_eq!(conflict(refused), now, "update at {other}");
    }
    assert_eq!(get(&store, "/w/a").await, now);
}

async fn update_refuses_missing(store: Store) {
    for other in [0, 1, current(&store).await] {
        let refused = store.update("/w/a", "one".into(), other).await;
        assert_eq!(conflict(refused), None, "update at {other}");
    }
    let first = create(&store, "/w/a", "one").await;
    let removed = delete(&store, "/w/a", first).await;
    for other in [0, first, removed] {
        let refused = store.update("/w/a", "two".into(), other).await;
        assert_eq!(conflict(refused), None, "update of what was deleted, at {other}");
    }
    assert_eq!(get(&store, "/w/a").await, None);
}

async fn delete_removes(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let other = create(&store, "/w/ab", "other").await;
    let removed = delete(&store, "/w/a", first).await;
    assert!(removed > other, "a delete is a write with a revision of its own");
    assert_eq!(get(&store, "/w/a").await, None);
    assert_eq!(all(&store, "/w/").await, [item("/w/ab", "other", other)]);
}

async fn delete_refuses_other_revision(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let second = update(&store, "/w/a", "two", first).await;
    let now = Some(item("/w/a", "two", second));
    for other in [0, first, second + 1] {
        assert_eq!(conflict(store.delete("/w/a", other).await), now, "delete at {other}");
    }
    assert_eq!(get(&store, "/w/a").await, now);
}

async fn delete_refuses_missing(store: Store) {
    assert_eq!(conflict(store.delete("/w/a", 1).await), None);
    let first = create(&store, "/w/a", "one").await;
    let removed = delete(&store, "/w/a", first).await;
    for other in [0, first, removed] {
        assert_eq!(conflict(store.delete("/w/a", other).await), None, "delete again at {other}");
    }
}

async fn refused_writes_leave_no_trace(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let mut feed = Feed::start(&store, "/w/", first).await;
    exists(store.create("/w/a", "two".into()).await);
    conflict(store.update("/w/a", "two".into(), first + 1).await);
    conflict(store.update("/w/b", "two".into(), first).await);
    conflict(store.delete("/w/a", first + 1).await);
    conflict(store.delete("/w/b", first).await);
    let last = create(&store, "/w/c", "three").await;
    let changes = feed.up_to(last).await;
    assert_eq!(changes.len(), 1, "only the last write is a change: {changes:?}");
    assert_eq!(keys(&all(&store, "/w/").await), ["/w/a", "/w/c"]);
}

async fn revisions_grow(store: Store) {
    let mut last = current(&store).await;
    for round in 0..5 {
        let created = create(&store, "/w/a", "one").await;
        let other = create(&store, &format!("/w/b/{round}"), "other").await;
        let updated = update(&store, "/w/a", "two", created).await;
        let deleted = delete(&store, "/w/a", updated).await;
        let steps = [last, created, other, updated, deleted];
        assert!(steps.is_sorted_by(|a, b| a < b), "revisions grow over all keys: {steps:?}");
        let (now, got) = (current(&store).await, store.get("/w/none").await.expect("get"));
        let page = super::range(&store, crate::Range::default()).await;
        for seen in [now, got.revision, page.revision] {
            assert!(seen >= deleted, "{seen} does not know of the write {deleted}");
        }
        last = deleted;
    }
}

async fn one_of_many_creators_wins(store: Store) {
    let tasks = (0..16).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { (n, store.create("/w/a", format!("{n}").into()).await) })
    });
    one_wins(&store, tasks.collect(), exists).await;
}

async fn one_of_many_updaters_wins(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let tasks = (0..16).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { (n, store.update("/w/a", format!("{n}").into(), first).await) })
    });
    let loser = |result| conflict(result).expect("the key is there");
    one_wins(&store, tasks.collect(), loser).await;
}

type Attempt = tokio::task::JoinHandle<(i32, Result<Revision>)>;

async fn one_wins(store: &Store, tasks: Vec<Attempt>, loser: fn(Result<Revision>) -> KeyValue) {
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for task in tasks {
        match within("a write", task).await.expect("a write does not panic") {
            (n, Ok(revision)) => won.push(item("/w/a", n.to_string(), revision)),
            (_, refused) => lost.push(loser(refused)),
        }
    }
    assert_eq!(won.len(), 1, "one writer wins: {won:?}");
    assert_eq!(get(store, "/w/a").await.as_ref(), won.first());
    for seen in lost {
        assert_eq!(Some(&seen), won.first(), "the losers are told of the winner");
    }
}

async fn values_of_any_bytes(store: Store) {
    let every_byte: Bytes = (0..=u8::MAX).collect();
    for (key, value) in [("/w/empty", Bytes::new()), ("/w/all", every_byte)] {
        let created = create(&store, key, value.clone()).await;
        assert_eq!(get(&store, key).await, Some(item(key, value.clone(), created)));
        let updated = update(&store, key, value.clone(), created).await;
        assert_eq!(all(&store, key).await, [item(key, value, updated)]);
    }
}

async fn keys_of_any_text(store: Store) {
    // In byte order: collations, wildcards, escapes and path rules must not matter.
    let sorted = [
        "/w/", "/w/ ", "/w/\"q\"", "/w/%", "/w/'", "/w/*", "/w/..", "/w//", "/w/A", "/w/B",
        "/w/[x]", "/w/\\", "/w/_", "/w/a", "/w/a b", "/w/a%", "/w/a_", "/w/ab", "/w/é", "/w/ﬁ",
        "/w/🦀",
    ];
    let mut written = Vec::new();
    for key in sorted.iter().rev() {
        let revision = create(&store, key, *key).await;
        written.insert(0, item(key, *key, revision));
    }
    assert_eq!(all(&store, "/w/").await, written);
    for key in sorted {
        let expected: Vec<_> =
            written.iter().filter(|item| item.key.starts_with(key)).cloned().collect();
        assert_eq!(all(&store, key).await, expected, "the prefix {key:?}");
    }
    for item in &written {
        assert_eq!(get(&store, &item.key).await.as_ref(), Some(item));
        delete(&store, &item.key, item.revision).await;
    }
    assert_eq!(all(&store, "/w/").await, []);
}

async fn large_values(store: Store) {
    let after = current(&store).await;
    let mut feed = Feed::start(&store, "/w/", after).await;
    let large = |byte: u8| Bytes::from(vec![byte; 1024 * 1024]);
    let mut last = after;
    for n in 0..4 {
        last = create(&store, &format!("/w/{n}"), large(n)).await;
    }
    let items = all(&store, "/w/").await;
    assert_eq!(keys(&items), ["/w/0", "/w/1", "/w/2", "/w/3"]);
    for (n, item) in (0..).zip(&items) {
        assert!(item.value == large(n), "the value of {} is what was written", item.key);
    }
    let watched = feed.up_to(last).await;
    let expected: Vec<_> = items.into_iter().map(crate::Event::Put).collect();
    assert!(watched == expected, "a watch carries large values");
}

async fn too_large_values(store: Store) {
    let first = create(&store, "/w/a", "one").await;
    let size = 16 * 1024 * 1024;
    let value = Bytes::from(vec![7; size]);
    for (key, answer) in [
        ("/w/a", store.update("/w/a", value.clone(), first).await),
        ("/w/b", store.create("/w/b", value.clone()).await),
    ] {
        match answer {
            // A store without this limit has to keep what it accepted.
            Ok(revision) => {
                let kept = get(&store, key).await.expect("what was accepted");
                assert!(kept.value == value && kept.revision == revision, "{key} is kept");
            }
            Err(Error::TooLarge { size: told, limit }) => {
                assert!(told >= size && limit < told, "{told} is over the limit of {limit}");
                let old = (key == "/w/a").then(|| item(key, "one", first));
                assert_eq!(get(&store, key).await, old);
            }
            Err(error) => panic!("a large value is refused as such, not with {error:?}"),
        }
    }
}

#[track_caller]
fn exists(result: Result<Revision>) -> KeyValue {
    match result {
        Err(Error::Exists(item)) => item,
        other => panic!("the answer is that the key exists, not {other:?}"),
    }
}

#[track_caller]
fn conflict(result: Result<Revision>) -> Option<KeyValue> {
    match result {
        Err(Error::Conflict(item)) => item,
        other => panic!("the answer is a conflict, not {other:?}"),
    }
}
