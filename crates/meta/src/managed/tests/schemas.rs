//! What is read out of JSON schemas.

use super::fixture::SCHEMA_V2;
use crate::managed::{Comparison, FieldSet, ListType, TypeSchema};
use serde_json::{Value, json};

/// The fields of `{"x": value}` under a schema of `x`.
fn check(of: Value, value: Value, want: &str) {
    let shown = format!("{of} {value}");
    let schema = TypeSchema::from_json_schema(&json!({
        "type": "object",
        "properties": {"x": of},
        "$defs": {
            "S": {"type": "object", "properties": {"a": {"type": "string"}, "next": {"$ref": "#/$defs/S"}}},
            "L": {"type": "array", "items": {"type": "string"}},
        },
    }));
    let set = FieldSet::of_object(schema.root(), &json!({"x": value})).unwrap();
    assert_eq!(set.to_string().replace('\n', " "), want, "{shown}");
}

#[test]
fn fields_of_values() {
    let text = || json!({"type": "string"});
    check(text(), json!("v"), ".x");
    check(text(), json!(null), ".x");
    check(json!({"$ref": "#/$defs/S"}), json!({"a": "1", "next": {"a": "2"}}), ".x.a .x.next.a");
    check(json!({"$ref": "#/$defs/S"}), json!({}), ".x");
    check(json!({"$ref": "#/$defs/S"}), json!({"next": {}}), ".x.next");
    check(json!({"$ref": "#/$defs/L"}), json!(["a"]), ".x");
    let set = json!({"allOf": [{"$ref": "#/$defs/L"}], "x-kubernetes-list-type": "set"});
    check(set.clone(), json!(["a", "b"]), r#".x[="a"] .x[="b"]"#);
    check(set, json!([]), "");
    check(
        json!({"$ref": "#/$defs/L", "x-kubernetes-list-type": "set"}),
        json!(["a"]),
        r#".x[="a"]"#,
    );
    let atomic = json!({"anyOf": [{"$ref": "#/$defs/S"}, {"enum": [null], "nullable": true}], "x-kubernetes-map-type": "atomic"});
    check(atomic, json!({"a": "1"}), ".x");
    check(json!({"anyOf": [{"$ref": "#/$defs/S"}, {"type": "null"}]}), json!({"a": "1"}), ".x.a");
    check(json!({"type": ["string", "null"]}), json!("v"), ".x");
    check(json!({"type": "object", "additionalProperties": text()}), json!({"k": "v"}), ".x.k");
    check(json!(true), json!({"a": [1], "b": {"c": {}}}), ".x.a .x.b .x.b.c");
    check(json!({}), json!({"a": 1}), ".x.a");
    check(json!({"type": "object"}), json!({"a": 1}), ".x.a");
    check(json!({"$ref": "#/nowhere"}), json!({"a": 1}), ".x.a");
    let int_or_text =
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, text()]});
    check(int_or_text, json!("80%"), ".x");
    let choice = json!({"oneOf": [
        {"type": "object", "properties": {"Left": {"$ref": "#/$defs/S"}}, "additionalProperties": false},
        {"type": "object", "properties": {"Right": text()}, "additionalProperties": false},
        {"type": "string", "enum": ["Neither"]},
    ]});
    check(choice.clone(), json!({"Left": {"a": "1"}}), ".x.Left.a");
    check(choice.clone(), json!({"Right": "r"}), ".x.Right");
    check(choice, json!("Neither"), ".x");
    let merged = json!({"type": "array", "items": {"$ref": "#/$defs/S"}, "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "a"});
    check(merged, json!([{"a": "1"}]), r#".x[a="1"] .x[a="1"].a"#);
}

#[test]
fn metadata_is_always_known() {
    let object = json!({
        "apiVersion": "v1", "kind": "K",
        "metadata": {
            "name": "n", "namespace": "s", "uid": "u", "resourceVersion": "1", "generation": 1,
            "creationTimestamp": null, "selfLink": "", "managedFields": [{}],
            "generateName": "g", "labels": {"a": "b"}, "annotations": {}, "finalizers": ["f"],
            "ownerReferences": [{"uid": "o", "name": "n"}],
        },
    });
    let set = FieldSet::of_object(TypeSchema::unknown().root(), &object).unwrap();
    assert_eq!(
        set.to_string().replace('\n', " "),
        r#".metadata.annotations .metadata.generateName .metadata.finalizers[="f"] .metadata.labels.a .metadata.ownerReferences[uid="o"]"#
    );
}

#[test]
fn navigation() {
    let root = SCHEMA_V2.root();
    let spec = root.field("spec").unwrap();
    assert!(spec.field("nope").is_none());
    assert!(spec.field("rgb").unwrap().is_atomic_map());
    assert!(!spec.field("config").unwrap().is_atomic_map());
    assert_eq!(spec.field("args").unwrap().list_type(), Some(ListType::Atomic));
    assert_eq!(spec.field("tags").unwrap().list_type(), Some(ListType::Set));
    assert_eq!(spec.field("image").unwrap().list_type(), None);
    assert!(spec.field("env").unwrap().items().unwrap().field("value").is_some());
    let finalizers = root.field("metadata").unwrap().field("finalizers").unwrap();
    assert_eq!((finalizers.patch_strategy(), finalizers.patch_merge_key()), (Some("merge"), None));
}

#[test]
fn comparing() {
    fn check(old: Value, new: Value, want: [&str; 3]) {
        let shown = format!("{old} {new}");
        let (old, new) = (json!({"spec": old}), json!({"spec": new}));
        let found = Comparison::of(SCHEMA_V2.root(), &old, &new).unwrap();
        let show = |set: &FieldSet| set.to_string().replace('\n', " ").replace(".spec", "");
        assert_eq!(
            [show(&found.added), show(&found.modified), show(&found.removed)],
            want,
            "{shown}"
        );
    }
    check(json!({}), json!({"image": "a"}), [".image", "", ""]);
    check(json!({"image": "a"}), json!({"image": "b"}), ["", ".image", ""]);
    check(json!({"image": "a"}), json!({}), ["", "", ".image"]);
    check(json!({"replicas": 1}), json!({"replicas": 1.0}), ["", "", ""]);
    check(json!({}), json!({"config": {"msg": "m"}}), [".config .config.msg", "", ""]);
    check(json!({"config": {}}), json!({"config": {"msg": "m"}}), [".config.msg", "", ""]);
    check(json!({"config": {}}), json!({"config": null}), ["", ".config", ""]);
    check(json!({"rgb": {"msg": "a"}}), json!({"rgb": {"msg1": "a"}}), ["", ".rgb", ""]);
    check(json!({"args": ["a"]}), json!({"args": ["b"]}), ["", ".args", ""]);
    check(
        json!({"tags": ["a", "b"]}),
        json!({"tags": ["c", "b"]}),
        [r#".tags[="c"]"#, "", r#".tags[="a"]"#],
    );
    check(
        json!({"tags": ["a", "a"]}),
        json!({"tags": ["a"]}),
        [r#".tags[="a"]"#, "", r#".tags[="a"]"#],
    );
    check(
        json!({"tags": ["a"]}),
        json!({"tags": ["a", "a"]}),
        [r#".tags[="a"]"#, "", r#".tags[="a"]"#],
    );
    check(json!({"tags": ["a", "a"]}), json!({"tags": ["a", "a"]}), ["", "", ""]);
    check(
        json!({"env": [{"name": "x", "value": "1"}, {"name": "y"}]}),
        json!({"env": [{"name": "y"}, {"name": "x", "value": "2"}]}),
        ["", r#".env[name="x"].value"#, ""],
    );
    check(
        json!({"ports": [{"port": 80}]}),
        json!({"ports": [{"port": 80, "protocol": "TCP"}]}),
        [r#".ports[port=80,protocol="TCP"].protocol"#, "", ""],
    );
    check(
        json!({"free": {"a": 1}}),
        json!({"free": {"a": {"b": 2}}}),
        [".free.a.b", ".free.a", ""],
    );
}

#[test]
fn items_without_names_are_refused() {
    fn check(spec: Value, want: &str) {
        let root = SCHEMA_V2.root();
        let object = json!({"spec": spec});
        assert_eq!(Comparison::of(root, &json!({}), &object).unwrap_err(), want);
        assert_eq!(FieldSet::of_object(root, &object).unwrap_err(), want);
    }
    check(
        json!({"env": [{"name": "a"}, {"value": "b"}]}),
        ".spec.env: element 1: associative list with keys has an element that omits all key fields \
         (and doesn't have default values for any key fields)",
    );
    check(
        json!({"env": [null]}),
        ".spec.env: element 0: associative list with keys may not have a null element",
    );
    check(
        json!({"tags": [{}]}),
        ".spec.tags: element 0: associative list without keys has an element that's a map type",
    );
}
