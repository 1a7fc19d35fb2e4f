//! Get and range: prefixes, order, pages, and the states of the past.

use super::{Store, all, all_at, cases, create, current, delete, get, item, keys, range, update};
use crate::{Error, KeyValue, Range};
use std::collections::BTreeMap;

cases![
    empty_store,
    prefix_boundaries,
    start_key,
    limit_and_more,
    pages_of_one_revision,
    past_revisions,
    past_of_a_recreated_key,
    every_past_state,
    future_revision,
    thousands_of_keys,
    ranges_among_writers,
];

async fn empty_store(store: Store) {
    let revision = current(&store).await;
    assert!(revision > 0, "an empty store has a revision to watch from");
    let got = store.get("/r/a").await.expect("get");
    assert_eq!((got.item, got.revision), (None, revision));
    let page = range(&store, Range::default()).await;
    assert_eq!((page.items, page.revision, page.more), (vec![], revision, false));
    assert_eq!(
        all_at(&store, "", revision).await,
        [],
        "the empty state can be asked for by number"
    );
}

async fn prefix_boundaries(store: Store) {
    let sorted = ["/r", "/r-x", "/r/", "/r/a", "/r/a-b", "/r/a/", "/r/a/x", "/r/ab", "/r0", "/s"];
    for key in sorted {
        create(&store, key, "value").await;
    }
    for (prefix, expected) in [
        ("", &sorted[..]),
        ("/", &sorted[..]),
        ("/r", &sorted[..9]),
        ("/r/", &sorted[2..8]),
        ("/r/a", &sorted[3..8]),
        ("/r/a/", &sorted[5..7]),
        ("/r/a/x", &sorted[6..7]),
        ("/r/a/xy", &[]),
        ("/s", &sorted[9..]),
        ("/t", &[]),
        ("0", &[]),
    ] {
        assert_eq!(keys(&all(&store, prefix).await), expected, "the prefix {prefix:?}");
    }
}

async fn start_key(store: Store) {
    for key in ["/q/z", "/r/a", "/r/b", "/r/bb", "/r/c", "/s/a"] {
        create(&store, key, "value").await;
    }
    let every = ["/r/a", "/r/b", "/r/bb", "/r/c"];
    for (start, expected) in [
        ("", &every[..]),
        ("/", &every[..]),
        ("/q/z", &every[..]),
        ("/r/", &every[..]),
        ("/r/a", &every[..]),
        ("/r/a\0", &every[1..]),
        ("/r/aa", &every[1..]),
        ("/r/b", &every[1..]),
        ("/r/b\0", &every[2..]),
        ("/r/c", &every[3..]),
        ("/r/ca", &[]),
        ("/s/a", &[]),
        ("~", &[]),
    ] {
        let asked = Range { prefix: "/r/".into(), start: start.into(), ..Range::default() };
        let page = range(&store, asked).await;
        assert_eq!((keys(&page.items), page.more), (expected.to_vec(), false), "from {start:?}");
    }
}

async fn limit_and_more(store: Store) {
    for key in ["/q/a", "/r/a", "/r/b", "/r/c", "/s/a"] {
        create(&store, key, "value").await;
    }
    let every = ["/r/a", "/r/b", "/r/c"];
    for (start, limit, expected, more) in [
        ("", 0, &every[..], false),
        ("", 1, &every[..1], true),
        ("", 2, &every[..2], true),
        ("", 3, &every[..], false),
        ("", 4, &every[..], false),
        ("", usize::MAX, &every[..], false),
        ("/r/b", 1, &every[1..2], true),
        ("/r/b", 2, &every[1..], false),
        ("/r/c", 1, &every[2..], false),
        ("/r/d", 1, &[], false),
    ] {
        let asked = Range { prefix: "/r/".into(), start: start.into(), limit, ..Range::default() };
        let page = range(&store, asked).await;
        let answer = (keys(&page.items), page.more);
        assert_eq!(answer, (expected.to_vec(), more), "from {start:?}, at most {limit}");
    }
}

async fn pages_of_one_revision(store: Store) {
    for n in 0..10 {
        create(&store, &format!("/r/{n}"), "value").await;
    }
    let expected = all(&store, "/r/").await;
    let mut asked = Range { prefix: "/r/".into(), limit: 3, ..Range::default() };
    let mut read = Vec::new();
    for round in 0..4 {
        let page = range(&store, asked.clone()).await;
        assert_eq!(page.more, round < 3, "page {round}");
        read.extend(page.items);
        // Between the pages keys come, change and go on both sides of where the reader is.
        let last = read.last().expect("a page with items").key.to_string();
        turn(&store, &last).await;
        turn(&store, &format!("{last}-new")).await;
        for item in expected.iter().skip(read.len()) {
            turn(&store, &item.key).await;
        }
        asked = Range { start: format!("{last}\0"), revision: page.revision, ..asked };
    }
    assert_eq!(read, expected);
    assert_ne!(all(&store, "/r/").await, expected);
}

/// Deletes a key that exists and creates one that does not.
async fn turn(store: &Store, key: &str) -> u64 {
    match get(store, key).await {
        Some(item) => delete(store, key, item.revision).await,
        None => create(store, key, "turned").await,
    }
}

async fn past_revisions(store: Store) {
    let a = create(&store, "/r/a", "a1").await;
    let b = create(&store, "/r/b", "b1").await;
    let a2 = update(&store, "/r/a", "a2", a).await;
    let gone = delete(&store, "/r/b", b).await;
    let c = create(&store, "/r/c", "c1").await;
    let (a1, b1) = (item("/r/a", "a1", a), item("/r/b", "b1", b));
    let (a2, c1) = (item("/r/a", "a2", a2), item("/r/c", "c1", c));
    for (revision, expected) in [
        (a, vec![a1.clone()]),
        (b, vec![a1, b1.clone()]),
        (a2.revision, vec![a2.clone(), b1]),
        (gone, vec![a2.clone()]),
        (c, vec![a2, c1]),
    ] {
        assert_eq!(all_at(&store, "/r/", revision).await, expected, "at {revision}");
    }
}

async fn past_of_a_recreated_key(store: Store) {
    let mut states = Vec::new();
    for round in 0..3 {
        let (one, two) = (format!("{round} one"), format!("{round} two"));
        let created = create(&store, "/r/a", one.clone()).await;
        let updated = update(&store, "/r/a", two.clone(), created).await;
        let deleted = delete(&store, "/r/a", updated).await;
        states.push((created, vec![item("/r/a", one, created)]));
        states.push((updated, vec![item("/r/a", two, updated)]));
        states.push((deleted, vec![]));
    }
    for (revision, expected) in states {
        assert_eq!(all_at(&store, "/r/", revision).await, expected, "at {revision}");
    }
}

async fn every_past_state(store: Store) {
    let mut model = BTreeMap::new();
    let mut states = Vec::new();
    for step in 0..100_usize {
        // A fixed mixture: strides that share no factor with the number of keys.
        let key = format!("/r/{}", step * step % 7);
        let revision = match model.get(&key) {
            None => create(&store, &key, format!("{step}")).await,
            Some(KeyValue { revision, .. }) if step % 3 == 0 => {
                delete(&store, &key, *revision).await
            }
            Some(KeyValue { revision, .. }) => {
                update(&store, &key, format!("{step}"), *revision).await
            }
        };
        if step % 3 == 0 && model.contains_key(&key) {
            model.remove(&key);
        } else {
            model.insert(key.clone(), item(&key, format!("{step}"), revision));
        }
        states.push((revision, model.values().cloned().collect::<Vec<_>>()));
    }
    for (revision, expected) in &states {
        assert_eq!(&all_at(&store, "/r/", *revision).await, expected, "at {revision}");
        let (prefix, start) = ("/r/".to_owned(), "/r/3".to_owned());
        let page = range(&store, Range { prefix, start, revision: *revision, limit: 2 }).await;
        let from: Vec<_> = expected.iter().filter(|item| &*item.key >= "/r/3").cloned().collect();
        assert_eq!(page.more, from.len() > 2, "at {revision}");
        assert_eq!(page.items, from[..from.len().min(2)], "at {revision}");
    }
}

async fn future_revision(store: Store) {
    let revision = create(&store, "/r/a", "value").await;
    for ahead in [1, 1000] {
        let asked = Range { revision: revision + ahead, ..Range::default() };
        match store.range(asked).await {
            Err(Error::Future { current }) => assert_eq!(current, revision),
            other => panic!("{ahead} ahead of the store is refused as that, not with {other:?}"),
        }
    }
    let page = range(&store, Range { revision, ..Range::default() }).await;
    assert_eq!(keys(&page.items), ["/r/a"]);
}

async fn thousands_of_keys(store: Store) {
    const KEYS: usize = 3000;
    const PAGE_KEYS: usize = 700;
    create(&store, "/q/z", "before").await;
    create(&store, "/s/a", "after").await;
    let mut written = Vec::new();
    for n in 0..KEYS {
        let (key, value) = (format!("/r/{n:05}"), format!("value {n}"));
        let revision = create(&store, &key, value.clone()).await;
        written.push(item(&key, value, revision));
    }
    let newest = written[KEYS - 1].revision;
    let late = create(&store, "/r/00000-late", "late").await;
    assert!(all_at(&store, "/r/", newest).await == written, "all at once, of the past");

    let (mut read, mut asked) = (Vec::new(), Range { prefix: "/r/".into(), ..Range::default() });
    asked.limit = PAGE_KEYS;
    loop {
        let page = range(&store, asked.clone()).await;
        let full = page.items.len() == PAGE_KEYS;
        assert!(full || !page.more, "a page with more behind it is full");
        read.extend(page.items);
        assert!(read.len() <= KEYS + 1, "pages do not repeat what was read");
        if !page.more {
            break;
        }
        asked.revision = page.revision;
        asked.start = format!("{}\0", read[read.len() - 1].key);
    }
    written.insert(1, item("/r/00000-late", "late", late));
    assert!(read == written, "page by page, of the present");
    assert!(all(&store, "/r/").await == written, "all at once, of the present");
}

/// A range shows one moment, however many writes happen while it is read.
async fn ranges_among_writers(store: Store) {
    const KEYS: usize = 200;
    for n in 0..KEYS {
        create(&store, &format!("/r/{n:03}"), "0").await;
    }
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for round in 1..=5 {
                for n in 0..KEYS {
                    let key = format!("/r/{n:03}");
                    let old = get(&store, &key).await.expect("a key that nobody deletes");
                    update(&store, &key, format!("{round}"), old.revision).await;
                }
            }
        }
    });
    loop {
        let finished = writer.is_finished();
        let page = range(&store, Range { prefix: "/r/".into(), ..Range::default() }).await;
        assert_eq!(page.items.len(), KEYS);
        // The writer goes from the first key to the last: a moment is a run of some round and
        // then a run of the round before.
        let rounds: Vec<_> = page.items.iter().map(|item| item.value.clone()).collect();
        assert!(rounds.is_sorted_by(|a, b| a >= b), "one moment: {rounds:?}");
        let newest = page.items.iter().map(|item| item.revision).max();
        let again = all_at(&store, "/r/", page.revision).await;
        assert!(again == page.items, "the state at {} is what it was", page.revision);
        assert!(newest <= Some(page.revision), "nothing is newer than the page");
        if finished {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer does not fail");
}
