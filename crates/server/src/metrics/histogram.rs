//! How many values were how large.

use super::text::histogram;
use super::{DURATIONS, head, line};
use pintle_storage::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The bounds of what takes little: 15 from a millisecond on, each twice the one before.
pub(crate) const FAST: &[f64] = &[
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
    8.192, 16.384,
];

/// Values, counted by the bounds that they are below.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    count: AtomicU64,
    /// The bits of a fraction.
    sum: AtomicU64,
}

impl Histogram {
    /// No values yet; the bounds grow.
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        let counts = bounds.iter().map(|_| AtomicU64::default()).collect();
        Self { bounds, counts, count: AtomicU64::default(), sum: AtomicU64::default() }
    }

    /// Counts a value.
    pub(crate) fn add(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let more = |sum: u64| Some((f64::from_bits(sum) + value).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Counts a time, in seconds.
    pub(crate) fn add_time(&self, time: Duration) {
        self.add(time.as_secs_f64());
    }

    /// Counts a number of bytes.
    pub(crate) fn add_size(&self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a sum of sizes is about right")]
        self.add(bytes as f64);
    }

    /// One with the same bounds and no values.
    pub(super) fn same(&self) -> Self {
        Self::new(self.bounds)
    }

    /// Counts all values of another one with the same bounds.
    pub(super) fn add_all(&self, other: &Self) {
        let add = |to: &AtomicU64, from: &AtomicU64| {
            to.fetch_add(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        self.counts.iter().zip(&other.counts).for_each(|(to, from)| add(to, from));
        add(&self.count, &other.count);
        let sum = f64::from_bits(other.sum.load(Ordering::Relaxed));
        let more = |to: u64| Some((f64::from_bits(to) + sum).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// How many values there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Writes the lines of one series; nothing where there were no values.
    pub(crate) fn write(&self, out: &mut String, name: &str, labels: &[(&str, &str)]) {
        self.write_coarsely(0, out, name, labels);
    }

    /// The same without the first bounds: what is below them is below the next one.
    pub(crate) fn write_coarsely(
        &self,
        without: usize,
        out: &mut String,
        name: &str,
        labels: &[(&str, &str)],
    ) {
        let count = self.count();
        if count > 0 {
            let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let fine: u64 = self.counts.iter().take(without).map(get).sum();
            let mut counts = self.counts.iter().skip(without).map(get);
            let first = counts.next().map(|first| fine + first);
            let bounds = self.bounds.iter().skip(without);
            let buckets = bounds.zip(first.into_iter().chain(counts));
            let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
            histogram(out, name, labels, buckets, (sum, count));
        }
    }
}

/// Questions to a storage: how long they took, and how many failed.
#[derive(Debug)]
pub(crate) struct Asked {
    pub times: Histogram,
    pub failed: AtomicU64,
}

impl Default for Asked {
    fn default() -> Self {
        Self { times: Histogram::new(DURATIONS), failed: AtomicU64::default() }
    }
}

impl Asked {
    /// Asks, and counts. Somebody who was faster is no failure: the storage has answered.
    pub(crate) async fn time<T>(
        &self,
        asking: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let answer = asking.await;
        self.times.add_time(begun.elapsed());
        if !matches!(answer, Ok(_) | Err(Error::Exists(_) | Error::Conflict(_))) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

/// Writes how often something was and how long it took, by one label: two metrics of the same series.
/// What never was is counted too.
pub(crate) fn write_times<'a>(
    out: &mut String,
    [total, duration]: [&str; 2],
    [total_help, duration_help]: [&str; 2],
    series: impl Iterator<Item = (Vec<(&'a str, &'a str)>, &'a Histogram)> + Clone,
) {
    head(out, total, "counter", total_help);
    for (labels, times) in series.clone() {
        line(out, total, &labels, times.count());
    }
    head(out, duration, "histogram", duration_help);
    for (labels, times) in series {
        times.write(out, duration, &labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_below_their_bounds() {
        let histogram = Histogram::new(&[0.0, 1.0, 2.5]);
        let mut out = String::new();
        histogram.write(&mut out, "h", &[]);
        assert_eq!(out, "");
        for value in [-1.0, 1.0, 1.5, 9.0] {
            histogram.add(value);
        }
        histogram.write(&mut out, "h", &[("a", "b")]);
        let want = "h_bucket{a=\"b\",le=\"0\"} 1\nh_bucket{a=\"b\",le=\"1\"} 2\n\
                    h_bucket{a=\"b\",le=\"2.5\"} 3\nh_bucket{a=\"b\",le=\"+Inf\"} 4\n\
                    h_sum{a=\"b\"} 10.5\nh_count{a=\"b\"} 4\n";
        assert_eq!(out, want);
        out.clear();
        histogram.write_coarsely(2, &mut out, "h", &[]);
        assert_eq!(out, "h_bucket{le=\"2.5\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 10.5\nh_count 4\n");
    }

    #[tokio::test]
    async fn what_the_storage_answers_is_no_failure() {
        let asked = Asked::default();
        for (answer, failed) in [
            (Ok(()), 0),
            (Err(Error::Conflict(None)), 0),
            (Err(Error::Compacted { oldest: 1 }), 1),
            (Err(Error::Unavailable("gone".into())), 2),
        ] {
            let _ = asked.time(async { answer }).await;
            assert_eq!(asked.failed.load(Ordering::Relaxed), failed);
        }
        assert_eq!(asked.times.count(), 4);
    }
}
