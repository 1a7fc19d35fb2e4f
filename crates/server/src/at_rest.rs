//! Encryption at rest: what a storage holds is sealed, and opened again when it is read.
//!
//! See [Encrypting Confidential Data at Rest](https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/).
//! The file and the bytes are those of Kubernetes, so a Go server reads what was sealed here, and
//! the reverse. It is a [`Storage`] over another one: whoever is above sees what it is without
//! encryption, whatever is below.

mod chain;
mod cipher;
mod config;
mod counts;
mod failure;
mod kms;

use crate::clock::Clock;
use crate::options::StorageOptions;
use crate::reload::Reloads;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use chain::Chain;
use counts::{Counts, Tally};
use failure::Failure;
use kms::Kms;
use pintle_meta::GroupResource;
use pintle_storage::{Error, Event, Got, KeyValue, Page, Range, Result, Revision, Storage, Watch};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
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
    counts: Arc<Counts>,
    /// Whether the file is read again, so that plugins may come and go.
    reloads: bool,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Rules {
    /// Which chain seals a resource: by its group and name, either of which may be `*`.
    chains: BTreeMap<(String, String), Arc<Chain>>,
    /// The plugins of all chains.
    plugins: Vec<Arc<Kms>>,
}

impl Rules {
    fn of(&self, resource: &GroupResource) -> Option<&Arc<Chain>> {
        let rule = |group: &str, name: &str| self.chains.get(&(group.to_owned(), name.to_owned()));
        rule(&resource.group, &resource.resource)
            .or_else(|| rule(&resource.group, "*"))
            .or_else(|| rule("*", "*"))
    }

    /// Asks all plugins how they are, and goes on to ask.
    async fn start(&self, changed: &watch::Sender<()>) -> Result<(), String> {
        let mut result = Ok(());
        for plugin in &self.plugins {
            result = result.and(plugin.start(changed).await);
        }
        result
    }
}

impl AtRest {
    /// What is sealed, as the command line says.
    ///
    /// # Errors
    /// Where the file cannot be read or makes no sense.
    pub(crate) async fn of(
        options: &StorageOptions,
        clock: &Clock,
        reloads: &mut Reloads,
    ) -> io::Result<Option<Arc<Self>>> {
        let again = options.reload_encryption_config;
        let Some(path) = &options.encryption_config else {
            let why = "--encryption-provider-config-automatic-reload must be set with \
                       --encryption-provider-config";
            return match again {
                true => Err(io::Error::new(io::ErrorKind::InvalidInput, why)),
                false => Ok(None),
            };
        };
        let at_rest = Self::load(path, clock.clone(), again).await?;
        if again {
            let paths = vec![path.clone()];
            reloads.watch("the encryption configuration", paths, at_rest.reloader(path));
        }
        Ok(Some(Arc::new(at_rest)))
    }

    /// Reads an `EncryptionConfiguration`. A plugin that is not well is no error: it is waited for.
    ///
    /// # Errors
    /// Where the file cannot be read or makes no sense.
    async fn load(path: &Path, clock: Clock, reloads: bool) -> io::Result<Self> {
        let counts = Arc::new(Counts::new(clock));
        let rules = config::read(path, &counts)?;
        let changed = watch::Sender::new(());
        if let Err(why) = rules.start(&changed).await {
            tracing::error!(why, "a KMS plugin is not well; it is waited for");
        }
        Ok(Self { rules: Arc::new(ArcSwap::from_pointee(rules)), changed, counts, reloads })
    }

    /// What reads the file again, outside of the runtime's threads; what is wrong leaves everything
    /// as it is.
    fn reloader(&self, path: &Path) -> impl FnMut() -> io::Result<()> + Send + 'static {
        let (rules, changed, path) =
            (Arc::clone(&self.rules), self.changed.clone(), path.to_owned());
        let (counts, runtime) = (Arc::clone(&self.counts), Handle::current());
        let read = move || {
            let new = config::read(&path, &counts)?;
            if !new.plugins.is_empty() {
                // Values must not be sealed by a plugin that nobody can ask.
                let started = runtime.block_on(new.start(&changed));
                started.map_err(|why| io::Error::new(io::ErrorKind::TimedOut, why))?;
            }
            rules.store(Arc::new(new));
            changed.send_replace(());
            Ok(())
        };
        let counts = Arc::clone(&self.counts);
        move || {
            let result = read();
            counts.reloaded(result.is_ok());
            result
        }
    }

    /// Whether there is something to check: plugins, or plugins that may come.
    pub(crate) fn has_plugins(&self) -> bool {
        self.reloads || !self.rules.load().plugins.is_empty()
    }

    /// Whether all plugins are well.
    pub(crate) async fn is_well(&self) -> bool {
        for plugin in &self.rules.load_full().plugins {
            if let Err(why) = plugin.check().await {
                tracing::warn!(why, "a KMS plugin is not well");
                return false;
            }
        }
        true
    }

    /// Writes what has been counted.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let rules = self.rules.load();
        let plugins = rules.plugins.iter().map(|plugin| (plugin.name(), plugin.sources()));
        self.counts.write(out, &plugins.collect::<Vec<_>>());
    }

    /// The storage as one resource sees it.
    pub(crate) fn over(&self, storage: Arc<dyn Storage>, resource: GroupResource) -> Arc<Sealed> {
        let seal = Seal {
            rules: Arc::clone(&self.rules),
            counts: Arc::clone(&self.counts),
            label: resource.to_string(),
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
    counts: Arc<Counts>,
    resource: GroupResource,
    /// The resource as metrics name it.
    label: String,
    changed: watch::Receiver<()>,
    /// Whether a value could not be opened since the configuration last changed.
    refused: AtomicBool,
}

impl Seal {
    fn chain(&self) -> Option<Arc<Chain>> {
        self.rules.load().of(&self.resource).map(Arc::clone)
    }

    fn tally(&self) -> Tally<'_> {
        Tally { counts: &self.counts, resource: &self.label }
    }

    fn seal(&self, key: &str, value: Bytes) -> Result<Bytes> {
        match self.chain() {
            None => Ok(value),
            Some(chain) => {
                let sealed = chain.seal(key, value, &self.tally());
                sealed.map_err(|why| Error::Internal(why.into()))
            }
        }
    }

    /// The value as it was before it was sealed, or the reason why that cannot be had.
    async fn open(&self, item: KeyValue) -> Result<KeyValue> {
        self.open_by(self.chain().as_deref(), item).await
    }

    async fn open_by(&self, chain: Option<&Chain>, mut item: KeyValue) -> Result<KeyValue> {
        let opened = match chain {
            None => chain::open_identity(&item.value).map_err(Failure::from),
            Some(chain) => {
                let opened = chain.open(&item.key, &item.value, &self.tally()).await;
                opened.map(|opened| opened.value)
            }
        };
        item.value = match opened {
            Ok(value) => value,
            // Who asks again may learn what it is: it must not be taken for broken.
            Err(failure) if failure.is_passing => {
                return Err(Error::Unavailable(failure.why.into()));
            }
            Err(failure) => {
                self.refused.store(true, Ordering::Relaxed);
                [REFUSED, failure.why.as_bytes()].concat().into()
            }
        };
        Ok(item)
    }

    async fn open_error(&self, error: Error) -> Error {
        let opened = match error {
            Error::Exists(item) => self.open(item).await.map(Error::Exists),
            Error::Conflict(Some(item)) => {
                self.open(item).await.map(|it| Error::Conflict(Some(it)))
            }
            other => return other,
        };
        opened.unwrap_or_else(|error| error)
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
        let Some(chain) = self.seal.chain() else { return Ok(false) };
        let opened = chain.open(key, &item.value, &self.seal.tally()).await;
        Ok(opened.is_ok_and(|opened| opened.stale))
    }
}

#[async_trait]
impl Storage for Sealed {
    async fn get(&self, key: &str) -> Result<Got> {
        let got = self.inner.get(key).await?;
        let item = match got.item {
            Some(item) => Some(self.seal.open(item).await?),
            None => None,
        };
        Ok(Got { item, ..got })
    }

    async fn range(&self, range: Range) -> Result<Page> {
        let page = self.inner.range(range).await?;
        let chain = self.seal.chain();
        let mut items = Vec::with_capacity(page.items.len());
        for item in page.items {
            items.push(self.seal.open_by(chain.as_deref(), item).await?);
        }
        Ok(Page { items, ..page })
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision> {
        let value = self.seal.seal(key, value)?;
        match self.inner.create(key, value).await {
            Err(error) => Err(self.seal.open_error(error).await),
            created => created,
        }
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision> {
        let value = self.seal.seal(key, value)?;
        match self.inner.update(key, value, expected).await {
            Err(error) => Err(self.seal.open_error(error).await),
            updated => updated,
        }
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        match self.inner.delete(key, expected).await {
            Err(error) => Err(self.seal.open_error(error).await),
            deleted => deleted,
        }
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        let inner = self.inner.watch(prefix, after).await?;
        let (seal, changed) = (Arc::clone(&self.seal), self.seal.changed.clone());
        let (fetched, opened) = (VecDeque::new(), Vec::new());
        Ok(Box::new(SealedWatch { inner, seal, changed, reached: after, fetched, opened }))
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.inner.current_revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.inner.compact(revision).await
    }

    async fn size(&self) -> Result<Option<u64>> {
        self.inner.size().await
    }
}

/// A watch whose values are opened.
struct SealedWatch {
    inner: Box<dyn Watch>,
    seal: Arc<Seal>,
    changed: watch::Receiver<()>,
    reached: Revision,
    /// Events whose values are to be opened, and those before them. Opening may wait for a plugin,
    /// and whoever waits may give up: then nothing is lost.
    fetched: VecDeque<Event>,
    opened: Vec<Event>,
}

#[async_trait]
impl Watch for SealedWatch {
    async fn next(&mut self) -> Result<Vec<Event>> {
        while self.fetched.is_empty() && self.opened.is_empty() {
            tokio::select! {
                events = self.inner.next() => self.fetched = events?.into(),
                Ok(()) = self.changed.changed() => {
                    // What could not be opened may be readable now: whoever watches reads anew.
                    if self.seal.refused.swap(false, Ordering::Relaxed) {
                        return Err(Error::Compacted { oldest: self.reached });
                    }
                }
            }
        }
        while let Some(event) = self.fetched.front() {
            let event = match event.clone() {
                Event::Put(item) => Event::Put(self.seal.open(item).await?),
                other => other,
            };
            self.fetched.pop_front();
            self.opened.push(event);
        }
        self.reached = self.opened.last().map_or(self.reached, Event::revision);
        Ok(std::mem::take(&mut self.opened))
    }

    async fn request_progress(&mut self) -> Result<()> {
        self.inner.request_progress().await
    }
}

/// Whether a text is a configuration, for fuzzing.
#[cfg(feature = "fuzz")]
pub(crate) fn is_configuration(text: &[u8]) -> bool {
    config::parse(text, &Arc::new(Counts::new(Clock::system()))).is_ok()
}

#[cfg(feature = "fuzz")]
pub(crate) use kms::is_sealed_object;

#[cfg(test)]
mod tests;
