//! Audit: who asked for what and what came of it, as a policy wants it written down.
//!
//! See [auditing](https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/). Without a policy
//! nothing here is reached.

mod event;
mod log;
mod policy;
mod shown;

use crate::authz::{Attributes, Permit, Refusal};
use crate::body::Body;
use crate::clock::Clock;
use crate::metrics;
use crate::options::AuditOptions;
use bytes::Bytes;
use event::{Event, Micros};
use futures::Stream;
use http::Response;
use log::Line;
use pintle_meta::protobuf::{LazyCodec, envelope};
use pintle_meta::{User, yaml};
use policy::{Extent, Level, Policy, Stage};
use serde_json::{Map, Value, json};
use shown::document;
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

pub(crate) use event::Sender;
pub(crate) use log::LogFile;
pub(crate) use shown::sender;

/// Whether a request waits until its event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum AuditMode {
    /// It does not: events are written when there is time, and dropped where there are too many.
    Batch,
    /// It does; an event that cannot be written is lost.
    Blocking,
    /// It does, and is refused where its arrival cannot be written down.
    BlockingStrict,
}

/// How events are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub mode: AuditMode,
    /// Events that wait to be written.
    pub buffer_max: usize,
    /// A larger event is written without its objects; `None` for no limit.
    pub event_bytes_max: Option<usize>,
}

/// What writes events down.
pub(crate) struct Audit {
    policy: Policy,
    lines: mpsc::Sender<Line>,
    settings: Settings,
    clock: Clock,
    events: AtomicU64,
    errors: AtomicU64,
    rejected: AtomicU64,
    levels: [AtomicU64; 4],
}

/// The event of a request that is under way.
#[derive(Debug)]
pub(crate) struct Record {
    audit: Arc<Audit>,
    event: Event,
    extent: Extent,
    /// The stage of the whole answer.
    last: Stage,
}

/// The event of a request could not be written, and must have been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unwritten;

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Audit {
    /// The audit that the flags ask for: there is one where there are both a policy and a log.
    ///
    /// # Errors
    /// Where the policy cannot be read or the log cannot be opened.
    pub(crate) fn of(options: &AuditOptions, clock: &Clock) -> io::Result<Option<Arc<Self>>> {
        match (&options.audit_policy_file, options.log()) {
            (Some(policy), Some(log)) => {
                Self::start(policy, log, options.settings(), clock.clone()).map(Some)
            }
            (None, None) => Ok(None),
            (Some(_), None) => {
                tracing::warn!("--audit-policy-file without --audit-log-path: nothing is audited");
                Ok(None)
            }
            (None, Some(_)) => {
                tracing::warn!("--audit-log-path without --audit-policy-file: nothing is audited");
                Ok(None)
            }
        }
    }

    fn start(
        policy: &Path,
        file: LogFile,
        settings: Settings,
        clock: Clock,
    ) -> io::Result<Arc<Self>> {
        let policy = Policy::load(policy)?;
        let lines = file.start(settings.buffer_max)?;
        let count = || AtomicU64::new(0);
        let levels = std::array::from_fn(|_| count());
        let (events, errors, rejected) = (count(), count(), count());
        Ok(Arc::new(Self { policy, lines, settings, clock, events, errors, rejected, levels }))
    }

    /// Begins the event of a request; `None` where nothing of it is to be written.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        from: Sender<'_>,
        attributes: &Attributes<'_>,
    ) -> Result<Option<Record>, Unwritten> {
        let Some(record) = self.record(from, attributes) else { return Ok(None) };
        let written = record.emit(Stage::RequestReceived, record.event.stage_timestamp).await;
        if !written && self.settings.mode == AuditMode::BlockingStrict {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(Unwritten);
        }
        Ok(Some(record))
    }

    /// The event of a request from somebody who is not known: it has only an answer.
    pub(crate) fn unknown(
        self: &Arc<Self>,
        from: Sender<'_>,
        attributes: &Attributes<'_>,
    ) -> Option<Record> {
        let record = self.record(from, attributes)?;
        Some(Record { last: Stage::ResponseStarted, ..record })
    }

    fn record(self: &Arc<Self>, from: Sender<'_>, attributes: &Attributes<'_>) -> Option<Record> {
        let extent = self.policy.extent(attributes);
        self.levels[extent.level as usize].fetch_add(1, Ordering::Relaxed);
        if extent.level == Level::None {
            return None;
        }
        let event = Event::new(extent.level, from, attributes);
        Some(Record { audit: Arc::clone(self), event, extent, last: Stage::ResponseComplete })
    }

    /// Waits until everything is written.
    pub(crate) async fn flush(&self) {
        let (written, wait) = oneshot::channel();
        let line = Line { text: Vec::new(), time: self.clock.now(), written: Some(written) };
        if self.lines.send(line).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Writes the counters as metrics.
    pub(crate) fn write(&self, out: &mut String) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (events, errors) = ("apiserver_audit_event_total", "apiserver_audit_error_total");
        metrics::head(out, events, "counter", "Audit events made.");
        metrics::line(out, events, &[], get(&self.events));
        metrics::head(out, errors, "counter", "Audit events that could not be written.");
        metrics::line(out, errors, &[("plugin", "log")], get(&self.errors));
        let name = "apiserver_audit_level_total";
        metrics::head(out, name, "counter", "Requests by the level of the policy.");
        for (level, count) in
            ["None", "Metadata", "Request", "RequestResponse"].iter().zip(&self.levels)
        {
            metrics::line(out, name, &[("level", level)], get(count));
        }
        let name = "apiserver_audit_requests_rejected_total";
        metrics::head(out, name, "counter", "Requests refused as they could not be audited.");
        metrics::line(out, name, &[], get(&self.rejected));
    }

    fn line(&self, event: &Event) -> Option<Vec<u8>> {
        let text = |event: &Event| {
            let mut text = serde_json::to_vec(event).ok()?;
            text.push(b'\n');
            Some(text)
        };
        let whole = text(event)?;
        match self.settings.event_bytes_max {
            Some(max) if whole.len() > max => {
                let mut short = event.clone();
                (short.request_object, short.response_object) = (None, None);
                short.annotations.insert("audit.k8s.io/truncated", "true".to_owned());
                text(&short).filter(|short| short.len() <= max)
            }
            _ => Some(whole),
        }
    }
}

impl Record {
    /// Says as whom the request is answered.
    pub(crate) fn impersonated(&mut self, user: &User) {
        self.event.impersonated_user = Some(user.into());
    }

    /// Says what the authorization has decided, and why.
    pub(crate) fn decided(&mut self, decided: &Result<Permit, Refusal>) {
        let (decision, reason) = match decided {
            Ok(permit) => (Some("allow"), permit.reason()),
            Err(Refusal::Forbidden { reason, .. }) => (Some("forbid"), reason.as_str()),
            Err(Refusal::Failed(_)) => (None, "internal error"),
        };
        let annotations = &mut self.event.annotations;
        annotations.insert("authorization.k8s.io/reason", reason.to_owned());
        if let Some(decision) = decision {
            annotations.insert("authorization.k8s.io/decision", decision.to_owned());
        }
    }

    /// Takes in the body of the request.
    pub(crate) fn request(&mut self, media: Option<&str>, body: &Bytes, codec: &LazyCodec) {
        if body.is_empty() {
            return;
        }
        let media = media.unwrap_or("application/json");
        let object = if media.starts_with("application/vnd.kubernetes.protobuf") {
            let opened = envelope::open(body).ok();
            opened.and_then(|opened| codec.codec().ok()?.read(opened.raw).ok())
        } else if media.contains("yaml") {
            yaml::decode(body).ok().map(|parsed| parsed.value)
        } else {
            serde_json::from_slice(body).ok()
        };
        let Some(mut object) = object else { return };
        if let Some(about) = &mut self.event.object_ref {
            about.complete(&object);
        }
        if self.extent.level >= Level::Request {
            self.tidy(&mut object);
            self.event.request_object = Some(object);
        }
    }

    /// Writes down what a request is answered; of a stream also its end.
    pub(crate) async fn finish(mut self, response: Response<Body>) -> Response<Body> {
        let (parts, mut body) = response.into_parts();
        let code = parts.status.as_u16();
        if let Body::Stream(stream) = body {
            self.answered(code, None);
            self.emit(Stage::ResponseStarted, self.now()).await;
            let stream = Ending { stream, record: Some(self) };
            return Response::from_parts(parts, Body::Stream(Box::pin(stream)));
        }
        let whole = self.extent.level == Level::RequestResponse;
        if let (true, Body::Pieces(pieces)) = (whole, &mut body) {
            let pieces: Vec<Bytes> = pieces.collect();
            body = Body::full(pieces.concat());
        }
        let object = match &body {
            Body::Full(Some(bytes)) if whole || code >= 400 => document(&parts.headers, bytes),
            _ => None,
        };
        self.answered(code, object.as_ref());
        if whole && self.event.object_ref.is_some() {
            self.event.response_object = object.map(|mut object| {
                self.tidy(&mut object);
                object
            });
        }
        self.emit(self.last, self.now()).await;
        Response::from_parts(parts, body)
    }

    /// Writes down that a request panicked.
    pub(crate) async fn panicked(mut self) {
        self.event.response_status = Some(json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
            "message": "APIServer panic'd",
        }));
        self.emit(Stage::Panic, self.now()).await;
    }

    fn now(&self) -> Micros {
        Micros(self.audit.clock.now())
    }

    fn tidy(&self, object: &mut Value) {
        if self.extent.omit_managed_fields {
            event::without_managed_fields(object);
        }
    }

    /// The status: that of the body where it is one, else no more than the code.
    fn answered(&mut self, code: u16, body: Option<&Value>) {
        let mut status = Map::new();
        status.insert("metadata".to_owned(), json!({}));
        if let Some(body) = body.filter(|body| body["kind"] == "Status") {
            for field in ["status", "message", "reason", "details"] {
                let value = body.get(field).cloned();
                status.extend(value.map(|value| (field.to_owned(), value)));
            }
        }
        status.insert("code".to_owned(), code.into());
        self.event.response_status = Some(Value::Object(status));
    }

    /// The line of a stage, unless the policy leaves it out.
    fn line(&self, stage: Stage, time: Micros) -> Option<Line> {
        if self.extent.omit_stages.contains(&stage) {
            return None;
        }
        self.audit.events.fetch_add(1, Ordering::Relaxed);
        let mut event = self.event.clone();
        (event.stage, event.stage_timestamp) = (stage, time);
        let text = self.audit.line(&event);
        if text.is_none() {
            self.failed("event is too large even after truncating");
        }
        Some(Line { text: text?, time: time.0, written: None })
    }

    /// Writes a stage; whether it was, or was to be left out.
    async fn emit(&self, stage: Stage, time: Micros) -> bool {
        let Some(mut line) = self.line(stage, time) else { return true };
        if self.audit.settings.mode == AuditMode::Batch {
            return self.emit_soon(line);
        }
        let (written, wait) = oneshot::channel();
        line.written = Some(written);
        let sent = self.audit.lines.send(line).await.is_ok();
        let written = sent && wait.await.unwrap_or(false);
        if !written {
            self.failed("it cannot be written");
        }
        written
    }

    fn emit_soon(&self, line: Line) -> bool {
        let sent = self.audit.lines.try_send(line).is_ok();
        if !sent {
            self.failed("there are too many to be written");
        }
        sent
    }

    fn failed(&self, why: &str) {
        self.audit.errors.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(audit_id = self.event.audit_id, why, "an audit event is lost");
    }
}

/// A stream whose end is written down, also where the client goes away.
struct Ending<S> {
    stream: S,
    record: Option<Record>,
}

impl<S: Stream<Item = Bytes> + Unpin> Stream for Ending<S> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl<S> Drop for Ending<S> {
    fn drop(&mut self) {
        let Some(record) = self.record.take() else { return };
        if let Some(line) = record.line(Stage::ResponseComplete, record.now()) {
            record.emit_soon(line);
        }
    }
}
