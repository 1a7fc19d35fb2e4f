//! Events are sent to a server of the operator's: a list of them by POST, as Kubernetes does.

use super::outlet::{Errors, Written};
use crate::names;
use crate::upstream::Upstream;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tokio::sync::Semaphore;

/// How many lists are under way at a time. What comes then waits in the queue, which has a limit.
const SENDING_MAX: u32 = 16;
/// How often a list is sent, and how the waits in between grow and vary, as in Kubernetes.
const TRIES_MAX: u32 = 5;
const WAIT_FACTOR: f64 = 1.5;
const WAIT_JITTER: f64 = 0.2;

/// The server that wants to know.
pub(super) struct Webhook {
    to: Arc<To>,
    room: Arc<Semaphore>,
}

struct To {
    server: Upstream,
    path: String,
    /// Before a list is sent for the second time.
    backoff: Duration,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("path", &self.to.path).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The server of a kubeconfig's current context.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(super) async fn open(kubeconfig: &Path, backoff: Duration) -> io::Result<Self> {
        let (server, path) = Upstream::of_webhook(kubeconfig).await.map_err(|error| {
            io::Error::new(error.kind(), format!("initializing audit webhook: {error}"))
        })?;
        let room = Arc::new(Semaphore::new(SENDING_MAX as usize));
        Ok(Self { to: Arc::new(To { server, path, backoff }), room })
    }

    /// Sends events; returns when that has begun.
    pub(super) async fn send(&self, events: Vec<Written>, errors: &Arc<Errors>) {
        if events.is_empty() {
            return;
        }
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
        let (to, errors) = (Arc::clone(&self.to), Arc::clone(errors));
        tokio::spawn(async move {
            let sent = to.send(&events).await;
            if !sent {
                errors.failed(events.len());
            }
            events.into_iter().for_each(|event| event.tell(sent));
            drop(room);
        });
    }

    /// Waits until nothing is under way.
    pub(super) async fn idle(&self) {
        let _ = self.room.acquire_many(SENDING_MAX).await;
    }
}

impl To {
    async fn send(&self, events: &[Written]) -> bool {
        let list = list(events);
        let mut wait = self.backoff;
        for tried in 1..=TRIES_MAX {
            match self.server.post(&self.path, list.clone()).await {
                Ok(_) => return true,
                Err(failure) if tried == TRIES_MAX => {
                    let count = events.len();
                    tracing::error!("the audit webhook has not taken {count} events: {failure}");
                }
                Err(failure) => {
                    tracing::debug!("the audit webhook: {failure}");
                    tokio::time::sleep(wait.mul_f64(1.0 + WAIT_JITTER * names::fraction())).await;
                    wait = wait.mul_f64(WAIT_FACTOR);
                }
            }
        }
        false
    }
}

/// The events as an EventList of `audit.k8s.io/v1`.
fn list(events: &[Written]) -> Bytes {
    let head = br#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#;
    let bytes: usize = events.iter().map(|event| event.text.len() + 1).sum();
    let mut list = Vec::with_capacity(head.len() + bytes + 2);
    list.extend_from_slice(head);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            list.push(b',');
        }
        list.extend_from_slice(&event.text);
    }
    list.extend_from_slice(b"]}\n");
    list.into()
}
