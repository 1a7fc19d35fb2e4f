//! The certificates that are served: one for everybody, and others for the names that clients ask
//! for (SNI, RFC 6066), read again when their files change.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Pair, SniCertKey, refused};

/// The certificates of a server; a handshake takes what is current.
#[derive(Debug)]
pub(crate) struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    named: Vec<SniCertKey>,
    current: ArcSwap<Table>,
}

#[derive(Debug)]
struct Table {
    default: Arc<CertifiedKey>,
    /// By name in lower case, also `*.example.com`.
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads the certificate and key for everybody, and those for some names.
    pub(super) fn read(
        certificate: PathBuf,
        key: PathBuf,
        named: Vec<SniCertKey>,
    ) -> io::Result<Arc<Self>> {
        let default = SniCertKey { certificate, key, names: Vec::new() };
        let current = ArcSwap::from_pointee(table(&default, &named)?);
        let SniCertKey { certificate, key, .. } = default;
        Ok(Arc::new(Self { certificate, key, named, current }))
    }

    /// Reads all files again; where one of them cannot be used, what is served stays.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn reload(&self) -> io::Result<()> {
        let (certificate, key) = (self.certificate.clone(), self.key.clone());
        let default = SniCertKey { certificate, key, names: Vec::new() };
        self.current.store(Arc::new(table(&default, &self.named)?));
        Ok(())
    }

    /// The files to look at.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let named = self.named.iter().flat_map(|it| [it.certificate.clone(), it.key.clone()]);
        [self.certificate.clone(), self.key.clone()].into_iter().chain(named).collect()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.current.load();
        let named = hello.server_name().and_then(|name| table.named(name));
        Some(Arc::clone(named.unwrap_or(&table.default)))
    }
}

impl Table {
    fn named(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        if self.by_name.is_empty() {
            return None;
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.by_name.get(&name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }
}

/// Names that were given come before names that a certificate has, and earlier pairs before later
/// ones.
fn table(default: &SniCertKey, named: &[SniCertKey]) -> io::Result<Table> {
    let keys = named.iter().map(certified).collect::<io::Result<Vec<_>>>()?;
    let mut by_name = HashMap::new();
    for (pair, key) in named.iter().zip(&keys) {
        for name in &pair.names {
            by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| Arc::clone(key));
        }
    }
    for (_, key) in named.iter().zip(&keys).filter(|(pair, _)| pair.names.is_empty()) {
        for name in names(key) {
            by_name.entry(name).or_insert_with(|| Arc::clone(key));
        }
    }
    Ok(Table { default: certified(default)?, by_name })
}

fn certified(pair: &SniCertKey) -> io::Result<Arc<CertifiedKey>> {
    let Pair { chain, key } = Pair::read(&pair.certificate, &pair.key)?;
    let made = CertifiedKey::from_der(chain, key, &ring::default_provider());
    made.map(Arc::new).map_err(|error| refused(&error, &pair.certificate, &pair.key))
}

/// The names that a certificate is for, by its own words.
fn names(key: &CertifiedKey) -> Vec<String> {
    let Some(Ok((_, parsed))) = key.cert.first().map(|it| X509Certificate::from_der(it)) else {
        return Vec::new();
    };
    let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.map(str::to_ascii_lowercase).collect();
    if let Ok(Some(others)) = parsed.subject_alternative_name() {
        let dns = others.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        names.extend(dns);
    }
    names
}
