//! The storage over etcd: each operation as a question that etcd and its stand-ins answer.

use crate::address::Address;
use crate::client::{COMPACT, Client, GET, RANGE, SIZE, TXN};
use crate::compactor::Compactor;
use crate::failure::{Cause, Failure};
use crate::newest::Newest;
use crate::proto::{
    self, CompactionRequest, CompactionResponse, Compare, CompareResult, CompareTarget,
    DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, Request, RequestOp, StatusRequest,
    StatusResponse, TargetUnion, TxnRequest, TxnResponse, from_wire, to_wire,
};
use crate::watch::EtcdWatch;
use crate::{fence, keys, watch};
use async_trait::async_trait;
use bytes::Bytes;
use pintle_storage::{Error, Got, KeyValue, Page, Range, Result, Revision, Storage, Watch};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many keys the first question of a range is about, before their size is known.
const FIRST_KEYS: usize = 500;

/// How many bytes one answer to a range should have.
const ANSWER_BYTES: usize = 8 << 20;

/// How often a create is tried on a key that comes and goes, and a range of the newest state whose
/// revision is compacted under it.
const TRIES_MAX: usize = 8;

/// What etcd takes in one request where nobody set it otherwise.
const REQUEST_BYTES_DEFAULT: usize = 3 * 512 * 1024;

/// An etcd, of one member or several.
///
/// It connects when it is first asked something, and again whenever it has to. Dropping it ends its
/// compaction; watches that run go on.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    _compactor: Option<Compactor>,
}

/// What operations and watches have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub client: Client,
    health_key: Bytes,
    /// The newest revision that anything answered.
    seen: AtomicU64,
    newest: Newest,
}

impl Cluster {
    /// The etcd at an address, as [`Etcd`](crate::Etcd) describes it; nothing is connected yet.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// Where the address makes no sense or a file that it names cannot be used.
    pub fn open(address: &str) -> io::Result<Self> {
        let address = Address::parse(address)?;
        let shared = Arc::new(Shared {
            client: Client::new(&address)?,
            health_key: address.health_key.into(),
            seen: AtomicU64::new(0),
            newest: Newest::default(),
        });
        let compactor = (!address.compaction_interval.is_zero())
            .then(|| Compactor::start(Arc::clone(&shared), address.compaction_interval));
        Ok(Self { shared, _compactor: compactor })
    }
}

#[async_trait]
impl Storage for Cluster {
    async fn get(&self, key: &str) -> Result<Got> {
        self.shared.get(bytes(key)).await
    }

    async fn range(&self, range: Range) -> Result<Page> {
        for _ in 0..TRIES_MAX {
            match self.shared.range(&range).await {
                // The caller named no revision, so it must not learn that one was compacted.
                Err(Failure::Compacted) if range.revision == 0 => {}
                Err(Failure::Compacted) => return Err(self.shared.compacted(range.revision).await),
                Err(Failure::Future) => return Err(self.shared.future().await),
                answer => return Ok(answer?),
            }
        }
        let why = "the past is compacted faster than it can be read";
        Err(Error::Unavailable(Cause::new(why).into()))
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision> {
        let key = bytes(key);
        for _ in 0..TRIES_MAX {
            let put = put(key.clone(), value.clone());
            let (answer, revision) = self.shared.txn(&key, 0, put, None).await?;
            if answer.succeeded {
                return Ok(revision);
            }
            if let Some(item) = self.shared.get(key.clone()).await?.item {
                return Err(Error::Exists(item));
            }
        }
        let why = format!("the key {key:?} comes and goes faster than it can be created");
        Err(Error::Unavailable(Cause::new(why).into()))
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision> {
        let key = bytes(key);
        self.shared.replace(&key, expected, put(key.clone(), value)).await
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        let key = bytes(key);
        let delete = Request::DeleteRange(DeleteRangeRequest { key: key.clone() });
        self.shared.replace(&key, expected, delete).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        Ok(Box::new(EtcdWatch::start(Arc::clone(&self.shared), prefix, after)))
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.shared.current_revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        match self.shared.compact(revision).await {
            Err(Failure::Compacted) => Err(self.shared.compacted(revision).await),
            Err(Failure::Future) => Err(self.shared.future().await),
            answer => Ok(answer?),
        }
    }

    async fn size(&self) -> Result<Option<u64>> {
        let status: StatusResponse = self.shared.client.call(&SIZE, StatusRequest {}).await?;
        Ok(u64::try_from(status.db_size).ok().filter(|size| *size > 0))
    }
}

impl Shared {
    /// The newest revision that anything answered.
    pub(crate) fn seen(&self) -> Revision {
        self.seen.load(Ordering::Relaxed)
    }

    /// The revision of an answer, noted as seen.
    pub(crate) fn revision_of(&self, header: Option<proto::ResponseHeader>) -> Revision {
        let revision = from_wire(header.map_or(0, |header| header.revision));
        self.seen.fetch_max(revision, Ordering::Relaxed);
        revision
    }

    /// The newest revision: one question for all who ask at the same time.
    pub(crate) async fn current_revision(&self) -> Result<Revision> {
        let question = || async {
            let request = get_request(self.health_key.clone());
            let read: Result<RangeResponse, Failure> = self.client.call(&GET, request).await;
            let read = read.map_err(|failure| Error::from(failure).to_string())?;
            Ok(self.revision_of(read.header))
        };
        let answer = self.newest.ask(question).await;
        answer.map_err(|why| Error::Unavailable(Cause::new(why).into()))
    }

    pub(crate) async fn get(&self, key: Bytes) -> Result<Got> {
        let read: RangeResponse = self.client.call(&GET, get_request(key)).await?;
        let revision = self.revision_of(read.header);
        let item = read.kvs.into_iter().next().and_then(item);
        Ok(Got { item, revision })
    }

    /// Reads a range in answers of a bounded size, all of one revision.
    async fn range(&self, range: &Range) -> Result<Page, Failure> {
        let mut question = RangeRequest {
            key: keys::first(&range.prefix, &range.start),
            range_end: keys::end(&range.prefix),
            revision: to_wire(range.revision),
            limit: 0,
        };
        let wanted = if range.limit == 0 { usize::MAX } else { range.limit };
        let mut page = Page { items: Vec::new(), revision: range.revision, more: true };
        let mut at_once = FIRST_KEYS;
        while page.more && page.items.len() < wanted {
            let limit = at_once.min(wanted - page.items.len());
            question.limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let answer: RangeResponse = match self.client.call(&RANGE, question.clone()).await {
                Err(Failure::TooLong) if limit > 1 => {
                    at_once = limit / 4 + 1;
                    continue;
                }
                answer => answer?,
            };
            let newest = self.revision_of(answer.header);
            if page.revision == 0 {
                page.revision = newest;
                question.revision = to_wire(newest);
            }
            page.more = answer.more;
            let Some(last) = answer.kvs.last() else { break };
            question.key = keys::next(&last.key);
            let bytes: usize = answer.kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum();
            at_once = (ANSWER_BYTES / (bytes / answer.kvs.len()).max(1)).max(1);
            let kept = answer.kvs.into_iter().filter(|kv| !fence::hidden(&kv.key));
            page.items.extend(kept.filter_map(item));
        }
        Ok(page)
    }

    /// Replaces or removes a key that must be at a revision.
    pub(crate) async fn replace(
        &self,
        key: &Bytes,
        expected: Revision,
        change: Request,
    ) -> Result<Revision> {
        // For etcd a key at revision zero is one that does not exist.
        if expected == 0 {
            return Err(Error::Conflict(self.get(key.clone()).await?.item));
        }
        let read = Request::Range(get_request(key.clone()));
        let (answer, revision) = self.txn(key, expected, change, Some(read)).await?;
        if answer.succeeded {
            return Ok(revision);
        }
        let read = answer.responses.into_iter().next().and_then(|response| response.range);
        let now = read.and_then(|read| read.kvs.into_iter().next());
        Err(Error::Conflict(now.and_then(item)))
    }

    /// Makes a change if the key is at a revision, and does something else if it is not.
    pub(crate) async fn txn(
        &self,
        key: &Bytes,
        expected: Revision,
        change: Request,
        otherwise: Option<Request>,
    ) -> Result<(TxnResponse, Revision)> {
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(to_wire(expected))),
        };
        let value = if let Request::Put(put) = &change { put.value.len() } else { 0 };
        let size = key.len() + value;
        let op = |request| RequestOp { request: Some(request) };
        let question = TxnRequest {
            compare: vec![compare],
            success: vec![op(change)],
            failure: otherwise.map(op).into_iter().collect(),
        };
        match self.client.call(&TXN, question).await {
            Ok(answer) => {
                let answer: TxnResponse = answer;
                let revision = self.revision_of(answer.header);
                Ok((answer, revision))
            }
            Err(Failure::TooLarge) => {
                // etcd does not say what its limit is.
                let limit = REQUEST_BYTES_DEFAULT.min(size.saturating_sub(1));
                Err(Error::TooLarge { size, limit })
            }
            Err(failure) => Err(failure.into()),
        }
    }

    pub(crate) async fn compact(&self, revision: Revision) -> Result<(), Failure> {
        let question = CompactionRequest { revision: to_wire(revision) };
        let CompactionResponse {} = self.client.call(&COMPACT, question).await?;
        Ok(())
    }

    /// The error for a revision that is gone. etcd says which is the oldest only to a watch.
    async fn compacted(&self, asked: Revision) -> Error {
        match watch::oldest(self, &self.health_key, asked).await {
            Ok(oldest) => Error::Compacted { oldest },
            Err(error) => error,
        }
    }

    /// The error for a revision that is not there yet.
    async fn future(&self) -> Error {
        match self.current_revision().await {
            Ok(current) => Error::Future { current },
            Err(error) => error,
        }
    }
}

/// A key as etcd has it.
pub(crate) fn bytes(key: &str) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}

pub(crate) fn put(key: Bytes, value: Bytes) -> Request {
    Request::Put(PutRequest { key, value })
}

pub(crate) fn get_request(key: Bytes) -> RangeRequest {
    RangeRequest { key, ..RangeRequest::default() }
}

/// A key and its value, from etcd's; `None` where the key is no text, which no server writes.
pub(crate) fn item(kv: proto::KeyValue) -> Option<KeyValue> {
    Some(KeyValue {
        key: text(&kv.key)?.into(),
        value: kv.value,
        revision: from_wire(kv.mod_revision),
    })
}

/// A key as text.
pub(crate) fn text(key: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(key);
    if text.is_err() {
        tracing::warn!(key = %String::from_utf8_lossy(key), "a key of etcd is passed over: not UTF-8");
    }
    text.ok()
}
