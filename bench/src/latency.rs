//! A histogram of latencies: a fixed amount of memory whatever the number of requests.

use std::time::Duration;

/// Buckets per doubling, as a power of two: 64 of them keep a quantile within 1.6 %.
const STEP_BITS: u32 = 6;
const STEPS: usize = 1 << STEP_BITS;
/// Doublings above the linear part; the last bucket holds everything above about 1.2 hours.
const DOUBLINGS: usize = 36;

/// Counts of latencies, in nanoseconds, in buckets that grow with the latency.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: vec![0; STEPS * (DOUBLINGS + 1)], count: 0, max: 0 }
    }
}

impl Latencies {
    /// Counts one latency.
    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let bucket = bucket_of(nanos).min(self.buckets.len() - 1);
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// Adds another worker's counts to these.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// The latency that the share `quantile` (0 to 1) of the requests did not exceed, in microseconds;
    /// nothing when nothing was counted.
    pub(crate) fn quantile_us(&self, quantile: f64) -> Option<f64> {
        let rank = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                // A bucket's upper end, yet never more than the largest latency there was.
                return Some(upper_end(bucket).min(self.max) as f64 / 1e3);
            }
        }
        None
    }

    /// The largest latency in microseconds; nothing when nothing was counted.
    pub(crate) fn max_us(&self) -> Option<f64> {
        (self.count > 0).then(|| self.max as f64 / 1e3)
    }
}

/// The bucket of a value: linear up to [`STEPS`], then [`STEPS`] per doubling.
fn bucket_of(nanos: u64) -> usize {
    let magnitude = 64 - nanos.leading_zeros();
    if magnitude <= STEP_BITS {
        return nanos as usize;
    }
    let shift = magnitude - STEP_BITS - 1;
    let step = (nanos >> shift) as usize - STEPS;
    STEPS * (shift as usize + 1) + step
}

/// The largest value that falls into a bucket.
fn upper_end(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let step = bucket % STEPS + STEPS;
    (((step as u64) + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_within_its_bucket() {
        for exponent in 0..40 {
            for offset in [0, 1, 3] {
                let value = (1u64 << exponent) + offset;
                let bucket = bucket_of(value);
                assert!(upper_end(bucket) >= value, "{value}");
                assert!(bucket == 0 || upper_end(bucket - 1) < value, "{value}");
                let error = (upper_end(bucket) - value) as f64 / value as f64;
                assert!(error <= 1.0 / STEPS as f64, "{value} is off by {error}");
            }
        }
    }

    #[test]
    fn quantiles() {
        let check = |values_us: &[u64], p50: Option<f64>, p99: Option<f64>, max: Option<f64>| {
            let mut latencies = Latencies::default();
            for value in values_us {
                latencies.record(Duration::from_micros(*value));
            }
            let near = |got: Option<f64>, want: Option<f64>| match (got, want) {
                (Some(got), Some(want)) => (got - want).abs() <= want * 0.02,
                (got, want) => got == want,
            };
            assert!(near(latencies.quantile_us(0.5), p50), "{:?}", latencies.quantile_us(0.5));
            assert!(near(latencies.quantile_us(0.99), p99), "{:?}", latencies.quantile_us(0.99));
            assert_eq!(latencies.max_us(), max);
        };
        check(&[], None, None, None);
        check(&[7], Some(7.0), Some(7.0), Some(7.0));
        check(&(1..=1000).collect::<Vec<_>>(), Some(500.0), Some(990.0), Some(1000.0));
        check(&[10, 10, 10, 90_000_000], Some(10.0), Some(9e7), Some(9e7));
    }
}
