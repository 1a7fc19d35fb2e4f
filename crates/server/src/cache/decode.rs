//! Stored bytes to objects.

use crate::at_rest;
use pintle_meta::protobuf::envelope;
use pintle_meta::{KindInfo, Object, cbor, yaml};
use std::fmt;

/// Why stored bytes are not an object of their kind.
#[derive(Debug)]
pub(crate) struct Corrupt(pub(super) String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Corrupt {}

/// Decodes bytes that the storage or this cache holds: in whatever format and version they are.
pub(crate) fn decode(kind: &KindInfo, bytes: &[u8]) -> Result<Box<dyn Object>, Corrupt> {
    let corrupt = |why: &dyn fmt::Display| Corrupt(why.to_string());
    if let Some(why) = at_rest::refusal(bytes) {
        return Err(Corrupt(why));
    }
    if let Some(object) = own_words(kind, bytes) {
        return Ok(object);
    }
    let version = |name: &str| {
        let known = kind.versions.iter().find(|version| version.api_version == name);
        known.unwrap_or(kind.hub())
    };
    let (version, value) = if envelope::is(bytes) {
        let opened = envelope::open(bytes).map_err(|e| corrupt(&e))?;
        let version = version(&opened.api_version);
        let codec = version.protobuf.codec().map_err(|why| corrupt(&why))?;
        (version, codec.read(opened.raw).map_err(|e| corrupt(&e))?)
    } else {
        let value: serde_json::Value = match bytes.first() {
            Some(b'{') => serde_json::from_slice(bytes).map_err(|e| corrupt(&e))?,
            _ if cbor::is_cbor(bytes) => cbor::decode(bytes).map_err(|e| corrupt(&e))?,
            _ => yaml::decode(bytes).map_err(|e| corrupt(&e))?.value,
        };
        (version(value["apiVersion"].as_str().unwrap_or_default()), value)
    };
    Ok((version.decode)(value).map_err(|e| corrupt(&e))?.object)
}

/// Decodes what this program wrote, as most of what is stored: at half the cost of the tolerance that
/// others need.
fn own_words(kind: &KindInfo, bytes: &[u8]) -> Option<Box<dyn Object>> {
    let hub = kind.hub();
    let rest = bytes.strip_prefix(br#"{"kind":""#)?.strip_prefix(kind.kind.as_bytes())?;
    let rest = rest.strip_prefix(br#"","apiVersion":""#)?;
    rest.strip_prefix(hub.api_version.as_bytes())?.strip_prefix(br#"","#)?;
    (hub.read)(bytes)
}
