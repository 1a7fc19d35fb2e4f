//! Load: many streams that each send a request, wait for its answer, check it and send the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::client::Target;
use crate::failure::Failure;
use crate::feed::Feed;
use crate::latency::Latencies;
use crate::process::Process;
use crate::sender::Sender;

/// How long answers may take that are still missing when the time is up.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// So many answers for each stream make a measurement: with fewer, what was begun before the time and what is left
/// unfinished after it would weigh too much …
const ROUNDS: u64 = 4;
/// … so the time of slow answers is extended, up to so many times its length.
const EXTENSION_LIMIT: u32 = 5;
/// How often it is looked at whether there are enough.
const EXTENSION_PAUSE: Duration = Duration::from_millis(20);
/// A stream gives up after so many errors, one after the other.
const ERROR_LIMIT: u32 = 20;
/// A stream waits after an error, so that a broken server is not hammered.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// Different errors that are told apart; the rest is counted together.
const ERROR_KINDS_LIMIT: usize = 8;

/// What errors there were, and how many of each.
pub(crate) type Errors = BTreeMap<String, u64>;

/// What is done to the server and how the answers must look.
pub(crate) struct Plan {
    /// One source of requests for each stream.
    pub(crate) feeds: Vec<Feed>,
    /// How many streams share a connection.
    pub(crate) streams: usize,
    /// Answers are not counted before this time has passed.
    pub(crate) warm_up: Duration,
    /// How long answers are counted: longer when they are slow, shorter when the feeds end.
    pub(crate) length: Duration,
    /// What the answers must be.
    pub(crate) expect: Expect,
    /// Whose CPU time is measured.
    pub(crate) process: Option<Process>,
}

/// What makes an answer a good one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expect {
    /// The status of a good answer.
    pub(crate) status: StatusCode,
    /// A status that is as good, as "already exists" is for a fill.
    pub(crate) or: Option<StatusCode>,
    /// A body that is shorter is an error: no server wins by answering less.
    pub(crate) least_bytes: u64,
}

impl Expect {
    /// Answers with a status, whatever their body.
    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, or: None, least_bytes: 0 }
    }
}

/// What came of a plan.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Good answers within the time.
    pub(crate) requests: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    /// How long they were counted.
    pub(crate) elapsed: Duration,
    /// How long they took.
    pub(crate) latencies: Latencies,
    /// CPU time of the server.
    pub(crate) server_cpu: Option<Duration>,
    /// CPU time of this program.
    pub(crate) own_cpu: Duration,
    /// Everything that went wrong, within the time and outside.
    pub(crate) errors: Errors,
}

/// Runs a plan against a server.
///
/// # Errors
/// When there is no connection, or the server's process ended. What goes wrong with single requests is
/// in the outcome.
pub(crate) async fn drive(target: &Target, plan: Plan) -> Result<Outcome, Failure> {
    let senders = connect(target, plan.feeds.len(), plan.streams).await?;
    let window = Arc::new(Window::new(Instant::now() + plan.warm_up));
    let enough = plan.feeds.len() as u64 * ROUNDS;
    let mut streams = JoinSet::new();
    for (sender, feed) in senders.into_iter().zip(plan.feeds) {
        let window = Arc::clone(&window);
        streams.spawn(Stream { sender, feed, expect: plan.expect, window }.run());
    }
    sleep_until(window.opens).await;
    let before = Costs::read(plan.process)?;
    let mut total = Tally::default();
    let closes = window.opens + plan.length;
    let mut ended = timeout_at(closes, gather(&mut streams, &mut total)).await.is_ok();
    let last = window.opens + plan.length * EXTENSION_LIMIT;
    while !ended && window.count() < enough && Instant::now() < last {
        ended = timeout(EXTENSION_PAUSE, gather(&mut streams, &mut total)).await.is_ok();
    }
    window.close();
    let elapsed = window.opens.elapsed();
    let after = Costs::read(plan.process)?;
    if !ended && timeout(DRAIN_LIMIT, gather(&mut streams, &mut total)).await.is_err() {
        let line = format!("no answer within {DRAIN_LIMIT:?} of the end");
        count_error(&mut total.errors, line, streams.len() as u64);
    }
    Ok(Outcome {
        requests: total.requests,
        bytes: total.bytes,
        elapsed,
        latencies: total.latencies,
        server_cpu: after
            .server
            .zip(before.server)
            .map(|(after, before)| after.saturating_sub(before)),
        own_cpu: after.own.saturating_sub(before.own),
        errors: total.errors,
    })
}

/// Counts an error under its line, or under "other errors" when there are too many kinds.
pub(crate) fn count_error(errors: &mut Errors, line: String, times: u64) {
    let full = errors.len() >= ERROR_KINDS_LIMIT && !errors.contains_key(&line);
    let line = if full { "other errors".to_owned() } else { line };
    *errors.entry(line).or_default() += times;
}

/// CPU time used so far by the server and by this program.
pub(crate) struct Costs {
    /// The server's.
    pub(crate) server: Option<Duration>,
    /// This program's.
    pub(crate) own: Duration,
}

impl Costs {
    /// Reads both.
    ///
    /// # Errors
    /// When the server's process ended.
    pub(crate) fn read(process: Option<Process>) -> Result<Self, Failure> {
        let server = process.map(Process::cpu).transpose()?;
        Ok(Self { server, own: Process::this().cpu()? })
    }
}

/// As many senders as there are streams; with HTTP/1.1 each is a connection of its own.
pub(crate) async fn connect(
    target: &Target,
    streams: usize,
    per_connection: usize,
) -> Result<Vec<Sender>, Failure> {
    let per_connection = if target.is_http1() { 1 } else { per_connection.max(1) };
    let mut senders: Vec<Sender> = Vec::with_capacity(streams);
    while senders.len() < streams {
        let first = target.connect().await?;
        let more = per_connection.min(streams - senders.len()) - 1;
        senders.extend((0..more).filter_map(|_| first.another_stream()));
        senders.push(first);
    }
    Ok(senders)
}

async fn gather(streams: &mut JoinSet<Tally>, total: &mut Tally) {
    while let Some(ended) = streams.join_next().await {
        match ended {
            Ok(tally) => total.merge(tally),
            Err(error) => count_error(&mut total.errors, error.to_string(), 1),
        }
    }
}

/// The time in which answers are counted.
struct Window {
    opens: Instant,
    closed: AtomicBool,
    counted: AtomicU64,
}

impl Window {
    fn new(opens: Instant) -> Self {
        Self { opens, closed: AtomicBool::new(false), counted: AtomicU64::new(0) }
    }

    /// Counts an answer, unless it came too early or too late.
    fn counts(&self, ended: Instant) -> bool {
        let counts = ended >= self.opens && !self.is_closed();
        if counts {
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        counts
    }

    fn count(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// What one stream counted.
#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    bytes: u64,
    latencies: Latencies,
    errors: Errors,
}

impl Tally {
    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.latencies.merge(&other.latencies);
        for (line, times) in other.errors {
            count_error(&mut self.errors, line, times);
        }
    }
}

/// One stream: sends, waits, checks, again.
struct Stream {
    sender: Sender,
    feed: Feed,
    expect: Expect,
    window: Arc<Window>,
}

impl Stream {
    /// Runs until the window closes, the feed ends, or [`ERROR_LIMIT`] errors followed one another.
    async fn run(mut self) -> Tally {
        let mut tally = Tally::default();
        let mut errors_in_a_row = 0;
        while errors_in_a_row < ERROR_LIMIT {
            let request = match self.feed.next() {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(failure) => {
                    count_error(&mut tally.errors, failure.to_string(), 1);
                    break;
                }
            };
            let began = Instant::now();
            let outcome = self.sender.exchange(request, self.feed.keep()).await;
            let ended = Instant::now();
            match self.judge(outcome) {
                Ok(bytes) => {
                    errors_in_a_row = 0;
                    if self.window.counts(ended) {
                        tally.requests += 1;
                        tally.bytes += bytes;
                        tally.latencies.record(ended - began);
                    }
                }
                Err(line) => {
                    errors_in_a_row += 1;
                    count_error(&mut tally.errors, line, 1);
                    sleep(ERROR_PAUSE).await;
                }
            }
            if self.window.is_closed() {
                break;
            }
        }
        tally
    }

    /// The bytes of a good answer, or what is wrong with it.
    fn judge(&mut self, outcome: Result<(StatusCode, u64), Failure>) -> Result<u64, String> {
        let (status, bytes) = outcome.map_err(|failure| failure.to_string())?;
        if Some(status) == self.expect.or {
            return Ok(bytes);
        }
        if status != self.expect.status {
            return Err(format!("HTTP {}", status.as_u16()));
        }
        if bytes < self.expect.least_bytes {
            return Err("a body that is too short".to_owned());
        }
        self.feed.learn().map(|()| bytes).map_err(|failure| failure.to_string())
    }
}
