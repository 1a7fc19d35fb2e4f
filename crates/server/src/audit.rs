//! Audit: who asked for what and what came of it, as a policy wants it written down.
//!
//! See [auditing](https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/). Without a policy
//! nothing here is reached.

mod ending;
mod event;
mod log;
mod outlet;
mod policy;
mod shown;
mod webhook;

use crate::authz::{Attributes, Permit, Refusal};
use crate::body::Body;
use crate::clock::Clock;
use crate::metrics;
use crate::options::{AuditOptions, duration};
use bytes::Bytes;
use ending::Ending;
use event::{AuthenticationMetadata, Event, Micros};
use http::Response;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use log::Log;
use outlet::{Outlet, Sink};
use pintle_meta::User;
use pintle_meta::protobuf::LazyCodec;
use policy::{Extent, Level, Policy, Stage};
use serde_json::{Map, Value, json};
use shown::document;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use webhook::Webhook;

pub(crate) use ending::Open;
pub(crate) use event::Sender;
pub(crate) use log::LogFile;
pub use outlet::{AuditFormat, AuditMode};
pub(crate) use outlet::{Batching, Settings, Truncate};
pub(crate) use shown::sender;

/// How long the end of a server waits for events to be written.
const FLUSH_TIME: Duration = Duration::from_secs(30);

/// Of what takes longer it is written down where the time went.
const SLOW: Duration = Duration::from_millis(500);

/// What writes events down.
pub(crate) struct Audit {
    policy: Policy,
    outlets: Vec<Outlet>,
    clock: Clock,
    events: AtomicU64,
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
    /// How objects of the kind that is asked for look as protocol buffers.
    codec: Option<LazyCodec>,
}

/// The event of a request could not be written, and must have been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unwritten;

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("outlets", &self.outlets).finish_non_exhaustive()
    }
}

impl Audit {
    /// The audit that the flags ask for: there is one where there are both a policy and somewhere to
    /// write.
    ///
    /// # Errors
    /// Where the policy or the webhook's kubeconfig cannot be read, or the log cannot be opened.
    pub(crate) async fn of(options: &AuditOptions, clock: &Clock) -> io::Result<Option<Arc<Self>>> {
        options.check()?;
        let (log, webhook) = (options.log(), options.webhook());
        let policy = match &options.audit_policy_file {
            Some(_) if log.is_none() && webhook.is_none() => {
                tracing::warn!(
                    "--audit-policy-file without a log or a webhook: nothing is audited"
                );
                return Ok(None);
            }
            None if log.is_some() || webhook.is_some() => {
                tracing::warn!("no --audit-policy-file: nothing is audited");
                return Ok(None);
            }
            None => return Ok(None),
            Some(path) => Policy::load(path)?,
        };
        let mut outlets = Vec::new();
        if let Some((file, settings)) = log {
            outlets.push(Outlet::start(settings, Sink::Log(Log::open(file)?)));
        }
        if let Some((kubeconfig, backoff, settings)) = webhook {
            let webhook = Webhook::open(kubeconfig, backoff).await?;
            outlets.push(Outlet::start(settings, Sink::Webhook(webhook)));
        }
        let count = || AtomicU64::new(0);
        let levels = std::array::from_fn(|_| count());
        let (events, rejected) = (count(), count());
        Ok(Some(Arc::new(Self { policy, outlets, clock: clock.clone(), events, rejected, levels })))
    }

    /// Begins the event of a request; `None` where nothing of it is to be written.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        from: Sender<'_>,
        attributes: &Attributes<'_>,
    ) -> Result<Option<Record>, Unwritten> {
        let Some(record) = self.record(from, attributes) else { return Ok(None) };
        if !record.emit(Stage::RequestReceived, record.event.stage_timestamp).await {
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
        Some(Record {
            audit: Arc::clone(self),
            event,
            extent,
            last: Stage::ResponseComplete,
            codec: None,
        })
    }

    /// Waits until everything is written, but not for ever: a webhook may be away.
    pub(crate) async fn flush(&self) {
        let flushed = futures::future::join_all(self.outlets.iter().map(Outlet::flush));
        if tokio::time::timeout(FLUSH_TIME, flushed).await.is_err() {
            let seconds = FLUSH_TIME.as_secs();
            tracing::error!("audit events are lost: not all were written within {seconds} s");
        }
    }

    /// Writes the counters as metrics.
    pub(crate) fn write(&self, out: &mut String) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let events = "apiserver_audit_event_total";
        metrics::head(out, events, "counter", "Audit events made.");
        metrics::line(out, events, &[], get(&self.events));
        Outlet::write_errors(&self.outlets, out);
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

    /// The text of an event for each outlet; nothing where it is too large.
    fn texts(&self, event: &Event) -> Vec<Option<Bytes>> {
        let Some(whole) = event.json() else { return Vec::new() };
        self.outlets.iter().map(|outlet| outlet.text(event, &whole)).collect()
    }
}

impl Record {
    /// Says as whom the request is answered, and which right of the few that are constrained has
    /// allowed it; `""` for none of them.
    pub(crate) fn impersonated(&mut self, user: &User, constraint: &'static str) {
        self.event.impersonated_user = Some(user.into());
        self.event.authentication_metadata =
            Some(constraint).filter(|it| !it.is_empty()).map(AuthenticationMetadata::new);
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

    /// Takes in the body of the request, and how objects of its kind look as protocol buffers.
    pub(crate) fn request(&mut self, media: Option<&str>, body: &Bytes, codec: &LazyCodec) {
        self.codec = Some(codec.clone());
        if body.is_empty() {
            return;
        }
        let media = media.unwrap_or("application/json");
        let Some(mut object) = document(media, body, self.codec.as_ref()) else { return };
        // A patch says what becomes of an object, not which it is.
        let about = self.event.object_ref.as_mut().filter(|_| !media.contains("patch"));
        if let Some(about) = about {
            about.complete(&object);
        }
        if self.extent.level >= Level::Request {
            self.tidy(&mut object);
            self.event.request_object = Some(object);
        }
    }

    /// Says how long a slow request took, and what came before its answer.
    fn took(&mut self, steps: [(&'static str, Duration); 3]) {
        let total = self.event.age(self.now());
        if total <= SLOW {
            return;
        }
        let steps = steps.into_iter().filter(|(_, time)| !time.is_zero());
        for (key, time) in steps.chain([("apiserver.latency.k8s.io/total", total)]) {
            self.event.annotations.insert(key, duration::text(time));
        }
    }

    /// Writes down what a request is answered; of a stream also its end.
    pub(crate) async fn finish(
        mut self,
        response: Response<Body>,
        steps: [(&'static str, Duration); 3],
    ) -> Response<Body> {
        let (parts, mut body) = response.into_parts();
        let code = parts.status.as_u16();
        if let Body::Stream(stream) = body {
            self.answered(code, None);
            self.emit(Stage::ResponseStarted, self.now()).await;
            let stream = Ending { stream, record: Some(self) };
            return Response::from_parts(parts, Body::Stream(Box::pin(stream)));
        }
        if let Body::Any(body) = body {
            self.answered(code, None);
            self.emit(Stage::ResponseStarted, self.now()).await;
            let ending = Ending { stream: (), record: Some(self) };
            let body = body.map_frame(move |frame| {
                // The record is as old as the body.
                let _ = &ending;
                frame
            });
            return Response::from_parts(parts, Body::Any(body.boxed_unsync()));
        }
        let whole = self.extent.level == Level::RequestResponse;
        if let (true, Body::Pieces(pieces)) = (whole, &mut body) {
            let pieces: Vec<Bytes> = pieces.collect();
            body = Body::full(pieces.concat());
        }
        let object = match &body {
            Body::Full(Some(bytes)) if whole || code >= 400 => {
                let media = parts.headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
                media.and_then(|media| document(media, bytes, self.codec.as_ref()))
            }
            _ => None,
        };
        self.answered(code, object.as_ref());
        self.took(steps);
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

    /// The event at a stage, unless the policy leaves it out.
    fn at(&self, stage: Stage, time: Micros) -> Option<Event> {
        if self.extent.omit_stages.contains(&stage) {
            return None;
        }
        self.audit.events.fetch_add(1, Ordering::Relaxed);
        let mut event = self.event.clone();
        (event.stage, event.stage_timestamp) = (stage, time);
        Some(event)
    }

    /// Writes a stage; whether the request may go on.
    async fn emit(&self, stage: Stage, time: Micros) -> bool {
        let Some(event) = self.at(stage, time) else { return true };
        let mut goes_on = true;
        for (outlet, text) in self.audit.outlets.iter().zip(self.audit.texts(&event)) {
            goes_on &= match text {
                Some(text) => outlet.put(&event, text, time.0).await,
                None => outlet.settings.mode != AuditMode::BlockingStrict,
            };
        }
        goes_on
    }

    /// Writes a stage for which nobody waits.
    fn emit_soon(&self, stage: Stage, time: Micros) {
        let Some(event) = self.at(stage, time) else { return };
        for (outlet, text) in self.audit.outlets.iter().zip(self.audit.texts(&event)) {
            if let Some(text) = text {
                outlet.put_soon(&event, text, time.0);
            }
        }
    }
}

/// Whether a text is a policy, for fuzzing.
#[cfg(feature = "fuzz")]
pub(crate) fn check_policy(text: &[u8]) -> Result<(), String> {
    Policy::parse(text).map(drop)
}
