//! From values to CBOR.

use super::{ARRAY, BYTES, DOUBLE, FALSE, HALF, MAGIC, MAP, NEGATIVE, NULL, POSITIVE, SIMPLE};
use super::{SINGLE, TRUE};
use serde_json::{Map, Number, Value};

/// Writes a value as a document of its own, behind [`MAGIC`].
///
/// ```
/// # use pintle_meta::cbor;
/// let value = serde_json::json!({"kind": "Foo", "a": [1, -1, 0.5, null]});
/// let bytes = cbor::encode(&value);
/// assert_eq!(bytes, b"\xd9\xd9\xf7\xa2\x41a\x84\x01\x20\xf9\x38\x00\xf6\x44kind\x43Foo");
/// assert_eq!(cbor::decode(&bytes)?, value);
/// # Ok::<(), cbor::Error>(())
/// ```
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    write(value, &mut out);
    out
}

/// Writes a JSON document as CBOR. The document is one that was written here; nothing is made of
/// anything else.
#[must_use]
pub fn from_json(json: &[u8]) -> Vec<u8> {
    serde_json::from_slice(json).map(|value: Value| encode(&value)).unwrap_or_default()
}

/// Writes a value as a part of a document.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(SIMPLE << 5 | NULL),
        Value::Bool(false) => out.push(SIMPLE << 5 | FALSE),
        Value::Bool(true) => out.push(SIMPLE << 5 | TRUE),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            begin_array(items.len(), out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Object(fields) => write_map(fields, out),
    }
}

/// Begins an array of so many items, which are to follow.
pub fn begin_array(items: usize, out: &mut Vec<u8>) {
    head(ARRAY, items as u64, out);
}

/// Begins a map of so many pairs of a key and a value, which are to follow.
pub fn begin_map(pairs: usize, out: &mut Vec<u8>) {
    head(MAP, pairs as u64, out);
}

/// Writes a text as a part of a document.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    head(BYTES, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Keys are in the order of their encodings, of which the first byte tells the length.
fn write_map(fields: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    begin_map(sorted.len(), out);
    for (key, value) in sorted {
        write_text(key, out);
        write(value, out);
    }
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    if let Some(positive) = number.as_u64() {
        head(POSITIVE, positive, out);
    } else if let Some(negative) = number.as_i64() {
        // The number n stands for -1 - n.
        head(NEGATIVE, !negative as u64, out);
    } else {
        write_float(number.as_f64().unwrap_or_default(), out);
    }
}

/// The beginning of a data item: its kind, and a number in as few bytes as it fits in.
fn head(kind: u8, number: u64, out: &mut Vec<u8>) {
    let kind = kind << 5;
    let bytes = number.to_be_bytes();
    match number {
        0..24 => out.push(kind | number as u8),
        24..=0xff => out.extend([kind | 24, number as u8]),
        0x100..=0xffff => {
            out.push(kind | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(kind | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(kind | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

fn write_float(double: f64, out: &mut Vec<u8>) {
    let single = double as f32;
    if f64::from(single) != double {
        out.push(SIMPLE << 5 | DOUBLE);
        out.extend(double.to_be_bytes());
    } else if let Some(half) = half(single) {
        out.push(SIMPLE << 5 | HALF);
        out.extend(half.to_be_bytes());
    } else {
        out.push(SIMPLE << 5 | SINGLE);
        out.extend(single.to_be_bytes());
    }
}

/// The bits of the same number with half the precision, where it has no more than that.
fn half(single: f32) -> Option<u16> {
    const FRACTION_BITS: i32 = 23;
    /// How many bits of the fraction are dropped.
    const DROPPED_BITS: i32 = 13;
    let bits = single.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let exponent = (bits >> FRACTION_BITS & 0xff) as i32 - 127;
    let fraction = bits & 0x7f_ffff;
    match exponent {
        -127 => (fraction == 0).then_some(sign),
        -24..=15 => {
            // Below the exponent -14 there is no leading one that goes without saying.
            let subnormal = exponent < -14;
            let whole = if subnormal { fraction | 0x80_0000 } else { fraction };
            let dropped = if subnormal { -1 - exponent } else { DROPPED_BITS };
            let biased = if subnormal { 0 } else { (exponent + 15) as u16 };
            let kept = (whole >> dropped) as u16;
            (whole & ((1 << dropped) - 1) == 0).then_some(sign | biased << 10 | kept)
        }
        _ => None,
    }
}
