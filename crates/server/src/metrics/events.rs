//! The events that are sent to those who watch. Each is counted once for each of its watchers, so
//! nothing is looked up for it, and no lock is held.

use super::text::{head, histogram, line};
use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the buckets of an event's size, in bytes.
const EVENTS: [f64; 8] = [1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131_072.0];

/// The events that were sent to those who watch a resource.
#[derive(Debug, Default)]
pub(crate) struct Events {
    sizes: [AtomicU64; EVENTS.len() + 1],
    bytes: AtomicU64,
}

impl Events {
    /// Counts an event of so many bytes.
    pub(crate) fn add(&self, bytes: usize) {
        // The bucket of 1 to 1024 bytes is the first one, and each further one is twice as wide.
        let place = (bytes.saturating_sub(1) >> 10).checked_ilog2().map_or(0, |at| at as usize + 1);
        self.sizes[place.min(EVENTS.len())].fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn sizes(&self) -> [u64; EVENTS.len() + 1] {
        array::from_fn(|at| self.sizes[at].load(Ordering::Relaxed))
    }
}

/// What was sent of a resource: its group and name, its versions and their events.
pub(crate) type Watched<'a> = (&'a str, &'a str, Vec<(&'a str, &'a Arc<Events>)>);

/// Writes what was counted of all resources.
pub(super) fn write(out: &mut String, all: &[Watched<'_>]) {
    let sent: Vec<_> = all.iter().flat_map(sent).collect();
    let name = "apiserver_watch_events_total";
    head(out, name, "counter", "Events sent to clients that watch.");
    for (labels, sizes, _) in &sent {
        line(out, name, labels, sizes.iter().sum::<u64>());
    }
    let name = "apiserver_watch_events_sizes";
    head(out, name, "histogram", "Bytes of these events.");
    for (labels, sizes, bytes) in &sent {
        let count = sizes.iter().sum();
        histogram(out, name, labels, EVENTS.iter().zip(sizes.iter().copied()), (*bytes, count));
    }
}

type Sent<'a> = ([(&'static str, &'a str); 3], [u64; EVENTS.len() + 1], f64);

/// What was sent of the versions of a resource that were watched.
fn sent<'a>((group, resource, versions): &Watched<'a>) -> Vec<Sent<'a>> {
    let of = |(version, events): &(&'a str, &Arc<Events>)| {
        let sizes = events.sizes();
        #[expect(clippy::cast_precision_loss, reason = "a sum of sizes is about right")]
        let bytes = events.bytes.load(Ordering::Relaxed) as f64;
        let labels = [("group", *group), ("resource", *resource), ("version", *version)];
        (sizes != [0; EVENTS.len() + 1]).then_some((labels, sizes, bytes))
    };
    versions.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_size() {
        for (bytes, place) in [
            (0, 0),
            (1, 0),
            (1024, 0),
            (1025, 1),
            (2048, 1),
            (2049, 2),
            (4096, 2),
            (131_072, 7),
            (131_073, 8),
            (usize::MAX, 8),
        ] {
            let events = Events::default();
            events.add(bytes);
            assert_eq!(events.sizes()[place], 1, "{bytes}");
        }
    }

    #[test]
    fn what_was_counted_is_written() {
        let (idle, events) = (Arc::new(Events::default()), Arc::new(Events::default()));
        events.add(100);
        events.add(3_000);
        let mut out = String::new();
        write(&mut out, &[("g", "foos", vec![("v1", &idle), ("v2", &events)])]);
        let of = r#"group="g",resource="foos""#;
        for want in [
            format!("apiserver_watch_events_total{{{of},version=\"v2\"}} 2"),
            format!("apiserver_watch_events_sizes_bucket{{{of},version=\"v2\",le=\"1024\"}} 1"),
            format!("apiserver_watch_events_sizes_bucket{{{of},version=\"v2\",le=\"2048\"}} 1"),
            format!("apiserver_watch_events_sizes_bucket{{{of},version=\"v2\",le=\"4096\"}} 2"),
            format!("apiserver_watch_events_sizes_sum{{{of},version=\"v2\"}} 3100"),
        ] {
            assert!(out.lines().any(|line| line == want), "no line {want} in\n{out}");
        }
        assert!(!out.contains("v1"), "{out}");
    }
}
