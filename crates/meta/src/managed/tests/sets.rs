//! Field sets and their form on the wire.

use super::fixture::SCHEMA_V2;
use crate::json;
use crate::managed::fields_v1::Fields;
use crate::managed::{FieldSet, Record};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use serde_json::{Value, json};

fn set(fields: Value) -> FieldSet {
    FieldSet::from_fields_v1(&fields).unwrap()
}

#[test]
fn wire_form() {
    fn check(fields: &str, want: &str) {
        let fields: Value = serde_json::from_str(fields).unwrap();
        let set = FieldSet::from_fields_v1(&fields).unwrap();
        assert_eq!(set.to_string().replace('\n', " "), want);
        assert_eq!(set.to_fields_v1(), fields, "{want}");
        assert_eq!(set.len(), want.split_whitespace().count());
        let mut text = Vec::new();
        set.write(false, &mut text);
        assert_eq!(text, json::to_vec(&fields).unwrap(), "{want}");
        let read: Fields = serde_json::from_slice(&text).unwrap();
        assert_eq!(read.0, set, "{want}");
    }
    check("{}", "");
    check(r#"{"f:a":{}}"#, ".a");
    check(r#"{"f:a":{"f:b":{}}}"#, ".a.b");
    check(r#"{"f:a":{".":{},"f:b":{}}}"#, ".a .a.b");
    check(
        r#"{"f:l":{"k:{\"name\":\"x\"}":{".":{},"f:name":{}}}}"#,
        r#".l[name="x"] .l[name="x"].name"#,
    );
    check(
        r#"{"f:p":{"k:{\"port\":443,\"protocol\":\"TCP\"}":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{}}}"#,
        r#".p[port=80,protocol="TCP"] .p[port=443,protocol="TCP"]"#,
    );
    check(r#"{"f:s":{"v:\"x\"":{},"v:1":{},"v:true":{}}}"#, r#".s[=1] .s[="x"] .s[=true]"#);
    check(r#"{"f:s":{"i:0":{},"i:7":{}}}"#, ".s[0] .s[7]");
    check(r#"{"f:":{},"f:a.b/c":{}}"#, ". .a.b/c");
    check(r#"{"f:s":{"v:\"\\u003ca\\u003e\"":{}}}"#, r#".s[="<a>"]"#);
}

#[test]
fn what_is_not_a_field_set() {
    fn check(fields: &Value, want: &str) {
        let error = FieldSet::from_fields_v1(fields).unwrap_err();
        assert!(error.contains(want), "{error}");
        assert!(serde_json::from_value::<Fields>(fields.clone()).is_err());
        // Of text too, the tree says what is wrong.
        let entry = ManagedFieldsEntry {
            operation: Some("Apply".to_owned()),
            api_version: Some("v1".to_owned()),
            fields_type: Some("FieldsV1".to_owned()),
            fields_v1: Some(FieldsV1(fields.clone())),
            ..ManagedFieldsEntry::default()
        };
        let of_record = Record::from(&[entry][..]).read().unwrap_err();
        let is_deep = of_record.contains("recursion limit exceeded");
        assert!(is_deep || of_record == format!("error decoding set: {error}"), "{of_record}");
    }
    check(&json!({"a": {}}), "2 characters");
    check(&json!({"": {}}), "2 characters");
    check(&json!({"fa": {}}), "missing colon: fa");
    check(&json!({"k:x": {}}), "k:x");
    check(&json!({"k:{} x": {}}), "k:{} x");
    check(&json!({"v:": {}}), "v:");
    check(&json!({"i:x": {}}), "i:x");
    check(&json!({"f:a": 1}), "expected an object");
    check(&json!([]), "expected an object");
    let mut deep = json!({});
    for _ in 0..200 {
        deep = json!({"f:a": deep});
    }
    check(&deep, "deeper than");
}

#[test]
fn unknown_kinds_of_steps_are_skipped() {
    assert_eq!(set(json!({"f:a": {}, "x:b": {"anything": 1}})), set(json!({"f:a": {}})));
}

#[test]
fn two_spellings_of_one_item_are_one() {
    let fields = json!({"v:1": {"f:a": {}}, "v:1.0": {"f:b": {}}});
    assert_eq!(set(fields), set(json!({"v:1": {"f:a": {}, "f:b": {}}})));
}

#[test]
fn algebra() {
    let a = set(json!({"f:s": {".": {}, "f:x": {}, "f:y": {"f:z": {}}}}));
    let b = set(json!({"f:s": {"f:y": {}, "f:x": {}}}));
    let show = |set: FieldSet| set.to_string().replace('\n', " ");
    assert_eq!(show(a.union(&b)), ".s .s.x .s.y .s.y.z");
    assert_eq!(show(a.intersection(&b)), ".s.x");
    assert_eq!(show(a.difference(&b)), ".s .s.y.z");
    assert_eq!(show(a.recursive_difference(&b)), ".s");
    assert_eq!(show(a.leaves()), ".s.x .s.y.z");
    assert!(a.intersection(&b).is_subset(&a) && !a.is_subset(&b));
}

#[test]
fn named_fields_become_members_and_keys_of_maps_do_not() {
    let mut owned = set(json!({
        "f:spec": {"f:config": {"f:msg": {}}, "f:free": {"f:a": {"f:b": {}}}},
        "f:metadata": {"f:labels": {"f:x": {}}},
    }));
    owned.ensure_named_fields_are_members(SCHEMA_V2.root());
    assert_eq!(
        owned.to_string().replace('\n', " "),
        ".metadata .spec .metadata.labels .metadata.labels.x \
         .spec.config .spec.free .spec.config.msg .spec.free.a.b"
    );
}
