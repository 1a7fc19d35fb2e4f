//! Forgets the past at intervals, once for all servers that share an etcd.
//!
//! As in Kubernetes, servers of both languages agree by the key `compact_rev_key`: its version is the
//! number of the round. Whoever raises it compacts to the revision that it saw a round ago; the
//! others learn of it and wait for the next round.

use crate::cluster::{self, Shared, bytes};
use crate::failure::Failure;
use crate::proto::{
    Compare, CompareResult, CompareTarget, Request, RequestOp, TargetUnion, TxnRequest, TxnResponse,
};
use pintle_storage::{Error, Revision};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const KEY: &str = "compact_rev_key";

/// The task; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Compactor(JoinHandle<()>);

impl Compactor {
    pub(crate) fn start(shared: Arc<Shared>, interval: Duration) -> Self {
        Self(tokio::spawn(async move {
            let mut round = Round::default();
            loop {
                sleep(interval).await;
                match round.run(&shared).await {
                    Ok(None) => {}
                    Ok(Some(revision)) => tracing::debug!(revision, "etcd was compacted"),
                    Err(failure) => {
                        let error = Error::from(failure);
                        tracing::warn!(%error, "etcd cannot be compacted; the next round tries again");
                    }
                }
            }
        }))
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What one server knows of the rounds.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// The number of rounds that there have been.
    number: i64,
    /// The newest revision of the last round; zero before the first.
    revision: Revision,
}

impl Round {
    /// Plays a round; returns what was compacted, where this server did.
    pub(crate) async fn run(&mut self, shared: &Shared) -> Result<Option<Revision>, Failure> {
        let key = bytes(KEY);
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Version.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::Version(self.number)),
        };
        let op = |request| vec![RequestOp { request: Some(request) }];
        let question = TxnRequest {
            compare: vec![compare],
            success: op(cluster::put(key.clone(), self.revision.to_string().into())),
            failure: op(Request::Range(cluster::get_request(key))),
        };
        let answer: TxnResponse = shared.client.call(&crate::client::TXN, question).await?;
        let newest = shared.revision_of(answer.header);
        if !answer.succeeded {
            let read = answer.responses.into_iter().next().and_then(|response| response.range);
            let now = read.and_then(|read| read.kvs.into_iter().next());
            *self = Self { number: now.map_or(0, |kv| kv.version), revision: newest };
            return Ok(None);
        }
        let old = std::mem::replace(&mut self.revision, newest);
        self.number += 1;
        if old == 0 {
            // Nobody knows yet how old which revision is.
            return Ok(None);
        }
        match shared.compact(old).await {
            // Somebody compacted past it by hand.
            Err(Failure::Compacted) => Ok(None),
            answer => answer.map(|()| Some(old)),
        }
    }
}
