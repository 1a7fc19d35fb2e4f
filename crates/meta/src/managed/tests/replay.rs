//! What a Go server has recorded for writes of the sample kind, step by step.

use super::fixture::{Stored, full};
use serde_json::{Value, json};

fn check(got: &[String], want: &[&str]) {
    assert_eq!(got, want);
}

const SPEC: &str = ".spec.image, .spec.config.msg, .spec.config.msg1";

fn spec(image: &str) -> Value {
    json!({"image": image, "config": {"msg": "hello", "msg1": "world"}})
}

#[test]
fn create_replace_and_nothing_new() {
    let mut stored = Stored::default();
    let want = format!("Update unknown v2: {SPEC}");
    for image in ["nginx:1.25", "nginx:1.26", "nginx:1.26"] {
        check(&stored.put("", &json!({"spec": spec(image)})), &[&want]);
    }
}

#[test]
fn metadata_on_create() {
    let mut stored = Stored::default();
    let object = json!({"metadata": {"labels": {"name": "old"}, "annotations": {"spec.image": "b"}}, "spec": {"image": "i"}});
    let want = "Update unknown v1: .metadata.annotations, .metadata.labels, \
                .metadata.annotations.spec.image, .metadata.labels.name, .spec.picture";
    let mut object = object;
    object["spec"] = json!({"picture": "i"});
    check(&stored.put("@v1", &object), &[want]);
}

#[test]
fn a_finalizer_comes_and_goes() {
    let mut stored = Stored::default();
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}, "spec": spec("a")});
    let want = format!(
        r#"Update unknown v2: .metadata.finalizers, .metadata.finalizers[="example.com/hold"], {SPEC}"#
    );
    check(&stored.put("", &held), &[&want]);
    check(&stored.put("", &json!({"spec": spec("a")})), &[&format!("Update unknown v2: {SPEC}")]);
}

#[test]
fn patches_of_labels() {
    let mut stored = Stored::default();
    let labelled = |labels: Value| json!({"metadata": {"labels": labels}, "spec": {"image": "a"}});
    let want = |label: &str| {
        format!("Update unknown v2: .metadata.labels, .metadata.labels.{label}, .spec.image")
    };
    check(&stored.put("", &labelled(json!({"x": "1"}))), &[&want("x")]);
    check(&stored.put("", &labelled(json!({"y": "2"}))), &[&want("y")]);
}

#[test]
fn the_phase_moves_between_endpoints() {
    let mut stored = Stored::default();
    let object = |phase: &str| json!({"spec": spec("a"), "status": {"phase": phase}});
    check(
        &stored.put("", &object("Ready")),
        &[&format!("Update unknown v2: {SPEC}, .status.phase")],
    );
    // What the client has sent is recorded; what the server then stores is something else.
    stored.object.as_mut().unwrap()["status"]["phase"] = json!("Processing");
    check(
        &stored.put("/status", &object("Ready")),
        &[&format!("Update unknown v2: {SPEC}"), "Update unknown/status v2: .status.phase"],
    );
    check(
        &stored.put("", &object("Processing")),
        &[&format!("Update unknown v2: {SPEC}, .status.phase")],
    );
}

#[test]
fn a_day_of_server_side_apply() {
    let mut stored = Stored::default();
    let config = |spec: Value| json!({"spec": spec});
    let one = "Apply one v2: .spec.image, .spec.config.msg";
    let first = config(json!({"image": "i1", "config": {"msg": "m"}}));
    check(&stored.apply("one", &first).unwrap(), &[one]);
    check(&stored.apply("one", &first).unwrap(), &[one]);
    let error = stored.apply("two", &config(json!({"image": "i2"}))).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"Apply failed with 1 conflict: conflict with "one": .spec.image"#
    );
    let more =
        json!({"metadata": {"labels": {"by": "two"}}, "spec": {"config": {"msg1": "extra"}}});
    check(
        &stored.apply("two", &more).unwrap(),
        &[one, "Apply two v2: .metadata.labels.by, .spec.config.msg1"],
    );
    let shared = ["Apply one v2: .spec.config.msg", "Apply two v2: .spec.image"];
    check(&stored.apply("two!", &config(json!({"image": "i2"}))).unwrap(), &shared);
    let object = stored.object.clone().unwrap();
    assert_eq!(object["metadata"]["labels"], json!(null));
    assert_eq!(object["spec"], json!({"image": "i2", "config": {"msg": "m"}}));
    let given_up = config(json!({"config": {"msg": "m"}}));
    let before = stored.object.clone();
    let done = stored.try_apply("one", &given_up).unwrap();
    assert_eq!(stored.object, before);
    assert!(!done.changed());
    check(&stored.entries(), &shared);
    check(
        &stored.put("putter", &config(json!({"image": "i3", "config": {"msg": "m9"}}))),
        &["Update putter v2: .spec.image, .spec.config.msg"],
    );
    let error = stored.apply("one", &given_up).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: \
         conflict with \"putter\" using test.example/v2: .spec.config.msg"
    );
}

#[test]
fn the_wire_form_of_an_entry() {
    let mut stored = Stored::default();
    stored.put("", &json!({"spec": spec("a")}));
    assert_eq!(
        stored.object.unwrap()["metadata"]["managedFields"],
        json!([{
            "manager": "unknown",
            "operation": "Update",
            "apiVersion": "test.example/v2",
            "time": "1970-01-01T00:00:01Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:config": {"f:msg": {}, "f:msg1": {}}, "f:image": {}}},
        }])
    );
    assert_eq!(full("v", &json!({}))["metadata"]["name"], "a");
}
