//! What an operator may say about TLS, in the words of Kubernetes' flags.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_rustls::rustls::crypto::{SupportedKxGroup, ring};
use tokio_rustls::rustls::{
    NamedGroup, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion, version,
};

/// A certificate and its key for some names: the value of `--tls-sni-cert-key`.
///
/// ```
/// let pair: pintle::SniCertKey = "foo.crt,foo.key:*.foo.com,foo.com".parse()?;
/// assert_eq!(pair.names, ["*.foo.com", "foo.com"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SniCertKey {
    /// The certificate, followed by its chain, in PEM form.
    pub certificate: PathBuf,
    /// Its private key, in PEM form.
    pub key: PathBuf,
    /// The names that it is served for, possibly with `*` for the first label; none for those that
    /// the certificate itself has.
    pub names: Vec<String>,
}

impl FromStr for SniCertKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (files, names) = match text.rsplit_once(':') {
            Some((files, names)) => (files, names),
            None => (text, ""),
        };
        let files: Vec<&str> = files.split(',').map(str::trim).collect();
        let [certificate, key] = files[..] else {
            return Err("expected comma separated certificate and key file paths".to_owned());
        };
        let names: Vec<String> = names
            .split(',')
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        if certificate.is_empty() || key.is_empty() {
            return Err("expected comma separated certificate and key file paths".to_owned());
        }
        Ok(Self { certificate: certificate.into(), key: key.into(), names })
    }
}

/// The oldest version of TLS that is spoken: the value of `--tls-min-version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl FromStr for TlsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "VersionTLS12" => Ok(Self::Tls12),
            "VersionTLS13" => Ok(Self::Tls13),
            _ => Err("known are VersionTLS12 and VersionTLS13".to_owned()),
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "VersionTLS12",
            Self::Tls13 => "VersionTLS13",
        })
    }
}

/// A cipher suite by the name that Go and IANA have for it: a value of `--tls-cipher-suites`.
///
/// ```
/// use pintle::CipherSuite;
///
/// assert!("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".parse::<CipherSuite>().is_ok());
/// let error = "TLS_MAGIC".parse::<CipherSuite>().unwrap_err();
/// assert_eq!(error, "Cipher suite TLS_MAGIC not supported or doesn't exist");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CipherSuite(SupportedCipherSuite);

impl FromStr for CipherSuite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = ring::ALL_CIPHER_SUITES.iter().find(|suite| {
            let name = suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_");
            // Go has a shorter name for these, too.
            name == text
                || name
                    .strip_suffix("CHACHA20_POLY1305_SHA256")
                    .is_some_and(|start| text.strip_suffix("CHACHA20_POLY1305") == Some(start))
        });
        let unknown = || format!("Cipher suite {text} not supported or doesn't exist");
        known.copied().map(Self).ok_or_else(unknown)
    }
}

/// A key exchange by its number: a value of `--tls-curve-preferences`.
///
/// ```
/// assert!("29".parse::<pintle::Curve>().is_ok());
/// assert!("4588".parse::<pintle::Curve>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve(NamedGroup);

impl FromStr for Curve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known =
            |id: &u16| ring::ALL_KX_GROUPS.iter().any(|it| it.name() == NamedGroup::from(*id));
        let id = text.parse().ok().filter(known);
        id.map(|id: u16| Self(id.into())).ok_or_else(|| "known are 23, 24 and 29".to_owned())
    }
}

/// What TLS is spoken, and with what.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    pub min_version: TlsVersion,
    /// For TLS 1.2; none for all that are known. As in Go, those of TLS 1.3 are always there.
    pub cipher_suites: Vec<CipherSuite>,
    /// None for all that are known.
    pub curves: Vec<Curve>,
    pub named: Vec<SniCertKey>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Whether clients are asked for certificates.
    pub client_certificates: bool,
}

impl TlsSettings {
    pub(super) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self.min_version {
            TlsVersion::Tls12 => &ALL,
            TlsVersion::Tls13 => &ALL[..1],
        }
    }

    pub(super) fn groups(&self) -> Vec<&'static dyn SupportedKxGroup> {
        let is_wanted = |group: &&dyn SupportedKxGroup| {
            self.curves.is_empty() || self.curves.iter().any(|it| it.0 == group.name())
        };
        ring::ALL_KX_GROUPS.iter().copied().filter(is_wanted).collect()
    }

    pub(super) fn suites(&self) -> Vec<SupportedCipherSuite> {
        let all = ring::ALL_CIPHER_SUITES.iter().copied();
        let is_wanted = |suite: &SupportedCipherSuite| {
            suite.version().version == ProtocolVersion::TLSv1_3
                || self.cipher_suites.is_empty()
                || self.cipher_suites.iter().any(|it| it.0 == *suite)
        };
        all.filter(is_wanted).collect()
    }
}
