//! The serving certificate and the TLS settings.
//!
//! As in Kubernetes, the certificate is the operator's (`--tls-cert-file`,
//! `--tls-private-key-file`), or else the pair `apiserver.crt` and `apiserver.key` of a folder,
//! made on the first start. Unlike Kubernetes, the folder also keeps the authority that signed
//! it, so that a client's trust outlives a certificate; and a pair which that authority signed is
//! replaced at a start when it runs out or does not fit the address.
//! Whatever its source, it is read again when its files change.

mod authority;
mod certificates;
mod client;
pub(crate) mod files;
mod folder;
pub(crate) mod pem;
mod settings;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, ServerConfig};

use crate::clock::Clock;

use client::KeyOwner;
use folder::{Covered, Folder};

pub(crate) use certificates::Certificates;
pub use settings::CipherSuite;
pub use settings::Curve;
pub use settings::SniCertKey;
pub(crate) use settings::TlsSettings;
pub use settings::TlsVersion;

/// Where the serving certificate comes from.
#[derive(Clone, Debug)]
pub(crate) enum CertificateSource<'a> {
    /// The operator's own files; read, never written.
    Files {
        /// The certificate, followed by those that link it to a root, in PEM form.
        certificate: &'a Path,
        /// Its private key, in PEM form.
        key: &'a Path,
    },
    /// A folder with `apiserver.crt` and `apiserver.key`, which are made where missing.
    Folder {
        /// The folder; made where missing, for its owner only.
        folder: &'a Path,
        /// The address that is served on, which a made certificate must cover.
        address: IpAddr,
        /// What others call this server, which it must cover too, if they do; with or without a port.
        host: &'a str,
    },
}

/// What a server needs to speak TLS.
#[derive(Debug)]
pub(crate) struct Serving {
    /// The settings for rustls, offering HTTP/2 and HTTP/1.1.
    pub config: Arc<ServerConfig>,
    /// The certificates that these settings serve, to be read again.
    pub certificates: Arc<Certificates>,
    /// The certificates, in PEM form, by which a client knows this server: the authority of the
    /// folder, or where the operator brought a certificate, that one with what it came with.
    pub authority_pem: String,
}

/// A certificate with its chain, and its private key.
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Reads the serving certificate, or makes one, and prepares TLS with it.
///
/// # Errors
///
/// Fails with one line that names the file: unreadable, not PEM, or a key that belongs to another
/// certificate.
pub(crate) fn load(
    source: &CertificateSource<'_>,
    settings: &TlsSettings,
    clock: &Clock,
) -> io::Result<Serving> {
    let (certificate, key, authority_pem) = match *source {
        CertificateSource::Files { certificate, key } => {
            let authority_pem = pem::encode(&pem::read_certificates(certificate)?);
            (certificate.to_owned(), key.to_owned(), authority_pem)
        }
        CertificateSource::Folder { folder, address, host } => {
            let folder = Folder::new(folder);
            let trusted = folder.prepare(&Covered::of(address, host), clock.now())?;
            (folder.certificate, folder.key, pem::encode(&trusted))
        }
    };
    let certificates = Certificates::read(certificate, key, settings.named.clone())?;
    let config = server_config(settings, Arc::clone(&certificates) as _)?;
    Ok(Serving { config, certificates, authority_pem })
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        Ok(Pair { chain: pem::read_certificates(certificate)?, key: pem::read_key(key)? })
    }

    fn belongs_together(&self) -> bool {
        let (chain, key) = (self.chain.clone(), self.key.clone_key());
        CertifiedKey::from_der(chain, key, &ring::default_provider()).is_ok()
    }
}

fn server_config(
    settings: &TlsSettings,
    certificates: Arc<dyn ResolvesServerCert>,
) -> io::Result<Arc<ServerConfig>> {
    // Never the process's default provider: a library must not depend on who sets it first.
    let mut provider = ring::default_provider();
    provider.cipher_suites = settings.suites();
    provider.kx_groups = settings.groups();
    let owner = Arc::new(KeyOwner::new(&provider));
    let builder = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(settings.versions())
        .map_err(io::Error::other)?;
    let builder = match settings.client_certificates {
        true => builder.with_client_cert_verifier(owner),
        // A browser would ask its user for one.
        false => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if settings.http2 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    // Clients resume with tickets under keys that rotate, so no session is kept here.
    config.ticketer = ring::Ticketer::new().map_err(io::Error::other)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

fn refused(error: &Error, certificate: &Path, key: &Path) -> io::Error {
    let (certificate, key) = (certificate.display(), key.display());
    let message = match error {
        Error::InconsistentKeys(_) => {
            format!("the private key {key} does not belong to the certificate {certificate}")
        }
        Error::InvalidCertificate(_) => {
            format!("cannot use the certificate {certificate}: {error}")
        }
        _ => format!("cannot use the private key {key}: {error}"),
    };
    io::Error::new(io::ErrorKind::InvalidData, message)
}
