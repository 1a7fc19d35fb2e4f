//! The three kinds of patch, each on an object: a patch, a NUL, the object.

use super::{thing, two};
use pintle_meta::json;
use pintle_meta::patch::{JsonPatch, MergePatch, StrategicPatch};
use serde_json::Value;

/// A JSON patch (RFC 6902).
pub(super) fn json(data: &[u8]) -> bool {
    let (patch, object) = two(data);
    let Ok(patch) = JsonPatch::decode(patch) else { return false };
    match patch.apply(read(object)) {
        Ok(patched) => {
            readable(&patched);
            true
        }
        Err(error) => {
            let _ = (error.to_string(), error.detail());
            false
        }
    }
}

/// A merge patch (RFC 7386), which changes nothing the second time.
pub(super) fn merge(data: &[u8]) -> bool {
    let (patch, object) = two(data);
    let Ok(patch) = MergePatch::decode(patch) else { return false };
    let patched = patch.apply(read(object));
    readable(&patched);
    assert_eq!(patch.apply(patched.clone()), patched, "a merge patch is idempotent");
    true
}

/// A strategic merge patch.
pub(super) fn strategic(data: &[u8]) -> bool {
    let (patch, object) = two(data);
    let Ok(patch) = StrategicPatch::decode(patch) else { return false };
    match patch.apply(read(object), &thing::SCHEMA) {
        Ok(patched) => {
            readable(&patched);
            true
        }
        Err(error) => {
            let _ = (error.to_string(), error.detail());
            false
        }
    }
}

fn read(object: &[u8]) -> Value {
    json::parse(object).map_or(Value::Object(serde_json::Map::new()), |parsed| parsed.value)
}

/// What is stored must be read again, so a patch may not nest an object too deep for the reader.
fn readable(patched: &Value) {
    let written = json::to_vec(patched).expect("a value can be written");
    let again = json::parse(&written).expect("a patched object can be read");
    assert_eq!(json::to_vec(&again.value).expect("it can be written again"), written);
}
