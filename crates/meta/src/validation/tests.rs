use super::*;
use crate::FieldErrors;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
    characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
    '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or \
    '-', start with an alphabetic character, and end with an alphanumeric character (e.g. \
    'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
    '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

#[test]
fn names() {
    let check = |rule: fn(&str) -> Vec<String>, name: &str, want: &[&str]| {
        assert_eq!(rule(name), want, "{name:?}");
    };
    let label = is_dns1123_label;
    check(label, "a", &[]);
    check(label, "1-a", &[]);
    check(label, &"x".repeat(63), &[]);
    check(label, &"x".repeat(64), &["must be no more than 63 characters"]);
    check(label, "", &[LABEL]);
    check(label, "A", &[LABEL]);
    check(label, "-a", &[LABEL]);
    check(label, "a-", &[LABEL]);
    check(label, "\u{e9}", &[LABEL]);
    check(label, "a.b", &["must not contain dots"]);
    let subdomain = is_dns1123_subdomain;
    check(subdomain, "a.b-c.1", &[]);
    check(subdomain, &"x".repeat(253), &[]);
    check(subdomain, &"x".repeat(254), &["must be no more than 253 characters"]);
    check(subdomain, "a..b", &[SUBDOMAIN]);
    check(subdomain, "a.-b", &[SUBDOMAIN]);
    check(is_dns1035_label, "a1", &[]);
    check(is_dns1035_label, "1a", &[LABEL_1035]);
    check(is_dns1035_label, &"x".repeat(64), &["must be no more than 63 characters"]);
    let value = is_valid_label_value;
    check(value, "", &[]);
    check(value, "A_b.c-1", &[]);
    check(value, "_", &[LABEL_VALUE]);
    check(value, &"x".repeat(64), &["must be no more than 63 bytes"]);
    let segment = is_path_segment_name;
    check(segment, "", &[]);
    check(segment, "Bad_Name\u{e9} ...", &[]);
    check(segment, ".", &["may not be '.'"]);
    check(segment, "..", &["may not be '..'"]);
    check(segment, "a%/", &["may not contain '/'", "may not contain '%'"]);
    check(is_path_segment_prefix, "..", &[]);
    check(is_path_segment_prefix, "/", &["may not contain '/'"]);
}

#[test]
fn qualified_names() {
    let check = |name: &str, want: &[&str]| assert_eq!(is_qualified_name(name), want, "{name:?}");
    check("a", &[]);
    check("A_b.c", &[]);
    check("example.com/A", &[]);
    check("bad key!", &[NAME_PART]);
    check("", &["name part must be non-empty", NAME_PART]);
    check("/a", &["prefix part must be non-empty"]);
    check("a/", &["name part must be non-empty", NAME_PART]);
    check("A/b", &[&format!("prefix part {SUBDOMAIN}")]);
    check(&"x".repeat(64), &["name part must be no more than 63 bytes"]);
    check(&format!("{}/a", "x".repeat(254)), &["prefix part must be no more than 253 bytes"]);
    let form = NAME_PART.strip_prefix("name part ").unwrap();
    let all = format!(
        "a valid label key {form} with an optional DNS subdomain prefix and '/' \
         (e.g. 'example.com/MyName')"
    );
    check("a/b/c", &[&all]);
}

#[test]
fn generated_names() {
    let check = |rule: NameRule, prefix: &str, good: bool| {
        assert_eq!(rule.validate(prefix, true).is_empty(), good, "{rule:?} {prefix:?}");
    };
    check(NameRule::PathSegment, "Bad_", true);
    check(NameRule::PathSegment, "a/", false);
    check(NameRule::Dns1123Label, "web-", true);
    check(NameRule::Dns1123Label, "-", false);
    check(NameRule::Dns1123Label, "web_", false);
    check(NameRule::Dns1123Subdomain, "a.b-", true);
    check(NameRule::Dns1123Subdomain, "\u{e9}-", false);
    check(NameRule::Dns1035Label, "1-", true);
    check(NameRule::Dns1035Label, "1a-", false);
}

fn meta(value: Value) -> ObjectMeta {
    serde_json::from_value(value).unwrap()
}

fn check_meta(value: Value, want: &str) {
    let mut errors = FieldErrors::new();
    validate_object_meta(&meta(value), false, NameRule::PathSegment, &mut errors);
    let got = if errors.is_empty() { String::new() } else { errors.to_string() };
    assert_eq!(got, want);
}

#[test]
fn names_and_namespaces() {
    let check = |namespaced, rule, value: Value, want: &str| {
        let mut errors = FieldErrors::new();
        validate_object_meta(&meta(value), namespaced, rule, &mut errors);
        let got = if errors.is_empty() { String::new() } else { errors.to_string() };
        assert_eq!(got, want);
    };
    let segment = NameRule::PathSegment;
    check(true, segment, json!({"name": "a", "namespace": "b"}), "");
    check(false, segment, json!({"name": "Bad_Name"}), "");
    check(true, segment, json!({"name": "a"}), "metadata.namespace: Required value");
    check(
        false,
        segment,
        json!({"name": "a", "namespace": "b"}),
        "metadata.namespace: Forbidden: not allowed on this type",
    );
    check(
        true,
        segment,
        json!({"name": "a", "namespace": "B"}),
        &format!("metadata.namespace: Invalid value: \"B\": {LABEL}"),
    );
    check(
        false,
        segment,
        json!({"generateName": "a/"}),
        "[metadata.generateName: Invalid value: \"a/\": may not contain '/', \
         metadata.name: Required value: name or generateName is required]",
    );
    check(
        false,
        NameRule::Dns1123Label,
        json!({"name": "a.b"}),
        "metadata.name: Invalid value: \"a.b\": must not contain dots",
    );
}

#[test]
fn labels_and_annotations() {
    check_meta(json!({"name": "a", "labels": {"a": "", "example.com/b": "c"}}), "");
    check_meta(
        json!({"name": "a", "labels": {"bad key!": "x"}}),
        &format!("metadata.labels: Invalid value: \"bad key!\": {NAME_PART}"),
    );
    check_meta(
        json!({"name": "a", "labels": {"a": "-x"}}),
        &format!("metadata.labels: Invalid value: \"-x\": {LABEL_VALUE}"),
    );
    check_meta(
        json!({"name": "a", "annotations": {"Example.COM/a": "any thing", "-": ""}}),
        &format!("metadata.annotations: Invalid value: \"-\": {NAME_PART}"),
    );
    let annotations = |bytes: usize| json!({"name": "a", "annotations": {"a": "x".repeat(bytes)}});
    check_meta(annotations(ANNOTATIONS_MAX_BYTES - 1), "");
    check_meta(
        annotations(ANNOTATIONS_MAX_BYTES),
        "metadata.annotations: Too long: may not be more than 262144 bytes",
    );
    check_meta(
        json!({"name": "a", "generation": -1}),
        "metadata.generation: Invalid value: -1: must be greater than or equal to 0",
    );
}

#[test]
fn owners() {
    let check = |owners: Value, want: &str| {
        check_meta(json!({"name": "a", "ownerReferences": owners}), want);
    };
    let owner = |version: &str, kind: &str, controller: bool| json!({"apiVersion": version, "kind": kind, "name": "n", "uid": "u", "controller": controller});
    check(json!([owner("v1", "K", true), owner("apps/v1", "K", false)]), "");
    check(json!([owner("events.k8s.io/v1", "Event", false)]), "");
    check(
        json!([{"apiVersion": "", "kind": "", "name": "", "uid": ""}]),
        "[metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty, \
         metadata.ownerReferences.kind: Invalid value: \"\": must not be empty, \
         metadata.ownerReferences.name: Invalid value: \"\": must not be empty, \
         metadata.ownerReferences.uid: Invalid value: \"\": must not be empty]",
    );
    for version in ["a/b/c", "a/", "/"] {
        let want = format!(
            "metadata.ownerReferences.apiVersion: Invalid value: \"{version}\": \
             version must not be empty"
        );
        check(json!([owner(version, "K", false)]), &want);
    }
    check(
        json!([owner("v1", "Event", false)]),
        r#"metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"n","uid":"u","controller":false}: /v1, Kind=Event is disallowed from being an owner"#,
    );
    check(
        json!([owner("v1", "K", true), owner("v1", "<Z>", true)]),
        r#"metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"K","name":"n","uid":"u","controller":true},{"apiVersion":"v1","kind":"\u003cZ\u003e","name":"n","uid":"u","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for K/n and <Z>/n"#,
    );
}

#[test]
fn finalizers_and_managed_fields() {
    check_meta(json!({"name": "a", "finalizers": ["orphan", "example.com/x"]}), "");
    check_meta(
        json!({"name": "a", "finalizers": ["a b", "orphan", "foregroundDeletion"]}),
        &format!(
            "[metadata.finalizers: Invalid value: \"a b\": {NAME_PART}, metadata.finalizers: \
             Invalid value: [\"a b\",\"orphan\",\"foregroundDeletion\"]: \
             finalizer orphan and foregroundDeletion cannot be both set]"
        ),
    );
    let check = |entry: Value, want: &str| {
        check_meta(json!({"name": "a", "managedFields": [entry]}), want);
    };
    check(json!({"operation": "Apply", "fieldsType": "FieldsV1", "manager": "m \u{e9}"}), "");
    check(json!({}), "metadata.managedFields[0].operation: Required value: must not be empty");
    check(
        json!({
            "operation": "Foo",
            "fieldsType": "X",
            "manager": "x".repeat(129),
            "subresource": "y".repeat(257),
        }),
        "[metadata.managedFields[0].operation: Unsupported value: \"Foo\": \
         supported values: \"Apply\", \"Update\", \
         metadata.managedFields[0].fieldsType: Invalid value: \"X\": must be `FieldsV1`, \
         metadata.managedFields[0].manager: Too long: may not be more than 128 bytes, \
         metadata.managedFields[0].subresource: Too long: may not be more than 256 bytes]",
    );
    check(
        json!({"operation": "Update", "manager": "a\tb"}),
        "metadata.managedFields[0].manager: Invalid value: \"a\\tb\": \
         invalid character U+0009 (at position 1)",
    );
}

#[test]
fn updates() {
    let check = |new: Value, old: Value, want: &str| {
        let mut errors = FieldErrors::new();
        validate_object_meta_update(&meta(new), &meta(old), &mut errors);
        let got = if errors.is_empty() { String::new() } else { errors.to_string() };
        assert_eq!(got, want);
    };
    let time = "2026-01-02T03:04:05Z";
    check(json!({"name": "a"}), json!({"name": "a"}), "");
    check(
        json!({"name": "a", "namespace": "x", "uid": "1"}),
        json!({"name": "b", "namespace": "y", "uid": "2"}),
        "[metadata.name: Invalid value: \"a\": field is immutable, \
         metadata.namespace: Invalid value: \"x\": field is immutable, \
         metadata.uid: Invalid value: \"1\": field is immutable]",
    );
    check(
        json!({"creationTimestamp": time}),
        json!({"deletionTimestamp": time, "deletionGracePeriodSeconds": 5}),
        "[metadata.creationTimestamp: Invalid value: \"2026-01-02T03:04:05Z\": field is \
         immutable, metadata.deletionTimestamp: Invalid value: null: field is immutable, \
         metadata.deletionGracePeriodSeconds: Invalid value: null: field is immutable]",
    );
    check(
        json!({"generation": -1}),
        json!({"generation": 2}),
        "[metadata.generation: Invalid value: -1: must be greater than or equal to 0, \
         metadata.generation: Invalid value: -1: must not be decremented]",
    );
    check(
        json!({"deletionTimestamp": time, "finalizers": ["b", "a", "c", "c"]}),
        json!({"deletionTimestamp": time, "finalizers": ["a", "gone"]}),
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being \
         deleted, found new finalizers []string{\"b\", \"c\"}",
    );
    check(json!({"finalizers": ["a", "b"]}), json!({"finalizers": ["a"]}), "");
    check(
        json!({"managedFields": [{}]}),
        json!({}),
        "metadata.managedFields[0].operation: Required value: must not be empty",
    );
}
