//! Whole objects, on the way that the body of a create takes.

use super::thing;
use jiff::Timestamp;
use pintle_meta::validation::validate_object_meta;
use pintle_meta::{FieldErrors, json};
use serde_json::Value;

/// An object as JSON: decoded, validated and encoded, and then once more with the same result.
pub(super) fn object(data: &[u8]) -> bool {
    let kind = &*thing::KIND;
    let version = kind.hub();
    let Ok(parsed) = json::parse(data) else { return false };
    let Ok(decoded) = (version.decode)(parsed.value) else { return false };
    let object = decoded.object.as_ref();
    let mut errors = FieldErrors::new();
    validate_object_meta(object.meta(), kind.namespaced, kind.name_rule, &mut errors);
    let encoded = (version.encode)(object, Some(7)).expect("what is decoded can be encoded");
    let value: Value = serde_json::from_slice(&encoded.bytes).expect("it is JSON");
    assert_eq!(value["metadata"]["resourceVersion"], "7");
    let row = kind.table.row(object);
    let mut out = Vec::new();
    row.write(&mut out, None, Timestamp::UNIX_EPOCH);
    let again = (version.decode)(value).expect("what is encoded can be decoded");
    let again = (version.encode)(again.object.as_ref(), Some(7)).expect("and encoded");
    assert_eq!(again.bytes, encoded.bytes);
    true
}
