//! Plugins that keep a key: version 2 of Kubernetes'
//! [KMS providers](https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/).
//!
//! A plugin never sees an object. It seals a *seed*, of which each value gets a key of its own; the
//! sealed seed stands beside the value. So a plugin is asked once for each seed and not for each
//! value: by default a seed lives until the plugin has another key, or the server ends.

mod client;
mod messages;
#[cfg(test)]
mod tests;

use super::cipher::{Algorithm, Cipher, SEED_BYTES, Seed, random};
use super::counts::{Counts, FROM_STORAGE, TO_STORAGE, digest};
use super::failure::Failure;
use crate::memo::Memo;
use crate::names;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use client::Client;
use messages::{
    AES_GCM_KEY, DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, EncryptedObject,
    SEED, StatusRequest, StatusResponse, check_key_id,
};
use prost::Message;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long things take; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// How often a plugin is asked how it is, while it is well and while it is not.
    poll_well: Duration,
    poll_ill: Duration,
    /// For how long health checks are told the same.
    well: Duration,
    ill: Duration,
    /// For how long a seed seals after the plugin was last well.
    sealing: Duration,
    /// For how long a plugin is not asked again what it has refused, or has not answered.
    refusal: Duration,
    silence: Duration,
}

/// The times of Kubernetes, but for the last two.
const TIMES: Times = Times {
    poll_well: Duration::from_secs(60),
    poll_ill: Duration::from_secs(10),
    well: Duration::from_secs(20),
    ill: Duration::from_secs(3),
    sealing: Duration::from_secs(180),
    refusal: Duration::from_secs(10),
    silence: Duration::from_secs(1),
};

/// How many opened seeds are kept, and for how long.
const SOURCES_MAX: usize = 10_000;
const SOURCE_TIME: Duration = Duration::from_secs(24 * 3600);

/// Where the key of a value comes from: what the plugin has sealed, and what it said of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Source {
    kind: i32,
    sealed: Bytes,
    key_id: String,
    annotations: BTreeMap<String, Bytes>,
}

/// What a plugin has opened.
#[derive(Debug)]
enum Dek {
    Key(Cipher),
    Seed(Seed),
}

/// What new values are sealed with.
#[derive(Clone, Debug)]
struct Current {
    dek: Arc<Dek>,
    source: Arc<Source>,
    until: Instant,
}

#[derive(Debug, Default)]
struct Health {
    /// The version of the protocol, which must not change.
    version: String,
    last: Option<(Instant, Result<(), String>)>,
}

/// A plugin.
#[derive(Debug)]
pub(super) struct Kms {
    name: String,
    /// What values that were sealed with its help begin with.
    pub prefix: String,
    client: Client,
    times: Times,
    counts: Arc<Counts>,
    /// `None` until the plugin has been well once.
    current: ArcSwapOption<Current>,
    sources: Memo<Arc<Source>, Result<Arc<Dek>, Failure>>,
    health: tokio::sync::Mutex<Health>,
    /// What the plugin has refused last, so that it is noticed when it no longer does.
    refused: Mutex<Option<Arc<Source>>>,
}

impl Kms {
    pub(super) fn new(name: &str, socket: PathBuf, time: Duration, counts: Arc<Counts>) -> Self {
        Self {
            name: name.to_owned(),
            prefix: format!("k8s:enc:kms:v2:{name}:"),
            client: Client::new(name, socket, time, Arc::clone(&counts)),
            times: TIMES,
            counts,
            current: ArcSwapOption::empty(),
            sources: Memo::new(SOURCES_MAX),
            health: tokio::sync::Mutex::default(),
            refused: Mutex::new(None),
        }
    }

    /// Asks the plugin how it is, and goes on to ask until this is dropped.
    ///
    /// # Errors
    /// Where it is not well now; it may be later.
    pub(super) async fn start(self: &Arc<Self>, changed: &watch::Sender<()>) -> Result<(), String> {
        let first = self.check().await;
        let (times, weak) = (self.times, Arc::downgrade(self));
        tokio::spawn(poll(weak, times, changed.clone(), first.is_ok()));
        first
    }

    /// Seals a value behind the prefix.
    pub(super) fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        let Some(current) = self.current.load_full() else {
            return Err(format!("KMS provider {} has not said yet what its key is", self.name));
        };
        let source = &current.source;
        if Instant::now() > current.until {
            let hash = digest(&source.key_id);
            return Err(format!("encryptedDEKSource with keyID hash \"{hash}\" expired"));
        }
        let object = EncryptedObject {
            data: current.dek.seal(place.as_bytes(), plain)?.into(),
            key_id: source.key_id.clone(),
            source: source.sealed.clone(),
            annotations: source.annotations.clone(),
            source_type: source.kind,
        };
        self.counts.used(TO_STORAGE, &self.name, &source.key_id);
        let mut out = Vec::with_capacity(self.prefix.len() + object.encoded_len());
        out.extend_from_slice(self.prefix.as_bytes());
        object.encode(&mut out).map_err(|error| error.to_string())?;
        Ok(out)
    }

    /// Opens a value without its prefix; also says whether a new one would be sealed otherwise.
    pub(super) async fn open(&self, place: &str, sealed: Bytes) -> Result<(Bytes, bool), Failure> {
        let (data, source) = EncryptedObject::read(sealed)?;
        let current = self.current.load_full();
        let stale = current.as_ref().is_none_or(|current| {
            current.source.key_id != source.key_id || current.source.kind != source.kind
        });
        let dek = match current.filter(|current| *current.source == source) {
            Some(current) => Arc::clone(&current.dek),
            None => self.dek(&Arc::new(source.clone())).await?,
        };
        self.counts.used(FROM_STORAGE, &self.name, &source.key_id);
        Ok((dek.open(place.as_bytes(), &data)?.into(), stale))
    }

    /// What the plugin makes of a sealed key or seed.
    async fn dek(&self, source: &Arc<Source>) -> Result<Arc<Dek>, Failure> {
        let ask = async || {
            self.counts.missed();
            let question = DecryptRequest {
                ciphertext: source.sealed.clone(),
                uid: names::uid(),
                key_id: source.key_id.clone(),
                annotations: source.annotations.clone(),
            };
            let answer = self.client.ask::<DecryptResponse>("Decrypt", &question).await;
            let opened = answer.map_err(|status| Failure {
                why: format!("failed to decrypt DEK, error: {status}"),
                code: status.code(),
                is_passing: status.is_passing(),
            })?;
            Ok(Arc::new(Dek::new(source.kind, &opened.plaintext)?))
        };
        let keep = |answer: &Result<_, Failure>| match answer {
            Ok(_) => SOURCE_TIME,
            Err(failure) if failure.is_passing => self.times.silence,
            Err(_) => self.times.refusal,
        };
        let dek = self.sources.get(source, ask, keep).await;
        if dek.as_ref().is_err_and(|failure| !failure.is_passing) {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(source));
        }
        dek
    }

    /// Whether what the plugin had refused is opened now.
    async fn opens_again(&self) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(refused) = refused else { return false };
        let opens = self.dek(&refused).await.is_ok();
        if opens {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        opens
    }

    /// How many opened seeds are kept.
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }

    /// The name of the plugin.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the plugin is well, as it says or has said a moment ago.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn check(&self) -> Result<(), String> {
        let mut health = self.health.lock().await;
        if let Some((until, told)) = &health.last
            && Instant::now() < *until
        {
            return told.clone();
        }
        let told = self.ask_how_it_is(&mut health.version).await;
        let time = if told.is_ok() { self.times.well } else { self.times.ill };
        health.last = Some((Instant::now() + time, told.clone()));
        told
    }

    async fn ask_how_it_is(&self, version: &mut String) -> Result<(), String> {
        // Taken before the question: it is an upper bound.
        let until = Instant::now() + self.times.sealing;
        let asked = self.client.ask::<StatusResponse>("Status", &StatusRequest {}).await;
        let status = asked.map_err(|status| {
            let name = &self.name;
            format!(
                "failed to perform status section of the healthz check for KMS Provider {name}, \
                 error: {status}"
            )
        })?;
        let mut problems = Vec::new();
        if status.healthz != "ok" {
            problems.push(format!("got unexpected healthz status: {}", status.healthz));
        }
        if !matches!(&*status.version, "v2" | "v2beta1") {
            problems.push(format!("expected KMSv2 API version v2, got {}", status.version));
        } else if version.is_empty() {
            version.clone_from(&status.version);
        } else if *version != status.version {
            problems.push(format!(
                "KMSv2 API version should not change after the initial status response version \
                 {version}, got {}",
                status.version
            ));
        }
        match check_key_id(&status.key_id) {
            Err((code, why)) => {
                self.counts.invalid_key(&self.name, code);
                let hash = digest(&status.key_id);
                problems.push(format!("got invalid KMSv2 KeyID hash \"{hash}\": {why}"));
            }
            Ok(()) => {
                self.counts.key_named(&self.name, &status.key_id);
                problems.extend(self.renew(&status.key_id, until).await.err());
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        let problems = problems.join(", ");
        Err(format!("kmsv2 Provider {} is not healthy, error: {problems}", self.name))
    }

    /// Goes on to seal with the seed that there is, or with a new one where the plugin's key is
    /// another. Where that fails, the old one seals until its time is over.
    async fn renew(&self, key_id: &str, until: Instant) -> Result<(), String> {
        let current = self.current.load_full();
        if let Some(current) = current.filter(|current| current.source.key_id == key_id) {
            self.current.store(Some(Arc::new(Current { until, ..Current::clone(&current) })));
            return Ok(());
        }
        let failed = |why: String| format!("failed to rotate DEK: {why}");
        let begun = Instant::now();
        let seed: Result<[u8; SEED_BYTES], _> = random();
        self.counts.key_made(begun.elapsed(), seed.is_ok());
        let seed = seed?;
        let plaintext = Bytes::copy_from_slice(&seed);
        let question = EncryptRequest { plaintext, uid: names::uid() };
        let answer = self.client.ask::<EncryptResponse>("Encrypt", &question).await;
        let EncryptResponse { ciphertext, key_id: sealed_by, annotations } =
            answer.map_err(|status| failed(format!("failed to encrypt DEK, error: {status}")))?;
        let source = Source { kind: SEED, sealed: ciphertext, key_id: sealed_by, annotations };
        source.check().map_err(failed)?;
        if source.key_id != key_id {
            let [status, encrypt] = [key_id, &source.key_id].map(digest);
            return Err(failed(format!(
                "statusKeyIDHash=\"{status}\", encryptKeyIDHash=\"{encrypt}\""
            )));
        }
        let dek = Arc::new(Dek::new(SEED, &seed).map_err(|failure| failed(failure.why))?);
        tracing::info!(
            provider = self.name,
            key = digest(key_id),
            "values are sealed with a new seed"
        );
        let source = Arc::new(source);
        // What it has sealed is still opened when the next one has taken its place.
        let known = async || Ok(Arc::clone(&dek));
        let _ = self.sources.get(&source, known, |_| SOURCE_TIME).await;
        self.current.store(Some(Arc::new(Current { dek, source, until })));
        Ok(())
    }
}

/// Asks a plugin how it is, again and again, as long as somebody has it.
async fn poll(kms: Weak<Kms>, times: Times, changed: watch::Sender<()>, well: bool) {
    let mut well = well;
    loop {
        sleep(if well { times.poll_well } else { times.poll_ill }).await;
        let Some(kms) = kms.upgrade() else { return };
        let told = kms.check().await;
        match &told {
            Ok(()) if !well => tracing::info!(provider = kms.name, "the KMS plugin is well again"),
            Ok(()) => {}
            Err(why) => tracing::error!(provider = kms.name, why, "the KMS plugin is not well"),
        }
        well = told.is_ok();
        if well && kms.opens_again().await {
            changed.send_replace(());
        }
    }
}

impl Dek {
    fn new(kind: i32, bytes: &[u8]) -> Result<Self, Failure> {
        let made = match kind {
            AES_GCM_KEY => Cipher::new(Algorithm::AesGcm, bytes.to_vec()).map(Self::Key),
            _ => Seed::new(bytes).map(Self::Seed),
        };
        let size = bytes.len();
        made.ok_or_else(|| format!("invalid seed length {size} used for key generation").into())
    }

    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Key(cipher) => cipher.seal(&[], place, plain),
            Self::Seed(seed) => seed.seal(place, plain),
        }
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Key(cipher) => cipher.open(place, sealed),
            Self::Seed(seed) => seed.open(place, sealed),
        }
    }
}

/// Whether bytes are a value that was sealed with a plugin's help, for fuzzing.
#[cfg(feature = "fuzz")]
pub(crate) fn is_sealed_object(bytes: &[u8]) -> bool {
    let read = |bytes: Bytes| EncryptedObject::read(bytes).ok();
    let Some((data, source)) = read(Bytes::copy_from_slice(bytes)) else { return false };
    let object = EncryptedObject {
        data: data.clone(),
        key_id: source.key_id.clone(),
        source: source.sealed.clone(),
        annotations: source.annotations.clone(),
        source_type: source.kind,
    };
    assert_eq!(read(object.encode_to_vec().into()), Some((data, source)));
    true
}
