//! The providers of a resource in their order: the first seals, all of them open.

use super::SEALED;
use super::cipher::Cipher;
use super::counts::{FROM_STORAGE, TO_STORAGE, Tally};
use super::failure::{Failure, together};
use super::kms::Kms;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// What Kubernetes says of a sealed value where nothing is sealed.
pub(super) const IDENTITY_REFUSES: &str = "identity transformer tried to read encrypted data";

/// The providers of a resource.
#[derive(Debug)]
pub(super) struct Chain(pub Vec<Provider>);

/// A way to seal.
#[derive(Clone, Debug)]
pub(super) enum Provider {
    /// Not at all.
    Identity,
    /// With the first of some keys; it is opened with the one that its name says.
    Keys(Arc<Keys>),
    /// With the help of a plugin.
    Kms(Arc<Kms>),
}

/// The keys of one provider.
#[derive(Debug)]
pub(super) struct Keys {
    /// What values sealed by this sort of provider begin with.
    pub prefix: &'static str,
    /// The words of Kubernetes for the provider in messages.
    pub called: &'static str,
    pub keys: Vec<(String, Cipher)>,
}

/// A value as it was before it was sealed.
#[derive(Debug)]
pub(super) struct Opened {
    pub value: Bytes,
    /// Whether it was not sealed as a new value would be.
    pub stale: bool,
}

/// Opens a value of a resource that is not sealed.
pub(super) fn open_identity(value: &Bytes) -> Result<Bytes, String> {
    match value.starts_with(SEALED) {
        true => Err(IDENTITY_REFUSES.to_owned()),
        false => Ok(value.clone()),
    }
}

impl Chain {
    /// Seals a value with the first provider.
    ///
    /// # Errors
    /// Where there is no randomness, or the plugin of the provider has not been well for a while.
    pub(super) fn seal(&self, key: &str, value: Bytes, tally: &Tally<'_>) -> Result<Bytes, String> {
        let begun = Instant::now();
        let (prefix, sealed) = match self.0.first() {
            None | Some(Provider::Identity) => ("", Ok(value)),
            Some(Provider::Keys(provider)) => {
                let Some((name, cipher)) = provider.keys.first() else { return Ok(value) };
                let head = format!("{}{name}:", provider.prefix);
                let sealed = cipher.seal(head.as_bytes(), key.as_bytes(), &value);
                (provider.prefix, sealed.map(Bytes::from))
            }
            Some(Provider::Kms(kms)) => (&*kms.prefix, kms.seal(key, &value).map(Bytes::from)),
        };
        let sealed = sealed.map_err(Failure::from);
        tally.transformed(TO_STORAGE, prefix, begun, sealed.as_ref().err());
        sealed.map_err(|failure| failure.why)
    }

    /// Tries each provider whose prefix the value has; the same sort may be there twice with other
    /// keys, so a failure does not end the search.
    pub(super) async fn open(
        &self,
        key: &str,
        value: &Bytes,
        tally: &Tally<'_>,
    ) -> Result<Opened, Failure> {
        let begun = Instant::now();
        let mut failures = Vec::new();
        for (n, provider) in self.0.iter().enumerate() {
            let Some(rest) = value.strip_prefix(provider.prefix().as_bytes()) else { continue };
            let (called, opened) = match provider {
                // What it refuses may be for another provider.
                Provider::Identity if value.starts_with(SEALED) => continue,
                Provider::Identity => ("identity", Ok((value.clone(), true))),
                Provider::Keys(keys) => (keys.prefix, keys.open(key, rest)),
                Provider::Kms(kms) => {
                    let opened = kms.open(key, value.slice_ref(rest)).await;
                    (&*kms.prefix, opened.map(|(value, stale)| (value, !stale)))
                }
            };
            tally.transformed(FROM_STORAGE, called, begun, opened.as_ref().err());
            match opened {
                Ok((value, first)) => return Ok(Opened { value, stale: n > 0 || !first }),
                Err(failure) => failures.push(failure),
            }
        }
        Err(together(failures).unwrap_or_else(|| {
            let unknown = Failure::from("no matching prefix found".to_owned());
            tally.transformed(FROM_STORAGE, "unknown", begun, Some(&unknown));
            unknown
        }))
    }
}

impl Provider {
    /// What values begin with that it has sealed.
    fn prefix(&self) -> &str {
        match self {
            Self::Identity => "",
            Self::Keys(keys) => keys.prefix,
            Self::Kms(kms) => &kms.prefix,
        }
    }
}

impl Keys {
    /// The value, and whether the first key opened it.
    fn open(&self, key: &str, value: &[u8]) -> Result<(Bytes, bool), Failure> {
        let mut failures = Vec::new();
        for (n, (name, cipher)) in self.keys.iter().enumerate() {
            let sealed = value.strip_prefix(name.as_bytes());
            let Some(sealed) = sealed.and_then(|rest| rest.strip_prefix(b":")) else { continue };
            match cipher.open(key.as_bytes(), sealed) {
                Ok(value) => return Ok((value.into(), n == 0)),
                Err(why) => failures.push(Failure::from(why)),
            }
        }
        Err(together(failures).unwrap_or_else(|| {
            let called = self.called;
            format!("no matching key was found for the provided {called} transformer").into()
        }))
    }
}
