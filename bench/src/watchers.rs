//! Fan-out: many watchers see every object that is created, and all their events are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::client::{Target, Template};
use crate::failure::Failure;
use crate::feed::{Batch, Deed, Feed};
use crate::latency::Latencies;
use crate::load::{self, Costs, Errors, Expect, Outcome, Plan, count_error};
use crate::objects::{self, SEEN};
use crate::process::Process;
use crate::sender::{Body, Sender};
use crate::sent::Sent;

/// All watches must have begun after this long.
const BEGIN_LIMIT: Duration = Duration::from_secs(30);
/// All events must have arrived this long after the first create.
const FAN_OUT_LIMIT: Duration = Duration::from_secs(120);
/// So many of the watchers look at what they get, and tell how old it is: looking costs the load generator time.
const SAMPLED_WATCHERS: usize = 8;
/// Creates in flight while the watchers watch: a busy cluster, not a flood that ends slow watches.
const CREATES_IN_FLIGHT: usize = 8;

/// How much there is to watch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FanOut {
    /// Watchers, spread over the connections.
    pub(crate) watchers: usize,
    /// Objects that are created: each watcher must see each of them.
    pub(crate) events: u64,
    /// Connections.
    pub(crate) connections: usize,
}

/// Lets watchers watch from a resource version on, creates objects, and waits until each watcher has seen all.
///
/// Latencies are from the sending of a create to its event, as a few of the watchers saw it.
/// The server's CPU time includes that of the creates. A watch that ends early is an error, as are events that
/// do not arrive in time.
///
/// # Errors
/// When a watch cannot be begun, or the server's process ended.
pub(crate) async fn watch(
    target: &Arc<Target>,
    fan_out: FanOut,
    from: &str,
    (created, msg): (&Arc<AtomicU64>, &Arc<str>),
    process: Option<Process>,
) -> Result<Outcome, Failure> {
    let query =
        format!("?watch=true&timeoutSeconds=600&resourceVersion={}", objects::escaped(from));
    let template = target.template(Method::GET, &objects::everywhere(&query), &[])?;
    let begun = timeout(BEGIN_LIMIT, begin(target, &template, fan_out)).await;
    let watches = begun
        .map_err(|_| Failure::new(format!("watches did not begin within {BEGIN_LIMIT:?}")))??;
    let sent = Arc::new(Sent::new(created.load(Ordering::Relaxed), fan_out.events));
    let mut watchers = JoinSet::new();
    let every = fan_out.watchers.div_ceil(SAMPLED_WATCHERS).max(1);
    for (number, watch) in watches.into_iter().enumerate() {
        let ages = number.is_multiple_of(every).then(|| Ages::new(&sent));
        watchers.spawn(count_events(watch, fan_out.events, ages));
    }
    let plan = creates(target, fan_out.events, (created, msg), sent)?;
    let before = Costs::read(process)?;
    let began = Instant::now();
    let made = load::drive(target, plan).await?;
    let mut seen = Seen::default();
    let in_time = timeout(FAN_OUT_LIMIT, gather(&mut watchers, &mut seen)).await.is_ok();
    let elapsed = began.elapsed();
    let after = Costs::read(process)?;
    let mut errors = seen.errors;
    if !in_time {
        let line = format!("watches without all events after {FAN_OUT_LIMIT:?}");
        count_error(&mut errors, line, watchers.len() as u64);
    }
    for (line, times) in made.errors {
        count_error(&mut errors, format!("create: {line}"), times);
    }
    Ok(Outcome {
        requests: seen.events,
        bytes: seen.bytes,
        elapsed,
        server_cpu: after
            .server
            .zip(before.server)
            .map(|(after, before)| after.saturating_sub(before)),
        own_cpu: after.own.saturating_sub(before.own),
        latencies: seen.latencies,
        errors,
    })
}

/// Begins watches of all objects from a resource version on; they last until they are dropped.
///
/// # Errors
/// When one of them cannot be begun.
pub(crate) async fn idle(
    target: &Target,
    fan_out: FanOut,
    from: &str,
) -> Result<Vec<Watch>, Failure> {
    let query =
        format!("?watch=true&timeoutSeconds=600&resourceVersion={}", objects::escaped(from));
    let template = target.template(Method::GET, &objects::everywhere(&query), &[])?;
    let begun = timeout(BEGIN_LIMIT * 4, begin(target, &template, fan_out)).await;
    begun.map_err(|_| Failure::new("watches did not begin in time"))?
}

/// A watch that has begun, with the connection that it lives on.
pub(crate) struct Watch {
    body: Body,
    _sender: Sender,
}

/// What watchers saw.
#[derive(Default)]
struct Seen {
    events: u64,
    bytes: u64,
    latencies: Latencies,
    errors: Errors,
}

/// How old the events of one watcher are when they arrive.
struct Ages {
    sent: Arc<Sent>,
    /// The beginning of an event whose end has not arrived.
    rest: Vec<u8>,
}

impl Ages {
    fn new(sent: &Arc<Sent>) -> Self {
        Self { sent: Arc::clone(sent), rest: Vec::new() }
    }

    /// Notes the age of each event that is whole now.
    fn note(&mut self, data: &[u8], latencies: &mut Latencies) {
        self.rest.extend_from_slice(data);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        for line in self.rest[..end].split(|byte| *byte == b'\n') {
            if let Some(age) = SEEN.number_in(line).and_then(|number| self.sent.age(number)) {
                latencies.record(age);
            }
        }
        self.rest.drain(..=end);
    }
}

async fn begin(
    target: &Target,
    template: &Template,
    fan_out: FanOut,
) -> Result<Vec<Watch>, Failure> {
    let per_connection = fan_out.watchers.div_ceil(fan_out.connections.max(1));
    let senders = load::connect(target, fan_out.watchers, per_connection).await?;
    let mut beginning = JoinSet::new();
    for mut sender in senders {
        let request = template.request();
        beginning.spawn(async move { (sender.send(request).await, sender) });
    }
    let mut watches = Vec::with_capacity(fan_out.watchers);
    while let Some(begun) = beginning.join_next().await {
        let (answer, sender) = begun.map_err(|error| Failure::caused("begin a watch", &error))?;
        let answer = answer.map_err(|error| Failure::caused("begin a watch", &error))?;
        if answer.status() != StatusCode::OK {
            return Err(Failure::new(format!(
                "a watch was answered HTTP {}",
                answer.status().as_u16()
            )));
        }
        watches.push(Watch { body: answer.into_body(), _sender: sender });
    }
    Ok(watches)
}

/// Counts events, which are lines, until there are as many as expected. Neither what is in them nor their order
/// is checked: that is what conformance tests are for.
async fn count_events(mut watch: Watch, expected: u64, mut ages: Option<Ages>) -> Seen {
    let mut seen = Seen::default();
    while seen.events < expected {
        match watch.body.next().await {
            Ok(Some(data)) => {
                if let Some(ages) = &mut ages {
                    ages.note(&data, &mut seen.latencies);
                }
                seen.bytes += data.len() as u64;
                seen.events += data.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            Err(failure) => {
                count_error(&mut seen.errors, format!("a watch broke: {failure}"), 1);
                break;
            }
            Ok(None) => {
                count_error(&mut seen.errors, "a watch ended before its last event".to_owned(), 1);
                break;
            }
        }
    }
    seen
}

async fn gather(watchers: &mut JoinSet<Seen>, total: &mut Seen) {
    while let Some(ended) = watchers.join_next().await {
        match ended {
            Ok(seen) => {
                total.events += seen.events;
                total.bytes += seen.bytes;
                total.latencies.merge(&seen.latencies);
                for (line, times) in seen.errors {
                    count_error(&mut total.errors, line, times);
                }
            }
            Err(error) => count_error(&mut total.errors, error.to_string(), 1),
        }
    }
}

fn creates(
    target: &Arc<Target>,
    events: u64,
    (created, msg): (&Arc<AtomicU64>, &Arc<str>),
    sent: Arc<Sent>,
) -> Result<Plan, Failure> {
    let end = created.load(Ordering::Relaxed) + events;
    let batch =
        Batch::new(target, Deed::Create, SEEN, msg, (Arc::clone(created), end))?.noting(sent);
    Ok(Plan {
        feeds: (0..CREATES_IN_FLIGHT).map(|_| Feed::Batch(batch.clone())).collect(),
        streams: CREATES_IN_FLIGHT,
        warm_up: Duration::ZERO,
        length: FAN_OUT_LIMIT,
        expect: Expect::status(StatusCode::CREATED),
        process: None,
    })
}
