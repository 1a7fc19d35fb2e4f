//! Documents as protocol buffers, byte by byte; the Go server's own among them.

use super::*;
use serde_json::json;

fn check(message: &Message, document: &Value, want: &[u8]) {
    assert_eq!(encode(message, document), want, "{document}");
}

#[test]
fn version_2() {
    let check = |document: &Value, want: &[u8]| check(&v2::DOCUMENT, document, want);
    check(&json!({"swagger": "2.0", "host": "not written"}), b"\x0a\x032.0");
    check(&json!({"info": {"title": "t", "version": "v"}}), b"\x12\x06\x0a\x01t\x12\x01v");
    check(&json!({"x-a": 1}), b"\x82\x01\x0b\x0a\x03x-a\x12\x04\x12\x021\n");
    // A definition: its name, and as its value a schema with a type, a limit and a flag.
    check(
        &json!({"definitions": {"D": {"type": "object", "maxItems": 300, "readOnly": true}}}),
        b"\x4a\x18\x0a\x16\x0a\x01D\x12\x11\x70\xac\x02\xb2\x01\x08\x0a\x06object\xd8\x01\x01",
    );
    // A path: a parameter by reference.
    check(
        &json!({"paths": {"/p": {"parameters": [{"$ref": "#/r"}]}}}),
        b"\x42\x11\x12\x0f\x0a\x02/p\x12\x09\x4a\x07\x12\x05\x0a\x03#/r",
    );
    check(&json!({"security": [{"B": ["s"]}]}), b"\x62\x0a\x0a\x08\x0a\x01B\x12\x03\x0a\x01s");
}

#[test]
fn version_3() {
    let document = include_str!("../testdata/version.json");
    let document: Value = serde_json::from_str(document).unwrap();
    check(&v3::DOCUMENT, &document, include_bytes!("../testdata/version.pb"));
    let check = |schema: Value, want: &[u8]| {
        let mut head = vec![0x2a, want.len() as u8 + 11, 0x0a, want.len() as u8 + 9];
        head.extend([0x0a, want.len() as u8 + 7, 0x0a, 1, b'D', 0x12, want.len() as u8 + 2]);
        head.extend([0x0a, want.len() as u8]);
        head.extend(want);
        check(&v3::DOCUMENT, &json!({"components": {"schemas": {"D": schema}}}), &head);
    };
    // Of a default that is an object only its presence is told.
    check(json!({"default": {}}), b"\x8a\x02\x00");
    check(json!({"default": ""}), b"\x8a\x02\x02\x1a\x00");
    check(json!({"default": false}), b"\x8a\x02\x02\x10\x00");
    check(json!({"default": 0}), b"\x8a\x02\x09\x09\0\0\0\0\0\0\0\0");
    check(json!({"allOf": [{"$ref": "#/r"}]}), b"\xd2\x01\x07\x12\x05\x0a\x03#/r");
    check(json!({"items": {"$ref": "#/r"}}), b"\xf2\x01\x09\x0a\x07\x12\x05\x0a\x03#/r");
    check(json!({"additionalProperties": true}), b"\x82\x02\x02\x10\x01");
    check(json!({"enum": ["a"]}), b"\xc2\x01\x06\x12\x04\"a\"\n");
}

#[test]
fn depth_has_a_limit() {
    let mut schema = json!({"type": "string"});
    for _ in 0..3 * DEPTH_MAX {
        schema = json!({"not": schema});
    }
    let bytes = encode(&v3::DOCUMENT, &json!({"components": {"schemas": {"D": schema}}}));
    assert!(!bytes.windows(6).any(|window| window == b"string"), "what is below is left out");
}
