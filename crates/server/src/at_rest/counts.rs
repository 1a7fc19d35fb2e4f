//! What encryption at rest counts, under the names that Kubernetes has for it.

use crate::clock::Clock;
use crate::metrics::{head, line};
use ring::digest::{SHA256, digest as hash};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Which way a value went.
pub(super) const FROM_STORAGE: &str = "from_storage";
pub(super) const TO_STORAGE: &str = "to_storage";

/// How many names of keys are counted; those that were not used for the longest time are left out.
const KEYS_MAX: usize = 100;

/// The names of this server in metrics: one that stands alone has none.
const NOBODY: (&str, &str) = ("apiserver_id_hash", "");

/// What happened to values, and to the plugins for their sake.
#[derive(Debug)]
pub(crate) struct Counts {
    clock: Clock,
    series: Mutex<Series>,
}

#[derive(Debug)]
struct Series {
    /// By resource, way, prefix and status.
    operations: BTreeMap<(String, &'static str, String, &'static str), u64>,
    /// By way and prefix.
    durations: BTreeMap<(&'static str, String), Histogram>,
    /// By provider, method and code.
    questions: BTreeMap<(String, String, &'static str), Histogram>,
    /// By way, provider and the digest of a key's name: how often, and when last.
    keys: BTreeMap<(&'static str, String, String), (u64, f64)>,
    /// By provider and digest: when a plugin last said that this is its key.
    named: BTreeMap<(String, String), f64>,
    /// By provider and mistake.
    invalid: BTreeMap<(String, &'static str), u64>,
    misses: u64,
    /// Keys that were made here.
    made: Histogram,
    not_made: u64,
    /// By outcome: how often the configuration was read again, and when last.
    reloads: BTreeMap<&'static str, (u64, f64)>,
}

/// Durations: the first bucket ends at `start`, each further one is twice as wide.
#[derive(Debug)]
struct Histogram {
    start: f64,
    buckets: Vec<u64>,
    count: u64,
    seconds: f64,
}

/// Where what happens to the values of one resource is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally<'a> {
    pub counts: &'a Counts,
    pub resource: &'a str,
}

impl Tally<'_> {
    /// Counts an attempt to seal or to open.
    pub(super) fn transformed(
        &self,
        way: &'static str,
        prefix: &str,
        begun: Instant,
        failure: Option<&super::Failure>,
    ) {
        let status = failure.map_or("OK", |failure| failure.code);
        let mut series = self.counts.series();
        let key = (self.resource.to_owned(), way, prefix.to_owned(), status);
        *series.operations.entry(key).or_default() += 1;
        if failure.is_none() {
            let durations = series.durations.entry((way, prefix.to_owned()));
            durations.or_insert_with(|| Histogram::new(5e-6, 25)).add(begun.elapsed());
        }
    }
}

impl Counts {
    pub(super) fn new(clock: Clock) -> Self {
        let series = Series {
            operations: BTreeMap::new(),
            durations: BTreeMap::new(),
            questions: BTreeMap::new(),
            keys: BTreeMap::new(),
            named: BTreeMap::new(),
            invalid: BTreeMap::new(),
            misses: 0,
            made: Histogram::new(5e-6, 14),
            not_made: 0,
            reloads: BTreeMap::new(),
        };
        Self { clock, series: Mutex::new(series) }
    }

    /// Counts a question to a plugin.
    pub(super) fn asked(&self, provider: &str, method: &str, code: &'static str, time: Duration) {
        let mut series = self.series();
        let questions = series.questions.entry((provider.to_owned(), method.to_owned(), code));
        questions.or_insert_with(|| Histogram::new(1e-4, 20)).add(time);
    }

    /// Counts the use of a plugin's key.
    pub(super) fn used(&self, way: &'static str, provider: &str, key_id: &str) {
        let now = self.now();
        let mut series = self.series();
        let used = series.keys.entry((way, provider.to_owned(), digest(key_id))).or_default();
        *used = (used.0 + 1, now);
        forget_oldest(&mut series.keys, |(_, last)| *last);
    }

    /// Notes that a plugin has said what its key is.
    pub(super) fn key_named(&self, provider: &str, key_id: &str) {
        let now = self.now();
        let mut series = self.series();
        series.named.insert((provider.to_owned(), digest(key_id)), now);
        forget_oldest(&mut series.named, |last| *last);
    }

    /// Counts a key whose name cannot be one.
    pub(super) fn invalid_key(&self, provider: &str, mistake: &'static str) {
        *self.series().invalid.entry((provider.to_owned(), mistake)).or_default() += 1;
    }

    /// Counts a seed that had to be opened by a plugin.
    pub(super) fn missed(&self) {
        self.series().misses += 1;
    }

    /// Counts a key that was made here, or could not be.
    pub(super) fn key_made(&self, time: Duration, well: bool) {
        let mut series = self.series();
        match well {
            true => series.made.add(time),
            false => series.not_made += 1,
        }
    }

    /// Counts that the configuration was read again.
    pub(super) fn reloaded(&self, well: bool) {
        let now = self.now();
        let mut series = self.series();
        let outcome = series.reloads.entry(if well { "success" } else { "failure" }).or_default();
        *outcome = (outcome.0 + 1, now);
    }

    fn now(&self) -> f64 {
        self.clock.now().as_duration().as_secs_f64()
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes everything; `plugins` are the names of the plugins and how many seeds each has opened.
    pub(super) fn write(&self, out: &mut String, plugins: &[(&str, usize)]) {
        let series = self.series();
        series.transformations(out);
        series.plugins(out, plugins);
        let reloads = "apiserver_encryption_config_controller_automatic_reload";
        if !series.reloads.is_empty() {
            let name = format!("{reloads}s_total");
            head(out, &name, "counter", "How often the configuration was read again.");
            for (status, (count, _)) in &series.reloads {
                line(out, &name, &[("status", status), NOBODY], count);
            }
            let name = format!("{reloads}_last_timestamp_seconds");
            head(out, &name, "gauge", "When the configuration was read again last.");
            for (status, (_, last)) in &series.reloads {
                line(out, &name, &[("status", status), NOBODY], last);
            }
        }
    }
}

impl Series {
    fn transformations(&self, out: &mut String) {
        let name = "apiserver_storage_transformation_operations_total";
        head(out, name, "counter", "Values that were sealed or opened.");
        for ((resource, way, prefix, status), count) in &self.operations {
            let labels = [
                ("resource", resource.as_str()),
                ("status", status),
                ("transformation_type", way),
                ("transformer_prefix", prefix),
            ];
            line(out, name, &labels, count);
        }
        let name = "apiserver_storage_transformation_duration_seconds";
        head(out, name, "histogram", "How long it took to seal or to open a value.");
        for ((way, prefix), durations) in &self.durations {
            let labels = [("transformation_type", *way), ("transformer_prefix", prefix.as_str())];
            durations.write(out, name, &labels);
        }
        let name = "apiserver_storage_envelope_transformation_cache_misses_total";
        head(out, name, "counter", "Keys that had to be opened by a plugin.");
        line(out, name, &[], self.misses);
        let name = "apiserver_storage_data_key_generation_duration_seconds";
        head(out, name, "histogram", "How long it took to make a key.");
        self.made.write(out, name, &[]);
        let name = "apiserver_storage_data_key_generation_failures_total";
        head(out, name, "counter", "Keys that could not be made.");
        line(out, name, &[], self.not_made);
    }

    fn plugins(&self, out: &mut String, plugins: &[(&str, usize)]) {
        if plugins.is_empty() {
            return;
        }
        let about = |out: &mut String, name: &str, sort, help| {
            let name = format!("apiserver_envelope_encryption_{name}");
            head(out, &name, sort, help);
            name
        };
        let name = about(out, "dek_source_cache_size", "gauge", "Opened keys that are kept.");
        for (provider, count) in plugins {
            line(out, &name, &[("provider_name", provider)], count);
        }
        let name = about(
            out,
            "kms_operations_latency_seconds",
            "histogram",
            "How long plugins took to answer.",
        );
        for ((provider, method, code), durations) in &self.questions {
            let labels = [
                ("grpc_status_code", *code),
                ("method_name", method.as_str()),
                ("provider_name", provider.as_str()),
            ];
            durations.write(out, &name, &labels);
        }
        let total = about(out, "key_id_hash_total", "counter", "How often a key was used.");
        self.keys.iter().for_each(|(key, (count, _))| line(out, &total, &used(key), count));
        let name = "key_id_hash_last_timestamp_seconds";
        let last = about(out, name, "gauge", "When a key was used last.");
        self.keys.iter().for_each(|(key, (_, time))| line(out, &last, &used(key), time));
        let name = "key_id_hash_status_last_timestamp_seconds";
        let name = about(out, name, "gauge", "When a plugin last said that this is its key.");
        for ((provider, digest), time) in &self.named {
            let labels = [NOBODY, ("key_id_hash", digest), ("provider_name", provider)];
            line(out, &name, &labels, time);
        }
        let name = "invalid_key_id_from_status_total";
        let name = about(out, name, "counter", "Names of keys that cannot be one.");
        for ((provider, mistake), count) in &self.invalid {
            line(out, &name, &[("error", mistake), ("provider_name", provider)], count);
        }
    }
}

/// The labels of a key's use.
fn used<'a>(
    (way, provider, digest): &'a (&'static str, String, String),
) -> [(&'static str, &'a str); 4] {
    [NOBODY, ("key_id_hash", digest), ("provider_name", provider), ("transformation_type", way)]
}

impl Histogram {
    fn new(start: f64, buckets: usize) -> Self {
        Self { start, buckets: vec![0; buckets], count: 0, seconds: 0.0 }
    }

    fn bounds(&self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(self.start), |bound| Some(bound * 2.0))
    }

    fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bounds = self.bounds().take(self.buckets.len());
        let at = bounds.take_while(|bound| *bound < seconds).count();
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.count += 1;
        self.seconds += seconds;
    }

    fn write(&self, out: &mut String, name: &str, labels: &[(&str, &str)]) {
        let mut sum = 0;
        for (bound, count) in self.bounds().zip(&self.buckets) {
            sum += count;
            let bound = bound.to_string();
            let labels = [labels, &[("le", bound.as_str())]].concat();
            line(out, &format!("{name}_bucket"), &labels, sum);
        }
        let all = [labels, &[("le", "+Inf")]].concat();
        line(out, &format!("{name}_bucket"), &all, self.count);
        line(out, &format!("{name}_sum"), labels, self.seconds);
        line(out, &format!("{name}_count"), labels, self.count);
    }
}

/// The name of a key as it may be shown, in the form of Kubernetes.
pub(super) fn digest(key_id: &str) -> String {
    if key_id.is_empty() {
        return String::new();
    }
    let mut text = "sha256:".to_owned();
    for byte in hash(&SHA256, key_id.as_bytes()).as_ref() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Leaves out what was not used for the longest time, where there is too much.
fn forget_oldest<K: Clone + Ord, V>(map: &mut BTreeMap<K, V>, last: impl Fn(&V) -> f64) {
    if map.len() <= KEYS_MAX {
        return;
    }
    let oldest = map.iter().min_by(|(_, a), (_, b)| last(a).total_cmp(&last(b)));
    if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
        map.remove(&oldest);
    }
}
