//! What a cache counts, under the names that Kubernetes has for it.

use super::Cache;
use crate::metrics::{Asked, head, line};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets of the time that reads wait, in seconds.
const WAIT_BUCKETS: [f64; 13] =
    [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0];

/// What happened to one cache and to the storage for its sake.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How often the cache was loaded.
    pub initializations: AtomicU64,
    /// Objects that were loaded.
    pub loaded: AtomicU64,
    /// Writes that the storage told of.
    pub received: AtomicU64,
    /// Changes that watchers were given to see.
    pub dispatched: AtomicU64,
    /// Watchers that were too slow.
    pub terminated: AtomicU64,
    /// Stored values that could not be decoded.
    pub decode_errors: AtomicU64,
    /// What the storage was asked.
    pub asked: [Asked; Operation::ALL.len()],
    /// Lists from the cache.
    pub lists: Lists,
    /// Lists from the storage.
    pub stored_lists: Lists,
    /// Consistent reads from the cache, from the storage because the cache was late, and in vain.
    pub consistent: [AtomicU64; 3],
    wait_buckets: [AtomicU64; WAIT_BUCKETS.len()],
    waits: AtomicU64,
    wait_micros: AtomicU64,
}

/// Lists, and what they took.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    count: AtomicU64,
    fetched: AtomicU64,
    returned: AtomicU64,
}

/// What is asked of a storage. How new it is, is asked by a `get`, as in Kubernetes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Create,
    Delete,
    Get,
    List,
    Update,
}

impl Operation {
    const ALL: [&str; 5] = ["create", "delete", "get", "list", "update"];
}

impl Lists {
    /// Counts a list for which so many objects were looked at, and so many sent.
    pub(crate) fn add(&self, fetched: usize, returned: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.fetched.fetch_add(fetched as u64, Ordering::Relaxed);
        self.returned.fetch_add(returned as u64, Ordering::Relaxed);
    }
}

impl Counts {
    /// Where questions of a sort are counted.
    pub(crate) fn of(&self, operation: Operation) -> &Asked {
        &self.asked[operation as usize]
    }

    /// Counts a read that waited for the cache to be new enough.
    pub(super) fn waited(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        if let Some(at) = WAIT_BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.wait_buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.waits.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.wait_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

type Value = fn(&Cache) -> u64;

/// One number for each cache: the name, the sort, what it is, and where it comes from.
const NUMBERS: &[(&str, &str, &str, Value)] = &[
    (
        "apiserver_resource_size_estimate_bytes",
        "gauge",
        "The size of the objects of a resource as they are stored.",
        |cache| cache.read().bytes as u64,
    ),
    (
        "apiserver_watch_cache_resource_version",
        "gauge",
        "The resource version that the watch cache has reached; its last 15 digits.",
        |cache| cache.revision() % 1_000_000_000_000_000,
    ),
    (
        "apiserver_watch_cache_initializations_total",
        "counter",
        "How often a watch cache was loaded.",
        |cache| get(&cache.counts.initializations),
    ),
    ("apiserver_init_events_total", "counter", "Objects that were loaded.", |cache| {
        get(&cache.counts.loaded)
    }),
    (
        "apiserver_storage_events_received_total",
        "counter",
        "Writes that the storage told of.",
        |cache| get(&cache.counts.received),
    ),
    (
        "apiserver_watch_cache_events_received_total",
        "counter",
        "Writes that reached the watch cache.",
        |cache| get(&cache.counts.received),
    ),
    (
        "apiserver_watch_cache_events_dispatched_total",
        "counter",
        "Changes that watchers were given to see.",
        |cache| get(&cache.counts.dispatched),
    ),
    (
        "apiserver_terminated_watchers_total",
        "counter",
        "Watchers that were closed because they were too slow.",
        |cache| get(&cache.counts.terminated),
    ),
    (
        "apiserver_storage_decode_errors_total",
        "counter",
        "Stored values that could not be decoded.",
        |cache| get(&cache.counts.decode_errors),
    ),
    (
        "apiserver_cache_list_returned_objects_total",
        "counter",
        "Objects returned by lists from the watch cache.",
        |cache| get(&cache.counts.lists.returned),
    ),
    ("apiserver_storage_list_total", "counter", "Lists from the storage.", |cache| {
        get(&cache.counts.stored_lists.count)
    }),
    (
        "apiserver_storage_list_fetched_objects_total",
        "counter",
        "Objects read from the storage for lists.",
        |cache| get(&cache.counts.stored_lists.fetched),
    ),
    (
        "apiserver_storage_list_evaluated_objects_total",
        "counter",
        "Objects looked at for lists from the storage.",
        |cache| get(&cache.counts.stored_lists.fetched),
    ),
    (
        "apiserver_storage_list_returned_objects_total",
        "counter",
        "Objects returned by lists from the storage.",
        |cache| get(&cache.counts.stored_lists.returned),
    ),
    ("watch_cache_capacity", "gauge", "How many changes a watch cache remembers.", |_| {
        super::history::HISTORY_EVENTS_MAX as u64
    }),
    (
        "pintle_watch_cache_history_events",
        "gauge",
        "Changes that a watch cache remembers now.",
        |cache| cache.read().history.held().0 as u64,
    ),
    (
        "pintle_watch_cache_history_bytes",
        "gauge",
        "The size of the states that a watch cache remembers and that are no longer current.",
        |cache| cache.read().history.held().1 as u64,
    ),
    (
        "pintle_watch_cache_history_limit_bytes",
        "gauge",
        "At most so much of them is remembered.",
        |cache| cache.settings.history_bytes as u64,
    ),
    (
        "pintle_watch_cache_index_bytes",
        "gauge",
        "What the index of labels and selectable fields takes, roughly.",
        |cache| cache.read().tree.index_bytes() as u64,
    ),
    ("pintle_watch_cache_watchers", "gauge", "Watches of the objects.", |cache| {
        cache.changed.receiver_count() as u64
    }),
];

/// Writes what all caches count.
pub(crate) fn write(out: &mut String, caches: &[Arc<Cache>]) {
    objects(out, caches);
    budget(out, caches);
    for (name, sort, help, value) in NUMBERS {
        head(out, name, sort, help);
        for cache in caches {
            line(out, name, &cache.labels(), value(cache));
        }
    }
    let indexed = [
        ("apiserver_cache_list_total", "Lists from the watch cache."),
        ("apiserver_cache_list_fetched_objects_total", "Objects looked at in the watch cache."),
    ];
    for (at, (name, help)) in indexed.into_iter().enumerate() {
        head(out, name, "counter", help);
        for cache in caches {
            let lists = &cache.counts.lists;
            let labels = with(cache, &[("index", "")]);
            line(out, name, &labels, get([&lists.count, &lists.fetched][at]));
        }
    }
    let name = "apiserver_watch_cache_consistent_read_total";
    head(out, name, "counter", "Consistent reads from the watch cache.");
    for cache in caches {
        let outcomes = [("true", "false"), ("true", "true"), ("false", "true")];
        for (count, (success, fallback)) in cache.counts.consistent.iter().zip(outcomes) {
            let labels = with(cache, &[("success", success), ("fallback", fallback)]);
            line(out, name, &labels, get(count));
        }
    }
    waits(out, caches);
    asked(out, caches);
}

/// What all caches and their stores have asked; under the names that Kubernetes has for questions to
/// etcd, whatever the storage is.
fn asked(out: &mut String, caches: &[Arc<Cache>]) {
    type Count = fn(&Asked) -> u64;
    let counts: [(&str, &str, Count); 2] = [
        ("etcd_requests_total", "Questions to the storage.", |asked| asked.times.count()),
        ("etcd_request_errors_total", "Those that failed.", |asked| get(&asked.failed)),
    ];
    for (name, help, count) in counts {
        head(out, name, "counter", help);
        for (labels, asked) in caches.iter().flat_map(asked_for) {
            if count(asked) > 0 {
                line(out, name, &labels, count(asked));
            }
        }
    }
    let name = "etcd_request_duration_seconds";
    head(out, name, "histogram", "How long the storage took to answer.");
    for (labels, asked) in caches.iter().flat_map(asked_for) {
        asked.times.write(out, name, &labels);
    }
}

/// What was asked for the sake of one cache.
fn asked_for(cache: &Arc<Cache>) -> impl Iterator<Item = (Vec<(&'static str, &str)>, &Asked)> {
    let asked = Operation::ALL.into_iter().zip(&cache.counts.asked);
    asked.map(|(operation, asked)| (with(cache, &[("operation", operation)]), asked))
}

/// What the histories of all caches hold together.
fn budget(out: &mut String, caches: &[Arc<Cache>]) {
    let Some(cache) = caches.first() else { return };
    let (bytes, limit) = cache.budget.held();
    let help = "The size of the earlier states that all watch caches remember.";
    for (name, help, value) in [
        ("pintle_watch_caches_history_bytes", help, bytes),
        ("pintle_watch_caches_history_limit_bytes", "At most so much of them is kept.", limit),
    ] {
        head(out, name, "gauge", help);
        line(out, name, &[], value);
    }
}

/// How many objects there are, under the name of today and the one of before; of a cache that is not
/// there it is not known.
fn objects(out: &mut String, caches: &[Arc<Cache>]) {
    let counted = || caches.iter().filter(|cache| cache.settings.counted && cache.is_ready());
    let name = "apiserver_resource_objects";
    head(out, name, "gauge", "Objects stored, by resource.");
    counted().for_each(|cache| line(out, name, &cache.labels(), cache.count()));
    let name = "apiserver_storage_objects";
    head(out, name, "gauge", "Objects stored, by resource; apiserver_resource_objects is newer.");
    for cache in counted() {
        let [(_, group), (_, resource)] = cache.labels();
        let resource = match group {
            "" => resource.to_owned(),
            group => format!("{resource}.{group}"),
        };
        line(out, name, &[("resource", &resource)], cache.count());
    }
}

fn waits(out: &mut String, caches: &[Arc<Cache>]) {
    let name = "apiserver_watch_cache_read_wait_seconds";
    head(out, name, "histogram", "How long reads waited for a watch cache to be new enough.");
    for cache in caches {
        let counts = &cache.counts;
        let mut sum = 0;
        for (bound, count) in WAIT_BUCKETS.iter().zip(&counts.wait_buckets) {
            sum += get(count);
            let bound = bound.to_string();
            line(out, &format!("{name}_bucket"), &with(cache, &[("le", &bound)]), sum);
        }
        let all = get(&counts.waits);
        line(out, &format!("{name}_bucket"), &with(cache, &[("le", "+Inf")]), all);
        let seconds = Duration::from_micros(get(&counts.wait_micros)).as_secs_f64();
        line(out, &format!("{name}_sum"), &cache.labels(), seconds);
        line(out, &format!("{name}_count"), &cache.labels(), all);
    }
}

fn with<'a>(cache: &'a Cache, more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    [&cache.labels()[..], more].concat()
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
