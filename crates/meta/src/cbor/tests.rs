//! CBOR byte by byte, what is refused, and that nothing is lost.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// A value and its one encoding.
fn check(value: &Value, encoding: &str) {
    let bytes = encode(value);
    assert_eq!(bytes, [MAGIC, &hex(encoding)].concat(), "{value}");
    assert!(is_cbor(&bytes));
    assert_eq!(decode(&bytes), Ok(value.clone()), "{value}");
}

#[test]
fn both_ways() {
    for (value, encoding) in [
        (json!(0), "00"),
        (json!(23), "17"),
        (json!(24), "1818"),
        (json!(1000), "1903e8"),
        (json!(1_000_000), "1a000f4240"),
        (json!(i64::MAX), "1b7fffffffffffffff"),
        (json!(-1), "20"),
        (json!(-1000), "3903e7"),
        (json!(i64::MIN), "3b7fffffffffffffff"),
        (json!(false), "f4"),
        (json!(true), "f5"),
        (json!(null), "f6"),
        (json!(0.5), "f93800"),
        (json!(1.0), "f93c00"),
        (json!(-0.0), "f98000"),
        (json!(65504.0), "f97bff"),
        (json!(65505.0), "fa477fe100"),
        (json!(5.960464477539063e-8), "f90001"),
        (json!(6.103515625e-5), "f90400"),
        (json!(2.98e-8), "fb3e5fff5c939522db"),
        (json!(100_000.0), "fa47c35000"),
        (json!(1.1), "fb3ff199999999999a"),
        (json!(1e300), "fb7e37e43c8800759c"),
        (json!(""), "40"),
        (json!("ü水"), "45c3bce6b0b4"),
        (json!([]), "80"),
        (json!([1, [2, 3]]), "8201820203"),
        (json!({}), "a0"),
        (json!({"bb": 1, "a": 2, "c": [], "aa": 3}), "a4 4161 02 4163 80 426161 03 426262 01"),
    ] {
        check(&value, encoding);
    }
}

#[test]
fn what_others_write() {
    let check = |encoding: &str, want: Value| {
        assert_eq!(decode(&hex(encoding)), Ok(want), "{encoding}");
    };
    // Texts, longer heads than need be, and what has no length.
    check("63616263", json!("abc"));
    check("a1 6161 1b0000000000000001", json!({"a": 1}));
    check("5f 4161 4162 ff", json!("ab"));
    check("7f 6161 626263 ff", json!("abc"));
    check("9f 01 9f ff ff", json!([1, []]));
    check("bf 6161 9f ff ff", json!({"a": []}));
    check("d9d9f7 d9d9f7 01", json!(1));
    check("f97c00".replace("7c00", "7800").as_str(), json!(32768.0));
    // Tags: one that nobody knows, times, and bytes that are to be text.
    check("d90101 6161", json!("a"));
    check("c0 74 323031332d30332d32315432303a30343a30305a", json!("2013-03-21T20:04:00Z"));
    check("c0 54 323031332d30332d32315432303a30343a30305a", json!("2013-03-21T20:04:00Z"));
    check("c1 1a514b67b0", json!("2013-03-21T20:04:00Z"));
    check("c1 fb41d452d9ec200000", json!("2013-03-21T20:04:00.5Z"));
    check("d5 42fbff", json!("-_8"));
    check("d6 42fbff", json!("+/8="));
    check("d7 42fbff", json!("fbff"));
    check("d6 62 6161", json!("aa"));
    check("d6 82 4161 a1 4162 d7 4163", json!(["YQ==", {"b": "63"}]));
}

#[test]
fn what_is_refused() {
    let check = |encoding: &str, want: &str| {
        let got = decode(&hex(encoding)).map_err(|error| error.to_string());
        assert_eq!(got, Err(want.to_owned()), "{encoding}");
    };
    check("", "EOF");
    check("18", "unexpected EOF");
    check("82 01", "unexpected EOF");
    check("45 6162", "unexpected EOF");
    check("9f 01", "unexpected EOF");
    check("01 02 03", "cbor: 2 bytes of extraneous data starting at index 1");
    check("1c", "cbor: invalid additional information 28 for type positive integer");
    check("1f", "cbor: invalid additional information 31 for type positive integer");
    check("df", "cbor: invalid additional information 31 for type tag");
    check("ff", "cbor: unexpected \"break\" code");
    check("a1 6161 ff", "cbor: unexpected \"break\" code");
    check("61 ff", "cbor: invalid UTF-8 string");
    check("7f 61 c3 61 bc ff", "cbor: invalid UTF-8 string");
    check("41 ff", "cbor: a byte string that is no UTF-8 has no form in JSON");
    check(
        "5f 6161 ff",
        "cbor: wrong element type UTF-8 text string for indefinite-length byte string",
    );
    check("5f 5f ff ff", "cbor: wrong element type byte string for indefinite-length byte string");
    check("a2 4161 01 6161 02", "cbor: found duplicate map key \"a\" at map element index 1");
    check("a1 01 02", "cbor: cannot unmarshal positive integer as a map key of type string");
    check(
        "f7",
        "cbor: data item of cbor type primitives is not accepted by protocol: simple value 23 is not recognized",
    );
    check(
        "f8 ff",
        "cbor: data item of cbor type primitives is not accepted by protocol: simple value 255 is not recognized",
    );
    check(
        "f97e00",
        "cbor: data item of cbor type primitives is not accepted by protocol: floating-point NaN",
    );
    check(
        "f97c00",
        "cbor: data item of cbor type primitives is not accepted by protocol: floating-point infinity",
    );
    check("c2 41 01", "cbor: data item of cbor type tag is not accepted by protocol: bignum");
    check("c0 41 61", "cbor: cannot read \"a\" as a time (tag 0)");
    check("c1 fb7e37e43c8800759c", "cbor: cannot read 1e+300 as a time (tag 1)");
    let (positive, negative) = ("18446744073709551615", "-18446744073709551616");
    for (encoding, kind, number) in
        [("1bffffffffffffffff", "positive", positive), ("3bffffffffffffffff", "negative", negative)]
    {
        let want = format!(
            "cbor: cannot unmarshal {kind} integer into Go value of type int64 ({number} overflows \
             Go's int64)"
        );
        check(encoding, &want);
    }
}

#[test]
fn sequences() {
    let one = encode(&json!({"type": "ADDED", "object": {}}));
    let two = [one.as_slice(), &one[..]].concat();
    assert_eq!(first_length(&two), Some(one.len()));
    assert_eq!(first_length(&one[..one.len() - 1]), None);
    assert_eq!(first_length(b""), None);
}

/// What a head declares costs nothing before it is there, and nesting ends.
#[test]
fn bombs() {
    for bomb in
        ["9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "9b7fffffffffffffff01"]
    {
        assert_eq!(decode(&hex(bomb)).unwrap_err().to_string(), "unexpected EOF", "{bomb}");
    }
    let deepest = [vec![0x81; MAX_DEPTH], vec![0x01]].concat();
    assert!(decode(&deepest).is_ok());
    for first in [0x81, 0x9f, 0xc6] {
        let bomb = vec![first; 1 << 20];
        let error = decode(&bomb).unwrap_err().to_string();
        assert_eq!(error, format!("cbor: exceeded max nested level {MAX_DEPTH}"), "{first:x}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        (-300i64..300).prop_map(Value::from),
        any::<f64>()
            .prop_filter_map("finite", |f| serde_json::Number::from_f64(f).map(Value::Number)),
        any::<f32>().prop_filter_map("finite", |f| {
            serde_json::Number::from_f64(f64::from(f)).map(Value::Number)
        }),
        (-2048i32..2048, -24i32..5).prop_map(|(n, e)| json!(f64::from(n) * 2f64.powi(e))),
        ".{0,30}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map(".{0,30}", inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_is_lost(value in values()) {
        let bytes = encode(&value);
        prop_assert_eq!(decode(&bytes), Ok(value.clone()));
        let json = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(from_json(&json), bytes);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = decode(&bytes) {
            let again = encode(&value);
            prop_assert_eq!(decode(&again), Ok(value));
        }
    }
}
