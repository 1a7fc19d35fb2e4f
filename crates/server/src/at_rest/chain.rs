//! The providers of a resource in their order: the first seals, all of them open.

use super::SEALED;
use super::cipher::Cipher;
use bytes::Bytes;

/// What Kubernetes says of a sealed value where nothing is sealed.
pub(super) const IDENTITY_REFUSES: &str = "identity transformer tried to read encrypted data";

/// The providers of a resource.
#[derive(Debug)]
pub(super) struct Chain(pub Vec<Provider>);

/// A way to seal.
#[derive(Debug)]
pub(super) enum Provider {
    /// Not at all.
    Identity,
    /// With the first of some keys; it is opened with the one that its name says.
    Keys(Keys),
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
    pub(super) fn seal(&self, key: &str, value: Bytes) -> Result<Bytes, String> {
        match self.0.first() {
            None | Some(Provider::Identity) => Ok(value),
            Some(Provider::Keys(provider)) => {
                let Some((name, cipher)) = provider.keys.first() else { return Ok(value) };
                let head = format!("{}{name}:", provider.prefix);
                cipher.seal(head.as_bytes(), key.as_bytes(), &value).map(Bytes::from)
            }
        }
    }

    /// Tries each provider whose prefix the value has; the same sort may be there twice with other
    /// keys, so a failure does not end the search.
    pub(super) fn open(&self, key: &str, value: &Bytes) -> Result<Opened, String> {
        let mut failures = Vec::new();
        for (n, provider) in self.0.iter().enumerate() {
            match provider {
                Provider::Identity => {
                    if let Ok(value) = open_identity(value) {
                        return Ok(Opened { value, stale: n > 0 });
                    }
                }
                Provider::Keys(provider) => {
                    let Some(rest) = value.strip_prefix(provider.prefix.as_bytes()) else {
                        continue;
                    };
                    match provider.open(key, rest) {
                        Ok((value, first)) => return Ok(Opened { value, stale: n > 0 || !first }),
                        Err(why) => failures.push(why),
                    }
                }
            }
        }
        Err(together(failures).unwrap_or_else(|| "no matching prefix found".to_owned()))
    }
}

impl Keys {
    /// The value, and whether the first key opened it.
    fn open(&self, key: &str, value: &[u8]) -> Result<(Bytes, bool), String> {
        let mut failures = Vec::new();
        for (n, (name, cipher)) in self.keys.iter().enumerate() {
            let sealed = value.strip_prefix(name.as_bytes());
            let Some(sealed) = sealed.and_then(|rest| rest.strip_prefix(b":")) else { continue };
            match cipher.open(key.as_bytes(), sealed) {
                Ok(value) => return Ok((value.into(), n == 0)),
                Err(why) => failures.push(why),
            }
        }
        Err(together(failures).unwrap_or_else(|| {
            format!("no matching key was found for the provided {} transformer", self.called)
        }))
    }
}

/// Several failures as one, as Kubernetes puts them together: each once.
fn together(failures: Vec<String>) -> Option<String> {
    let mut once: Vec<String> = Vec::new();
    for why in failures {
        if !once.contains(&why) {
            once.push(why);
        }
    }
    match once.len() {
        0 | 1 => once.pop(),
        _ => Some(format!("[{}]", once.join(", "))),
    }
}
