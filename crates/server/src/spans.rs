//! A span of [OpenTelemetry](https://opentelemetry.io/docs/concepts/signals/traces/) for some requests,
//! sent to a collector, as the file of `--tracing-config-file` says.
//!
//! The file is Kubernetes' `TracingConfiguration`. Spans go by OTLP over HTTP in JSON, which every
//! collector takes at port 4318. A request that belongs to a trace already (`traceparent`) becomes a
//! part of it; whether it is told of is decided here all the same, so that strangers cannot have
//! everything told.

use crate::body::Body;
use crate::clock::Clock;
use crate::names;
use crate::upstream::Upstream;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Request, Response};
use jiff::Timestamp;
use pintle_meta::yaml;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Spans that wait to be sent; more are lost.
const WAITING_MAX: usize = 2_048;
/// Spans that are sent together, and how long the first of them waits.
const BATCH_MAX: usize = 512;
const BATCH_WAIT: Duration = Duration::from_secs(5);
/// How long the end of a server waits for spans to be sent.
const FLUSH_TIME: Duration = Duration::from_secs(5);
/// What is shown of a header or a path.
const TEXT_BYTES_MAX: usize = 1_024;
/// Where a collector is, unless the file says otherwise.
const ENDPOINT: &str = "localhost:4318";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Configuration {
    api_version: String,
    kind: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    sampling_rate_per_million: u32,
}

/// What tells of requests.
pub(crate) struct Spans {
    /// Traces below this are told of.
    below: u64,
    queue: mpsc::Sender<Item>,
    clock: Clock,
    lost: AtomicU64,
}

enum Item {
    Span(Box<Value>),
    Flush(oneshot::Sender<()>),
}

/// A request that is told of when it is answered.
#[derive(Debug)]
pub(crate) struct Open {
    spans: Arc<Spans>,
    trace: String,
    parent: String,
    begun: Timestamp,
    method: String,
    path: String,
    agent: String,
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").field("below", &self.below).finish_non_exhaustive()
    }
}

impl Configuration {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let value = yaml::decode(text).map_err(|error| error.to_string())?.value;
        let parsed: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let versions =
            ["v1", "v1beta1", "v1alpha1"].map(|it| format!("apiserver.config.k8s.io/{it}"));
        if !versions.contains(&parsed.api_version) || parsed.kind != "TracingConfiguration" {
            return Err("it is no TracingConfiguration of apiserver.config.k8s.io/v1".to_owned());
        }
        if parsed.sampling_rate_per_million > 1_000_000 {
            let rate = parsed.sampling_rate_per_million;
            return Err(format!(
                "samplingRatePerMillion: Invalid value: {rate}: sampling rate must be less than or \
                 equal to one million"
            ));
        }
        Ok(parsed)
    }

    /// Where to send: `http://HOST:PORT`, unless the file has a whole URL.
    fn origin(&self) -> String {
        let endpoint = if self.endpoint.is_empty() { ENDPOINT } else { &self.endpoint };
        match endpoint.contains("://") {
            true => endpoint.trim_end_matches('/').to_owned(),
            false => format!("http://{endpoint}"),
        }
    }
}

impl Spans {
    /// Reads the file, and starts the task that sends; nothing where there is no file.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn of(
        path: Option<&Path>,
        name: &str,
        clock: &Clock,
    ) -> io::Result<Option<Arc<Self>>> {
        let Some(path) = path else { return Ok(None) };
        let about = |error: &dyn fmt::Display| {
            let message =
                format!("cannot use the tracing configuration {}: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        if std::fs::metadata(path).map_err(|error| about(&error))?.len() > FILE_BYTES_MAX {
            return Err(about(&format!("longer than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read(path).map_err(|error| about(&error))?;
        let configuration = Configuration::parse(&text).map_err(|error| about(&error))?;
        let server =
            Upstream::of_origin(&configuration.origin(), None).map_err(|error| about(&error))?;
        let (queue, items) = mpsc::channel(WAITING_MAX);
        tokio::spawn(send(items, server, name.to_owned()));
        let rate = u64::from(configuration.sampling_rate_per_million);
        let below = (1 << 63) / 1_000_000 * rate;
        let (clock, lost) = (clock.clone(), AtomicU64::new(0));
        Ok(Some(Arc::new(Self { below, queue, clock, lost })))
    }

    /// Begins the span of a request, if it is one that is told of.
    pub(crate) fn begin<B>(self: &Arc<Self>, request: &Request<B>) -> Option<Open> {
        let (trace, parent) = parent(request.headers()).unwrap_or_else(|| {
            let trace = names::hex::<16>();
            (trace, String::new())
        });
        // As everywhere with OpenTelemetry: who sees a part of a trace sees the whole.
        let place = u64::from_str_radix(&trace[16..], 16).ok()? >> 1;
        if place >= self.below {
            return None;
        }
        let agent = request.headers().get(USER_AGENT);
        let agent = agent.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
        Some(Open {
            spans: Arc::clone(self),
            trace,
            parent,
            begun: self.clock.now(),
            method: request.method().as_str().to_owned(),
            path: short(request.uri().path()),
            agent: short(&agent.unwrap_or_default()),
        })
    }

    /// Waits until what was told of is sent, but not for long.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let flushed = async {
            if self.queue.send(Item::Flush(done)).await.is_ok() {
                let _ = wait.await;
            }
        };
        let _ = timeout(FLUSH_TIME, flushed).await;
    }
}

impl Open {
    /// Ends the span: the headers of the answer are there.
    pub(crate) fn end(self, response: &Response<Body>, audit_id: &HeaderValue) {
        let code = response.status().as_u16();
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let span = json!({
            "traceId": self.trace,
            "spanId": names::hex::<8>(),
            "parentSpanId": self.parent,
            "name": "KubernetesAPI",
            "kind": 2,
            "startTimeUnixNano": self.begun.as_nanosecond().to_string(),
            "endTimeUnixNano": self.spans.clock.now().as_nanosecond().to_string(),
            "attributes": [
                text("http.request.method", &self.method),
                text("url.path", &self.path),
                text("user_agent.original", &self.agent),
                text("audit-id", audit_id.to_str().unwrap_or_default()),
                {"key": "http.response.status_code", "value": {"intValue": code.to_string()}},
            ],
            "status": {"code": if code >= 500 { 2 } else { 0 }},
        });
        if self.spans.queue.try_send(Item::Span(Box::new(span))).is_err() {
            let lost = self.spans.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::warn!("{lost} spans were lost: the collector does not take them");
            }
        }
    }
}

/// The trace that a request belongs to, and the span above it; see
/// [Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header).
fn parent(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags, ..] = parts[..] else { return None };
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |text: &str| text.bytes().any(|it| it != b'0');
    let fits = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.len() == 4)
        && hex(trace, 32)
        && some(trace)
        && hex(span, 16)
        && some(span)
        && hex(flags, 2);
    fits.then(|| (trace.to_owned(), span.to_owned()))
}

fn short(text: &str) -> String {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or_default()].to_owned()
}

/// Sends what is put into the queue, in batches, until nobody can put anything there.
async fn send(mut items: mpsc::Receiver<Item>, server: Upstream, name: String) {
    while let Some(first) = items.recv().await {
        let (mut batch, mut flushed) = (Vec::new(), None);
        let mut next = Some(first);
        let until = Instant::now() + BATCH_WAIT;
        while let Some(item) = next {
            match item {
                Item::Span(span) => batch.push(*span),
                Item::Flush(done) => {
                    flushed = Some(done);
                    break;
                }
            }
            next = match batch.len() < BATCH_MAX {
                true => timeout_at(until, items.recv()).await.ok().flatten(),
                false => None,
            };
        }
        if !batch.is_empty() {
            let body = Bytes::from(document(&name, &batch).to_string());
            if let Err(failure) = server.post("/v1/traces", body).await {
                tracing::warn!("the collector has not taken spans: {failure}");
            }
        }
        if let Some(done) = flushed {
            let _ = done.send(());
        }
    }
}

fn document(name: &str, spans: &[Value]) -> Value {
    let service = json!({"key": "service.name", "value": {"stringValue": name}});
    json!({"resourceSpans": [{
        "resource": {"attributes": [service]},
        "scopeSpans": [{"scope": {"name": "pintle"}, "spans": spans}],
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_that_a_request_belongs_to() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for (text, fits) in [
            (format!("00-{trace}-{span}-01"), true),
            (format!("00-{trace}-{span}-00"), true),
            (format!("cc-{trace}-{span}-01-more"), true),
            (format!("00-{trace}-{span}-01-more"), false),
            (format!("ff-{trace}-{span}-01"), false),
            (format!("00-{}-{span}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{}-{span}-01", trace.to_uppercase()), false),
            (format!("00-{trace}-{span}"), false),
            ("x".to_owned(), false),
        ] {
            let value = HeaderValue::from_str(&text).unwrap();
            let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), value)]);
            let want = fits.then(|| (trace.to_owned(), span.to_owned()));
            assert_eq!(parent(&headers), want, "{text}");
        }
    }

    #[test]
    fn configurations() {
        let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\n";
        for (text, want) in [
            (head.to_owned(), Ok("http://localhost:4318")),
            (format!("{head}endpoint: c:1\nsamplingRatePerMillion: 1000000"), Ok("http://c:1")),
            (format!("{head}endpoint: 'https://c/'"), Ok("https://c")),
            (format!("{head}samplingRatePerMillion: 1000001"), Err("less than or equal")),
            (format!("{head}rate: 1"), Err("unknown field `rate`")),
            (head.replace("v1", "v2"), Err("it is no TracingConfiguration")),
            ("x".to_owned(), Err("invalid type")),
        ] {
            match (Configuration::parse(text.as_bytes()), want) {
                (Ok(got), Ok(want)) => assert_eq!(got.origin(), want, "{text}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{got}\n{text}"),
                (got, _) => panic!("{text}: {:?}", got.map(|it| it.origin())),
            }
        }
    }
}
