//! `/metrics`: what the server has done, in the text format of Prometheus.
//!
//! Names and labels are those of the
//! [metrics of Kubernetes](https://kubernetes.io/docs/reference/instrumentation/metrics/), so that
//! dashboards and alerts made for a kube-apiserver fit.

use crate::cache::{self, Cache};
use crate::request::ResourcePath;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds of the buckets of a request's duration, in seconds.
const BUCKETS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
];

/// What kind of request was answered. Only what is served is named, so clients cannot make series
/// without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub verb: &'static str,
    pub dry_run: bool,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    /// `cluster`, `namespace` or `resource`; empty for what is no resource.
    pub scope: &'static str,
}

/// The counters of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Timestamp,
    reading: AtomicI64,
    mutating: AtomicI64,
    kinds: Mutex<BTreeMap<Kind, Series>>,
}

#[derive(Debug, Default)]
struct Series {
    codes: BTreeMap<u16, u64>,
    buckets: [u64; BUCKETS.len()],
    seconds: f64,
    count: u64,
}

/// A request that is counted as under way until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay<'a>(&'a AtomicI64);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counters at zero.
    pub(crate) fn new(started: Timestamp) -> Self {
        let (reading, mutating) = (AtomicI64::new(0), AtomicI64::new(0));
        Self { started, reading, mutating, kinds: Mutex::default() }
    }

    /// When the server started.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// Counts a request as under way.
    pub(crate) fn begin(&self, mutating: bool) -> UnderWay<'_> {
        let counter = if mutating { &self.mutating } else { &self.reading };
        counter.fetch_add(1, Ordering::Relaxed);
        UnderWay(counter)
    }

    /// Counts a request that was answered. What goes on counts when it has begun, and has no duration.
    pub(crate) fn end(&self, kind: Kind, code: u16, time: Duration) {
        let timed = !matches!(kind.verb, "CONNECT" | "WATCH");
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let series = kinds.entry(kind).or_default();
        *series.codes.entry(code).or_default() += 1;
        if timed {
            let seconds = time.as_secs_f64();
            let bucket = BUCKETS.partition_point(|bound| *bound < seconds);
            if let Some(bucket) = series.buckets.get_mut(bucket) {
                *bucket += 1;
            }
            series.seconds += seconds;
            series.count += 1;
        }
    }

    /// Everything as text, with what others have counted.
    pub(crate) fn text(&self, caches: &[Arc<Cache>], more: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        self.requests(&mut out);
        head(&mut out, "apiserver_current_inflight_requests", "gauge", "Requests under way.");
        for (kind, counter) in [("mutating", &self.mutating), ("readOnly", &self.reading)] {
            let count = counter.load(Ordering::Relaxed);
            line(&mut out, "apiserver_current_inflight_requests", &[("request_kind", kind)], count);
        }
        cache::write_metrics(&mut out, caches);
        more(&mut out);
        process(&mut out, self.started);
        out
    }

    fn requests(&self, out: &mut String) {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "apiserver_request_total", "counter", "Requests answered.");
        for (kind, series) in kinds.iter() {
            for (code, count) in &series.codes {
                let code = code.to_string();
                let labels = [&kind.labels()[..], &[("code", code.as_str())]].concat();
                line(out, "apiserver_request_total", &labels, *count);
            }
        }
        let name = "apiserver_request_duration_seconds";
        head(out, name, "histogram", "How long requests took, without watches.");
        for (kind, series) in kinds.iter().filter(|(_, series)| series.count > 0) {
            let labels = kind.labels();
            let mut sum = 0;
            for (bound, count) in BUCKETS.iter().zip(series.buckets) {
                sum += count;
                let bound = bound.to_string();
                let labels = [&labels[..], &[("le", bound.as_str())]].concat();
                line(out, &format!("{name}_bucket"), &labels, sum);
            }
            let all = [&labels[..], &[("le", "+Inf")]].concat();
            line(out, &format!("{name}_bucket"), &all, series.count);
            line(out, &format!("{name}_sum"), &labels, series.seconds);
            line(out, &format!("{name}_count"), &labels, series.count);
        }
    }
}

impl Kind {
    /// What a request is counted as.
    pub(crate) fn of(at: &ResourcePath, verb: &str, applies: bool, dry_run: bool) -> Self {
        Self {
            verb: match verb {
                "get" => "GET",
                "list" => "LIST",
                "watch" => "WATCH",
                "create" => "POST",
                "update" => "PUT",
                "patch" if applies => "APPLY",
                "patch" => "PATCH",
                "delete" => "DELETE",
                "connect" => "CONNECT",
                _ => "DELETECOLLECTION",
            },
            dry_run,
            group: at.group.clone(),
            version: at.version.clone(),
            resource: at.resource.clone(),
            subresource: at.subresource.clone().unwrap_or_default(),
            scope: match (&at.name, &at.namespace) {
                (Some(_), _) => "resource",
                (None, Some(_)) => "namespace",
                (None, None) => "cluster",
            },
        }
    }

    fn labels(&self) -> [(&'static str, &str); 8] {
        [
            ("component", "apiserver"),
            ("dry_run", if self.dry_run { "All" } else { "" }),
            ("group", &self.group),
            ("resource", &self.resource),
            ("scope", self.scope),
            ("subresource", &self.subresource),
            ("verb", self.verb),
            ("version", &self.version),
        ]
    }
}

/// The process as the system sees it; nothing where there is no `/proc`.
fn process(out: &mut String, started: Timestamp) {
    let name = "process_start_time_seconds";
    head(out, name, "gauge", "When the process started, since the epoch.");
    line(out, name, &[], started.as_second());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim_start_matches(':').trim().split(' ').next()?.parse::<u64>().ok()
    };
    let sizes =
        [("process_resident_memory_bytes", "VmRSS"), ("process_virtual_memory_bytes", "VmSize")];
    for (name, field) in sizes {
        if let Some(kib) = kib(field) {
            head(out, name, "gauge", "Memory of the process.");
            line(out, name, &[], kib * 1024);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let name = "process_open_fds";
        head(out, name, "gauge", "Open file descriptors.");
        line(out, name, &[], open.count());
    }
}

/// Writes what precedes the lines of a metric.
pub(crate) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Writes one line. Label values are names of resources and the like: there is nothing to escape.
pub(crate) fn line(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    value: impl std::fmt::Display,
) {
    let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
    let _ = match labels.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_times_requests() {
        let metrics = Metrics::new(Timestamp::UNIX_EPOCH);
        let kind = Kind { verb: "GET", resource: "foos".into(), ..Kind::default() };
        metrics.end(kind.clone(), 200, Duration::from_millis(30));
        metrics.end(kind, 404, Duration::from_secs(100));
        let under_way = metrics.begin(true);
        let text = metrics.text(&[], |_| {});
        drop(under_way);
        let labels = r#"component="apiserver",dry_run="",group="",resource="foos",scope="",subresource="",verb="GET",version="""#;
        for want in [
            format!("apiserver_request_total{{{labels},code=\"200\"}} 1"),
            format!("apiserver_request_total{{{labels},code=\"404\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"0.025\"}} 0"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"0.05\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"60\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("apiserver_request_duration_seconds_count{{{labels}}} 2"),
            "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1".to_owned(),
        ] {
            assert!(text.lines().any(|line| line == want), "no line {want} in\n{text}");
        }
        assert!(metrics.text(&[], |_| {}).contains("{request_kind=\"mutating\"} 0"));
    }
}
