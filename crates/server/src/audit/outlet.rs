//! The way of an event to where it is written: a queue, and a task that takes from it in batches.
//!
//! The log and the webhook differ in what they do with a batch; how events wait, how many, for how
//! long, and what becomes of those that are too many is the same for both.

use super::event::Event;
use super::log::Log;
use super::webhook::Webhook;
use crate::metrics;
use bytes::Bytes;
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Whether a request waits until its event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum AuditMode {
    /// It does not: events are written when there is time, and dropped where there are too many.
    Batch,
    /// It does; an event that cannot be written is lost.
    #[default]
    Blocking,
    /// It does, and is refused where its arrival cannot be written down.
    BlockingStrict,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum AuditFormat {
    /// An event of `audit.k8s.io/v1`.
    #[default]
    Json,
    /// One line of text, as before there were events.
    Legacy,
}

/// How events are written.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What `/metrics` calls it.
    pub plugin: &'static str,
    pub mode: AuditMode,
    pub format: AuditFormat,
    pub batch: Batching,
    pub truncate: Option<Truncate>,
}

/// How events wait, and how many are written together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// Events that wait.
    pub buffer_max: usize,
    pub events_max: usize,
    /// How long the first of a batch waits for others.
    pub wait_max: Duration,
    /// How many batches a second, after how many at once.
    pub throttle: Option<(f32, u32)>,
}

/// From where on an event, and a batch, is too large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truncate {
    pub event_bytes_max: usize,
    pub batch_bytes_max: usize,
}

/// An event as it is written, and who waits for that.
pub(super) struct Written {
    pub text: Bytes,
    pub time: Timestamp,
    pub done: Option<oneshot::Sender<bool>>,
}

impl Written {
    /// Tells whoever waits how it went; who gave up does not want to know.
    pub(super) fn tell(self, written: bool) {
        if let Some(done) = self.done {
            let _ = done.send(written);
        }
    }
}

enum Item {
    Event(Written),
    /// Everything before this is to be written, and then somebody is told.
    Flush(oneshot::Sender<bool>),
}

/// Where events are written.
pub(super) enum Sink {
    Log(Log),
    Webhook(Webhook),
}

/// The near end of the way.
pub(super) struct Outlet {
    pub settings: Settings,
    items: mpsc::Sender<Item>,
    errors: Arc<Errors>,
}

/// The events that were lost.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// They could not be written.
    failed: AtomicU64,
    /// Too many waited.
    dropped: AtomicU64,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Outlet {
    /// Starts the task that writes.
    ///
    /// Must be called within a Tokio runtime.
    pub(super) fn start(settings: Settings, sink: Sink) -> Self {
        let room = settings.batch.buffer_max.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        let (items, queue) = mpsc::channel(room);
        let errors = Arc::<Errors>::default();
        let batches = Batches::new(queue, &settings);
        tokio::spawn(run(batches, sink, Arc::clone(&errors)));
        Self { settings, items, errors }
    }

    /// The text of an event here, where `whole` is its JSON.
    pub(super) fn text(&self, event: &Event, whole: &Bytes) -> Option<Bytes> {
        let text = match (self.settings.format, self.settings.truncate) {
            (AuditFormat::Legacy, _) => Some(event.legacy().into()),
            (_, Some(Truncate { event_bytes_max: max, .. })) if whole.len() > max => {
                event.truncated().filter(|short| short.len() <= max)
            }
            _ => Some(whole.clone()),
        };
        if text.is_none() {
            self.lost(event, "it is too large even after truncating");
            self.errors.failed.fetch_add(1, Ordering::Relaxed);
        }
        text
    }

    /// Has an event written, and waits for that where the mode says so; whether a request may go on.
    pub(super) async fn put(&self, event: &Event, text: Bytes, time: Timestamp) -> bool {
        if self.settings.mode == AuditMode::Batch {
            self.put_soon(event, text, time);
            return true;
        }
        let (done, wait) = oneshot::channel();
        let item = Item::Event(Written { text, time, done: Some(done) });
        let sent = self.items.send(item).await.is_ok();
        let written = sent && wait.await.unwrap_or(false);
        if !written {
            self.lost(event, "it cannot be written");
        }
        written || self.settings.mode != AuditMode::BlockingStrict
    }

    /// Has an event written without waiting; where too many wait it is lost.
    pub(super) fn put_soon(&self, event: &Event, text: Bytes, time: Timestamp) {
        if self.items.try_send(Item::Event(Written { text, time, done: None })).is_err() {
            self.errors.dropped.fetch_add(1, Ordering::Relaxed);
            self.lost(event, "too many wait to be written");
        }
    }

    fn lost(&self, event: &Event, why: &str) {
        let plugin = self.settings.plugin;
        tracing::warn!(audit_id = event.audit_id, plugin, why, "an audit event is lost");
    }

    /// Waits until everything is written that was put before.
    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.items.send(Item::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Writes how many were lost: `buffered` stands for those that were too many, as in Kubernetes.
    pub(super) fn write_errors(outlets: &[Self], out: &mut String) {
        let name = "apiserver_audit_error_total";
        metrics::head(out, name, "counter", "Audit events that could not be written.");
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let dropped: u64 = outlets.iter().map(|it| get(&it.errors.dropped)).sum();
        metrics::line(out, name, &[("plugin", "buffered")], dropped);
        for Self { settings, errors, .. } in outlets {
            metrics::line(out, name, &[("plugin", settings.plugin)], get(&errors.failed));
        }
    }
}

impl Errors {
    pub(super) fn failed(&self, events: usize) {
        self.failed.fetch_add(events as u64, Ordering::Relaxed);
    }
}

async fn run(mut batches: Batches, mut sink: Sink, errors: Arc<Errors>) {
    while let Some(Batch { events, flush, .. }) = batches.next().await {
        sink = match sink {
            Sink::Log(log) => {
                let Some(log) = log.write(events, &errors).await else { return };
                Sink::Log(log)
            }
            Sink::Webhook(webhook) => {
                webhook.send(events, &errors).await;
                if flush.is_some() {
                    webhook.idle().await;
                }
                Sink::Webhook(webhook)
            }
        };
        if let Some(done) = flush {
            let _ = done.send(true);
        }
    }
}

/// Events that are written together.
#[derive(Default)]
struct Batch {
    events: Vec<Written>,
    bytes: usize,
    flush: Option<oneshot::Sender<bool>>,
}

/// The far end of the queue.
struct Batches {
    queue: mpsc::Receiver<Item>,
    batching: Batching,
    bytes_max: usize,
    /// What did not fit into the last batch.
    left: Option<Written>,
    /// How many batches may go at once now, and since when that is so.
    credit: (f32, Instant),
}

impl Batches {
    fn new(queue: mpsc::Receiver<Item>, settings: &Settings) -> Self {
        let mut batching = settings.batch;
        if settings.mode != AuditMode::Batch {
            // Somebody waits for each: what is there goes, at once.
            (batching.wait_max, batching.throttle) = (Duration::ZERO, None);
        }
        let bytes_max = settings.truncate.map_or(usize::MAX, |it| it.batch_bytes_max);
        #[expect(clippy::cast_precision_loss, reason = "a burst is a small number")]
        let burst = batching.throttle.map_or(0.0, |(_, burst)| burst as f32);
        Self { queue, batching, bytes_max, left: None, credit: (burst, Instant::now()) }
    }

    /// The next batch; nothing when nobody is left who would put anything.
    async fn next(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        match self.left.take().map(Item::Event) {
            Some(first) => self.add(&mut batch, first),
            None => {
                let first = self.queue.recv().await?;
                self.add(&mut batch, first);
            }
        }
        let until = Instant::now() + self.batching.wait_max;
        while batch.flush.is_none()
            && self.left.is_none()
            && batch.events.len() < self.batching.events_max
        {
            let more = match self.batching.wait_max.is_zero() {
                true => self.queue.try_recv().ok(),
                false => tokio::time::timeout_at(until, self.queue.recv()).await.ok().flatten(),
            };
            match more {
                Some(item) => self.add(&mut batch, item),
                None => break,
            }
        }
        if !batch.events.is_empty() {
            self.throttle().await;
        }
        Some(batch)
    }

    fn add(&mut self, batch: &mut Batch, item: Item) {
        match item {
            Item::Flush(done) => batch.flush = Some(done),
            Item::Event(event) => {
                let bytes = batch.bytes + event.text.len();
                if bytes > self.bytes_max && !batch.events.is_empty() {
                    self.left = Some(event);
                } else {
                    batch.bytes = bytes;
                    batch.events.push(event);
                }
            }
        }
    }

    /// Waits until one more batch may go.
    async fn throttle(&mut self) {
        let Some((per_second, burst)) = self.batching.throttle else { return };
        #[expect(clippy::cast_precision_loss, reason = "a burst is a small number")]
        let burst = burst as f32;
        let grown = |credit: (f32, Instant)| {
            (credit.0 + credit.1.elapsed().as_secs_f32() * per_second).min(burst)
        };
        let mut credit = grown(self.credit);
        if credit < 1.0 {
            let missing = Duration::try_from_secs_f32((1.0 - credit) / per_second);
            tokio::time::sleep(missing.unwrap_or(Duration::MAX)).await;
            credit = 1.0;
        }
        self.credit = (credit - 1.0, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mode: AuditMode, batch: Batching, truncate: Option<Truncate>) -> Settings {
        Settings { plugin: "log", mode, format: AuditFormat::Json, batch, truncate }
    }

    fn event(text: &str) -> Item {
        let text = Bytes::copy_from_slice(text.as_bytes());
        Item::Event(Written { text, time: Timestamp::UNIX_EPOCH, done: None })
    }

    /// Puts these in, ends the queue, and returns the batches with how long they took.
    async fn batches(settings: &Settings, items: Vec<Item>) -> (Vec<String>, Duration) {
        let (sender, queue) = mpsc::channel(100);
        for item in items {
            sender.try_send(item).ok().unwrap();
        }
        drop(sender);
        let mut batches = Batches::new(queue, settings);
        let (mut all, begun) = (Vec::new(), Instant::now());
        while let Some(batch) = batches.next().await {
            let texts: Vec<_> =
                batch.events.iter().map(|it| String::from_utf8_lossy(&it.text)).collect();
            let flush = if batch.flush.is_some() { "!" } else { "" };
            all.push(format!("{}{flush}", texts.join("+")));
        }
        (all, begun.elapsed())
    }

    #[tokio::test]
    async fn events_are_put_together() {
        let batch = |events_max, wait_max, throttle| Batching {
            buffer_max: 100,
            events_max,
            wait_max: Duration::from_millis(wait_max),
            throttle,
        };
        let flush = || Item::Flush(oneshot::channel().0);
        let abc = || vec![event("a"), event("b"), event("c")];
        let small = Truncate { event_bytes_max: 10, batch_bytes_max: 2 };
        for (settings, items, want, millis) in [
            (settings(AuditMode::Batch, batch(2, 0, None), None), abc(), &["a+b", "c"][..], 0),
            (settings(AuditMode::Batch, batch(1, 0, None), None), abc(), &["a", "b", "c"], 0),
            (settings(AuditMode::Batch, batch(9, 0, None), Some(small)), abc(), &["a+b", "c"], 0),
            (
                settings(AuditMode::Batch, batch(9, 60_000, None), None),
                vec![event("a"), flush(), event("b"), flush(), flush()],
                &["a!", "b!", "!"],
                0,
            ),
            (
                settings(AuditMode::Batch, batch(1, 0, Some((50.0, 1))), None),
                abc(),
                &["a", "b", "c"],
                30,
            ),
            (
                settings(AuditMode::Blocking, batch(1, 60_000, Some((0.001, 1))), None),
                abc(),
                &["a", "b", "c"],
                0,
            ),
        ] {
            let (got, took) = batches(&settings, items).await;
            assert_eq!(got, want, "{settings:?}");
            assert!(took >= Duration::from_millis(millis), "{took:?}, {settings:?}");
            assert!(took < Duration::from_secs(10), "{took:?}, {settings:?}");
        }
    }
}
