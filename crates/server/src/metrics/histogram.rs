//! How many values were how large.

use super::{head, histogram, line};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

    /// How many values there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Writes the lines of one series; nothing where there were no values.
    pub(crate) fn write(&self, out: &mut String, name: &str, labels: &[(&str, &str)]) {
        let count = self.count();
        if count > 0 {
            let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
            let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
            histogram(out, name, labels, self.bounds.iter().zip(counts), (sum, count));
        }
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
    }
}
