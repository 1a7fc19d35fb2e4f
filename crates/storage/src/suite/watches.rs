//! Watches: every change, once, in order, from any revision that is still there.

use super::feed::Feed;
use super::{Store, cases, create, current, delete, item, update};
use crate::{Event, Revision};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinHandle;

cases![
    from_now,
    from_the_beginning,
    from_every_past_revision,
    from_the_future,
    prefix_boundaries,
    many_watches,
    wakes_a_waiting_watch,
    long_replay,
    replay_meets_the_present,
    concurrent_writers,
    cancelled_reads_lose_nothing,
    progress_after_the_changes,
    progress_of_a_quiet_watch,
    dropped_watch,
];

async fn from_now(store: Store) {
    let before = create(&store, "/v/a", "one").await;
    let mut feed = Feed::start(&store, "/v/", before).await;
    let updated = update(&store, "/v/a", "two", before).await;
    let created = create(&store, "/v/b", "one").await;
    let deleted = delete(&store, "/v/a", updated).await;
    let again = create(&store, "/v/a", "three").await;
    let expected = [
        Event::Put(item("/v/a", "two", updated)),
        Event::Put(item("/v/b", "one", created)),
        Event::Delete { key: "/v/a".into(), revision: deleted },
        Event::Put(item("/v/a", "three", again)),
    ];
    assert_eq!(feed.up_to(again).await, expected);
}

async fn from_the_beginning(store: Store) {
    let empty = current(&store).await;
    let (expected, last) = history(&store).await;
    let mut feed = Feed::start(&store, "/v/", empty).await;
    assert_eq!(feed.up_to(last).await, expected, "after the revision of the empty store");
}

async fn from_every_past_revision(store: Store) {
    let (events, last) = history(&store).await;
    for (n, event) in events.iter().enumerate() {
        let mut feed = Feed::start(&store, "/v/", event.revision()).await;
        assert_eq!(feed.up_to(last).await, events[n + 1..], "after {}", event.revision());
    }
}

/// A watch may start after a revision that is not there yet, and then leaves out what comes before.
async fn from_the_future(store: Store) {
    let now = create(&store, "/v/a", "now").await;
    let after = now + 100;
    let mut feed = Feed::start(&store, "/v/", after).await;
    let mut at = now;
    while at <= after {
        let before = at;
        at = update(&store, "/v/a", "later", at).await;
        assert!(at > before, "revisions grow");
    }
    assert_eq!(feed.up_to(at).await, [Event::Put(item("/v/a", "later", at))]);
}

async fn prefix_boundaries(store: Store) {
    let prefixes = ["", "/v", "/v/", "/v/a", "/v/a/", "/v/a/b", "/v/b", "/w"];
    let after = current(&store).await;
    let mut feeds = Vec::new();
    for prefix in prefixes {
        feeds.push((prefix, Feed::start(&store, prefix, after).await));
    }
    let (mut expected, mut last) = (Vec::new(), after);
    for key in ["/v", "/v-", "/v/a", "/v/a/b", "/v/a/bc", "/v/ab", "/v/b", "/v0", "/w/a", "/x"] {
        let created = create(&store, key, "one").await;
        last = delete(&store, key, created).await;
        expected.push((key, Event::Put(item(key, "one", created))));
        expected.push((key, Event::Delete { key: key.into(), revision: last }));
    }
    for (prefix, mut feed) in feeds {
        let matching = expected.iter().filter(|(key, _)| key.starts_with(prefix));
        let matching: Vec<_> = matching.map(|(_, event)| event.clone()).collect();
        assert_eq!(feed.up_to(last).await, matching, "the prefix {prefix:?}, live");
        let mut replay = Feed::start(&store, prefix, after).await;
        assert_eq!(replay.up_to(last).await, matching, "the prefix {prefix:?}, replayed");
    }
}

async fn many_watches(store: Store) {
    let after = current(&store).await;
    let mut feeds = Vec::new();
    for n in 0..100 {
        feeds.push(Feed::start(&store, &format!("/v/{}/", n % 10), after).await);
    }
    let mut written = Vec::new();
    for n in 0..50 {
        let key = format!("/v/{}/{n}", n % 10);
        let revision = create(&store, &key, "one").await;
        written.push(Event::Put(item(&key, "one", revision)));
    }
    let last = written[49].revision();
    for (n, mut feed) in feeds.into_iter().enumerate() {
        let expected: Vec<_> = written.iter().skip(n % 10).step_by(10).cloned().collect();
        assert_eq!(feed.up_to(last).await, expected, "watch {n}");
    }
}

async fn wakes_a_waiting_watch(store: Store) {
    let mut last = create(&store, "/v/a", "0").await;
    let mut feed = Feed::start(&store, "/v/", last).await;
    for n in 0..20 {
        let reader = tokio::spawn(async move {
            loop {
                let batch = feed.batch().await;
                if !batch.is_empty() {
                    return (feed, batch);
                }
            }
        });
        // Lets the reader go to sleep; a store that wakes nobody does not get past this.
        tokio::task::yield_now().await;
        last = update(&store, "/v/a", format!("{n}"), last).await;
        let (back, batch) = reader.await.expect("the reader does not fail");
        assert_eq!(batch, [Event::Put(item("/v/a", format!("{n}"), last))]);
        feed = back;
    }
}

async fn long_replay(store: Store) {
    const WRITES: usize = 3000;
    let after = current(&store).await;
    let mut written = Vec::new();
    for n in 0..WRITES {
        let key = format!("/{}/{n}", if n % 3 == 0 { "v" } else { "other" });
        let revision = create(&store, &key, format!("{n}")).await;
        if n % 3 == 0 {
            written.push(Event::Put(item(&key, format!("{n}"), revision)));
        }
    }
    let last = current(&store).await;
    let mut feed = Feed::start(&store, "/v/", after).await;
    assert!(feed.up_to(last).await == written, "every third of {WRITES} changes");
}

/// A replay and the changes that go on meanwhile meet without a gap and without an overlap.
async fn replay_meets_the_present(store: Store) {
    let start = create(&store, "/v/a", "0").await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            let mut revisions = vec![start];
            for n in 1..500_usize {
                let at = revisions[n - 1];
                revisions.push(update(&store, "/v/a", format!("{n}"), at).await);
                tokio::task::yield_now().await;
            }
            revisions
        }
    });
    let mut readers = Vec::new();
    while !writer.is_finished() && readers.len() < 50 {
        let mut feed = Feed::start(&store, "/v/", start).await;
        let first = feed.up_to(current(&store).await).await;
        readers.push((feed, first));
        tokio::task::yield_now().await;
    }
    let revisions = writer.await.expect("the writer does not fail");
    for (mut feed, mut read) in readers {
        read.extend(feed.up_to(revisions[499]).await);
        let read: Vec<_> = read.iter().map(Event::revision).collect();
        assert_eq!(read, revisions[1..]);
    }
}

async fn concurrent_writers(store: Store) {
    let after = current(&store).await;
    let mut feeds = Vec::new();
    for prefix in ["/v/", "/v/3/"] {
        feeds.push((prefix, Feed::start(&store, prefix, after).await));
    }
    let writers = (0..8).map(|writer| spawn_writer(&store, format!("/v/{writer}"), 50));
    let mut written = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        written.extend(writer.await.expect("the writer does not fail"));
    }
    written.sort_by_key(Event::revision);
    let unique: BTreeSet<_> = written.iter().map(Event::revision).collect();
    assert_eq!(unique.len(), written.len(), "every write has a revision of its own");
    let last = current(&store).await;
    for (prefix, mut feed) in feeds {
        let expected = written.iter().filter(|event| match event {
            Event::Put(item) => item.key.starts_with(prefix),
            Event::Delete { key, .. } => key.starts_with(prefix),
            Event::Progress(_) => false,
        });
        let expected: Vec<_> = expected.cloned().collect();
        assert_eq!(feed.up_to(last).await, expected, "the prefix {prefix:?}");
    }
}

async fn cancelled_reads_lose_nothing(store: Store) {
    let after = current(&store).await;
    let mut feed = Feed::start(&store, "/v/", after).await;
    let writer = spawn_writer(&store, "/v/a".to_owned(), 200);
    let mut read = Vec::new();
    loop {
        let finished = writer.is_finished();
        read.extend(feed.cancelled_batch().await);
        if finished {
            break;
        }
        tokio::task::yield_now().await;
    }
    let written = writer.await.expect("the writer does not fail");
    read.extend(feed.up_to(current(&store).await).await);
    assert_eq!(read, written);
}

async fn progress_after_the_changes(store: Store) {
    let after = current(&store).await;
    let mut feed = Feed::start(&store, "/v/", after).await;
    for n in 0..10 {
        // The feed fails where a change follows the progress that said it had been delivered.
        let writer = spawn_writer(&store, format!("/v/{n}"), 20);
        let mut read = feed.up_to(current(&store).await).await;
        let written = writer.await.expect("the writer does not fail");
        read.extend(feed.up_to(current(&store).await).await);
        assert_eq!(read, written, "round {n}");
    }
}

async fn progress_of_a_quiet_watch(store: Store) {
    let now = current(&store).await;
    let mut feed = Feed::start(&store, "/v/", now).await;
    assert_eq!(feed.up_to(now).await, [], "progress where nothing has ever happened");
    let other = create(&store, "/other", "one").await;
    assert_eq!(feed.up_to(other).await, [], "progress past changes of other keys");
    let own = create(&store, "/v/a", "one").await;
    assert_eq!(feed.up_to(own).await, [Event::Put(item("/v/a", "one", own))]);
}

async fn dropped_watch(store: Store) {
    let after = current(&store).await;
    let mut kept = Feed::start(&store, "/v/", after).await;
    let mut last = create(&store, "/v/a", "0").await;
    let mut expected = vec![Event::Put(item("/v/a", "0", last))];
    for n in 0..50 {
        let mut dropped = Feed::start(&store, "/v/", after).await;
        last = update(&store, "/v/a", format!("{n}"), last).await;
        expected.push(Event::Put(item("/v/a", format!("{n}"), last)));
        if n % 2 == 0 {
            dropped.batch().await;
        }
    }
    assert_eq!(kept.up_to(last).await, expected);
}

/// Some changes of several keys, as the events they make, and the last revision.
async fn history(store: &Store) -> (Vec<Event>, Revision) {
    let mut events = Vec::new();
    for n in 0..5 {
        let key: Arc<str> = format!("/v/{n}").into();
        let created = create(store, &key, "one").await;
        let updated = update(store, &key, "two", created).await;
        let deleted = delete(store, &key, updated).await;
        events.push(Event::Put(item(&key, "one", created)));
        events.push(Event::Put(item(&key, "two", updated)));
        events.push(Event::Delete { key, revision: deleted });
    }
    let last = create(store, "/v/last", "one").await;
    events.push(Event::Put(item("/v/last", "one", last)));
    (events, last)
}

/// Starts to create and delete keys below a prefix, and answers with the events that makes.
fn spawn_writer(store: &Store, prefix: String, writes: usize) -> JoinHandle<Vec<Event>> {
    let store = store.clone();
    tokio::spawn(async move {
        let mut written: Vec<Event> = Vec::new();
        for n in 0..writes / 2 {
            let key = format!("{prefix}/{n}");
            let created = create(&store, &key, "one").await;
            tokio::task::yield_now().await;
            let deleted = delete(&store, &key, created).await;
            written.push(Event::Put(item(&key, "one", created)));
            written.push(Event::Delete { key: key.into(), revision: deleted });
        }
        written
    })
}
