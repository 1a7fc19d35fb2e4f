//! Compaction: what it forgets, and what it must not touch.

use super::feed::{Feed, within};
use super::{Store, all, all_at, cases, create, current, delete, get, item, range, update};
use crate::{Error, Event, Range, Result, Revision};
use std::fmt::Debug;

cases![
    keeps_the_newest_state,
    forgets_older_states,
    keeps_the_states_since,
    refuses_to_go_back,
    refuses_the_future,
    again_and_again,
    ends_old_watches_only,
    running_watch_goes_on,
];

async fn keeps_the_newest_state(store: Store) {
    let a = create(&store, "/c/a", "one").await;
    let b = create(&store, "/c/b", "one").await;
    let a2 = update(&store, "/c/a", "two", a).await;
    let gone = delete(&store, "/c/b", b).await;
    let again = create(&store, "/c/c", "one").await;
    let gone_too = delete(&store, "/c/c", again).await;
    let back = create(&store, "/c/c", "two").await;
    compact(&store, back).await;

    let expected = [item("/c/a", "two", a2), item("/c/c", "two", back)];
    assert_eq!(all(&store, "/c/").await, expected);
    assert_eq!(all_at(&store, "/c/", back).await, expected);
    assert_eq!(get(&store, "/c/a").await.as_ref(), expected.first());
    assert_eq!(get(&store, "/c/b").await, None);
    assert_eq!(current(&store).await, back, "compaction is no write");
    assert!(back > gone_too && gone_too > gone, "revisions grow");

    // Guards know nothing of compaction.
    let b = create(&store, "/c/b", "three").await;
    let a3 = update(&store, "/c/a", "three", a2).await;
    delete(&store, "/c/c", back).await;
    assert_eq!(all(&store, "/c/").await, [item("/c/a", "three", a3), item("/c/b", "three", b)]);
}

async fn forgets_older_states(store: Store) {
    let first = create(&store, "/c/a", "one").await;
    let second = update(&store, "/c/a", "two", first).await;
    let third = update(&store, "/c/a", "three", second).await;
    compact(&store, third).await;
    for revision in [first, second] {
        let answer = store.range(Range { revision, ..Range::default() }).await;
        assert_eq!(compacted(answer), third, "the state at {revision}");
    }
}

async fn keeps_the_states_since(store: Store) {
    let a = create(&store, "/c/a", "one").await;
    let b = create(&store, "/c/b", "one").await;
    let a2 = update(&store, "/c/a", "two", a).await;
    let gone = delete(&store, "/c/b", b).await;
    let b2 = create(&store, "/c/b", "two").await;
    let a3 = update(&store, "/c/a", "three", a2).await;
    compact(&store, a2).await;
    let (a2, a3) = (item("/c/a", "two", a2), item("/c/a", "three", a3));
    let (b1, b2) = (item("/c/b", "one", b), item("/c/b", "two", b2));
    for (revision, expected) in [
        (a2.revision, vec![a2.clone(), b1]),
        (gone, vec![a2.clone()]),
        (b2.revision, vec![a2, b2.clone()]),
        (a3.revision, vec![a3.clone(), b2]),
    ] {
        assert_eq!(all_at(&store, "/c/", revision).await, expected, "at {revision}");
    }
}

async fn refuses_to_go_back(store: Store) {
    let first = create(&store, "/c/a", "one").await;
    let second = update(&store, "/c/a", "two", first).await;
    compact(&store, second).await;
    for revision in [first, second] {
        assert_eq!(compacted(store.compact(revision).await), second, "compact {revision}");
    }
}

async fn refuses_the_future(store: Store) {
    let revision = create(&store, "/c/a", "one").await;
    match store.compact(revision + 1).await {
        Err(Error::Future { current }) => assert_eq!(current, revision),
        other => panic!("a compaction of the future is refused as that, not with {other:?}"),
    }
    assert_eq!(all_at(&store, "/c/", revision).await.len(), 1, "and nothing is compacted");
}

async fn again_and_again(store: Store) {
    let mut at = create(&store, "/c/a", "0").await;
    let kept = create(&store, "/c/kept", "kept").await;
    for n in 1..20 {
        at = update(&store, "/c/a", format!("{n}"), at).await;
        let passing = create(&store, "/c/passing", format!("{n}")).await;
        delete(&store, "/c/passing", passing).await;
        compact(&store, passing).await;
        let (a, kept) = (item("/c/a", format!("{n}"), at), item("/c/kept", "kept", kept));
        let passing = item("/c/passing", format!("{n}"), passing);
        let then = all_at(&store, "/c/", passing.revision).await;
        assert_eq!(then, [a.clone(), kept.clone(), passing], "round {n}");
        assert_eq!(all(&store, "/c/").await, [a, kept], "round {n}");
    }
}

/// Whether a watch may start just before the compacted revision is left to the store.
async fn ends_old_watches_only(store: Store) {
    let first = create(&store, "/c/a", "one").await;
    let second = update(&store, "/c/a", "two", first).await;
    let third = update(&store, "/c/a", "three", second).await;
    let fourth = update(&store, "/c/a", "four", third).await;
    compact(&store, third).await;

    assert_eq!(refused_watch(&store, first).await, third);
    let mut feed = Feed::start(&store, "/c/", third).await;
    assert_eq!(feed.up_to(fourth).await, [Event::Put(item("/c/a", "four", fourth))]);
}

/// A watch that has delivered everything is not hurt by a compaction, even where nothing that
/// concerns it has happened for long.
async fn running_watch_goes_on(store: Store) {
    let mut last = create(&store, "/c/a", "0").await;
    let mut feed = Feed::start(&store, "/c/quiet/", last).await;
    feed.up_to(last).await;
    for n in 0..20 {
        last = update(&store, "/c/a", format!("{n}"), last).await;
    }
    assert_eq!(feed.up_to(last).await, []);
    compact(&store, last).await;
    let quiet = create(&store, "/c/quiet/a", "one").await;
    assert_eq!(feed.up_to(quiet).await, [Event::Put(item("/c/quiet/a", "one", quiet))]);
    assert!(range(&store, Range::default()).await.revision >= quiet);
}

/// The answer to a watch that starts too early, which may come with its first events only.
async fn refused_watch(store: &Store, after: Revision) -> Revision {
    let started = within("the start of a watch", store.watch("/c/", after)).await;
    let answer = match started {
        Ok(mut watch) => within("the first events", watch.next()).await,
        Err(error) => Err(error),
    };
    compacted(answer)
}

async fn compact(store: &Store, revision: Revision) {
    store.compact(revision).await.expect("a compaction that can be done");
}

#[track_caller]
fn compacted<T: Debug>(result: Result<T>) -> Revision {
    match result {
        Err(Error::Compacted { oldest }) => oldest,
        other => panic!("the answer is that the revision is compacted, not {other:?}"),
    }
}
