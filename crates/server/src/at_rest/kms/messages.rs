//! The messages of the plugins' protocol, and the form of a value that was sealed with a plugin's
//! help. The numbers are those of `k8s.io/kms/apis/v2` and of Kubernetes' `EncryptedObject`.

use super::Source;
use bytes::Bytes;
use pintle_meta::validation::{is_dns1123_label, is_dns1123_subdomain};
use prost::Message;
use std::collections::BTreeMap;

/// The longest name of a key, and the longest sealed seed, in bytes.
const KEY_ID_BYTES_MAX: usize = 1 << 10;
const SOURCE_BYTES_MAX: usize = 1 << 10;
/// The longest annotations, keys and values together, in bytes.
const ANNOTATIONS_BYTES_MAX: usize = 32 << 10;

/// How a key comes out of what the plugin opens: it is the key, or a seed for one.
pub(super) const AES_GCM_KEY: i32 = 0;
pub(super) const SEED: i32 = 1;

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StatusResponse {
    #[prost(string, tag = "1")]
    pub version: String,
    #[prost(string, tag = "2")]
    pub healthz: String,
    #[prost(string, tag = "3")]
    pub key_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DecryptRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub ciphertext: Bytes,
    #[prost(string, tag = "2")]
    pub uid: String,
    #[prost(string, tag = "3")]
    pub key_id: String,
    #[prost(btree_map = "string, bytes", tag = "4")]
    pub annotations: BTreeMap<String, Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DecryptResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub plaintext: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EncryptRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub plaintext: Bytes,
    #[prost(string, tag = "2")]
    pub uid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EncryptResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub ciphertext: Bytes,
    #[prost(string, tag = "2")]
    pub key_id: String,
    #[prost(btree_map = "string, bytes", tag = "3")]
    pub annotations: BTreeMap<String, Bytes>,
}

/// A sealed value with all that is needed to open it, but for the plugin's key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EncryptedObject {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
    #[prost(string, tag = "2")]
    pub key_id: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub source: Bytes,
    #[prost(btree_map = "string, bytes", tag = "4")]
    pub annotations: BTreeMap<String, Bytes>,
    #[prost(int32, tag = "5")]
    pub source_type: i32,
}

impl EncryptedObject {
    /// The sealed value, and where its key comes from.
    ///
    /// # Errors
    /// Where the bytes are none, in the words of Kubernetes where it has any.
    pub(super) fn read(bytes: Bytes) -> Result<(Bytes, Source), String> {
        let Self { data, key_id, source, annotations, source_type } =
            Self::decode(bytes).map_err(|error| error.to_string())?;
        let source = Source { kind: source_type, sealed: source, key_id, annotations };
        if data.is_empty() {
            return Err("encrypted data is empty".to_owned());
        }
        source.check()?;
        Ok((data, source))
    }
}

impl Source {
    /// Checks what a plugin or a storage gave.
    ///
    /// # Errors
    /// Where Kubernetes would not take it either.
    pub(super) fn check(&self) -> Result<(), String> {
        if !matches!(self.kind, AES_GCM_KEY | SEED) {
            return Err(format!("unknown encryptedDEKSourceType: {}", self.kind));
        }
        let sealed = match self.sealed.len() {
            0 => Err("encrypted DEK source is empty".to_owned()),
            size if size > SOURCE_BYTES_MAX => Err(format!(
                "encrypted DEK source is {size} bytes, which exceeds the max size of \
                 {SOURCE_BYTES_MAX}"
            )),
            _ => Ok(()),
        };
        sealed.map_err(|why| format!("failed to validate encrypted DEK source: {why}"))?;
        check_key_id(&self.key_id)
            .map_err(|(_, why)| format!("failed to validate key id: {why}"))?;
        check_annotations(&self.annotations)
            .map_err(|why| format!("failed to validate annotations: {why}"))
    }
}

/// Checks the name of a key.
///
/// # Errors
/// What Kubernetes calls the mistake in metrics, and its words.
pub(super) fn check_key_id(key_id: &str) -> Result<(), (&'static str, String)> {
    match key_id.len() {
        0 => Err(("empty", "keyID is empty".to_owned())),
        size if size > KEY_ID_BYTES_MAX => {
            let why =
                format!("keyID is {size} bytes, which exceeds the max size of {KEY_ID_BYTES_MAX}");
            Err(("too_long", why))
        }
        _ => Ok(()),
    }
}

fn check_annotations(annotations: &BTreeMap<String, Bytes>) -> Result<(), String> {
    for name in annotations.keys() {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let labels = bare.split('.').flat_map(is_dns1123_label);
        if let Some(why) = is_dns1123_subdomain(bare).into_iter().chain(labels).next() {
            return Err(format!("annotations: Invalid value: \"{name}\": {why}"));
        }
        if !bare.contains('.') {
            let why = "should be a domain with at least two segments separated by dots";
            return Err(format!("annotations: Invalid value: \"{name}\": {why}"));
        }
    }
    let size: usize = annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > ANNOTATIONS_BYTES_MAX {
        return Err(format!(
            "total size of annotations is {size}, which exceeds the max size of \
             {ANNOTATIONS_BYTES_MAX}"
        ));
    }
    Ok(())
}
