//! `/metrics`: what the server has done, in the text format of Prometheus.
//!
//! Names and labels are those of the
//! [metrics of Kubernetes](https://kubernetes.io/docs/reference/instrumentation/metrics/), so that
//! dashboards and alerts made for a kube-apiserver fit.

mod events;
mod histogram;
mod open;
mod process;
mod text;

use crate::body::Body;
use crate::request::ResourcePath;
use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use std::array;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(crate) use events::{Events, Watched};
pub(crate) use histogram::{Asked, FAST, Histogram, write_times};
pub(crate) use open::{CONTENT_TYPE as OPEN_METRICS, MEDIA as OPEN_METRICS_MEDIA, open_metrics};
pub(crate) use text::{head, line};

/// The text format of Prometheus.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The upper bounds of the buckets of a request's duration, in seconds.
pub(crate) const DURATIONS: &[f64] = &[
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
];

/// The upper bounds of the buckets of an answer's size, in bytes.
const SIZES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// The upper bounds of the buckets of a body's size, in bytes: by hundreds of thousands.
const BODIES: &[f64] = &[
    5e4, 1.5e5, 2.5e5, 3.5e5, 4.5e5, 5.5e5, 6.5e5, 7.5e5, 8.5e5, 9.5e5, 1.05e6, 1.15e6, 1.25e6,
    1.35e6, 1.45e6, 1.55e6, 1.65e6, 1.75e6, 1.85e6, 1.95e6, 2.05e6, 2.15e6, 2.25e6, 2.35e6, 2.45e6,
    2.55e6, 2.65e6, 2.75e6, 2.85e6, 2.95e6, 3.05e6,
];

/// The upper bounds of the buckets of the time that a filter takes, in seconds.
const FILTERS: &[f64] =
    &[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 5.0, 10.0, 15.0, 30.0];

/// What a request goes through before it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filter {
    Audit,
    Authentication,
    Authorization,
    Impersonation,
}

impl Filter {
    /// Under the names that Kubernetes has for them.
    const ALL: [&str; 4] = ["audit", "authentication", "authorization", "constrainedimpersonation"];
}

/// What a request says of fields that are not known: a place among the things that can be said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldValidation(usize);

impl FieldValidation {
    /// As metrics call it; the last one is for everything else.
    const ALL: [&str; 5] = ["", "Ignore", "Strict", "Warn", "invalid"];

    /// What a query says.
    pub(crate) fn of(query: &[(String, String)]) -> Self {
        let mut said = query.iter().filter(|(key, _)| key == "fieldValidation");
        let known = match (said.next(), said.next()) {
            (None, _) => Some(0),
            (Some((_, said)), None) => Self::ALL.iter().position(|it| it == said),
            (Some(_), Some(_)) => None,
        };
        Self(known.unwrap_or(Self::ALL.len() - 1))
    }
}

/// What kind of request was answered. Only what is served is named, so clients cannot make series
/// without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub verb: &'static str,
    pub group: String,
    pub version: String,
    pub resource: String,
    /// Of what is no resource, its path.
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
    requests: Mutex<BTreeMap<Kind, Arc<Series>>>,
    filters: [Histogram; Filter::ALL.len()],
    field_validations: [Histogram; FieldValidation::ALL.len()],
    /// How requests were authorized: allowed, nobody had an opinion, it could not be told.
    authorized: [Histogram; 3],
    /// Handshakes that failed.
    pub handshakes: Arc<AtomicU64>,
}

/// Measures one filter after the other.
#[derive(Debug)]
pub(crate) struct Laps<'a> {
    metrics: &'a Metrics,
    begun: Instant,
    times: [Duration; Filter::ALL.len()],
}

impl Laps<'_> {
    /// A request has come through a filter, or was refused by it.
    pub(crate) fn end(&mut self, filter: Filter) {
        let now = Instant::now();
        let time = now - self.begun;
        self.metrics.filters[filter as usize].add_time(time);
        (self.times[filter as usize], self.begun) = (time, now);
    }

    /// How long it took to find out who asks and whether they may, under the names of annotations.
    pub(crate) fn annotations(&self) -> [(&'static str, Duration); 3] {
        let time = |filter: Filter| self.times[filter as usize];
        [
            ("apiserver.latency.k8s.io/authentication", time(Filter::Authentication)),
            ("apiserver.latency.k8s.io/authorization", time(Filter::Authorization)),
            ("apiserver.latency.k8s.io/impersonation", time(Filter::Impersonation)),
        ]
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
            requests: Mutex::default(),
            filters: array::from_fn(|_| Histogram::new(FILTERS)),
            field_validations: array::from_fn(|_| Histogram::new(DURATIONS)),
            authorized: array::from_fn(|_| Histogram::new(FAST)),
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

    /// Begins to measure filters.
    pub(crate) fn laps(&self) -> Laps<'_> {
        Laps { metrics: self, begun: Instant::now(), times: Default::default() }
    }

    /// Where requests of a kind are counted.
    pub(crate) fn of(&self, kind: Kind) -> Arc<Series> {
        let mut all = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(kind).or_default())
    }

    /// Counts a request by what it says of fields that are not known.
    pub(crate) fn field_validation(&self, said: FieldValidation, time: Duration) {
        self.field_validations[said.0].add_time(time);
    }
}

impl Kind {
    /// What a request is counted as.
    pub(crate) fn of(at: &ResourcePath, verb: &str, applies: bool) -> Self {
        Self {
            verb: match verb {
                "get" => "GET",
                "list" => "LIST",
                "watch" => "WATCH",
                "create" => "POST",
                "update" => "PUT",
                "patch" if applies => "APPLY",
                "patch" => "PATCH",
                "connect" => "CONNECT",
                // As in Kubernetes a collection is told by the scope.
                _ => "DELETE",
            },
            group: at.group.clone(),
            version: at.version.clone(),
            resource: at.resource.clone(),
            subresource: at.subresource.clone().unwrap_or_default(),
            scope: match (&at.name, &at.namespace) {
                _ if verb == "create" => "resource",
                (Some(_), _) => "resource",
                (None, Some(_)) => "namespace",
                (None, None) => "cluster",
            },
        }
    }

    /// A GET of a path that is no resource.
    pub(crate) fn of_path(path: &str) -> Self {
        Self { verb: "GET", subresource: path.to_owned(), ..Self::default() }
    }
}

/// What is counted of one kind of request.
#[derive(Debug)]
pub(crate) struct Series {
    /// By whether nothing was to be written, and by the code.
    codes: Mutex<BTreeMap<(bool, u16), u64>>,
    /// Requests that were given up, by the code.
    terminated: Mutex<BTreeMap<u16, u64>>,
    /// How long they took, apart where nothing was to be written.
    times: [Histogram; 2],
    sizes: Histogram,
    /// The bodies that came with them.
    bodies: Histogram,
    /// Watches under way.
    going_on: AtomicI64,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub code: u16,
    pub dry_run: bool,
    pub begun: Instant,
}

/// Counts what an answer brings while it is sent, until this is dropped.
struct Sending {
    series: Arc<Series>,
    bytes: usize,
    /// When it began, where it is a watch.
    going_on: Option<Instant>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.series.sizes.add_size(self.bytes);
        if let Some(begun) = self.going_on {
            self.series.times[0].add_time(begun.elapsed());
            self.series.going_on.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A body that is counted while it is sent.
struct Counted<S> {
    body: S,
    sending: Sending,
}

impl<S: Stream<Item = Bytes> + Unpin> Stream for Counted<S> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = Pin::new(&mut self.body).poll_next(cx);
        if let Poll::Ready(Some(piece)) = &next {
            self.sending.bytes += piece.len();
        }
        next
    }
}

impl<S: Iterator<Item = Bytes>> Iterator for Counted<S> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let piece = self.body.next()?;
        self.sending.bytes += piece.len();
        Some(piece)
    }
}

impl Default for Series {
    fn default() -> Self {
        Self {
            codes: Mutex::default(),
            terminated: Mutex::default(),
            times: [(); 2].map(|()| Histogram::new(DURATIONS)),
            sizes: Histogram::new(SIZES),
            bodies: Histogram::new(BODIES),
            going_on: AtomicI64::default(),
        }
    }
}

impl Series {
    /// Counts an answer, and its body while it is sent: of what is read its size, and of a watch how
    /// long it lasts. What goes on counts as answered when it has begun.
    pub(crate) fn end(self: &Arc<Self>, verb: &str, answered: Answered, body: Body) -> Body {
        let Answered { code, dry_run, begun } = answered;
        self.count(code, dry_run);
        match (verb, body) {
            ("WATCH", Body::Stream(body)) => {
                self.going_on.fetch_add(1, Ordering::Relaxed);
                let sending = self.sending(Some(begun));
                Body::Stream(Box::pin(Counted { body, sending }))
            }
            ("CONNECT", body) => body,
            (_, body) => {
                self.times[usize::from(dry_run)].add_time(begun.elapsed());
                self.sized(verb, body)
            }
        }
    }

    /// Counts the size of what is read.
    fn sized(self: &Arc<Self>, verb: &str, body: Body) -> Body {
        if !matches!(verb, "GET" | "LIST" | "WATCH") {
            return body;
        }
        match body {
            Body::Pieces(body) => {
                Body::Pieces(Box::new(Counted { body, sending: self.sending(None) }))
            }
            Body::Full(bytes) => {
                self.sizes.add_size(bytes.as_ref().map_or(0, Bytes::len));
                Body::Full(bytes)
            }
            body => body,
        }
    }

    fn sending(self: &Arc<Self>, going_on: Option<Instant>) -> Sending {
        Sending { series: Arc::clone(self), bytes: 0, going_on }
    }

    fn count(&self, code: u16, dry_run: bool) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        *codes.entry((dry_run, code)).or_default() += 1;
    }

    /// Counts a body that was read, where the verb has one.
    pub(crate) fn body(&self, verb: &str, bytes: usize) {
        if !matches!(verb, "get" | "list" | "watch") {
            self.bodies.add_size(bytes);
        }
    }

    /// Counts a request that was given up for the sake of others.
    pub(crate) fn terminated(&self, code: u16) {
        let mut terminated = self.terminated.lock().unwrap_or_else(PoisonError::into_inner);
        *terminated.entry(code).or_default() += 1;
    }

    /// Counts a request that was not let in.
    pub(crate) fn refused(&self, code: u16, dry_run: bool) {
        self.count(code, dry_run);
        self.terminated(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(sizes: &[usize]) -> Body {
        let pieces: Vec<_> = sizes.iter().map(|size| vec![0; *size].into()).collect();
        Body::Pieces(Box::new(pieces.into_iter()))
    }

    #[test]
    fn counts_and_times_requests() {
        let metrics = Metrics::new(Timestamp::UNIX_EPOCH);
        let kind = Kind { verb: "GET", resource: "foos".into(), ..Kind::default() };
        let series = metrics.of(kind);
        let ended = |code, dry_run, time, body| {
            let begun = Instant::now().checked_sub(time).expect("the machine has run for so long");
            series.end("GET", Answered { code, dry_run, begun }, body)
        };
        ended(200, false, Duration::from_millis(30), Body::full(vec![0; 5_000]));
        let pieces = ended(404, false, Duration::from_secs(10), pieces(&[700, 80]));
        let Body::Pieces(mut pieces) = pieces else { panic!("they stay what they are") };
        assert_eq!(pieces.next().map(|piece| piece.len()), Some(700));
        drop(pieces);
        ended(200, true, Duration::ZERO, Body::Full(None));
        let other =
            Kind { verb: "POST", version: "v1".into(), resource: "foos".into(), ..Kind::default() };
        metrics.of(Kind { version: "v2".into(), ..other.clone() }).body("create", 50_000);
        metrics.of(other).body("create", 60_000);
        series.refused(429, false);
        let under_way = metrics.begin(true);
        metrics.authorized(Some(false), Duration::from_millis(3));
        let text = metrics.text(&[], &[], |_| {});
        drop(under_way);
        let labels = r#"component="apiserver",dry_run="",group="",resource="foos",scope="",subresource="",verb="GET",version="""#;
        let short = labels.replace("dry_run=\"\",", "");
        let bodies = "apiserver_request_body_size_bytes";
        let dry = labels.replace("dry_run=\"\"", "dry_run=\"All\"");
        for want in [
            format!("apiserver_request_total{{{labels},code=\"200\"}} 1"),
            format!("apiserver_request_total{{{labels},code=\"404\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"0.025\"}} 0"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"0.05\"}} 1"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"60\"}} 2"),
            format!("apiserver_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("apiserver_request_duration_seconds_count{{{labels}}} 2"),
            "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1".to_owned(),
            format!("apiserver_request_total{{{dry},code=\"200\"}} 1"),
            format!("apiserver_request_total{{{labels},code=\"429\"}} 1"),
            format!("apiserver_request_terminations_total{{{short},code=\"429\"}} 1"),
            format!("apiserver_request_duration_seconds_count{{{dry}}} 1"),
            format!("apiserver_request_sli_duration_seconds_bucket{{{short},le=\"0.05\"}} 1"),
            format!("apiserver_request_sli_duration_seconds_count{{{short}}} 2"),
            format!("apiserver_response_sizes_bucket{{{short},le=\"1000\"}} 2"),
            format!("apiserver_response_sizes_bucket{{{short},le=\"10000\"}} 3"),
            format!("apiserver_response_sizes_sum{{{short}}} 5700"),
            format!(
                "{bodies}_bucket{{group=\"\",resource=\"foos\",verb=\"create\",le=\"50000\"}} 1"
            ),
            format!(
                "{bodies}_bucket{{group=\"\",resource=\"foos\",verb=\"create\",le=\"150000\"}} 2"
            ),
            "authorization_attempts_total{result=\"no-opinion\"} 1".to_owned(),
            "authorization_duration_seconds_bucket{result=\"no-opinion\",le=\"0.002\"} 0"
                .to_owned(),
            "authorization_duration_seconds_bucket{result=\"no-opinion\",le=\"0.004\"} 1"
                .to_owned(),
        ] {
            assert!(text.lines().any(|line| line == want), "no line {want} in\n{text}");
        }
        assert!(!text.contains("verb=\"get\""), "{text}");
        assert!(metrics.text(&[], &[], |_| {}).contains("{request_kind=\"mutating\"} 0"));
    }
}
