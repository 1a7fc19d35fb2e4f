//! The end of a server: one signal that everything long-running watches.
//!
//! As in Kubernetes, the first SIGTERM or SIGINT begins a graceful end and the second ends the
//! process at once with code 1.

use std::{future, io, process};

use tokio::sync::watch;

/// Tells that the server is ending; cloned into whatever must end with it.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// Begins the end.
///
/// Dropping it does not: a server whose triggers are gone runs until its process ends.
#[derive(Clone, Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

impl Shutdown {
    /// A signal that has not been given, and what gives it.
    pub(crate) fn new() -> (Trigger, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Shutdown(receiver))
    }

    /// Whether the end has begun; `/readyz` fails from then on.
    pub(crate) fn is_started(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when the end begins, at once if it has begun already.
    ///
    /// A watch awaits it beside its next event and then ends its body properly, so that the
    /// client sees a complete response instead of a broken connection.
    pub(crate) async fn started(&self) {
        if self.0.clone().wait_for(|started| *started).await.is_err() {
            future::pending::<()>().await;
        }
    }
}

impl Trigger {
    /// Begins the end; calling it again changes nothing.
    pub(crate) fn start(&self) {
        self.0.send_replace(true);
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
