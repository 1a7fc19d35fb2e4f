//! The end of a server: one signal that everything long-running watches.
//!
//! As in Kubernetes, the first SIGTERM or SIGINT begins a graceful end and the second ends the
//! process at once with code 1.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{future, io, process};

use tokio::sync::watch;
use tokio::time::Instant;

/// Watches that end in a second, at least, where they are not to end all at once.
const WATCH_ENDS_PER_SECOND: f64 = 200.0;
/// How often it is looked whether requests are under way.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a server goes away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// From the announcement to the end.
    pub delay: Duration,
    /// Over how long the ends of watches are spread.
    pub watch_grace: Duration,
    /// How long requests are told to come again while others finish; `None` for not at all.
    pub turning_away: Option<Duration>,
}

/// Tells that the server is ending; cloned into whatever must end with it.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    phase: watch::Receiver<Phase>,
    counts: Arc<Counts>,
}

/// What is under way, as far as the end has to know.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicUsize,
    watches: AtomicUsize,
}

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// The end is announced: `/readyz` fails, and everything else goes on.
    Announced,
    /// New requests are told to come again, and those under way finish.
    TurningAway,
    /// Since when, and how long until the last watch ends.
    Ending {
        since: Instant,
        spread: Duration,
    },
}

/// Begins the end.
///
/// Dropping it does not: a server whose triggers are gone runs until its process ends.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    phase: watch::Sender<Phase>,
    manner: Manner,
    counts: Arc<Counts>,
}

/// Something that counts as under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    counts: Arc<Counts>,
    what: fn(&Counts) -> &AtomicUsize,
}

impl Counted {
    fn new(counts: &Arc<Counts>, what: fn(&Counts) -> &AtomicUsize) -> Self {
        what(counts).fetch_add(1, Ordering::AcqRel);
        Self { counts: Arc::clone(counts), what }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.what)(&self.counts).fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shutdown {
    /// A signal that has not been given, and what gives it.
    pub(crate) fn new(manner: Manner) -> (Trigger, Shutdown) {
        let (phase, receiver) = watch::channel(Phase::Running);
        let counts = Arc::<Counts>::default();
        let trigger = Trigger { phase, manner, counts: Arc::clone(&counts) };
        (trigger, Shutdown { phase: receiver, counts })
    }

    /// Whether the end is announced; `/readyz` fails from then on.
    pub(crate) fn is_started(&self) -> bool {
        *self.phase.borrow() != Phase::Running
    }

    /// Completes when the end begins, at once if it has begun already.
    pub(crate) async fn started(&self) {
        self.ending().await;
    }

    /// Completes when a watch is to end: at once with the end of the server, or where the ends of
    /// watches are spread, after so much of that time.
    ///
    /// A watch awaits it beside its next event and then ends its body properly, so that the
    /// client sees a complete response instead of a broken connection.
    pub(crate) async fn ends_watch(&self, share: f64) {
        let (since, spread) = self.ending().await;
        if !spread.is_zero() {
            tokio::time::sleep_until(since + spread.mul_f64(share.clamp(0.0, 1.0))).await;
        }
    }

    async fn ending(&self) -> (Instant, Duration) {
        let mut phase = self.phase.clone();
        let ending = |phase: &Phase| matches!(phase, Phase::Ending { .. });
        match phase.wait_for(ending).await.map(|phase| *phase) {
            Ok(Phase::Ending { since, spread }) => (since, spread),
            _ => future::pending().await,
        }
    }

    /// Counts a request that the end waits for; nothing where it is to be turned away.
    pub(crate) fn enter(&self) -> Option<Counted> {
        let counted = Counted::new(&self.counts, |counts| &counts.requests);
        Some(counted).filter(|_| *self.phase.borrow() != Phase::TurningAway)
    }

    /// Counts a watch.
    pub(crate) fn watch(&self) -> Counted {
        Counted::new(&self.counts, |counts| &counts.watches)
    }
}

impl Trigger {
    /// Announces the end, which begins after the delay; calling it again changes nothing.
    ///
    /// Where there is a delay, or requests are turned away first, it must be called within a Tokio
    /// runtime.
    pub(crate) fn start(&self) {
        if self.manner.delay.is_zero() && self.manner.turning_away.is_none() {
            self.end();
            return;
        }
        let announced = self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Running;
            if first {
                *phase = Phase::Announced;
            }
            first
        });
        if announced {
            let trigger = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(trigger.manner.delay).await;
                if let Some(time) = trigger.manner.turning_away {
                    trigger.turn_away(time).await;
                }
                trigger.end();
            });
        }
    }

    /// Turns new requests away until those under way are done.
    async fn turn_away(&self, time: Duration) {
        self.phase.send_replace(Phase::TurningAway);
        let done = async {
            while self.counts.requests.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(time, done).await.is_err() {
            tracing::warn!("requests are under way that are not waited for any longer");
        }
    }

    fn end(&self) {
        #[expect(clippy::cast_precision_loss, reason = "so many watches there are not")]
        let watches = self.counts.watches.load(Ordering::Acquire) as f64;
        let fast = Duration::try_from_secs_f64(watches / WATCH_ENDS_PER_SECOND);
        let spread = self.manner.watch_grace.min(fast.unwrap_or(Duration::MAX));
        self.phase.send_if_modified(|phase| {
            let first = !matches!(phase, Phase::Ending { .. });
            if first {
                *phase = Phase::Ending { since: Instant::now(), spread };
            }
            first
        });
    }
}

/// Lets SIGTERM and SIGINT begin the end, and the second of either end the process with code 1.
///
/// Must be called within a Tokio runtime.
///
/// # Errors
///
/// Fails when the handlers cannot be installed.
pub(crate) fn signals(trigger: Trigger) -> io::Result<()> {
    let mut signals = Signals::install()?;
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!("{name} received: finishing what is under way; a second signal exits now");
        trigger.start();
        let name = signals.next().await;
        tracing::warn!("{name} received again: exiting now");
        process::exit(1);
    });
    Ok(())
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_is_announced_before_it_begins() {
        let delayed = Manner { delay: Duration::from_millis(50), ..Manner::default() };
        let (trigger, shutdown) = Shutdown::new(delayed);
        assert!(!shutdown.is_started());
        trigger.start();
        trigger.start();
        assert!(shutdown.is_started());
        let begins = tokio::time::timeout(Duration::from_millis(10), shutdown.started());
        assert!(begins.await.is_err(), "the end is announced and has not begun");
        let begins = tokio::time::timeout(Duration::from_secs(10), shutdown.started());
        assert!(begins.await.is_ok());
        let (trigger, shutdown) = Shutdown::new(Manner::default());
        trigger.start();
        shutdown.started().await;
    }

    #[tokio::test]
    async fn requests_are_turned_away_while_others_finish() {
        let turning = Manner { turning_away: Some(Duration::from_secs(10)), ..Manner::default() };
        let (trigger, shutdown) = Shutdown::new(turning);
        let under_way = shutdown.enter();
        assert!(under_way.is_some());
        trigger.start();
        while shutdown.enter().is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let begins = tokio::time::timeout(Duration::from_millis(50), shutdown.started());
        assert!(begins.await.is_err(), "a request is under way");
        drop(under_way);
        let begins = tokio::time::timeout(Duration::from_secs(10), shutdown.started());
        assert!(begins.await.is_ok());
    }

    #[tokio::test]
    async fn watches_end_one_after_the_other() {
        let graceful = Manner { watch_grace: Duration::from_secs(60), ..Manner::default() };
        let (trigger, shutdown) = Shutdown::new(graceful);
        // A fifth of a second's worth.
        let watches: Vec<Counted> = (0..40).map(|_| shutdown.watch()).collect();
        trigger.start();
        shutdown.started().await;
        let (begun, mut ended) = (Instant::now(), Vec::new());
        for share in [0.0, 0.5, 1.0] {
            shutdown.ends_watch(share).await;
            ended.push(begun.elapsed().as_millis());
        }
        assert!(ended[1] >= 90 && ended[2] >= 190, "{ended:?}");
        drop(watches);
        let (trigger, shutdown) = Shutdown::new(graceful);
        trigger.start();
        shutdown.ends_watch(1.0).await;
    }
}
