//! Protocol buffers: what is read is written so that it reads the same.

use super::thing::CODEC;
use pintle_meta::protobuf::{Codec, envelope, known};

/// An object in its envelope, or without one.
pub(super) fn protobuf(data: &[u8]) -> bool {
    let raw = envelope::open(data).map_or(data, |opened| opened.raw);
    let _ = envelope::field(data, 1);
    let _ = envelope::tag_of(data, 1);
    check(&CODEC, raw) | check(&known::DELETE_OPTIONS_CODEC, raw)
}

fn check(codec: &Codec, raw: &[u8]) -> bool {
    let value = match codec.read(raw) {
        Ok(value) => value,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let mut written = Vec::new();
    codec.write(&value, &mut written).expect("what was read can be written");
    assert_eq!(codec.read(&written).expect("what is written can be read"), value);
    true
}
