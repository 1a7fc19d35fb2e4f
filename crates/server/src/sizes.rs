//! How large the storages are, as they say themselves now and then: for a metric.

use crate::metrics::{head, line};
use pintle_storage::Storage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// The storages of a server with their sizes.
#[derive(Debug)]
pub(crate) struct Sizes {
    storages: Vec<Arc<dyn Storage>>,
    /// In bytes; zero where nothing is known.
    bytes: Vec<AtomicU64>,
    interval: Duration,
}

impl Sizes {
    /// Nothing is known yet; with an interval of zero nobody asks.
    pub(crate) fn new(storages: Vec<Arc<dyn Storage>>, interval: Duration) -> Arc<Self> {
        let bytes = storages.iter().map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { storages, bytes, interval })
    }

    /// Asks now and then, until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        if self.interval.is_zero() {
            return;
        }
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for (storage, bytes) in self.storages.iter().zip(&self.bytes) {
                match storage.size().await {
                    Ok(size) => bytes.store(size.unwrap_or(0), Ordering::Relaxed),
                    Err(error) => tracing::debug!(%error, "the storage does not say its size"),
                }
            }
        }
    }

    /// Writes what is known.
    pub(crate) fn write(&self, out: &mut String) {
        let name = "apiserver_storage_size_bytes";
        head(out, name, "gauge", "The size of the storage, as it says itself.");
        for (n, bytes) in self.bytes.iter().enumerate() {
            let bytes = bytes.load(Ordering::Relaxed);
            if bytes > 0 {
                line(out, name, &[("storage_cluster_id", &format!("etcd-{n}"))], bytes);
            }
        }
    }
}
