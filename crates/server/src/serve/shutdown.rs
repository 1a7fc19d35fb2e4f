//! The end of a server: one signal that everything long-running watches.
//!
//! As in Kubernetes, the first SIGTERM or SIGINT begins a graceful end and the second ends the
//! process at once with code 1.

use std::time::Duration;
use std::{future, io, process};

use tokio::sync::watch;

/// Tells that the server is ending; cloned into whatever must end with it.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<Phase>);

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    /// The end is announced: `/readyz` fails, and everything else goes on.
    Announced,
    Ending,
}

/// Begins the end.
///
/// Dropping it does not: a server whose triggers are gone runs until its process ends.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    phase: watch::Sender<Phase>,
    delay: Duration,
}

impl Shutdown {
    /// A signal that has not been given, and what gives it; the end begins so long after it.
    pub(crate) fn new(delay: Duration) -> (Trigger, Shutdown) {
        let (phase, receiver) = watch::channel(Phase::Running);
        (Trigger { phase, delay }, Shutdown(receiver))
    }

    /// Whether the end is announced; `/readyz` fails from then on.
    pub(crate) fn is_started(&self) -> bool {
        *self.0.borrow() > Phase::Running
    }

    /// Completes when the end begins, at once if it has begun already.
    ///
    /// A watch awaits it beside its next event and then ends its body properly, so that the
    /// client sees a complete response instead of a broken connection.
    pub(crate) async fn started(&self) {
        if self.0.clone().wait_for(|phase| *phase == Phase::Ending).await.is_err() {
            future::pending::<()>().await;
        }
    }
}

impl Trigger {
    /// Announces the end, which begins after the delay; calling it again changes nothing.
    ///
    /// Where there is a delay, it must be called within a Tokio runtime.
    pub(crate) fn start(&self) {
        if self.delay.is_zero() {
            self.phase.send_replace(Phase::Ending);
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
                tokio::time::sleep(trigger.delay).await;
                trigger.phase.send_replace(Phase::Ending);
            });
        }
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
        let (trigger, shutdown) = Shutdown::new(Duration::from_millis(50));
        assert!(!shutdown.is_started());
        trigger.start();
        trigger.start();
        assert!(shutdown.is_started());
        let begins = tokio::time::timeout(Duration::from_millis(10), shutdown.started());
        assert!(begins.await.is_err(), "the end is announced and has not begun");
        let begins = tokio::time::timeout(Duration::from_secs(10), shutdown.started());
        assert!(begins.await.is_ok());
        let (trigger, shutdown) = Shutdown::new(Duration::ZERO);
        trigger.start();
        shutdown.started().await;
    }
}
