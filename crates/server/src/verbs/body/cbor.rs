//! Bodies in CBOR, in which nothing can be there twice and names are in the right letters.

use super::Context;
use pintle_meta::cbor;
use pintle_meta::json::Parsed;
use serde_json::{Map, Value};

/// Reads the body as an object, in the words of Go's reader where it is none.
pub(super) fn parse(cx: &Context) -> Result<Parsed, String> {
    let value = cbor::decode(&cx.body).map_err(|e| unreadable(&e.to_string()))?;
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        other => return Err(mismatch(&other, "Go value of type v1.TypeMeta")),
    };
    for name in ["apiVersion", "kind"] {
        match fields.get(name) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => {
                let place = format!("Go struct field v1.TypeMeta.{name} of type string");
                return Err(mismatch(other, &place));
            }
        }
    }
    Ok(Parsed { value: Value::Object(fields), duplicates: Vec::new() })
}

fn mismatch(value: &Value, place: &str) -> String {
    let kind = cbor::kind_of(value);
    unreadable(&format!("cbor: cannot unmarshal {kind} into {place}"))
}

fn unreadable(why: &str) -> String {
    format!("unable to determine group/version/kind: {why}")
}
