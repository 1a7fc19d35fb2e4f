//! Users who are named by their client certificate, and the authorities that are believed.
//!
//! A handshake asks for a certificate and proves that the client has its key. Whose word it is, and
//! whether that is believed here, is found out with the first request, by each list of authorities;
//! and again when the list changes or some time has passed. See
//! [X509 client certificates](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates).

use super::known;
use crate::tls::pem;
use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use pintle_meta::User;
use ring::digest::{self, SHA256};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long it is believed that a certificate of an open connection is good.
const VERDICT_TIME: SignedDuration = SignedDuration::from_secs(60);
/// The lists of authorities of which a connection remembers what they said: two are in use, and one
/// may just be replaced.
const VERDICTS_MAX: usize = 3;
/// Where a certificate says the user's UID.
const UID_OID: [u64; 8] = [1, 3, 6, 1, 4, 1, 57683, 2];
/// The key of what the user's certificate is.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// Certificate authorities; another list is another value.
#[derive(Debug)]
pub(crate) struct Authorities(Arc<dyn ClientCertVerifier>);

/// The authorities that are believed at present; none until they are known.
pub(crate) type Trusted = Arc<ArcSwapOption<Authorities>>;

impl Authorities {
    /// Reads a bundle of certificates.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn read(path: &Path) -> io::Result<Arc<Self>> {
        Self::new(pem::read_certificates(path)?).map_err(|error| {
            let message = format!("cannot use the authorities of {}: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    /// Takes a bundle of certificates in PEM form.
    pub(crate) fn parse(text: &str) -> Result<Arc<Self>, String> {
        Self::new(pem::parse_certificates(text.as_bytes())?)
    }

    fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Arc<Self>, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let provider = Arc::new(provider::default_provider());
        let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        built.map(|verifier| Arc::new(Self(verifier))).map_err(|error| error.to_string())
    }

    fn verify(&self, chain: &[CertificateDer<'static>], now: Timestamp) -> Result<(), String> {
        let Some((own, others)) = chain.split_first() else {
            return Err("there is no certificate".to_owned());
        };
        let since = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        let verified = self.0.verify_client_cert(own, others, UnixTime::since_unix_epoch(since));
        verified.map(drop).map_err(|error| format!("verifying the client's certificate: {error}"))
    }
}

/// What a client showed in its handshake: it has the key of the first, and more is not known yet.
#[derive(Debug, Default)]
pub(crate) struct PeerCertificates {
    chain: Vec<CertificateDer<'static>>,
    verdicts: Mutex<Vec<Verdict>>,
    subject: OnceLock<Option<Subject>>,
}

#[derive(Debug)]
struct Verdict {
    by: Arc<Authorities>,
    until: Timestamp,
    result: Result<(), String>,
}

/// What a certificate says of its owner.
#[derive(Debug)]
struct Subject {
    common_name: String,
    user: Option<Arc<User>>,
    /// When the certificate ends, in seconds since 1970.
    end: i64,
}

impl PeerCertificates {
    pub(crate) fn new(chain: &[CertificateDer<'_>]) -> Self {
        let chain = chain.iter().map(|it| it.clone().into_owned()).collect();
        Self { chain, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// The user that the certificate names, if these authorities stand for it; nothing while there
    /// are no authorities.
    pub(super) fn user(
        &self,
        trusted: &ArcSwapOption<Authorities>,
        now: Timestamp,
    ) -> Result<Option<Arc<User>>, String> {
        let Some(authorities) = trusted.load_full() else { return Ok(None) };
        self.verify(&authorities, now)?;
        Ok(self.subject()?.user.clone())
    }

    /// The common name of the certificate; means something only behind [`verify`](Self::verify).
    pub(super) fn common_name(&self) -> Result<&str, String> {
        Ok(&self.subject()?.common_name)
    }

    /// Whether these authorities stand for the certificate.
    pub(super) fn verify(
        &self,
        authorities: &Arc<Authorities>,
        now: Timestamp,
    ) -> Result<(), String> {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.retain(|verdict| verdict.until > now);
        if let Some(kept) = verdicts.iter().find(|kept| Arc::ptr_eq(&kept.by, authorities)) {
            return kept.result.clone();
        }
        let result = authorities.verify(&self.chain, now);
        if verdicts.len() >= VERDICTS_MAX {
            verdicts.remove(0);
        }
        let until = now.saturating_add(VERDICT_TIME).unwrap_or(now);
        verdicts.push(Verdict { by: Arc::clone(authorities), until, result: result.clone() });
        result
    }

    /// For how many seconds the certificate is still good.
    pub(super) fn remaining(&self, now: Timestamp) -> f64 {
        let end = self.subject().map_or(0, |subject| subject.end);
        #[expect(clippy::cast_precision_loss, reason = "seconds are few")]
        let remaining = (end - now.as_second()) as f64;
        remaining
    }

    fn subject(&self) -> Result<&Subject, String> {
        let parsed = self.subject.get_or_init(|| Subject::of(self.chain.first()?));
        parsed.as_ref().ok_or_else(|| "the client's certificate cannot be read".to_owned())
    }
}

impl Subject {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            value.as_str().map(str::to_owned).unwrap_or_default()
        };
        let name = parsed.subject();
        // Go takes the last one, should there be several.
        let common_name = name.iter_common_name().last().map(text).unwrap_or_default();
        let uid = Oid::from(&UID_OID).ok()?;
        let user = (!common_name.is_empty()).then(|| {
            let hash = digest::digest(&SHA256, certificate);
            let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            let id = (CREDENTIAL_ID.to_owned(), vec![format!("X509SHA256={hex}")]);
            known(User {
                name: common_name.clone(),
                uid: name.iter_by_oid(&uid).last().map(text).unwrap_or_default(),
                groups: name.iter_organization().map(text).collect(),
                extra: BTreeMap::from([id]),
            })
        });
        let end = parsed.validity().not_after.timestamp();
        Some(Self { common_name, user, end })
    }
}
