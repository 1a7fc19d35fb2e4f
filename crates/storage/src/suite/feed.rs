//! A watch that checks what every watch promises while it reads.

use super::Store;
use crate::{Event, Result, Revision, Watch};
use std::future::Future;
use std::time::Duration;

/// How long a store may take to deliver what it has to deliver.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before a store that is not as far as asked is asked again.
const PROGRESS_RETRY_DELAY: Duration = Duration::from_millis(20);

pub(super) struct Feed {
    watch: Box<dyn Watch>,
    /// The revision of the last change delivered.
    delivered: Revision,
    /// Up to where the store said that it had delivered everything.
    complete: Revision,
}

impl Feed {
    pub(super) async fn start(store: &Store, prefix: &str, after: Revision) -> Self {
        let watch = within("the start of a watch", store.watch(prefix, after)).await;
        Self { watch: watch.expect("a watch that can start"), delivered: after, complete: 0 }
    }

    /// Every change that was not returned before, up to `revision` at least.
    ///
    /// Ends only when the store says that it is complete, so what is missing here never comes.
    pub(super) async fn up_to(&mut self, revision: Revision) -> Vec<Event> {
        let mut changes = Vec::new();
        let read = async {
            self.watch.request_progress().await.expect("a request for progress");
            while self.complete < revision {
                let before = self.complete;
                changes.extend(self.batch().await);
                if self.complete > before && self.complete < revision {
                    tokio::time::sleep(PROGRESS_RETRY_DELAY).await;
                    self.watch.request_progress().await.expect("a request for progress");
                }
            }
        };
        let what = format!("progress to revision {revision}");
        within(&what, read).await;
        changes
    }

    /// The next changes, where there are any; only waits for progress otherwise.
    pub(super) async fn batch(&mut self) -> Vec<Event> {
        // Lets the timeouts come through where a broken store says the same again and again.
        tokio::task::yield_now().await;
        let batch = within("the next events", self.watch.next()).await;
        self.check(batch)
    }

    /// Asks for the next changes and gives up at once where they are not there.
    pub(super) async fn cancelled_batch(&mut self) -> Vec<Event> {
        match tokio::time::timeout(Duration::ZERO, self.watch.next()).await {
            Ok(batch) => self.check(batch),
            Err(_) => Vec::new(),
        }
    }

    fn check(&mut self, batch: Result<Vec<Event>>) -> Vec<Event> {
        let mut batch = batch.expect("a watch that goes on");
        assert!(!batch.is_empty(), "next returns at least one event");
        batch.retain(|event| {
            let revision = event.revision();
            if matches!(event, Event::Progress(_)) {
                assert!(
                    revision >= self.complete.max(self.delivered),
                    "progress goes back to {revision}, with {} delivered",
                    self.delivered
                );
                self.complete = revision;
                return false;
            }
            assert!(
                revision > self.delivered.max(self.complete),
                "event {revision} comes after event {} and progress {}",
                self.delivered,
                self.complete
            );
            self.delivered = revision;
            true
        });
        batch
    }
}

/// Waits for what has to happen soon.
pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DELIVERY_TIMEOUT, future).await;
    done.unwrap_or_else(|_| panic!("{what} did not come within {DELIVERY_TIMEOUT:?}"))
}
