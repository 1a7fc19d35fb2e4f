//! When objects were sent, for whoever sees them arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The moment at which the create of each object of a series left, by its number.
#[derive(Debug)]
pub(crate) struct Sent {
    began: Instant,
    first: u64,
    /// Nanoseconds since the beginning; 0 is "not yet".
    at: Vec<AtomicU64>,
}

impl Sent {
    /// For `count` objects from the number `first` on.
    pub(crate) fn new(first: u64, count: u64) -> Self {
        let at = (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { began: Instant::now(), first, at }
    }

    /// An object is being sent now.
    pub(crate) fn mark(&self, number: u64) {
        if let Some(at) = self.place(number) {
            let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            at.store(nanos.max(1), Ordering::Relaxed);
        }
    }

    /// How long ago an object was sent; nothing when it is none of these.
    pub(crate) fn age(&self, number: u64) -> Option<Duration> {
        match self.place(number)?.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.began.elapsed().saturating_sub(Duration::from_nanos(nanos))),
        }
    }

    fn place(&self, number: u64) -> Option<&AtomicU64> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.at.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ages() {
        let sent = Sent::new(7, 2);
        assert_eq!(sent.age(7), None);
        sent.mark(8);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let age = sent.age(8).unwrap();
        assert!(age >= Duration::from_millis(2), "{age:?}");
        for number in [6, 9, u64::MAX] {
            sent.mark(number);
            assert_eq!(sent.age(number), None);
        }
    }
}
