//! The authority of a certificate folder, and the certificates that it signs.
//!
//! Made like those of Kubernetes' `GenerateSelfSignedCertKey`: valid from an hour ago, for clocks
//! that differ, and a serving certificate for one year.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, DnsName};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::folder::Covered;
use super::pem;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its making a certificate is valid.
const BACKDATED: Duration = Duration::from_secs(60 * 60);
/// How long a serving certificate is valid.
const SERVING_DAYS: u32 = 365;
/// How long an authority is valid: as kubeadm's.
const AUTHORITY_DAYS: u32 = 10 * 365;

/// An authority with its key, ready to sign.
pub(super) struct Authority {
    /// What a client must trust.
    pub certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// In seconds since 1970.
    end: u64,
}

impl Authority {
    /// Reads an authority: one made here, or the operator's own.
    pub(super) fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        let der = pem::read_certificates(certificate)?.swap_remove(0);
        let key_pair = read_key(key)?;
        let (_, parsed) =
            X509Certificate::from_der(&der).map_err(|error| unusable(&error, certificate))?;
        if parsed.public_key().raw != key_pair.subject_public_key_info() {
            let (certificate, key) = (certificate.display(), key.display());
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the private key {key} does not belong to the certificate {certificate}"),
            ));
        }
        let end = parsed.validity().not_after.timestamp().unsigned_abs();
        let issuer = Issuer::from_ca_cert_der(&der, key_pair);
        let issuer = issuer.map_err(|error| unusable(&error, certificate))?;
        Ok(Authority { certificate: der, issuer, end })
    }

    /// Makes the certificate of an authority that has its key; returned in PEM form, too.
    pub(super) fn make(key: &Path, now: Timestamp) -> io::Result<(Self, String)> {
        let key = read_key(key)?;
        let end = seconds(now) + days(AUTHORITY_DAYS).as_secs();
        let mut params = params(format!("localhost-ca@{}", now.as_second()), now, end);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        let text = certificate.pem();
        let issuer = Issuer::new(params, key);
        Ok((Authority { certificate: certificate.der().clone(), issuer, end }, text))
    }

    /// Makes a serving certificate; returned with its key, both in PEM form.
    ///
    /// It covers the names of this machine and those that are asked for, and does not outlive the
    /// authority.
    pub(super) fn issue(&self, covered: &Covered, now: Timestamp) -> io::Result<(String, String)> {
        let end = self.end.min(seconds(now) + days(SERVING_DAYS).as_secs());
        let mut params = params(format!("localhost@{}", now.as_second()), now, end);
        params.subject_alt_names = names(covered);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

/// A new private key, in PEM form.
pub(super) fn make_key() -> io::Result<String> {
    Ok(KeyPair::generate().map_err(io::Error::other)?.serialize_pem())
}

fn read_key(path: &Path) -> io::Result<KeyPair> {
    KeyPair::try_from(&pem::read_key(path)?).map_err(|error| unusable(&error, path))
}

fn params(name: String, now: Timestamp, end: u64) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = epoch + Duration::from_secs(seconds(now)) - BACKDATED;
    params.not_after = epoch + Duration::from_secs(end);
    params
}

/// What a client on this machine or in its network may call this server.
fn names(covered: &Covered) -> Vec<SanType> {
    let host = host_name();
    let mut names = Vec::new();
    for name in ["localhost"].into_iter().chain(host.as_deref()).chain(covered.host.as_deref()) {
        // A host may be called what no certificate may say; clients refuse the whole of it then.
        if DnsName::try_from(name).is_ok()
            && let Ok(name) = name.try_into()
        {
            let name = SanType::DnsName(name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let local = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    for address in local.iter().chain(&covered.addresses) {
        let name = SanType::IpAddress(*address);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn seconds(now: Timestamp) -> u64 {
    now.as_second().unsigned_abs()
}

fn days(days: u32) -> Duration {
    DAY * days
}

fn unusable(error: &dyn std::fmt::Display, path: &Path) -> io::Error {
    let message = format!("cannot use {} to sign certificates: {error}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_lowercase)
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok().map(|name| name.to_lowercase())
}
