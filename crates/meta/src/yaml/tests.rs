use super::*;
use crate::json::tests::any_value;
use crate::json::{MAX_DEPTH, to_vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Pairs of a value and what `sigs.k8s.io/yaml` v1.6.0 writes for it.
const ENCODED: &str = include_str!("testdata/encode.json");

/// What `sigs.k8s.io/yaml` v1.6.0 reads: a text, the error or `null`, the value, and perhaps what
/// strict decoding says of duplicate keys.
const DECODED: &str = include_str!("testdata/decode.json");

fn table(text: &str) -> Vec<Vec<Value>> {
    serde_json::from_str(text).expect("a table")
}

#[test]
fn values_are_written_as_kubernetes_writes_them() {
    fn check(value: &Value, expected: &str) {
        assert_eq!(encode(value), expected, "{value}");
    }
    for row in table(ENCODED) {
        check(&row[0], row[1].as_str().expect("a text"));
    }
    // Numbers that JSON would write without fraction are integers in YAML too.
    check(&json!([1.0, 1e19, -0.0, 1e21]), "- 1\n- 10000000000000000000\n- 0\n- 1e+21\n");
    // Kubernetes cannot write these; here they are escaped.
    check(&json!("\u{7f}\u{85}\u{ffff}"), "\"\\x7F\\N\\uFFFF\"\n");
}

#[test]
fn texts_are_read_as_kubernetes_reads_them() {
    fn check(text: &str, error: Option<&str>, value: &Value, duplicates: Option<&str>) {
        match decode(text.as_bytes()) {
            Ok(parsed) => {
                assert_eq!(None, error, "{text:?}");
                assert_eq!(&parsed.value, value, "{text:?}");
                let found = strict(&parsed, &[]).first().map(ToString::to_string);
                assert_eq!(found.as_deref(), duplicates, "{text:?}");
            }
            Err(found) => assert_eq!(Some(found.to_string().as_str()), error, "{text:?}"),
        }
    }
    for row in table(DECODED) {
        let text = row[0].as_str().expect("a text");
        check(text, row[1].as_str(), &row[2], row.get(3).and_then(Value::as_str));
    }
    check("a: 1e3", None, &json!({"a": 1000}), None);
    check("[!a, b]", Some("yaml: did not find expected whitespace or line break"), &json!(0), None);
}

#[test]
fn texts_that_are_not_utf8_are_refused() {
    fn check(text: &[u8], expected: &str) {
        assert_eq!(decode(text).expect_err("no text").to_string(), expected);
    }
    check(b"\xff", "yaml: invalid leading UTF-8 octet");
    check(b"a: \x80", "yaml: invalid leading UTF-8 octet");
    check(b"a: \xc3(", "yaml: invalid trailing UTF-8 octet");
    check(b"a: \xe2\x82", "yaml: incomplete UTF-8 octet sequence");
    check(b"\xc0\x80", "yaml: invalid length of a UTF-8 sequence");
}

#[test]
fn nesting_and_aliases_are_limited() {
    fn check(text: &str, expected: Option<&str>) {
        let error = decode(text.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected);
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let too_deep = "yaml: line 1: exceeded max depth of 127";
    check(&nested(MAX_DEPTH), None);
    check(&nested(MAX_DEPTH + 1), Some(too_deep));
    check(&"- ".repeat(100_000), Some(too_deep));
    check(&"? ".repeat(100_000), Some(too_deep));
    check(
        &format!("a: &a {}\nb: {}*a]", nested(100), "[".repeat(100)),
        Some("yaml: line 2: did not find expected ',' or ']'"),
    );
    let twice = format!("a: &a {}\nb: {}*a{}", nested(100), "[".repeat(100), "]".repeat(100));
    check(&twice, Some(too_deep));

    let excessive = Some("yaml: document contains excessive aliasing");
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..9 {
        let previous = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    check(&laughs, excessive);
    let long = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), vec!["*a"; 40].join(", "));
    check(&long, excessive);
    let merges = "a: &a {b: 1}\nc: {<<: [".to_owned() + &vec!["*a"; 60_000].join(", ") + "]}";
    check(&merges, excessive);
    let directives = |count: usize| {
        let tags: String = (0..count).map(|n| format!("%TAG !t{n}! tag:x\n\n # c\n")).collect();
        tags + "---\na"
    };
    check(&directives(MAX_DIRECTIVES), None);
    check(&directives(MAX_DIRECTIVES + 1), Some("yaml: found more than 16 directives"));
    // Mappings in the place of keys cannot be used to get deeper than the limit either.
    let mut keys = "a0: &a0 [x]\n".to_owned();
    for level in 1..500 {
        keys.push_str(&format!("a{level}: &a{level} {{? [*a{}] : 1}}\n", level - 1));
    }
    check(&keys, Some("yaml: invalid map key: []interface {}{[]interface {}{\"x\"}}"));
}

#[test]
fn only_so_many_duplicates_are_reported() {
    let text: String = (0..300).map(|n| format!("k{n}: 1\nk{n}: 2\n")).collect();
    let duplicates = decode(text.as_bytes()).expect("YAML").duplicates;
    assert_eq!(duplicates.len(), json::MAX_STRICT_ERRORS);
    assert_eq!(duplicates[0], "line 2: key \"k0\" already set in map");
}

#[test]
fn objects_look_as_a_kubernetes_server_shows_them() {
    let object = json!({
        "apiVersion": "v1",
        "metadata": {
            "creationTimestamp": "2026-11-23T11:26:30Z",
            "managedFields": [{"fieldsV1": {"f:msg": {}}, "manager": "unknown"}],
            "resourceVersion": "65",
        },
        "spec": {"config": {"msg": "yes", "msg1": "two\nlines\n"}},
    });
    let expected = "\
apiVersion: v1
metadata:
  creationTimestamp: \"2026-11-23T11:26:30Z\"
  managedFields:
  - fieldsV1:
      f:msg: {}
    manager: unknown
  resourceVersion: \"65\"
spec:
  config:
    msg: \"yes\"
    msg1: |
      two
      lines
";
    assert_eq!(encode(&object), expected);
}

/// Whether a text comes back changed from Kubernetes' own reader too: Unicode line breaks are
/// written as they are and folded when read, and a `<<` is written without quotes.
fn is_misread(value: &Value) -> bool {
    value.to_string().contains(['\u{2028}', '\u{2029}']) || value.to_string().contains("<<")
}

#[test]
fn what_json_and_yaml_may_read_otherwise_is_left_to_yaml() {
    fn check(text: &str, plain: bool) {
        let read = super::decode::plain_json(text.as_bytes());
        assert_eq!(read.is_some(), plain, "{text}");
        if let Some(read) = read {
            let yaml = super::decode::decode_yaml(text.as_bytes()).expect("it is YAML too");
            assert_eq!(read.value, yaml.value, "{text}");
        }
    }
    check(r#"{"a":[1,-2,18446744073709551615,true,null,"x\n\"\/"],"on":{"y: z":"~"}}"#, true);
    check("{\"a\":\n  {\"b\": []}}\n", true);
    check(r#"{"a":"\u0041"}"#, false);
    check(r#"{"a":"é"}"#, false);
    check("{\"a\":\t1}", false);
    check(r#"{"a":1.0}"#, false);
    check(r#"{"a":1e3}"#, false);
    check(r#"{"a":-0}"#, false);
    check(r#"{"a":1,"a":2}"#, false);
    check(r#"{"<<":{}}"#, false);
    check(r#"{"a":1} x"#, false);
    check(r#"[{"a":1}]"#, false);
    check(&format!(r#"{{"{}":1}}"#, "k".repeat(1001)), false);
}

proptest! {
    #[test]
    fn plain_json_means_the_same_in_yaml(value in any_value()) {
        let text = json!({ "value": value }).to_string();
        if let Some(read) = super::decode::plain_json(text.as_bytes()) {
            let yaml = super::decode::decode_yaml(text.as_bytes()).unwrap();
            prop_assert_eq!(read.value, yaml.value);
        }
    }

    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        if is_misread(&value) {
            return Ok(());
        }
        let text = encode(&value);
        let parsed = decode(text.as_bytes());
        prop_assert_eq!(parsed.map(|parsed| parsed.value), Ok(value), "{}", text);
    }

    #[test]
    fn lines_are_read_back(text in "[ab \t\n'\":#-]{0,200}") {
        let value = json!({"key": [text]});
        prop_assert_eq!(decode(encode(&value).as_bytes()).map(|parsed| parsed.value), Ok(value));
    }

    #[test]
    fn json_is_yaml(value in any_value()) {
        let text = to_vec(&value).expect("JSON");
        let plain = text.iter().all(|c| matches!(c, b' '..=b'~'));
        let read = decode(&text).map(|parsed| parsed.value);
        prop_assert!(!plain || read == Ok(value), "{read:?}");
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(text in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode(&text);
    }

    #[test]
    fn nearly_yaml_does_no_harm(text in "[ab:\\-\\[\\]{},&*!|>'\"%@`#?~\n \t\\\\x01<.=\u{e9}\u{85}\u{2028}\u{feff}]{0,40}") {
        if let Ok(parsed) = decode(text.as_bytes()) {
            let _ = encode(&parsed.value);
        }
    }

    #[test]
    fn arbitrary_texts_are_written(text in any::<String>()) {
        let written = encode(&json!({text.clone(): text}));
        prop_assert!(written.ends_with('\n'));
    }
}
