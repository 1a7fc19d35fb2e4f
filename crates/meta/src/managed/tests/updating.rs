//! Ordinary writes.

use super::fixture::{Stored, V0, V2};
use crate::managed::{FieldSet, MAX_UPDATE_MANAGERS, Record};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};
use serde_json::{Value, json};

/// Writes of `(who, spec)`, and the entries after the last one.
fn check(writes: &[(&str, Value)], want: &[&str]) {
    let mut stored = Stored::default();
    for (who, spec) in writes {
        stored.put(who, &json!({"spec": spec}));
    }
    assert_eq!(stored.entries(), want);
}

#[test]
fn who_writes_owns() {
    check(&[("one", json!({"image": "a"}))], &["Update one v2: .spec.image"]);
    check(&[("", json!({"image": "a"}))], &["Update unknown v2: .spec.image"]);
    check(
        &[("one", json!({"image": "a"})), ("two", json!({"image": "a", "replicas": 1}))],
        &["Update one v2: .spec.image", "Update two v2: .spec.replicas"],
    );
    check(
        &[("one", json!({"image": "a"})), ("two", json!({"image": "b"}))],
        &["Update two v2: .spec.image"],
    );
    check(&[("one", json!({"image": "a"})), ("two", json!({}))], &[]);
    check(
        &[("one", json!({"tags": ["x"]})), ("two", json!({"tags": ["x", "y"]}))],
        &[r#"Update one v2: .spec.tags, .spec.tags[="x"]"#, r#"Update two v2: .spec.tags[="y"]"#],
    );
    check(
        &[("one", json!({"args": ["x"]})), ("two", json!({"args": ["x", "y"]}))],
        &["Update two v2: .spec.args"],
    );
    check(
        &[("one", json!({"config": {"msg": "m"}, "maybe": {"msg": "m"}}))],
        &["Update one v2: .spec.maybe, .spec.config.msg, .spec.maybe.msg"],
    );
}

#[test]
fn versions_are_followed() {
    check(
        &[
            ("one@v1", json!({"picture": "a", "replicas": 1})),
            ("two@v2", json!({"image": "b", "replicas": 1})),
        ],
        &["Update one v1: .spec.replicas", "Update two v2: .spec.image"],
    );
    check(
        &[("one@v1", json!({"picture": "a"})), ("one@v2", json!({"image": "a", "replicas": 1}))],
        &["Update one v1: .spec.picture", "Update one v2: .spec.replicas"],
    );
}

#[test]
fn subresources_have_entries_of_their_own() {
    let mut stored = Stored::default();
    stored.put("one", &json!({"spec": {"image": "a"}}));
    let spec = FieldSet::from_fields_v1(&json!({"f:spec": {}})).unwrap();
    stored.kinds.reset = Some(("status", spec));
    let entries =
        stored.put("one/status", &json!({"spec": {"image": "b"}, "status": {"phase": "p"}}));
    assert_eq!(entries, ["Update one v2: .spec.image", "Update one/status v2: .status.phase"]);
}

#[test]
fn clients_may_set_the_entries() {
    let check = |fields: Value, want: &[&str]| {
        let mut stored = Stored::default();
        stored.put("one", &json!({"spec": {"image": "a"}}));
        let object =
            json!({"metadata": {"managedFields": fields}, "spec": {"image": "a", "replicas": 1}});
        assert_eq!(stored.put("two", &object), want, "{fields}");
    };
    let kept = ["Update one v2: .spec.image", "Update two v2: .spec.replicas"];
    let entry = json!({"manager": "x", "operation": "Apply", "apiVersion": V2, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:image": {}}}});
    let with = |name: &str, value: Value| {
        let mut entry = entry.clone();
        entry[name] = value;
        json!([entry])
    };
    check(json!(null), &kept);
    check(json!([entry]), &["Apply x v2: .spec.image", "Update two v2: .spec.replicas"]);
    check(json!([]), &[]);
    check(json!([{}]), &[]);
    check(with("operation", json!("Other")), &kept);
    check(with("apiVersion", json!("")), &kept);
    check(with("fieldsType", json!("FieldsV2")), &kept);
    check(with("fieldsType", json!(null)), &kept);
    check(with("fieldsV1", json!({"garbage": {}})), &kept);
    check(with("time", json!("yesterday")), &kept);
    check(with("apiVersion", json!(V0)), &["Update two v2: .spec.replicas"]);
}

#[test]
fn a_set_that_was_granular_becomes_one_value() {
    let mut stored = Stored::default();
    let fields = json!([{"manager": "x", "operation": "Update", "apiVersion": V2, "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:rgb": {"f:msg": {}}, "f:args": {"i:0": {}}, "f:free": {"f:a": {}}}}}]);
    let object = json!({"metadata": {"managedFields": fields}});
    assert_eq!(stored.put("y", &object), ["Update x v2: .spec.args, .spec.rgb, .spec.free.a"]);
}

#[test]
fn times_move_only_with_what_is_owned() {
    let mut stored = Stored::default();
    let time = |stored: &Stored, i: usize| {
        let object = stored.object.as_ref().unwrap();
        object["metadata"]["managedFields"][i]["time"].as_str().unwrap().to_owned()
    };
    stored.put("one", &json!({"spec": {"image": "a", "replicas": 1}}));
    assert_eq!(time(&stored, 0), "1970-01-01T00:00:01Z");
    stored.put("one", &json!({"spec": {"image": "a", "replicas": 1}}));
    stored.put("one", &json!({"spec": {"image": "a"}}));
    assert_eq!(time(&stored, 0), "1970-01-01T00:00:01Z", "nothing new is owned");
    stored.put("one", &json!({"spec": {"image": "b"}}));
    assert_eq!(time(&stored, 0), "1970-01-01T00:00:04Z");
}

#[test]
fn the_oldest_entries_become_one() {
    let mut stored = Stored::default();
    let mut options = json!({});
    for i in 0..MAX_UPDATE_MANAGERS + 3 {
        options[format!("o{i:02}")] = json!("x");
        stored.put(&format!("m{i:02}"), &json!({"spec": {"options": options}}));
    }
    let entries = stored.entries();
    assert_eq!(entries.len(), MAX_UPDATE_MANAGERS);
    assert_eq!(
        entries[0],
        "Update ancient-changes v2: .spec.options, .spec.options.o00, .spec.options.o01, \
         .spec.options.o02, .spec.options.o03"
    );
    assert_eq!(entries[1], "Update m04 v2: .spec.options.o04");
}

#[test]
fn an_old_object_without_entries_stays_without() {
    let mut stored = Stored {
        object: Some(json!({"apiVersion": V2, "metadata": {"uid": "u"}})),
        ..Stored::default()
    };
    assert!(stored.put("one", &json!({"spec": {"image": "a"}})).is_empty());
}

#[test]
fn time_alone_is_no_difference() {
    let entry = |seconds, manager: &str| ManagedFieldsEntry {
        manager: Some(manager.to_owned()),
        time: Some(Time(jiff::Timestamp::from_second(seconds).unwrap())),
        ..ManagedFieldsEntry::default()
    };
    let check = |one: &[ManagedFieldsEntry], other: &[ManagedFieldsEntry], want| {
        assert_eq!(Record::from(one).differs_only_in_time(&Record::from(other)), want);
    };
    check(&[entry(1, "a"), entry(2, "b")], &[entry(9, "b"), entry(1, "a")], true);
    check(&[entry(1, "a")], &[entry(1, "b")], false);
    check(&[entry(1, "a")], &[], false);
}
