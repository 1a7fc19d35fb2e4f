//! What every [`Storage`] must do, as a suite of cases that a backend's tests run on it.
//!
//! The cases ask for the semantics that the trait documents and for nothing else: revisions need
//! not be consecutive, and the store may send a progress event whenever it likes. Nothing is
//! asked with the empty key, which etcd does not know.

mod compaction;
mod concurrent;
mod feed;
mod reads;
mod watches;
mod writes;

use crate::{KeyValue, Page, Range, Revision, Storage};
use bytes::Bytes;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long one case may take, its store being made already.
const CASE_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs every case, each on a store of its own: `make` has to return one that is empty and that
/// nobody else writes to.
///
/// Has to be called within a Tokio runtime with time enabled; the flavour does not matter. A case
/// that fails does not keep the others from running.
///
/// # Panics
/// Where a case fails, with the names of all that did.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use pintle_storage::{Memory, suite};
/// use std::sync::Arc;
///
/// suite::run(|| async { Arc::new(Memory::new()) as Arc<_> }).await;
/// # }
/// ```
pub async fn run<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Storage>>,
{
    let mut report = String::new();
    for case in every_case() {
        let store = make().await;
        // A task of its own: its panic is an answer here, and does not end the run.
        let task = tokio::spawn(tokio::time::timeout(CASE_TIMEOUT, (case.run)(store)));
        let failure = match task.await {
            Ok(Ok(())) => continue,
            Ok(Err(_)) => format!("not done after {CASE_TIMEOUT:?}"),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => panic_message(&*panic),
                Err(error) => error.to_string(),
            },
        };
        writeln!(report, "case {}: {failure}", case.name).expect("a string takes all");
    }
    assert!(report.is_empty(), "the storage fails the suite:\n{report}");
}

type Store = Arc<dyn Storage>;

struct Case {
    name: &'static str,
    run: fn(Store) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

fn every_case() -> impl Iterator<Item = &'static Case> {
    let all = [writes::CASES, reads::CASES, compaction::CASES, watches::CASES, concurrent::CASES];
    all.into_iter().flatten()
}

/// Makes a table of async functions that take the store.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[crate::suite::Case] = &[$(crate::suite::Case {
            name: concat!(module_path!(), "::", stringify!($name)),
            run: |store| Box::pin($name(store)),
        }),*];
    };
}
use cases;

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "panicked without a message".to_owned())
}

fn item(key: &str, value: impl Into<Bytes>, revision: Revision) -> KeyValue {
    KeyValue { key: key.into(), value: value.into(), revision }
}

async fn create(store: &Store, key: &str, value: impl Into<Bytes>) -> Revision {
    store.create(key, value.into()).await.expect("create of a key that does not exist")
}

async fn update(store: &Store, key: &str, value: impl Into<Bytes>, at: Revision) -> Revision {
    store.update(key, value.into(), at).await.expect("update of a key at its revision")
}

async fn delete(store: &Store, key: &str, at: Revision) -> Revision {
    store.delete(key, at).await.expect("delete of a key at its revision")
}

async fn current(store: &Store) -> Revision {
    store.current_revision().await.expect("the current revision")
}

async fn get(store: &Store, key: &str) -> Option<KeyValue> {
    let got = store.get(key).await.expect("get");
    if let Some(item) = &got.item {
        assert_eq!(&*item.key, key, "get answers with the key asked for");
        assert!(item.revision <= got.revision, "no key is newer than its store");
    }
    got.item
}

async fn range(store: &Store, range: Range) -> Page {
    // Lets the timeout of the case come through, whatever a broken store leads a loop into.
    tokio::task::yield_now().await;
    let page = store.range(range.clone()).await.expect("a range that can be read");
    let ordered = page.items.is_sorted_by(|a, b| a.key.as_bytes() < b.key.as_bytes());
    assert!(ordered, "keys are in ascending byte order, each once, in {range:?}");
    for item in &page.items {
        assert!(item.revision <= page.revision, "no key is newer than its page, in {range:?}");
    }
    if range.revision != 0 {
        assert_eq!(page.revision, range.revision, "the page has the revision asked for");
    }
    page
}

/// All that starts with the prefix, now.
async fn all(store: &Store, prefix: &str) -> Vec<KeyValue> {
    all_at(store, prefix, 0).await
}

/// All that started with the prefix at a revision.
async fn all_at(store: &Store, prefix: &str, revision: Revision) -> Vec<KeyValue> {
    let page = range(store, Range { prefix: prefix.into(), revision, ..Range::default() }).await;
    assert!(!page.more, "a range without a limit leaves nothing out");
    page.items
}

fn keys(items: &[KeyValue]) -> Vec<&str> {
    items.iter().map(|item| &*item.key).collect()
}
