//! Certificates and keys in PEM form (RFC 7468).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The largest file that is read; a bundle of all public authorities is a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The length of a line of base64 in PEM.
const LINE_CHARS: usize = 64;

/// All certificates of a file, in order; at least one.
pub(crate) fn read_certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = read(path, "certificate")?;
    match certificates(&text) {
        Ok(chain) if chain.is_empty() => Err(lacks(path, "certificate")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(broken(path, &error)),
    }
}

/// All certificates of a text, in order; at least one.
pub(crate) fn parse_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    match certificates(text) {
        Ok(chain) if chain.is_empty() => Err("there is no certificate in PEM form".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("not valid PEM: {error}")),
    }
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(text).collect()
}

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1.
pub(super) fn read_key(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    let text = read(path, "private key")?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => lacks(path, "private key"),
        error => broken(path, &error),
    })
}

/// The certificates as text, and nothing else that their file may have held.
pub(super) fn encode(chain: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in chain {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = &*STANDARD.encode(certificate);
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(LINE_CHARS));
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

fn read(path: &Path, what: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text)).map_err(
        |error| {
            let message = format!("cannot read the {what} {}: {error}", path.display());
            io::Error::new(error.kind(), message)
        },
    )?;
    Ok(text)
}

fn lacks(path: &Path, what: &str) -> io::Error {
    let message = format!("{} holds no {what} in PEM form", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn broken(path: &Path, error: &pem::Error) -> io::Error {
    let message = format!("{} is not valid PEM: {error}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}
