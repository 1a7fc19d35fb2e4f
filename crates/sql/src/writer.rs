//! The task that makes all writes of a server: many in one transaction.
//!
//! What takes time is to make a transaction durable. While that happens other writes queue up, and
//! the next transaction takes all of them. So with one client a write waits for one transaction, and
//! with many clients they share the cost of it.

use crate::commit::{Outcome, Write};
use crate::log::Shared;
use pintle_storage::{Error, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many writes wait for the transaction before theirs; others wait to get in.
pub(crate) const WRITES_WAITING_MAX: usize = 1024;

/// How many writes, and how many bytes of them, go into one transaction.
pub(crate) const COMMIT_WRITES_MAX: usize = 256;
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A write, and who waits for it.
#[derive(Debug)]
pub(crate) struct Request {
    pub write: Write,
    pub answer: oneshot::Sender<Result<Outcome>>,
}

/// Commits writes until there is nobody left who could send one.
pub(crate) async fn run(shared: Arc<Shared>, mut requests: mpsc::Receiver<Request>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let mut first = Vec::new();
            if requests.recv_many(&mut first, COMMIT_WRITES_MAX).await == 0 {
                return;
            }
            waiting.extend(first);
        }
        while waiting.len() < COMMIT_WRITES_MAX {
            let Ok(request) = requests.try_recv() else { break };
            waiting.push_back(request);
        }
        let (writes, answers) = take(&mut waiting);
        if !writes.is_empty() {
            commit(&shared, writes, answers).await;
        }
    }
}

/// Takes the writes of the next transaction. One that nobody waits for any more is dropped: it has
/// not been acknowledged and never will be.
fn take(waiting: &mut VecDeque<Request>) -> (Vec<Write>, Vec<oneshot::Sender<Result<Outcome>>>) {
    let (mut writes, mut answers, mut bytes) = (Vec::new(), Vec::new(), 0);
    while let Some(request) = waiting.pop_front() {
        if request.answer.is_closed() {
            continue;
        }
        bytes += request.write.bytes();
        if bytes > COMMIT_BYTES_MAX && !writes.is_empty() {
            waiting.push_front(request);
            break;
        }
        writes.push(request.write);
        answers.push(request.answer);
    }
    (writes, answers)
}

async fn commit(
    shared: &Shared,
    writes: Vec<Write>,
    answers: Vec<oneshot::Sender<Result<Outcome>>>,
) {
    match shared.database.commit(writes).await {
        Ok(commit) => {
            // Before anybody is told: a watch that starts after an answer sees the write.
            if !shared.tail.publish(commit.changes)
                && let Err(error) = shared.catch_up().await
            {
                tracing::warn!(%error, "the changes of others cannot be read");
            }
            for (answer, outcome) in answers.into_iter().zip(commit.outcomes) {
                // Who has gone away is not told.
                let _ = answer.send(Ok(outcome));
            }
        }
        Err(error) => {
            tracing::warn!(%error, writes = answers.len(), "a transaction failed");
            for answer in answers {
                let _ = answer.send(Err(again(&error)));
            }
        }
    }
}

/// The same error once more, for each of those that it concerns.
fn again(error: &Error) -> Error {
    match error {
        Error::Unavailable(cause) => Error::Unavailable(cause.to_string().into()),
        other => Error::Internal(other.to_string().into()),
    }
}
