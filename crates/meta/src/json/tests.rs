use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn mistakes_are_described_in_the_words_of_go() {
    fn check(text: &str, expected: &str) {
        let error = parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text:?}");
    }
    check("", "unexpected end of JSON input");
    check("  ", "unexpected end of JSON input");
    check("{", "unexpected end of JSON input");
    check(r#"[{"op":"#, "unexpected end of JSON input");
    check(r#""abc"#, "unexpected end of JSON input");
    check(r#""\"#, "invalid character ' ' in string escape code");
    check(r#""\u12"#, r"invalid character ' ' in \u hexadecimal character escape");
    check("-", "invalid character ' ' in numeric literal");
    check("1.", "invalid character ' ' after decimal point in numeric literal");
    check("1e", "invalid character ' ' in exponent of numeric literal");
    check("tru", "invalid character ' ' in literal true (expecting 'e')");
    check("{not json", "invalid character 'n' looking for beginning of object key string");
    check(r#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string");
    check("[1,]", "invalid character ']' looking for beginning of value");
    check("\0", r"invalid character '\x00' looking for beginning of value");
    check("\u{e9}", "invalid character '\u{c3}' looking for beginning of value");
    check("'a'", r"invalid character '\'' looking for beginning of value");
    check(r#"1 "a""#, r#"invalid character '"' after top-level value"#);
    check("{} {}", "invalid character '{' after top-level value");
    check("01", "invalid character '1' after top-level value");
    check("[1 2]", "invalid character '2' after array element");
    check("[1}", "invalid character '}' after array element");
    check(r#"{"a" 1}"#, "invalid character '1' after object key");
    check(r#"{"a":1 "b"}"#, r#"invalid character '"' after object key:value pair"#);
    check("\"a\nb\"", r"invalid character '\n' in string literal");
    check(r#""\x""#, "invalid character 'x' in string escape code");
    check(r#""\u00g0""#, r"invalid character 'g' in \u hexadecimal character escape");
    check("-a", "invalid character 'a' in numeric literal");
    check("1.a", "invalid character 'a' after decimal point in numeric literal");
    check("1ea", "invalid character 'a' in exponent of numeric literal");
    check("nul1", "invalid character '1' in literal null (expecting 'l')");
    check("trUe", "invalid character 'U' in literal true (expecting 'u')");
    check("[1e999]", "json: cannot unmarshal number 1e999 into Go value of type float64");
    check("[1e999}", "invalid character '}' after array element");
    check(&"[".repeat(200), "invalid character '[' exceeded max depth");
    check(&"{\"a\":".repeat(200), "invalid character '{' exceeded max depth");
}

#[test]
fn values_are_read_as_go_reads_them() {
    fn check(text: &[u8], expected: &Value) {
        let parsed = parse(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert_eq!(&parsed.value, expected, "{}", String::from_utf8_lossy(text));
        assert_eq!(parsed.duplicates, [""; 0]);
    }
    check(b" null\n", &Value::Null);
    check(b"[1, -1, 18446744073709551615]", &json!([1, -1, u64::MAX]));
    check(b"[1.0, 1e3, 18446744073709551616]", &json!([1.0, 1000.0, 18_446_744_073_709_551_616.0]));
    check(br#"{"a\u0062": "\ud83d\ude00"}"#, &json!({"ab": "\u{1f600}"}));
    check(b"\"a\xffb\xe2\x82c\"", &json!("a\u{fffd}b\u{fffd}\u{fffd}c"));
    check(
        br#"["\ud800", "\udc00x", "\ud800\n", "\\ud800"]"#,
        &json!(["\u{fffd}", "\u{fffd}x", "\u{fffd}\n", "\\ud800"]),
    );
    check(br#""\ud800\ud83d\ude00""#, &json!("\u{fffd}\u{1f600}"));
}

#[test]
fn the_depth_limit_is_the_one_documented() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    let error = parse(nested(MAX_DEPTH + 1).as_bytes()).expect_err("too deep");
    assert_eq!(error.to_string(), "invalid character '[' exceeded max depth");
    assert_eq!(error.offset(), MAX_DEPTH + 1);
}

#[test]
fn duplicate_fields_are_noted_and_the_last_one_counts() {
    fn check(text: &str, duplicates: &[&str], value: &Value) {
        let parsed = parse(text.as_bytes()).expect(text);
        assert_eq!(parsed.duplicates, duplicates, "{text}");
        assert_eq!(&parsed.value, value, "{text}");
    }
    check(r#"{"a":1,"a":2}"#, &["a"], &json!({"a": 2}));
    check(r#"{"a":1,"a":2,"a":3}"#, &["a"], &json!({"a": 3}));
    check(
        r#"{"spec":{"items":[{},{"name":1,"name":2}]}}"#,
        &["spec.items[1].name"],
        &json!({"spec": {"items": [{}, {"name": 2}]}}),
    );
    check(r#"[[{"a":1,"a":1}]]"#, &["[0][0].a"], &json!([[{"a": 1}]]));
    check(r#"{"a.b":{"c":1,"c":1}}"#, &["a.b.c"], &json!({"a.b": {"c": 1}}));
    check(r#"{"a":1,"a":{"b":1,"b":1}}"#, &["a", "a.b"], &json!({"a": {"b": 1}}));
    check(r#"{"a":{"x":1},"a":{"x":1}}"#, &["a"], &json!({"a": {"x": 1}}));
}

#[test]
fn only_so_many_duplicates_are_reported() {
    let fields: Vec<String> = (0..300).map(|n| format!(r#""f{n}":1,"f{n}":2"#)).collect();
    let parsed = parse(format!("{{{}}}", fields.join(",")).as_bytes()).expect("JSON");
    assert_eq!(parsed.duplicates.len(), MAX_STRICT_ERRORS);
    assert_eq!(parsed.duplicates[99], "f99");
}

#[test]
fn findings_are_reported_in_the_order_of_the_document() {
    fn check(text: &str, unknown: &[&str], expected: &[&str]) {
        let duplicates = parse(text.as_bytes()).expect(text).duplicates;
        let unknown: Vec<String> = unknown.iter().map(|&path| path.to_owned()).collect();
        let found = in_document_order(text.as_bytes(), &unknown, &duplicates);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }
    check(r#"{"a":1}"#, &[], &[]);
    check(r#"{"a":1}"#, &["a"], &[r#"unknown field "a""#]);
    check(
        r#"{"z":1,"b":1,"b":2,"a":3}"#,
        &["a", "z"],
        &[r#"unknown field "z""#, r#"duplicate field "b""#, r#"unknown field "a""#],
    );
    check(
        r#"{"x":{"y":1,"y":1},"x":2,"k":[{},{"u":1}],"n":1,"n":2}"#,
        &["k[1].u", "x"],
        &[r#"unknown field "x""#, r#"unknown field "k[1].u""#, r#"duplicate field "n""#],
    );
    check(
        r#"{"a":{"x":1},"a":{"x":1,"x":2}}"#,
        &["elsewhere", "b"],
        &[
            r#"duplicate field "a""#,
            r#"duplicate field "a.x""#,
            r#"unknown field "elsewhere""#,
            r#"unknown field "b""#,
        ],
    );
    check("{\"q\\\"\\n\":1}", &["q\"\n"], &[r#"unknown field "q\"\n""#]);
}

#[test]
fn texts_are_quoted_as_go_quotes_them() {
    fn check(text: &str, expected: &str) {
        assert_eq!(quote(text), expected);
    }
    check("a 'b' \"c\" \\", r#""a 'b' \"c\" \\""#);
    check("\0\x07\x08\x0c\n\r\t\x0b\x1b\x7f", r#""\x00\a\b\f\n\r\t\v\x1b\x7f""#);
    check("\u{e9}\u{4e16}\u{1f600}e\u{301}", "\"\u{e9}\u{4e16}\u{1f600}e\u{301}\"");
    check("\u{a0}\u{200b}\u{feff}\u{e000}", r#""\u00a0\u200b\ufeff\ue000""#);
    check("\u{10ffff}", r#""\U0010ffff""#);
}

#[test]
fn values_are_written_as_go_writes_them() {
    fn check(value: &Value, expected: &str) {
        let written = String::from_utf8(to_vec(value).expect("JSON")).expect("UTF-8");
        assert_eq!(written, expected);
    }
    check(
        &json!("<a & b>\u{2028}\u{2029}\u{202a}"),
        "\"\\u003ca \\u0026 b\\u003e\\u2028\\u2029\u{202a}\"",
    );
    check(
        &json!("\u{0}\u{8}\u{c}\n\r\t\u{1f}\u{7f}\"\\/"),
        "\"\\u0000\\b\\f\\n\\r\\t\\u001f\u{7f}\\\"\\\\/\"",
    );
    check(&json!({"<": 1}), r#"{"\u003c":1}"#);
    check(
        &json!([1.0, -0.0, 1.5, 100_000_000_000_000_000_000.0]),
        "[1,-0,1.5,100000000000000000000]",
    );
    check(&json!([1e21, 1.5e300, 1e-6, 1e-7, -1.25e-9]), "[1e+21,1.5e+300,0.000001,1e-7,-1.25e-9]");
    check(&json!([u64::MAX, i64::MIN]), "[18446744073709551615,-9223372036854775808]");
}

#[test]
fn indented_values_look_as_in_go() {
    let value = json!({"a": {}, "b": [], "c": [1, {"d": "<"}], "f": 1.0});
    let expected = "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": \"\\u003c\"\n    }\n  ],\n  \"f\": 1\n}";
    let written = to_vec_pretty(&value).expect("JSON");
    assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
}

/// Any value up to a few levels deep; without fractions, since Go writes `1.0` as `1`.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c<. ]{0,3}", inner, 0..5)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        for text in [to_vec(&value).expect("JSON"), to_vec_pretty(&value).expect("JSON")] {
            prop_assert_eq!(&parse(&text).expect("own JSON").value, &value);
        }
    }

    #[test]
    fn any_float_is_read_back(value in any::<f64>().prop_filter("JSON has no NaN", |f| f.is_finite())) {
        let read = parse(&to_vec(&value).expect("JSON")).expect("own JSON").value;
        prop_assert_eq!(read.as_f64(), Some(value));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(text in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(parsed) = parse(&text) {
            let again = parse(&to_vec(&parsed.value).expect("JSON")).expect("own JSON");
            prop_assert_eq!(again.duplicates.len(), 0);
        }
    }

    #[test]
    fn nearly_json_does_no_harm(text in r#"[\[\]{}:,"\\u0d8a1eE.+\- tn]{0,40}"#) {
        let ours = parse(text.as_bytes());
        let theirs = serde_json::from_str::<Value>(&text);
        prop_assert!(ours.is_ok() || theirs.is_err());
        let _ = in_document_order(text.as_bytes(), &["a".to_owned(), "0".to_owned()], &["d".to_owned()]);
    }
}
