//! Where a stream's next request comes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::{Method, Request};

use crate::client::{Target, Template};
use crate::etcd::Puts;
use crate::failure::Failure;
use crate::objects::{self, Series};
use crate::sent::Sent;

/// A request to send.
pub(crate) type Next = Request<Bytes>;

/// The source of one stream's requests.
pub(crate) enum Feed {
    /// The same requests, in turn.
    Turn(Turn),
    /// One request for each number of a series, shared with the other streams.
    Batch(Batch),
    /// Changes of one field of objects that no other stream touches.
    Change(Change),
    /// Replacements of one object that no other stream touches.
    Update(Update),
    /// Puts of new keys into etcd, shared with the other streams.
    Puts(Puts),
}

impl Feed {
    /// The next request; nothing when the feed is at its end.
    ///
    /// # Errors
    /// When a request cannot be made.
    pub(crate) fn next(&mut self) -> Result<Option<Next>, Failure> {
        match self {
            Self::Turn(turn) => Ok(Some(turn.next())),
            Self::Batch(batch) => batch.next(),
            Self::Change(change) => change.next().map(Some),
            Self::Update(update) => Ok(Some(update.next())),
            Self::Puts(puts) => Ok(Some(puts.next())),
        }
    }

    /// Where the body of the answer is to be kept, if the next request depends on it.
    pub(crate) fn keep(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Update(update) => {
                update.answer.clear();
                Some(&mut update.answer)
            }
            Self::Turn(_) | Self::Batch(_) | Self::Change(_) | Self::Puts(_) => None,
        }
    }

    /// Learns from the answer that was kept. Called after each answer that was expected.
    ///
    /// # Errors
    /// When the answer lacks what the next request needs.
    pub(crate) fn learn(&mut self) -> Result<(), Failure> {
        match self {
            Self::Update(update) => update.learn(),
            Self::Turn(_) | Self::Batch(_) | Self::Change(_) | Self::Puts(_) => Ok(()),
        }
    }
}

/// The same requests, in turn.
pub(crate) struct Turn {
    templates: Arc<[Template]>,
    next: usize,
}

impl Turn {
    /// Requests in turn, from the one with a number on. There must be at least one.
    pub(crate) fn new(templates: Arc<[Template]>, first: usize) -> Self {
        Self { next: first % templates.len().max(1), templates }
    }

    fn next(&mut self) -> Next {
        let request = self.templates[self.next].request();
        self.next = (self.next + 1) % self.templates.len();
        request
    }
}

/// What a [`Batch`] does with each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Creates the object.
    Create,
    /// Deletes it.
    Delete,
}

/// One request for each number of a series up to an end. Clones share the counter.
#[derive(Clone)]
pub(crate) struct Batch {
    target: Arc<Target>,
    template: Template,
    deed: Deed,
    series: Series,
    msg: Arc<str>,
    next: Arc<AtomicU64>,
    end: u64,
    /// Where it is noted when each was sent, if somebody asks.
    sent: Option<Arc<Sent>>,
}

impl Batch {
    /// Numbers from `next` up to but not with `end`; objects carry the message `msg`.
    ///
    /// # Errors
    /// When no request can be made for the target.
    pub(crate) fn new(
        target: &Arc<Target>,
        deed: Deed,
        series: Series,
        msg: &Arc<str>,
        numbers: (Arc<AtomicU64>, u64),
    ) -> Result<Self, Failure> {
        let template = match deed {
            Deed::Create => target
                .template(Method::POST, &series.collection(0), &[])?
                .with_body("application/json", Bytes::new()),
            Deed::Delete => target.template(Method::DELETE, &series.path(0), &[])?,
        };
        let (next, end) = numbers;
        let target = Arc::clone(target);
        Ok(Self { target, template, deed, series, msg: Arc::clone(msg), next, end, sent: None })
    }

    /// Notes when each request is made, right before it is sent.
    pub(crate) fn noting(self, sent: Arc<Sent>) -> Self {
        Self { sent: Some(sent), ..self }
    }

    fn next(&self) -> Result<Option<Next>, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.end {
            // The counter is left at the end: it tells what there is to clean up.
            self.next.fetch_sub(1, Ordering::Relaxed);
            return Ok(None);
        }
        let (path, body) = match self.deed {
            Deed::Create => {
                let name = self.series.name(number);
                let body = objects::object(&name, &self.msg, "world", None);
                (self.series.collection(number), body)
            }
            Deed::Delete => (self.series.path(number), Bytes::new()),
        };
        if let Some(sent) = &self.sent {
            sent.mark(number);
        }
        Ok(Some(self.template.request_for(self.target.uri(&path)?, body)))
    }
}

/// How one field is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By a merge patch.
    Merge,
    /// By server-side apply.
    Apply,
}

/// Changes of one field, each to a value it never had, so that no change is a no-op.
pub(crate) struct Change {
    target: Arc<Target>,
    template: Template,
    manner: Manner,
    series: Series,
    objects: u64,
    stream: u64,
    streams: u64,
    count: u64,
}

impl Change {
    /// The share of stream `stream` of `streams` in changing the objects of a series.
    ///
    /// # Errors
    /// When no request can be made for the target.
    pub(crate) fn new(
        target: &Arc<Target>,
        manner: Manner,
        (series, objects): (Series, u64),
        (stream, streams): (u64, u64),
    ) -> Result<Self, Failure> {
        let media_type = match manner {
            Manner::Merge => "application/merge-patch+json",
            Manner::Apply => "application/apply-patch+yaml",
        };
        let template = target
            .template(Method::PATCH, &series.path(0), &[])?
            .with_body(media_type, Bytes::new());
        let target = Arc::clone(target);
        Ok(Self { target, template, manner, series, objects, stream, streams, count: 0 })
    }

    /// The next change.
    ///
    /// # Errors
    /// When no request can be made for the target.
    pub(crate) fn next(&mut self) -> Result<Next, Failure> {
        let number = (self.stream + self.count * self.streams) % self.objects;
        let value = fresh_value(&format!("{:?}", self.manner), self.stream, self.count);
        self.count += 1;
        let path = self.series.path(number);
        let (path, body) = match self.manner {
            Manner::Merge => (path, objects::patch(&value)),
            Manner::Apply => {
                let body = objects::applied(&self.series.name(number), &value);
                (path + "?fieldManager=pintle-bench-apply&force=true", body)
            }
        };
        Ok(self.template.request_for(self.target.uri(&path)?, body))
    }
}

/// Replacements of one object, each with the version that the last answer told.
pub(crate) struct Update {
    template: Template,
    name: String,
    msg: Arc<str>,
    stream: u64,
    count: u64,
    version: String,
    answer: Vec<u8>,
}

impl Update {
    /// Replaces the object with the number of the stream, whose version is `version` now.
    ///
    /// # Errors
    /// When no request can be made for the target.
    pub(crate) fn new(
        target: &Target,
        series: Series,
        msg: &Arc<str>,
        stream: u64,
        version: String,
    ) -> Result<Self, Failure> {
        let template = target
            .template(Method::PUT, &series.path(stream), &[])?
            .with_body("application/json", Bytes::new());
        let (name, msg) = (series.name(stream), Arc::clone(msg));
        Ok(Self { template, name, msg, stream, count: 0, version, answer: Vec::new() })
    }

    fn next(&mut self) -> Next {
        let value = fresh_value("Update", self.stream, self.count);
        self.count += 1;
        let body = objects::object(&self.name, &self.msg, &value, Some(&self.version));
        self.template.request_with(body)
    }

    fn learn(&mut self) -> Result<(), Failure> {
        self.version = objects::version_in(&self.answer)
            .ok_or_else(|| Failure::new("an updated object without a resource version"))?;
        Ok(())
    }
}

/// A value that a field did not have before, neither in this run nor in one before it.
fn fresh_value(by: &str, stream: u64, count: u64) -> String {
    format!("{by}-{}-{stream}-{count}", std::process::id())
}
