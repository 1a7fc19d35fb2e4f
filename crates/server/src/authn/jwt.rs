//! JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): taken apart, and their
//! signatures checked ([RFC 7518](https://www.rfc-editor.org/rfc/rfc7518)).
//!
//! The algorithms are those that Kubernetes takes, less ES512, which ring does not know. "none" and
//! those with a shared secret are no algorithms here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::signature as sig;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A token taken apart; nothing in it is believed before [`Jwt::verify`].
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    pub header: Header,
    pub claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// How a token is signed, by its own words.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    alg: String,
    #[serde(default)]
    pub kid: String,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart; nothing where it is of another make.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            header: serde_json::from_slice(&decode(header)?).ok()?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
            signed,
            signature: decode(signature)?,
        })
    }

    /// Whether a key has signed the token.
    pub(super) fn verify(&self, key: &PublicKey) -> bool {
        let (message, signature) = (self.signed.as_bytes(), &*self.signature);
        match (key, self.header.alg.as_str()) {
            (PublicKey::Rsa { n, e }, algorithm) => {
                let algorithm = match algorithm {
                    "RS256" => &sig::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &sig::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &sig::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &sig::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &sig::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &sig::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                let key = sig::RsaPublicKeyComponents { n, e };
                key.verify(algorithm, message, signature).is_ok()
            }
            (PublicKey::P256(point), "ES256") => {
                let key = sig::UnparsedPublicKey::new(&sig::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            (PublicKey::P384(point), "ES384") => {
                let key = sig::UnparsedPublicKey::new(&sig::ECDSA_P384_SHA384_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            _ => false,
        }
    }

    /// Whether the token is good at a time: not before its beginning, less a leeway for clocks that
    /// differ, and before its end, which it must have.
    pub(super) fn check_time(&self, now: Timestamp, leeway: SignedDuration) -> Result<(), String> {
        let time = |name: &str| match self.claims.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let seconds = value.as_f64().filter(|seconds| seconds.is_finite());
                let malformed = || format!("the claim {name} is no time");
                let seconds = seconds.ok_or_else(malformed)?;
                #[expect(clippy::cast_possible_truncation, reason = "a date saturates")]
                Timestamp::from_second(seconds as i64).map(Some).map_err(|_| malformed())
            }
        };
        let end = time("exp")?.ok_or("the token has no end")?;
        if now >= end {
            return Err(format!("token is expired (Token Expiry: {end})"));
        }
        match time("nbf")? {
            Some(begin) if begin.saturating_sub(leeway).is_ok_and(|begin| now < begin) => {
                Err(format!("the token is not good before {begin}"))
            }
            _ => Ok(()),
        }
    }

    /// A claim that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a text or a list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        match self.claims.get(name) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::String(text)) => Some(vec![text]),
            Some(Value::Array(texts)) => texts.iter().map(Value::as_str).collect(),
            Some(_) => None,
        }
    }

    /// Whether the token is for one of these audiences.
    pub(super) fn is_for(&self, audiences: &[String]) -> bool {
        let own = self.texts("aud").unwrap_or_default();
        audiences.iter().any(|audience| own.contains(&audience.as_str()))
    }
}

/// A key that verifies signatures.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
}

/// A key in JSON ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Jwk {
    kty: String,
    r#use: String,
    pub kid: String,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

impl PublicKey {
    /// The key, if it is of a kind that is known and for signatures.
    pub(super) fn of_jwk(jwk: &Jwk) -> Option<Self> {
        if !matches!(jwk.r#use.as_str(), "" | "sig") {
            return None;
        }
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let point = |bytes: usize| {
            let (x, y) = (decode(&jwk.x)?, decode(&jwk.y)?);
            (x.len() == bytes && y.len() == bytes).then(|| [&[4], &*x, &*y].concat())
        };
        match (jwk.kty.as_str(), jwk.crv.as_str()) {
            ("RSA", _) => Some(Self::rsa(&decode(&jwk.n)?, &decode(&jwk.e)?)),
            ("EC", "P-256") => point(32).map(Self::P256),
            ("EC", "P-384") => point(48).map(Self::P384),
            _ => None,
        }
    }

    /// The keys of a text in PEM form: public keys, and those of certificates.
    pub(super) fn of_pem(text: &[u8]) -> Result<Vec<Self>, String> {
        let broken = |error: &dyn std::fmt::Display| format!("not valid PEM: {error}");
        let mut keys = Vec::new();
        for key in SubjectPublicKeyInfoDer::pem_slice_iter(text) {
            let key = key.map_err(|error| broken(&error))?;
            let (_, parsed) = SubjectPublicKeyInfo::from_der(&key)
                .map_err(|error| format!("not a public key: {error}"))?;
            keys.push(Self::of_info(&parsed)?);
        }
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| broken(&error))?;
            let (_, parsed) = X509Certificate::from_der(&certificate)
                .map_err(|error| format!("not a certificate: {error}"))?;
            keys.push(Self::of_info(parsed.public_key())?);
        }
        match keys.is_empty() {
            true => Err("there is no public key in PEM form".to_owned()),
            false => Ok(keys),
        }
    }

    fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, String> {
        match info.parsed() {
            Ok(Parsed::RSA(key)) => Ok(Self::rsa(key.modulus, key.exponent)),
            Ok(Parsed::EC(point)) if point.data().len() == 65 => {
                Ok(Self::P256(point.data().to_vec()))
            }
            Ok(Parsed::EC(point)) if point.data().len() == 97 => {
                Ok(Self::P384(point.data().to_vec()))
            }
            _ => Err("a public key is neither for RSA nor for P-256 or P-384".to_owned()),
        }
    }

    /// The numbers without the zeros in front that DER may have.
    fn rsa(n: &[u8], e: &[u8]) -> Self {
        let plain =
            |number: &[u8]| number[number.iter().take_while(|it| **it == 0).count()..].to_vec();
        Self::Rsa { n: plain(n), e: plain(e) }
    }
}
