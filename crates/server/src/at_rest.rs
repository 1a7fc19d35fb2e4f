//! Encryption at rest: what a storage holds is sealed, and opened again when it is read.
//!
//! See [Encrypting Confidential Data at Rest](https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/).
//! The file and the bytes are those of Kubernetes, so a Go server reads what was sealed here, and
//! the reverse. It is a [`Storage`] over another one: whoever is above sees what it is without
//! encryption, whatever is below.

mod chain;
mod cipher;
mod config;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use chain::Chain;
use pintle_meta::GroupResource;
use pintle_storage::{Error, Event, Got, KeyValue, Page, Range, Result, Revision, Storage, Watch};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// What sealed values begin with, in every form that Kubernetes has.
const SEALED: &[u8] = b"k8s:enc:";

/// What stands before the reason why a value cannot be opened; no sealed value begins so.
const REFUSED: &[u8] = b"k8s:enc:\0";

/// Why stored bytes are not what was sealed, if they are not.
///
/// A value that cannot be opened must not keep the others from being read, so it comes out of the
/// storage as the reason; whoever decodes values asks here first.
pub(crate) fn refusal(value: &[u8]) -> Option<String> {
    match value.strip_prefix(REFUSED) {
        Some(why) => Some(String::from_utf8_lossy(why).into_owned()),
        None if value.starts_with(SEALED) => Some(chain::IDENTITY_REFUSES.to_owned()),
        None => None,
    }
}

/// The configuration as it is now, for all kinds.
#[derive(Debug)]
pub(crate) struct AtRest {
    rules: Arc<ArcSwap<Rules>>,
    changed: watch::Sender<()>,
}

/// Which chain seals a resource: by its group and name, either of which may be `*`.
#[derive(Debug)]
pub(super) struct Rules(BTreeMap<(String, String), Arc<Chain>>);

impl Rules {
    fn of(&self, resource: &GroupResource) -> Option<&Arc<Chain>> {
        let rule = |group: &str, name: &str| self.0.get(&(group.to_owned(), name.to_owned()));
        rule(&resource.group, &resource.resource)
            .or_else(|| rule(&resource.group, "*"))
            .or_else(|| rule("*", "*"))
    }
}

impl AtRest {
    /// Reads an `EncryptionConfiguration`.
    ///
    /// # Errors
    /// Where the file cannot be read or makes no sense.
    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        let rules = Arc::new(ArcSwap::from_pointee(config::read(path)?));
        Ok(Self { rules, changed: watch::Sender::new(()) })
    }

    /// What reads the file again; what is wrong leaves everything as it is.
    pub(crate) fn reloader(&self, path: &Path) -> impl FnMut() -> io::Result<()> + Send + 'static {
        let (rules, changed, path) =
            (Arc::clone(&self.rules), self.changed.clone(), path.to_owned());
        move || {
            rules.store(Arc::new(config::read(&path)?));
            changed.send_replace(());
            Ok(())
        }
    }

    /// The storage as one resource sees it.
    pub(crate) fn over(&self, storage: Arc<dyn Storage>, resource: GroupResource) -> Arc<Sealed> {
        let seal = Seal {
            rules: Arc::clone(&self.rules),
            resource,
            changed: self.changed.subscribe(),
            refused: AtomicBool::new(false),
        };
        Arc::new(Sealed { inner: storage, seal: Arc::new(seal) })
    }
}

/// How the values of one resource are sealed and opened.
#[derive(Debug)]
struct Seal {
    rules: Arc<ArcSwap<Rules>>,
    resource: GroupResource,
    changed: watch::Receiver<()>,
    /// Whether a value could not be opened since the configuration last changed.
    refused: AtomicBool,
}

impl Seal {
    fn seal(&self, key: &str, value: Bytes) -> Result<Bytes> {
        match self.rules.load().of(&self.resource) {
            None => Ok(value),
            Some(chain) => chain.seal(key, value).map_err(|why| Error::Internal(why.into())),
        }
    }

    /// The value as it was before it was sealed, or the reason why that cannot be had.
    fn open(&self, mut item: KeyValue) -> KeyValue {
        let rules = self.rules.load();
        let opened = match rules.of(&self.resource) {
            None => chain::open_identity(&item.value),
            Some(chain) => chain.open(&item.key, &item.value).map(|opened| opened.value),
        };
        item.value = opened.unwrap_or_else(|why| {
            self.refused.store(true, Ordering::Relaxed);
            [REFUSED, why.as_bytes()].concat().into()
        });
        item
    }

    fn open_error(&self, error: Error) -> Error {
        match error {
            Error::Exists(item) => Error::Exists(self.open(item)),
            Error::Conflict(item) => Error::Conflict(item.map(|item| self.open(item))),
            other => other,
        }
    }
}

/// A storage whose values are sealed.
#[derive(Debug)]
pub(crate) struct Sealed {
    inner: Arc<dyn Storage>,
    seal: Arc<Seal>,
}

impl Sealed {
    /// Whether what is stored under a key is not sealed as a new value would be, so that it has to
    /// be written again even where it does not change.
    pub(crate) async fn is_stale(&self, key: &str) -> Result<bool> {
        let Some(item) = self.inner.get(key).await?.item else { return Ok(false) };
        let rules = self.seal.rules.load();
        let Some(chain) = rules.of(&self.seal.resource) else { return Ok(false) };
        Ok(chain.open(key, &item.value).is_ok_and(|opened| opened.stale))
    }
}

#[async_trait]
impl Storage for Sealed {
    async fn get(&self, key: &str) -> Result<Got> {
        let got = self.inner.get(key).await?;
        Ok(Got { item: got.item.map(|item| self.seal.open(item)), ..got })
    }

    async fn range(&self, range: Range) -> Result<Page> {
        let page = self.inner.range(range).await?;
        Ok(Page {
            items: page.items.into_iter().map(|item| self.seal.open(item)).collect(),
            ..page
        })
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision> {
        let value = self.seal.seal(key, value)?;
        self.inner.create(key, value).await.map_err(|error| self.seal.open_error(error))
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision> {
        let value = self.seal.seal(key, value)?;
        self.inner.update(key, value, expected).await.map_err(|error| self.seal.open_error(error))
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        self.inner.delete(key, expected).await.map_err(|error| self.seal.open_error(error))
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        let inner = self.inner.watch(prefix, after).await?;
        let (seal, changed) = (Arc::clone(&self.seal), self.seal.changed.clone());
        Ok(Box::new(SealedWatch { inner, seal, changed, reached: after }))
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.inner.current_revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.inner.compact(revision).await
    }
}

/// A watch whose values are opened.
struct SealedWatch {
    inner: Box<dyn Watch>,
    seal: Arc<Seal>,
    changed: watch::Receiver<()>,
    reached: Revision,
}

#[async_trait]
impl Watch for SealedWatch {
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let events = tokio::select! {
                events = self.inner.next() => events?,
                Ok(()) = self.changed.changed() => {
                    // What could not be opened may be readable now: whoever watches reads anew.
                    if self.seal.refused.swap(false, Ordering::Relaxed) {
                        return Err(Error::Compacted { oldest: self.reached });
                    }
                    continue;
                }
            };
            self.reached = events.last().map_or(self.reached, Event::revision);
            let open = |event| match event {
                Event::Put(item) => Event::Put(self.seal.open(item)),
                other => other,
            };
            return Ok(events.into_iter().map(open).collect());
        }
    }

    async fn request_progress(&mut self) -> Result<()> {
        self.inner.request_progress().await
    }
}

#[cfg(test)]
mod tests;
