//! What the histories of all caches of a server may hold together.
//!
//! A history stays below its own limit first. Where all of them together are over this one, each is
//! shortened to an equal share: the watchers and lists that need what was forgotten are told, as
//! always. The newest states of the objects are not part of it, and are never given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// Bytes that histories share.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    bytes: AtomicUsize,
    histories: AtomicUsize,
    /// Tells all caches to look at their share.
    exceeded: watch::Sender<()>,
}

impl Budget {
    /// Nothing held yet.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        let (bytes, histories) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { bytes_max, bytes, histories, exceeded: watch::Sender::new(()) })
    }

    /// What is held, and what may be.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.bytes.load(Ordering::Relaxed), self.bytes_max)
    }

    /// Learns when the budget is exceeded.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.exceeded.subscribe()
    }

    /// What a history may hold now that another one may need room: all that it likes, or its share.
    pub(super) fn allowance(&self) -> usize {
        let (bytes, bytes_max) = self.held();
        match bytes > bytes_max {
            true => bytes_max / self.histories.load(Ordering::Relaxed).max(1),
            false => usize::MAX,
        }
    }

    /// Has the others shortened where it is still exceeded.
    pub(super) fn settle(&self) {
        let (bytes, bytes_max) = self.held();
        if bytes > bytes_max {
            self.exceeded.send_replace(());
        }
    }
}

/// The part of the budget that one history takes.
#[derive(Debug)]
pub(super) struct Part {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Part {
    pub(super) fn of(budget: &Arc<Budget>) -> Self {
        budget.histories.fetch_add(1, Ordering::Relaxed);
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn shrink(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.shrink(self.bytes);
        self.budget.histories.fetch_sub(1, Ordering::Relaxed);
    }
}
