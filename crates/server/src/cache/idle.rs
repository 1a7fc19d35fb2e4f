//! Caches that are not always there: loaded when first needed, given up when nobody needs them.

use super::{Cache, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// When a cache was needed.
#[derive(Debug)]
pub(super) struct Need {
    begun: Instant,
    /// Milliseconds after the beginning; zero for never.
    last: AtomicU64,
    wanted: Notify,
}

impl Default for Need {
    fn default() -> Self {
        Self { begun: Instant::now(), last: AtomicU64::new(0), wanted: Notify::new() }
    }
}

impl Need {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// For how long nobody has needed it.
    fn idle(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }
}

impl Cache {
    /// Notes that somebody reads, so that the objects are loaded, or stay.
    pub(crate) fn needed(&self) {
        if self.settings.idle.is_some() {
            self.need.last.store(self.need.now(), Ordering::Relaxed);
            self.need.wanted.notify_one();
        }
    }

    /// Loads the kind and follows its changes until the task is aborted: always, or as long as
    /// somebody needs it.
    pub(crate) async fn feed(self: Arc<Self>) {
        let Some(idle) = self.settings.idle else { return self.keep().await };
        loop {
            self.need.wanted.notified().await;
            if self.need.idle() >= idle {
                // It was needed while it was still there.
                continue;
            }
            tokio::select! {
                () = self.keep() => {}
                () = self.unneeded(idle) => {}
            }
        }
    }

    /// Waits until nobody has needed the objects for a while, and gives them up.
    async fn unneeded(&self, idle: Duration) {
        loop {
            let left = idle.saturating_sub(self.need.idle());
            if left.is_zero() && self.unload() {
                return;
            }
            // Watchers need it without a sign; they are looked at again after a while.
            tokio::time::sleep(if left.is_zero() { idle } else { left }).await;
        }
    }

    /// Forgets everything, unless somebody watches.
    fn unload(&self) -> bool {
        let old = {
            let mut state = self.write();
            // Whoever is about to watch holds the lock, and counts when it is free.
            if self.changed.receiver_count() > 0 {
                return false;
            }
            let empty = State::empty(self.settings, &self.budget, state.generation + 1);
            self.reached.send_replace(0);
            std::mem::replace(&mut *state, empty)
        };
        tracing::debug!(kind = self.kind.plural, "nobody needs the objects: they are given up");
        // Freeing as many objects takes as long as reading them all.
        drop(tokio::task::spawn_blocking(move || drop(old)));
        true
    }
}
