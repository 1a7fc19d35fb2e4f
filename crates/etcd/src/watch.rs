//! A watch that outlives the connection it began on.
//!
//! A task keeps one stream of etcd open. Where it breaks, the task opens another one, at another
//! member if there is one, after the last revision whose changes it has passed on: nothing is lost
//! and nothing comes twice. Only what no stream can mend ends the watch: a compaction, or a refusal.

use crate::client::Member;
use crate::cluster::{Shared, text};
use crate::failure::{Cause, Verdict, judge};
use crate::fence::Fence;
use crate::proto::{
    EventType, WatchAsk, WatchCreateRequest, WatchEvent, WatchProgressRequest, WatchRequest,
    WatchResponse, from_wire, to_wire,
};
use crate::{cluster, fence, keys, version};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::poll_fn;
use pintle_storage::{Error, Event, Result, Revision, Watch};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};
use tonic::{Status, Streaming};

/// How many answers of etcd wait for the reader; then the stream is not read further.
const BATCHES_WAITING_MAX: usize = 8;

/// How many requests wait to be sent on a stream.
const QUESTIONS_WAITING_MAX: usize = 4;

/// How long a member may take to start a watch.
const OPEN_TIME: Duration = Duration::from_secs(3);

/// How often etcd is asked how far a watch is, until it says so.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How long to wait before a watch is resumed, at first and at most.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(3);

/// What the reader of a watch holds.
pub(crate) struct EtcdWatch {
    events: mpsc::Receiver<Result<Vec<Event>>>,
    progress: Arc<Notify>,
    task: JoinHandle<()>,
}

impl EtcdWatch {
    pub(crate) fn start(shared: Arc<Shared>, prefix: &str, after: Revision) -> Self {
        let (out, events) = mpsc::channel(BATCHES_WAITING_MAX);
        let progress = Arc::new(Notify::new());
        let follower = Follower {
            fence: Fence::new(Arc::clone(&shared), prefix),
            shared,
            prefix: prefix.to_owned(),
            after,
            delivered: 0,
            held: Vec::new(),
            wanted: None,
            out,
            progress: Arc::clone(&progress),
            pause: RETRY_MIN,
            broken: false,
            denied: false,
        };
        Self { events, progress, task: tokio::spawn(follower.run()) }
    }
}

#[async_trait]
impl Watch for EtcdWatch {
    async fn next(&mut self) -> Result<Vec<Event>> {
        let next = self.events.recv().await;
        next.unwrap_or_else(|| Err(Error::Unavailable(Cause::new("the watch is over").into())))
    }

    async fn request_progress(&mut self) -> Result<()> {
        self.progress.notify_one();
        Ok(())
    }
}

impl Drop for EtcdWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The oldest revision that is left, which etcd tells a watch that starts before it.
pub(crate) async fn oldest(shared: &Shared, key: &Bytes, asked: Revision) -> Result<Revision> {
    let ask = async {
        let create =
            WatchCreateRequest { key: key.clone(), start_revision: 1, ..Default::default() };
        let (mut answers, _questions) = open(shared, shared.client.member(), create).await?;
        loop {
            match answers.message().await? {
                Some(answer) if answer.compact_revision > 0 => {
                    return Ok(from_wire(answer.compact_revision));
                }
                Some(answer) if answer.created && !answer.canceled => {}
                // Nothing is compacted any more, as after a restore.
                _ => return Ok(asked + 1),
            }
        }
    };
    let failed = |status: &Status| {
        Error::Unavailable(Cause::of(&shared.client.member().name, status).into())
    };
    match timeout(OPEN_TIME, ask).await {
        Ok(answer) => answer.map_err(|status: Status| failed(&status)),
        Err(_) => Err(failed(&Status::deadline_exceeded("no answer to a watch"))),
    }
}

type Questions = mpsc::Sender<WatchRequest>;

/// Opens a stream with one watch on it.
async fn open(
    shared: &Shared,
    member: &Member,
    create: WatchCreateRequest,
) -> Result<(Streaming<WatchResponse>, Questions), Status> {
    let (questions, mut waiting) = mpsc::channel(QUESTIONS_WAITING_MAX);
    // It is there before the stream is: etcd answers the stream when it answers the first request.
    let _ = questions.try_send(WatchRequest { ask: Some(WatchAsk::Create(create)) });
    let waiting = poll_fn(move |context| waiting.poll_recv(context));
    Ok((shared.client.watch(member, waiting).await?, questions))
}

/// The task of a watch.
struct Follower {
    shared: Arc<Shared>,
    prefix: String,
    fence: Fence,
    /// Up to which revision nothing is missing: the next stream starts after it.
    after: Revision,
    /// The revision of the last event that was passed on.
    delivered: Revision,
    /// Events of a revision of which more may follow.
    held: Vec<Event>,
    /// How far the watch must have come for the reader's question to be answered.
    wanted: Option<Revision>,
    out: mpsc::Sender<Result<Vec<Event>>>,
    progress: Arc<Notify>,
    pause: Duration,
    /// Whether it was said that the watch broke.
    broken: bool,
    /// Whether etcd cancelled the last stream.
    denied: bool,
}

/// How a stream ended.
enum End {
    /// Another one may go on.
    Broken(Cause),
    /// None can.
    Refused(Error),
    /// Nobody reads any more.
    Over,
}

impl Follower {
    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let member = shared.client.member();
            self.held.clear();
            match self.follow(member).await {
                End::Over => return,
                End::Refused(error) => {
                    let _ = self.out.send(Err(error)).await;
                    return;
                }
                End::Broken(error) => {
                    shared.client.leave(member);
                    // It may have been the token: etcd does not always say so.
                    shared.client.forget_token();
                    if !self.broken {
                        self.broken = true;
                        tracing::warn!(prefix = self.prefix, %error, "a watch of etcd broke; it is resumed");
                    }
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Follows one stream to its end.
    async fn follow(&mut self, member: &Member) -> End {
        let broken = |status: &Status| End::Broken(Cause::of(&member.name, status));
        let late = || broken(&Status::deadline_exceeded("no answer to a watch"));
        let open_by = Instant::now() + OPEN_TIME;
        let fence = match timeout(OPEN_TIME, self.fence_for(member)).await {
            Ok(Ok(fence)) => fence,
            Ok(Err(status)) => return broken(&status),
            Err(_) => return late(),
        };
        let create = self.create(fence.as_ref());
        let opened = timeout(OPEN_TIME, open(&self.shared, member, create)).await;
        let (mut answers, questions) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(status)) => return broken(&status),
            Err(_) => return late(),
        };
        let mut started = false;
        let mut again = interval(PROGRESS_INTERVAL);
        loop {
            tokio::select! {
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => {
                        if answer.created && !answer.canceled {
                            started = true;
                            self.started(member);
                        } else if let Some(end) = self.take(answer, fence.as_ref()).await {
                            return end;
                        }
                    }
                    Ok(None) => return broken(&Status::unavailable("the stream ended")),
                    Err(status) => return broken(&status),
                },
                () = self.progress.notified() => {
                    self.wanted = Some(self.shared.seen());
                    ask_for_progress(&questions, fence.as_ref());
                }
                _ = again.tick(), if started && self.wanted.is_some() => {
                    ask_for_progress(&questions, fence.as_ref());
                    if fence.is_none()
                        && let Some(end) = self.answer_from_the_start().await
                    {
                        return end;
                    }
                }
                () = sleep_until(open_by), if !started => return late(),
            }
        }
    }

    /// The fence, where this member's word on progress cannot be trusted.
    async fn fence_for(&self, member: &Member) -> Result<Option<Fence>, Status> {
        let trusted = match self.shared.client.version(member).await {
            Ok(version) => version::progress_can_be_trusted(&version),
            // Whoever may not ask takes the way that is always right.
            Err(status) if judge(&status) == Verdict::Internal => false,
            Err(status) => return Err(status),
        };
        Ok((!trusted).then(|| self.fence.clone()))
    }

    fn create(&self, fence: Option<&Fence>) -> WatchCreateRequest {
        WatchCreateRequest {
            key: keys::first(&self.prefix, ""),
            range_end: fence.map_or_else(|| keys::end(&self.prefix), Fence::end),
            start_revision: to_wire(self.after.saturating_add(1)),
            // So that a quiet watch need not go far back when it is resumed.
            progress_notify: true,
            fragment: true,
        }
    }

    fn started(&mut self, member: &Member) {
        self.pause = RETRY_MIN;
        self.denied = false;
        if self.broken {
            self.broken = false;
            let after = self.after;
            tracing::info!(
                prefix = self.prefix,
                member = member.name,
                after,
                "a watch of etcd goes on"
            );
        }
    }

    /// Takes an answer in; returns how the stream ended, where it did.
    async fn take(&mut self, answer: WatchResponse, fence: Option<&Fence>) -> Option<End> {
        if answer.compact_revision > 0 {
            let oldest = from_wire(answer.compact_revision);
            return Some(End::Refused(Error::Compacted { oldest }));
        }
        if answer.canceled {
            return Some(self.refusal(&answer.cancel_reason));
        }
        let mut batch = std::mem::take(&mut self.held);
        if answer.events.is_empty() {
            let revision = self.shared.revision_of(answer.header);
            // Before the revision that the watch starts after, progress says nothing.
            if revision >= self.delivered {
                batch.push(Event::Progress(revision));
            }
        }
        batch.extend(answer.events.into_iter().filter_map(|event| self.event(event, fence)));
        if answer.fragment {
            let last = batch.last().map_or(0, Event::revision);
            let whole = batch.partition_point(|event| event.revision() < last);
            self.held = batch.split_off(whole);
        }
        self.deliver(batch).await
    }

    /// Says how far the watch is where etcd does not: it has no word for a watch that starts after
    /// its newest revision.
    async fn answer_from_the_start(&mut self) -> Option<End> {
        let newest = timeout(OPEN_TIME, self.shared.current_revision()).await;
        let newest = newest.ok()?.ok().filter(|newest| *newest <= self.after)?;
        self.deliver(vec![Event::Progress(newest)]).await
    }

    /// What a cancelled watch means: etcd gives the reason in words.
    fn refusal(&mut self, reason: &str) -> End {
        let cause = Cause::new(format!("etcd cancelled the watch: {reason}"));
        // An old token is refused with the same words: they count when a new one is refused too.
        let again = std::mem::replace(&mut self.denied, true);
        match again && reason.contains("permission denied") {
            true => End::Refused(Error::Internal(cause.into())),
            false => End::Broken(cause),
        }
    }

    async fn deliver(&mut self, batch: Vec<Event>) -> Option<End> {
        let last = batch.last()?.revision();
        let progress = batch.iter().rev().find(|event| matches!(event, Event::Progress(_)));
        let reached = progress.map_or(0, Event::revision);
        if self.out.send(Ok(batch)).await.is_err() {
            return Some(End::Over);
        }
        self.delivered = self.delivered.max(last);
        self.after = self.after.max(last);
        // A follower may be behind what the reader knows of: then it is asked again.
        if reached > 0 && self.wanted.is_some_and(|wanted| reached >= wanted) {
            self.wanted = None;
        }
        None
    }

    fn event(&self, event: WatchEvent, fence: Option<&Fence>) -> Option<Event> {
        let deleted = event.r#type == EventType::Delete as i32;
        let kv = event.kv?;
        let revision = from_wire(kv.mod_revision);
        if fence.is_some_and(|fence| fence.is(&kv.key)) {
            return Some(Event::Progress(revision));
        }
        if fence::hidden(&kv.key) || !kv.key.starts_with(self.prefix.as_bytes()) {
            return None;
        }
        match deleted {
            true => Some(Event::Delete { key: text(&kv.key)?.into(), revision }),
            false => cluster::item(kv).map(Event::Put),
        }
    }
}

/// Asks how far the watch is; a question that is still waiting to be sent does for this one.
fn ask_for_progress(questions: &Questions, fence: Option<&Fence>) {
    match fence {
        Some(fence) => fence.write(),
        None => {
            let ask = Some(WatchAsk::Progress(WatchProgressRequest {}));
            let _ = questions.try_send(WatchRequest { ask });
        }
    }
}
