//! What all caches of a server remember together.

use super::*;
use crate::cache::{Lagged, Watcher};

const BUDGET: usize = 60_000;

/// A cache over a storage of its own, with a share of a budget, and its feed.
async fn model(budget: &Arc<Budget>) -> (Model, tokio::task::JoinHandle<()>) {
    let mut model = Model::new();
    let kind = Arc::new(KindInfo::of::<Thing>());
    let storage = Arc::new(model.storage.clone());
    model.cache = Cache::new(kind, storage, PREFIX.to_owned(), SETTINGS, budget);
    let feed = model.feed().await;
    (model, feed)
}

async fn change(model: &mut Model, times: u32) {
    for count in 0..times {
        model.apply(&Write { namespace: 0, name: 1, remove: false, count }).await;
    }
    model.consistent().await;
}

/// One that had all of it gives back what is not its share when others need room; no object is lost,
/// and who needed what is forgotten is told.
#[tokio::test]
async fn histories_share_a_budget() {
    let budget = Budget::new(BUDGET);
    let held = |model: &Model| model.cache.read().history.held().1;
    let (mut old, old_feed) = model(&budget).await;
    let (mut new, new_feed) = model(&budget).await;
    let (mut third, third_feed) = model(&budget).await;
    let mut slow = old.cache.watch_after(1).unwrap();
    change(&mut old, 120).await;
    let alone = held(&old);
    assert!(alone > BUDGET / 2 && alone <= BUDGET, "nobody else needs it: {alone}");
    assert_eq!(budget.held(), (alone, BUDGET));
    assert!(slow.take(1).is_ok(), "nothing was forgotten");
    for model in [&mut new, &mut third] {
        change(model, 400).await;
    }
    let begun = std::time::Instant::now();
    while budget.held().0 > BUDGET {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody gives anything back");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let each = [&old, &new, &third].map(held);
    assert_eq!(each.iter().sum::<usize>(), budget.held().0);
    assert!(each.iter().all(|held| *held > BUDGET / 6), "each has a share: {each:?}");
    assert_eq!(slow.take(1).unwrap_err(), Lagged, "the old ones were forgotten");
    for model in [&old, &new, &third] {
        let newest = *model.states.keys().next_back().unwrap();
        model.check_pages("", 7, newest, true);
        model.check_watch(model.cache.floor()).await;
        assert!(model.cache.read().tree.is_indexed());
    }
    for feed in [old_feed, new_feed, third_feed] {
        feed.abort();
        assert!(feed.await.is_err());
    }
    drop((old, new, third, slow));
    assert_eq!(budget.held().0, 0, "what is gone takes no room");
}

/// A watcher is a number: it holds a reference to the cache, one to what tells of changes, and where it
/// is; nothing grows in it, however much it has not read.
#[tokio::test]
async fn a_watcher_is_a_number() {
    const WATCHERS: usize = 10_000;
    let (mut model, feed) = model(&unlimited()).await;
    let watchers: Vec<Watcher> =
        (0..WATCHERS).map(|_| model.cache.watch_after(1).unwrap()).collect();
    let each = size_of::<Watcher>();
    println!("{each} bytes for a watcher, {} KiB for {WATCHERS}", each * WATCHERS / 1024);
    assert!(each <= WATCHER_BYTES_MAX, "{each}");
    change(&mut model, 100).await;
    let held = model.cache.read().history.held();
    // All of them share each change: nobody has a copy, and nobody has been told of it in a queue.
    let newest = model.cache.read().history.from(99, 1).unwrap().remove(0);
    assert_eq!(Arc::strong_count(&newest), 2, "the history, and this test");
    assert_eq!(held.0, 100);
    for mut watcher in watchers {
        assert_eq!(watcher.take(1000).unwrap().0.len(), 100);
    }
    assert_eq!(Arc::strong_count(&newest), 2);
    feed.abort();
}

const WATCHER_BYTES_MAX: usize = 48;
