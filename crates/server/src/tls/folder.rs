//! The certificate folder: what is kept of it, what is replaced, and why.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tokio_rustls::rustls::pki_types::{CertificateDer, DnsName};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::authority::{self, Authority};
use super::{Pair, files, pem};

/// How long before its end a certificate is replaced at a start, so that a server that is
/// restarted every month never serves one that has run out.
const RENEWAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The folder's files.
pub(super) struct Folder {
    path: PathBuf,
    authority: PathBuf,
    authority_key: PathBuf,
    /// `apiserver.crt`
    pub certificate: PathBuf,
    /// `apiserver.key`
    pub key: PathBuf,
}

/// What a serving certificate must cover.
pub(super) struct Covered {
    /// None for a server on every address, which is reached by ones that it cannot know.
    pub addresses: Vec<IpAddr>,
    pub host: Option<String>,
}

impl Covered {
    /// The address that is served on, and what others call the server: a name, an address, or `""`.
    pub(super) fn of(address: IpAddr, host: &str) -> Self {
        let host = match host.parse::<SocketAddr>() {
            Ok(address) => address.ip().to_string(),
            Err(_) if host.parse::<IpAddr>().is_ok() => host.to_owned(),
            Err(_) => host.split(':').next().unwrap_or_default().to_ascii_lowercase(),
        };
        let other = host.parse().ok();
        let addresses = [address].into_iter().chain(other);
        let addresses = addresses.filter(|address| !address.is_unspecified()).collect();
        // What no certificate can say is not asked of one.
        let is_name = other.is_none() && DnsName::try_from(host.as_str()).is_ok();
        Self { addresses, host: is_name.then_some(host) }
    }
}

/// What is to be done about the serving certificate.
enum Verdict {
    /// It serves; clients trust it by these certificates.
    Keep(Vec<CertificateDer<'static>>),
    /// It is to be made, for this reason.
    Make(String),
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Folder {
            path: path.to_owned(),
            authority: path.join("ca.crt"),
            authority_key: path.join("ca.key"),
            certificate: path.join("apiserver.crt"),
            key: path.join("apiserver.key"),
        }
    }

    /// Makes or replaces the serving certificate where needed, and returns what a client must trust.
    pub(super) fn prepare(
        &self,
        covered: &Covered,
        now: Timestamp,
    ) -> io::Result<Vec<CertificateDer<'static>>> {
        let lock = files::make_folder(&self.path).and_then(|()| files::lock(&self.path));
        let why = match self.judge(covered, now)? {
            Verdict::Keep(trusted) => return Ok(trusted),
            Verdict::Make(why) => why,
        };
        // A folder that cannot be written to, as that of a mounted secret, will do until here.
        let _lock = lock?;
        let authority = self.authority(now)?;
        let (certificate, key) = authority.issue(covered, now)?;
        // In this order: a certificate that a crash leaves without its key is known by its
        // signature to be ours to replace.
        files::write(&self.certificate, certificate.as_bytes())?;
        files::write(&self.key, key.as_bytes())?;
        tracing::info!("made the serving certificate {}: {why}", self.certificate.display());
        Ok(vec![authority.certificate])
    }

    /// Looks at what the folder has. What others put there is served as it is, as in Kubernetes.
    fn judge(&self, covered: &Covered, now: Timestamp) -> io::Result<Verdict> {
        let has_key = exists(&self.key)?;
        if !exists(&self.certificate)? {
            return match has_key {
                true => Err(alone(&self.key, &self.certificate)),
                false => Ok(Verdict::Make("there was none".to_owned())),
            };
        }
        let chain = pem::read_certificates(&self.certificate)?;
        let authority = match exists(&self.authority)? {
            true => pem::read_certificates(&self.authority)?,
            false => Vec::new(),
        };
        let certificate = parse(&chain[0], &self.certificate)?;
        let ours = is_issued_by(&certificate, authority.first(), &self.authority)?;
        let fault = fault(&certificate, covered, now);
        if ours && !has_key {
            return Ok(Verdict::Make("its key was missing".to_owned()));
        }
        if !has_key {
            return Err(alone(&self.certificate, &self.key));
        }
        let pair = Pair { key: pem::read_key(&self.key)?, chain: chain.clone() };
        match (ours, fault) {
            (true, Some(fault)) => Ok(Verdict::Make(format!("the one before {fault}"))),
            (true, None) if !pair.belongs_together() => {
                Ok(Verdict::Make("its key was another's".to_owned()))
            }
            (true, None) => Ok(Verdict::Keep(authority)),
            (false, fault) => {
                if let Some(fault) = fault {
                    let path = self.certificate.display();
                    tracing::warn!("{path} {fault}; it is from elsewhere and is not replaced");
                }
                Ok(Verdict::Keep(chain))
            }
        }
    }

    /// The authority of the folder. Its certificate is made where there is none or where it runs
    /// out; its key is made once.
    fn authority(&self, now: Timestamp) -> io::Result<Authority> {
        let has_key = exists(&self.authority_key)?;
        let why = match exists(&self.authority)? {
            true if !has_key => return Err(alone(&self.authority, &self.authority_key)),
            true => {
                let chain = pem::read_certificates(&self.authority)?;
                match end(&parse(&chain[0], &self.authority)?, now) {
                    None => return Authority::read(&self.authority, &self.authority_key),
                    Some(fault) => format!("the one before {fault}"),
                }
            }
            false => "there was none".to_owned(),
        };
        if !has_key {
            files::write(&self.authority_key, authority::make_key()?.as_bytes())?;
        }
        let (authority, certificate) = Authority::make(&self.authority_key, now)?;
        files::write(&self.authority, certificate.as_bytes())?;
        tracing::info!("made the certificate authority {}: {why}", self.authority.display());
        Ok(authority)
    }
}

/// For two files that make no sense alone and of which we may not make the other.
fn alone(there: &Path, missing: &Path) -> io::Error {
    let (there, missing) = (there.display(), missing.display());
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("{there} is there without {missing}: bring both, or remove it"),
    )
}

fn exists(path: &Path) -> io::Result<bool> {
    path.try_exists().map_err(|error| files::about(&error, "look for", path))
}

fn parse<'a>(der: &'a CertificateDer<'_>, path: &Path) -> io::Result<X509Certificate<'a>> {
    let parsed = X509Certificate::from_der(der).map(|(_, certificate)| certificate);
    parsed.map_err(|error| {
        let message = format!("cannot use the certificate {}: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

fn is_issued_by(
    certificate: &X509Certificate<'_>,
    authority: Option<&CertificateDer<'_>>,
    path: &Path,
) -> io::Result<bool> {
    let Some(authority) = authority else { return Ok(false) };
    let authority = parse(authority, path)?;
    Ok(certificate.issuer() == authority.subject()
        && certificate.verify_signature(Some(authority.public_key())).is_ok())
}

/// Why a certificate does not serve (any more), as the end of a sentence.
fn fault(certificate: &X509Certificate<'_>, covered: &Covered, now: Timestamp) -> Option<String> {
    if let Some(end) = end(certificate, now) {
        return Some(end);
    }
    let addresses = covered.addresses.iter().filter(|it| !has_address(certificate, **it));
    let host = covered.host.iter().filter(|host| !has_name(certificate, host));
    let mut missing = addresses.map(ToString::to_string).chain(host.cloned());
    missing.next().map(|missing| format!("does not cover {missing}"))
}

fn end(certificate: &X509Certificate<'_>, now: Timestamp) -> Option<String> {
    let end = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    if end < now {
        return Some(format!("ran out at {end}"));
    }
    (end.duration_since(now) < RENEWAL).then(|| format!("runs out at {end}"))
}

fn has_name(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    let is_it = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => name.eq_ignore_ascii_case(host),
        _ => false,
    };
    names.value.general_names.iter().any(is_it)
}

fn has_address(certificate: &X509Certificate<'_>, address: IpAddr) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    names
        .value
        .general_names
        .iter()
        .any(|name| matches!(name, GeneralName::IPAddress(bytes) if *bytes == octets))
}
