//! What a schema finds in values.

#![allow(clippy::needless_pass_by_value, reason = "a table reads best with its values in place")]

use super::Rules;
use crate::field::FieldErrors;
use serde_json::{Value, json};

fn check(schema: Value, value: Value, want: &str) {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"x": schema},
    }}});
    let rules = Rules::compile(&schema).unwrap();
    let mut errors = FieldErrors::new();
    rules.check(&json!({"spec": {"x": value}}), None, &mut errors);
    let got = if errors.is_empty() { String::new() } else { errors.to_string() };
    assert_eq!(got, want, "{schema}");
}

#[test]
fn limits_are_worded_as_kubernetes_words_them() {
    let integer = |limits: Value| {
        let mut schema = json!({"type": "integer"});
        schema.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        schema
    };
    let invalid =
        |value: &str, why: &str| format!("spec.x: Invalid value: {value}: spec.x in body {why}");
    check(integer(json!({"minimum": 1})), json!(1), "");
    let why = invalid("0", "should be greater than or equal to 1");
    check(integer(json!({"minimum": 1})), json!(0), &why);
    let why = invalid("1", "should be greater than 1");
    check(integer(json!({"minimum": 1, "exclusiveMinimum": true})), json!(1), &why);
    let why = invalid("9", "should be less than or equal to 5");
    check(integer(json!({"maximum": 5})), json!(9), &why);
    let why = invalid("5", "should be less than 5");
    check(integer(json!({"maximum": 5, "exclusiveMaximum": true})), json!(5), &why);
    let why = invalid("7", "should be a multiple of 5");
    check(integer(json!({"multipleOf": 5})), json!(7), &why);
    let why = invalid("200000000", "should be less than or equal to 100000000");
    check(integer(json!({"maximum": 100_000_000})), json!(200_000_000), &why);
    let number = |key: &str, value: f64| json!({"type": "number", key: value});
    let why = invalid("2.000000005e+08", "should be less than or equal to 1e+08");
    check(number("maximum", 1e8), json!(200_000_000.5), &why);
    let why = invalid("-1.2345675e+06", "should be greater than or equal to 1e-07");
    check(number("minimum", 1e-7), json!(-1_234_567.5), &why);
    let why = invalid("0.35", "should be a multiple of 0.1");
    check(number("multipleOf", 0.1), json!(0.35), &why);
    for (value, of) in [(0.3, 0.1), (1.1, 0.1), (0.07, 0.01), (19.99, 0.01)] {
        check(number("multipleOf", of), json!(value), "");
    }
    let string = |key: &str, value: Value| json!({"type": "string", key: value});
    check(string("maxLength", json!(3)), json!("äöü"), "");
    check(
        string("maxLength", json!(3)),
        json!("abcd"),
        "spec.x: Too long: may not be more than 3 bytes",
    );
    let why = invalid("\"\"", "should be at least 1 chars long");
    check(string("minLength", json!(1)), json!(""), &why);
    let why = invalid("\"b\"", "should match '^a'");
    check(string("pattern", json!("^a")), json!("b"), &why);
    check(
        string("enum", json!(["a", "b"])),
        json!("c"),
        "spec.x: Unsupported value: \"c\": supported values: \"a\", \"b\"",
    );
    let why = invalid("\"1.2.3\"", "must be of type ipv4: \"1.2.3\"");
    check(string("format", json!("ipv4")), json!("1.2.3"), &why);
    check(string("format", json!("whatever")), json!("1.2.3"), "");
    let array = |key: &str, value: Value| json!({"type": "array", "items": {"type": "integer"}, key: value});
    check(
        array("maxItems", json!(1)),
        json!([1, 2]),
        "spec.x: Too many: 2: must have at most 1 item",
    );
    let why = invalid("0", "should have at least 1 items");
    check(array("minItems", json!(1)), json!([]), &why);
    let object = |key: &str, value: Value| json!({"type": "object", key: value});
    check(object("required", json!(["y"])), json!({}), "spec.x.y: Required value");
    check(object("required", json!(["y"])), json!({"y": null}), "spec.x.y: Required value");
    let why = invalid("0", "should have at least 1 properties");
    check(object("minProperties", json!(1)), json!({}), &why);
    let items = json!({"type": "array", "items": {"type": "object", "required": ["a"]}});
    check(items, json!([{"a": 1}, {}]), "spec.x[1].a: Required value");
    let map = json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}});
    let why = "spec.x.k: Invalid value: -1: spec.x.k in body should be greater than or equal to 0";
    check(map, json!({"k": -1}), why);
}

#[test]
fn alternatives_are_tried() {
    let one = json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    check(one.clone(), json!({"a": 1}), "");
    let why = "[<nil>: Invalid value: \"\": \"spec.x\" must validate one and only one schema \
               (oneOf). Found none valid, spec.x.a: Required value]";
    check(one.clone(), json!({}), why);
    let why = "<nil>: Invalid value: \"\": \"spec.x\" must validate one and only one schema \
               (oneOf). Found 2 valid alternatives";
    check(one, json!({"a": 1, "b": 1}), why);
    let not = json!({"type": "object", "not": {"required": ["a"]}});
    let why = "<nil>: Invalid value: \"\": \"spec.x\" must not validate the schema (not)";
    check(not, json!({"a": 1}), why);
}

#[test]
fn what_an_update_leaves_is_not_looked_at() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "integer", "maximum": 5}, "b": {"type": "integer", "maximum": 5},
    }});
    let rules = Rules::compile(&schema).unwrap();
    let check = |new: Value, old: Value, want: usize| {
        let mut errors = FieldErrors::new();
        rules.check(&new, Some(&old), &mut errors);
        assert_eq!(errors.as_slice().len(), want, "{new} after {old}: {errors}");
    };
    check(json!({"a": 9, "b": 1}), json!({"a": 9, "b": 2}), 0);
    check(json!({"a": 8, "b": 1}), json!({"a": 9, "b": 2}), 1);
    check(json!({"a": 9, "b": 9}), json!({"a": 9}), 1);
}

#[test]
fn defaults_fill_what_is_missing() {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object", "default": {"level": 3},
        "properties": {
            "level": {"type": "integer", "default": 2},
            "kept": {"type": "string", "default": "x", "nullable": true},
            "zero": {"type": "integer", "default": 0},
            "list": {"type": "array", "items": {
                "type": "object", "properties": {"p": {"type": "string", "default": "TCP"}},
            }},
        },
    }}});
    let rules = Rules::compile(&schema).unwrap();
    let check = |mut value: Value, want: Value| {
        rules.fill(&mut value);
        assert_eq!(value, want);
        rules.fill(&mut value);
        assert_eq!(value, want, "filling again changes nothing");
    };
    check(json!({}), json!({"spec": {"level": 3, "kept": "x"}}));
    check(json!({"spec": {}}), json!({"spec": {"level": 2, "kept": "x"}}));
    check(
        json!({"spec": {"level": null, "kept": null, "list": [{}, {"p": "UDP"}]}}),
        json!({"spec": {"level": 2, "kept": null, "list": [{"p": "TCP"}, {"p": "UDP"}]}}),
    );
}

#[test]
fn problems_of_a_schema_name_their_place() {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "array", "items": {"type": "string", "pattern": "("},
    }}});
    let problems = Rules::compile(&schema).unwrap_err();
    assert!(problems[0].starts_with("spec[*]: the pattern \"(\" cannot be read"), "{problems:?}");
}

#[test]
fn a_value_of_another_type_is_left_to_the_decoder() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"b": {
        "type": "integer", "maximum": 3,
    }}});
    let rules = Rules::compile(&schema).unwrap();
    assert_eq!(rules.undecodable(&json!({"b": 9})).as_slice().len(), 2);
    assert!(rules.undecodable(&json!({"b": "9"})).is_empty());
    assert!(rules.undecodable(&json!([])).is_empty());
}

#[test]
fn what_blocks_rules_is_told() {
    let schema = |rules: Value| {
        json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "integer", "minimum": 1, "x-kubernetes-validations": rules},
        }})
    };
    let check = |rules: Value, value: Value, want: &str| {
        let rules = Rules::compile(&schema(rules)).unwrap_or_else(|why| panic!("{why:?}"));
        let mut errors = FieldErrors::new();
        rules.check(&value, None, &mut errors);
        assert_eq!(errors.to_string(), want);
        assert_eq!(rules.undecodable(&value).to_string(), want);
    };
    check(json!([]), json!({}), "a: Required value");
    let why = "a: Invalid value: 0: a in body should be greater than or equal to 1";
    check(json!([]), json!({"a": 0}), why);
    if cfg!(feature = "cel") {
        let note = "[a: Required value, <nil>: Invalid value: null: some validation rules were not \
                    checked because the object was invalid; correct the existing errors to \
                    complete validation]";
        check(json!([{"rule": "self < 5"}]), json!({}), note);
        check(json!([{"rule": "self < 5"}]), json!({"a": 0}), why);
    }
}

fn check_lists(schema: Value, old: Option<Value>, value: Value, want: &str) {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"x": schema},
    }}});
    let rules = Rules::compile(&schema).unwrap();
    let mut errors = FieldErrors::new();
    let whole = |value: Value| json!({"spec": {"x": value}});
    rules.check_lists(&whole(value), old.map(whole).as_ref(), &mut errors);
    let got = if errors.is_empty() { String::new() } else { errors.to_string() };
    assert_eq!(got, want, "{schema}");
}

#[test]
fn sets_and_maps_have_each_item_once() {
    let list = |kind: &str, keys: &[&str]| {
        json!({"type": "array", "x-kubernetes-list-type": kind, "x-kubernetes-list-map-keys": keys,
            "items": {"properties": {"in": {"type": "array", "x-kubernetes-list-type": "set"}}}})
    };
    let set = || list("set", &[]);
    check_lists(set(), None, json!(["a", "b"]), "");
    check_lists(set(), None, json!(["a", "a", "a"]), "spec.x[1]: Duplicate value: \"a\"");
    check_lists(set(), None, json!([1, 1.0, 1]), "spec.x[2]: Duplicate value: 1");
    let why = r#"spec.x[1]: Duplicate value: {"a":[1]}"#;
    check_lists(set(), None, json!([{"a": [1]}, {"a": [1]}]), why);
    check_lists(set(), Some(json!(["b", "b"])), json!(["a", "a"]), "");
    check_lists(set(), Some(json!(["b"])), json!(["a", "a"]), "spec.x[1]: Duplicate value: \"a\"");
    let map = || list("map", &["n"]);
    check_lists(map(), None, json!([{"n": 1, "y": 2}, {"n": 2, "y": 2}]), "");
    let why = r#"spec.x[2]: Duplicate value: {"n":1}"#;
    check_lists(map(), None, json!([{"n": 1}, {"n": 2}, {"n": 1, "y": 3}]), why);
    check_lists(map(), None, json!([{"y": 1}, {"y": 2}]), "spec.x[1]: Duplicate value: {}");
    let why = "spec.x[1]: Invalid value: 7: must be an object for an array of list-type map";
    check_lists(map(), None, json!([{"n": 1}, 7]), why);
    let why = r#"spec.x[1]: Duplicate value: {"n":1,"p":"a"}"#;
    let items = json!([{"n": 1, "p": "a"}, {"n": 1, "p": "a"}, {"n": 1, "p": "b"}]);
    check_lists(list("map", &["n", "p"]), None, items, why);
    let why = r#"spec.x[1].in[1]: Duplicate value: 5"#;
    check_lists(map(), None, json!([{"n": 1}, {"n": 2, "in": [5, 5]}]), why);
    check_lists(list("atomic", &[]), None, json!(["a", "a"]), "");
}
