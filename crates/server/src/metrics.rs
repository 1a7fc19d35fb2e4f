//! `/metrics`: what the server has done, in the text format of Prometheus.
//!
//! Names and labels are those of the
//! [metrics of Kubernetes](https://kubernetes.io/docs/reference/instrumentation/metrics/), so that
//! dashboards and alerts made for a kube-apiserver fit.

mod histogram;
mod open;
mod process;

use crate::body::Body;
use crate::cache::{self, Cache};
use crate::request::ResourcePath;
use crate::version;
use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) use histogram::{FAST, Histogram, write_times};
pub(crate) use open::{CONTENT_TYPE as OPEN_METRICS, MEDIA as OPEN_METRICS_MEDIA, open_metrics};

/// The text format of Prometheus.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The upper bounds of the buckets of a request's duration, in seconds.
const BUCKETS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
];

/// The upper bounds of the buckets of an answer's size, in bytes.
const SIZE_BUCKETS: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

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
    long: Arc<Mutex<BTreeMap<Kind, i64>>>,
    /// How requests were authorized: allowed, nobody had an opinion, it could not be told.
    authorized: [Histogram; 3],
    /// Handshakes that failed.
    pub handshakes: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Series {
    codes: BTreeMap<u16, u64>,
    buckets: [u64; BUCKETS.len()],
    seconds: f64,
    count: u64,
    sizes: [u64; SIZE_BUCKETS.len()],
    bytes: f64,
    sized: u64,
}

/// A watch that counts as under way until this is dropped.
#[derive(Debug)]
struct LongRunning {
    all: Arc<Mutex<BTreeMap<Kind, i64>>>,
    kind: Kind,
}

impl Drop for LongRunning {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.kind) {
            *count -= 1;
        }
    }
}

/// A stream that is counted while it lasts.
struct CountedStream<S> {
    stream: S,
    _counted: LongRunning,
}

impl<S: Stream<Item = Bytes> + Unpin> Stream for CountedStream<S> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
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
        Self {
            started,
            reading,
            mutating,
            kinds: Mutex::default(),
            long: Arc::default(),
            authorized: std::array::from_fn(|_| Histogram::new(FAST)),
            handshakes: Arc::default(),
        }
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

    /// Counts a decision about a request, and how long it took; nothing where it could not be told. A
    /// refusal is one that nobody had an opinion on, as in Kubernetes.
    pub(crate) fn authorized(&self, allowed: Option<bool>, time: Duration) {
        let place = match allowed {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        };
        self.authorized[place].add_time(time);
    }

    /// Counts a stream for as long as it lasts.
    pub(crate) fn long_running(&self, kind: &Kind, body: Body) -> Body {
        let Body::Stream(stream) = body else { return body };
        let mut all = self.long.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(kind.clone()).or_default() += 1;
        let counted = LongRunning { all: Arc::clone(&self.long), kind: kind.clone() };
        Body::Stream(Box::pin(CountedStream { stream, _counted: counted }))
    }

    /// Counts a request that was answered. What goes on counts when it has begun, and has no duration.
    pub(crate) fn end(&self, kind: Kind, code: u16, time: Duration, bytes: Option<u64>) {
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
        if let Some(bytes) = bytes.filter(|_| timed) {
            #[expect(clippy::cast_precision_loss, reason = "a sum of sizes is about right")]
            let bytes = bytes as f64;
            let bucket = SIZE_BUCKETS.partition_point(|bound| *bound < bytes);
            if let Some(bucket) = series.sizes.get_mut(bucket) {
                *bucket += 1;
            }
            series.bytes += bytes;
            series.sized += 1;
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
        self.build(&mut out);
        process::write(&mut out, self.started);
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
        let durations = [
            ("apiserver_request_duration_seconds", "How long requests took, without watches."),
            ("apiserver_request_sli_duration_seconds", "The same: nobody else is waited for."),
        ];
        for (name, help) in durations {
            head(out, name, "histogram", help);
            for (kind, series) in kinds.iter().filter(|(_, series)| series.count > 0) {
                let sum = (series.seconds, series.count);
                histogram(out, name, &kind.labels(), BUCKETS.iter().zip(series.buckets), sum);
            }
        }
        let name = "apiserver_response_sizes";
        head(out, name, "histogram", "Bytes of answers whose size was known.");
        for (kind, series) in kinds.iter().filter(|(_, series)| series.sized > 0) {
            let sum = (series.bytes, series.sized);
            // Without "dry_run".
            let labels = kind.labels();
            let labels = [&labels[..1], &labels[2..]].concat();
            histogram(out, name, &labels, SIZE_BUCKETS.iter().zip(series.sizes), sum);
        }
        drop(kinds);
        let name = "apiserver_longrunning_requests";
        head(out, name, "gauge", "Watches under way.");
        for (kind, count) in self.long.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = kind.labels();
            line(out, name, &[&labels[..1], &labels[2..]].concat(), count);
        }
    }

    /// What else was counted of requests and connections, and what the program is.
    fn build(&self, out: &mut String) {
        let names = ["authorization_attempts_total", "authorization_duration_seconds"];
        let help =
            ["Requests by what the authorization found.", "How long the authorization took."];
        let results = ["allowed", "no-opinion", "error"].map(|result| vec![("result", result)]);
        write_times(out, names, help, results.into_iter().zip(&self.authorized));
        let name = "apiserver_tls_handshake_errors_total";
        head(out, name, "counter", "Handshakes that failed.");
        line(out, name, &[], self.handshakes.load(Ordering::Relaxed));
        let name = "kubernetes_build_info";
        head(out, name, "gauge", "What the program is.");
        let platform = version::platform();
        let labels = [
            ("compiler", "rustc"),
            ("git_version", version::GIT_VERSION),
            ("major", version::MAJOR),
            ("minor", version::MINOR),
            ("platform", &platform),
        ];
        line(out, name, &labels, 1);
    }
}

fn histogram<'a>(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    buckets: impl Iterator<Item = (&'a f64, u64)>,
    (sum, count): (f64, u64),
) {
    let mut below = 0;
    for (bound, more) in buckets {
        below += more;
        let bound = bound.to_string();
        let labels = [labels, &[("le", bound.as_str())]].concat();
        line(out, &format!("{name}_bucket"), &labels, below);
    }
    line(out, &format!("{name}_bucket"), &[labels, &[("le", "+Inf")]].concat(), count);
    line(out, &format!("{name}_sum"), labels, sum);
    line(out, &format!("{name}_count"), labels, count);
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
        metrics.end(kind.clone(), 200, Duration::from_millis(30), Some(5_000));
        metrics.end(kind, 404, Duration::from_secs(100), None);
        let under_way = metrics.begin(true);
        metrics.authorized(Some(false), Duration::from_millis(3));
        let text = metrics.text(&[], |_| {});
        drop(under_way);
        let labels = r#"component="apiserver",dry_run="",group="",resource="foos",scope="",subresource="",verb="GET",version="""#;
        let short = labels.replace("dry_run=\"\",", "");
        for want in [
            format!("apiserver_request_total{{{labels},code=\"200\"}} 1"),
            format!("apiserver_request_total{{{labels},code=\"404\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"0.025\"}} 0"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"0.05\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"60\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("apiserver_request_duration_seconds_count{{{labels}}} 2"),
            "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1".to_owned(),
            format!("apiserver_request_sli_duration_seconds_count{{{labels}}} 2"),
            format!("apiserver_response_sizes_bucket{{{short},le=\"1000\"}} 0"),
            format!("apiserver_response_sizes_bucket{{{short},le=\"10000\"}} 1"),
            format!("apiserver_response_sizes_sum{{{short}}} 5000"),
            "authorization_attempts_total{result=\"no-opinion\"} 1".to_owned(),
            "authorization_duration_seconds_bucket{result=\"no-opinion\",le=\"0.002\"} 0"
                .to_owned(),
            "authorization_duration_seconds_bucket{result=\"no-opinion\",le=\"0.004\"} 1"
                .to_owned(),
        ] {
            assert!(text.lines().any(|line| line == want), "no line {want} in\n{text}");
        }
        assert!(metrics.text(&[], |_| {}).contains("{request_kind=\"mutating\"} 0"));
    }
}
