//! An object in protocol buffers without its resource version, and where that belongs.
//!
//! As with [`Json`](super::json::Json) the resource version is spliced in when an answer is written,
//! so that all states of an object that differ in nothing else share the bytes.

use pintle_meta::protobuf::{Codec, Error, envelope};
use pintle_storage::Revision;
use serde_json::Value;

/// The message of an object: its metadata are the first field, and their resource version is empty.
#[derive(Debug)]
pub(crate) struct Proto {
    bytes: Box<[u8]>,
    /// The first byte of the metadata, behind their length.
    meta_start: u32,
    /// The tag of the empty resource version.
    version_at: u32,
    /// Just behind the metadata.
    meta_end: u32,
}

/// The tag and the length of a resource version that is empty.
const EMPTY_VERSION: usize = 2;
const VERSION: u32 = 6;

impl Proto {
    /// The message of an object that has no resource version.
    pub(super) fn new(codec: &Codec, object: &Value) -> Result<Self, Error> {
        let mut bytes = Vec::with_capacity(512);
        codec.write(object, &mut bytes)?;
        let places = envelope::field(&bytes, 1);
        let meta = places.clone().unwrap_or_default();
        let version = envelope::tag_of(&bytes[meta.clone()], VERSION).unwrap_or_default();
        Ok(Self {
            meta_start: offset(meta.start),
            version_at: offset(meta.start + version),
            meta_end: offset(meta.end),
            bytes: bytes.into(),
        })
    }

    /// The message without a resource version: what is stored.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn meta_length(&self, revision: Revision) -> usize {
        (self.meta_end - self.meta_start) as usize + digits(revision)
    }

    /// How long the field with the metadata is, which is all of an object shown in part.
    pub(crate) fn metadata_length(&self, revision: Revision) -> usize {
        envelope::field_length(self.meta_length(revision))
    }

    /// How long the whole message is.
    pub(crate) fn length(&self, revision: Revision) -> usize {
        self.metadata_length(revision) + self.bytes.len() - self.meta_end as usize
    }

    /// Writes the field with the metadata.
    pub(crate) fn write_metadata(&self, revision: Revision, out: &mut Vec<u8>) {
        let (start, at) = (self.meta_start as usize, self.version_at as usize);
        envelope::put_length(1, self.meta_length(revision), out);
        out.extend_from_slice(&self.bytes[start..at]);
        let version = if revision == 0 { String::new() } else { revision.to_string() };
        envelope::put_field(VERSION, version.as_bytes(), out);
        out.extend_from_slice(&self.bytes[at + EMPTY_VERSION..self.meta_end as usize]);
    }

    /// Writes the whole message.
    pub(crate) fn write(&self, revision: Revision, out: &mut Vec<u8>) {
        self.write_metadata(revision, out);
        out.extend_from_slice(&self.bytes[self.meta_end as usize..]);
    }
}

/// How many digits a resource version has; what was not stored has none.
fn digits(revision: Revision) -> usize {
    revision.checked_ilog10().map_or(0, |log| log as usize + 1)
}

/// An object is smaller than 4 GiB: its JSON was.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_meta::protobuf::known;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        /// A splice is what the codec writes with a resource version.
        #[test]
        fn a_splice_is_what_is_encoded(name in ".{0,300}", label in ".{0,9}", revision: u64) {
            let mut object = json!({"metadata": {"name": name, "labels": {"a": label}}});
            let proto = Proto::new(&known::PARTIAL_CODEC, &object).unwrap();
            let check = |object: &Value, revision| {
                let (mut got, mut want) = (Vec::new(), Vec::new());
                proto.write(revision, &mut got);
                known::PARTIAL_CODEC.write(object, &mut want).unwrap();
                assert_eq!(got, want);
                assert_eq!(got.len(), proto.length(revision));
            };
            check(&object, 0);
            object["metadata"]["resourceVersion"] = revision.to_string().into();
            if revision > 0 {
                check(&object, revision);
            }
        }
    }
}
