//! Server-side apply.

use super::fixture::{Stored, V1, V2, full};
use crate::managed::items::COMPARED;
use crate::managed::{ApplyError, Manager, Operation, apply};
use crate::status::Status;
use serde_json::{Value, json};

enum Step {
    Put(&'static str, Value),
    Apply(&'static str, Value),
}
use Step::{Apply, Put};

fn run(steps: Vec<Step>) -> Result<Stored, ApplyError> {
    let mut stored = Stored::default();
    for step in steps {
        match step {
            Put(who, spec) => drop(stored.put(who, &json!({"spec": spec}))),
            Apply(who, spec) => drop(stored.apply(who, &json!({"spec": spec}))?),
        }
    }
    Ok(stored)
}

/// Writes, then the spec without its empty parts, then the entries.
fn check(steps: Vec<Step>, spec: Value, entries: &[&str]) {
    let stored = run(steps).unwrap();
    let mut got = stored.spec().clone();
    got.as_object_mut().unwrap().retain(|_, v| *v != json!({}));
    assert_eq!(got, spec);
    assert_eq!(stored.entries(), entries);
}

fn check_refused(steps: Vec<Step>, want: &str) {
    let status = Status::from(run(steps).err().unwrap());
    assert_eq!(format!("{} {}", status.code, status.message), want);
}

fn env(items: &[(&str, &str)]) -> Value {
    let item = |(name, value): &(&str, &str)| match *value {
        "" => json!({"name": name}),
        value => json!({"name": name, "value": value}),
    };
    json!({"env": items.iter().map(item).collect::<Vec<_>>()})
}

#[test]
fn owning_and_sharing() {
    check(
        vec![
            Apply("one", json!({"image": "a"})),
            Apply("two", json!({"image": "a", "replicas": 1})),
        ],
        json!({"image": "a", "replicas": 1}),
        &["Apply one v2: .spec.image", "Apply two v2: .spec.image, .spec.replicas"],
    );
    check(
        vec![Apply("one", json!({"image": "a"})), Apply("two!", json!({"image": "b"}))],
        json!({"image": "b"}),
        &["Apply two v2: .spec.image"],
    );
    check(
        vec![Put("one", json!({"image": "a"})), Apply("one", json!({"image": "a"}))],
        json!({"image": "a"}),
        // Nothing has changed, so the new entry has no time, and those of apply come first anyway.
        &["Apply one v2: .spec.image", "Update one v2: .spec.image"],
    );
    check(
        vec![
            Apply("one", json!({"rgb": {"msg": "a"}})),
            Apply("two!", json!({"rgb": {"msg1": "b"}})),
        ],
        json!({"rgb": {"msg1": "b"}}),
        &["Apply two v2: .spec.rgb"],
    );
    check(
        vec![Apply("one", json!({"free": {"a": {"b": [1]}}}))],
        json!({"free": {"a": {"b": [1]}}}),
        &["Apply one v2: .spec.free.a, .spec.free.a.b"],
    );
    check(
        vec![Apply("one", json!({"options": {}, "image": null}))],
        json!({"image": null}),
        &["Apply one v2: .spec.image, .spec.options"],
    );
}

#[test]
fn what_has_lost_all_it_held_still_has_its_owner() {
    let put = || Put("one", json!({"options": {"a": "b"}, "image": "i"}));
    check(
        vec![
            put(),
            Apply("two!", json!({"options": {"a": "c", "d": "e"}})),
            Apply("two", json!({"replicas": 1})),
        ],
        json!({"image": "i", "replicas": 1}),
        &["Apply two v2: .spec.replicas", "Update one v2: .spec.image, .spec.options"],
    );
    // Who takes it away itself takes it from its owner too.
    check(
        vec![put(), Put("two", json!({"image": "i"}))],
        json!({"image": "i"}),
        &["Update one v2: .spec.image"],
    );
}

#[test]
fn giving_up() {
    check(
        vec![
            Apply("one", json!({"image": "a", "replicas": 1})),
            Apply("one", json!({"image": "a"})),
        ],
        json!({"image": "a"}),
        &["Apply one v2: .spec.image"],
    );
    check(
        vec![
            Apply("one", json!({"image": "a", "replicas": 1})),
            Apply("two", json!({"replicas": 1})),
            Apply("one", json!({"image": "a"})),
        ],
        json!({"image": "a", "replicas": 1}),
        // The second one has changed nothing, so its entry has no time and comes first.
        &["Apply two v2: .spec.replicas", "Apply one v2: .spec.image"],
    );
    check(
        vec![
            Apply("one", json!({"config": {"msg": "m", "msg1": "n"}})),
            Put("two", json!({"config": {"msg": "x", "msg1": "n"}})),
            Apply("one", json!({"image": "a"})),
        ],
        json!({"config": {"msg": "x"}, "image": "a"}),
        &["Apply one v2: .spec.image", "Update two v2: .spec.config.msg"],
    );
    check(
        vec![
            Apply("one", json!({"options": {"a": "1"}, "maybe": {"msg": "m"}})),
            Apply("one", json!({})),
        ],
        json!({}),
        // An empty map is a leaf.
        &["Apply one v2: .spec"],
    );
    check(
        vec![
            Apply("one", env(&[("a", "1"), ("b", "2")])),
            Put(
                "two",
                json!({"env": [{"name": "a", "value": "1", "note": "n"}, {"name": "b", "value": "2"}]}),
            ),
            Apply("one", env(&[("b", "2")])),
        ],
        // The item was the applier's; that somebody has added to it does not keep it.
        env(&[("b", "2")]),
        &[
            r#"Apply one v2: .spec.env[name="b"], .spec.env[name="b"].name, .spec.env[name="b"].value"#,
        ],
    );
    check(
        vec![
            Apply("one", env(&[("a", "1")])),
            Apply("two", json!({"env": [{"name": "a", "note": "n"}]})),
            Apply("one", json!({})),
        ],
        json!({"env": [{"name": "a", "note": "n"}]}),
        &[
            r#"Apply two v2: .spec.env[name="a"], .spec.env[name="a"].name, .spec.env[name="a"].note"#,
            "Apply one v2: .spec",
        ],
    );
    check(
        vec![Apply("one", json!({"tags": ["a", "b"]})), Apply("one", json!({"tags": ["b", "c"]}))],
        json!({"tags": ["b", "c"]}),
        &[r#"Apply one v2: .spec.tags[="b"], .spec.tags[="c"]"#],
    );
}

#[test]
fn what_all_objects_have_comes_back() {
    let stored = run(vec![
        Apply("one", json!({"config": {"msg": "m"}, "image": "a"})),
        Apply("one", json!({})),
    ]);
    assert_eq!(*stored.unwrap().spec(), json!({"config": {}}));
}

#[test]
fn order_of_items() {
    let check = |live: &[&str], config: &[&str], want: &[&str]| {
        let stored =
            run(vec![Put("x", json!({"tags": live})), Apply("one", json!({"tags": config}))]);
        assert_eq!(stored.unwrap().spec()["tags"], json!(want), "{live:?} {config:?}");
        let named = |names: &[&str]| env(&names.iter().map(|n| (*n, "")).collect::<Vec<_>>());
        let stored = run(vec![Put("x", named(live)), Apply("one", named(config))]);
        assert_eq!(stored.unwrap().spec()["env"], named(want)["env"], "{live:?} {config:?}");
    };
    check(&["a", "b", "c"], &["b"], &["a", "b", "c"]);
    check(&["a", "b"], &["b", "a"], &["b", "a"]);
    check(&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]);
    check(&["a", "b"], &["c"], &["a", "b", "c"]);
    check(&["a", "c"], &["a", "b", "c"], &["a", "b", "c"]);
    check(&["a", "x", "c"], &["c", "b", "a"], &["x", "c", "b", "a"]);
    check(&["1", "2", "3", "4"], &["4", "9", "2"], &["1", "3", "4", "9", "2"]);
    check(&[], &["b", "a"], &["b", "a"]);
    check(&["a"], &[], &["a"]);
}

#[test]
fn items_that_are_there_twice() {
    check(
        vec![Put("x", json!({"tags": ["a", "a", "b"]})), Apply("one", json!({"tags": ["b"]}))],
        json!({"tags": ["a", "a", "b"]}),
        &[
            r#"Apply one v2: .spec.tags[="b"]"#,
            r#"Update x v2: .spec.tags, .spec.tags[="a"], .spec.tags[="b"]"#,
        ],
    );
    check(
        vec![Put("x", json!({"tags": ["a", "a", "b"]})), Apply("one!", json!({"tags": ["a"]}))],
        json!({"tags": ["a", "b"]}),
        &[r#"Apply one v2: .spec.tags[="a"]"#, r#"Update x v2: .spec.tags, .spec.tags[="b"]"#],
    );
}

#[test]
fn keys_that_are_left_out_have_their_default() {
    check(
        vec![
            Apply("one", json!({"ports": [{"port": 80, "title": "a"}]})),
            Apply(
                "two",
                json!({"ports": [{"port": 80, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}]}),
            ),
        ],
        json!({"ports": [{"port": 80, "protocol": "UDP"}, {"port": 80, "protocol": "TCP", "title": "a"}]}),
        &[
            r#"Apply one v2: .spec.ports[port=80,protocol="TCP"], .spec.ports[port=80,protocol="TCP"].port, .spec.ports[port=80,protocol="TCP"].title"#,
            r#"Apply two v2: .spec.ports[port=80,protocol="TCP"], .spec.ports[port=80,protocol="UDP"], .spec.ports[port=80,protocol="TCP"].port, .spec.ports[port=80,protocol="TCP"].protocol, .spec.ports[port=80,protocol="UDP"].port, .spec.ports[port=80,protocol="UDP"].protocol"#,
        ],
    );
}

#[test]
fn versions() {
    check(
        vec![Apply("one@v1", json!({"picture": "a"})), Apply("one@v2", json!({"replicas": 1}))],
        json!({"replicas": 1}),
        &["Apply one v2: .spec.replicas"],
    );
    check(
        vec![
            Apply("one@v1", json!({"picture": "a", "replicas": 1})),
            Apply("two@v2", json!({"image": "a"})),
            Apply("one@v1", json!({"replicas": 1})),
        ],
        json!({"picture": "a", "replicas": 1}),
        &["Apply two v2: .spec.image", "Apply one v1: .spec.replicas"],
    );
    check_refused(
        vec![Apply("one@v1", json!({"picture": "a"})), Apply("two@v2", json!({"image": "b"}))],
        r#"409 Apply failed with 1 conflict: conflict with "one": .spec.picture"#,
    );
}

#[test]
fn conflicts() {
    check_refused(
        vec![Apply("one", json!({"image": "a"})), Apply("two", json!({"image": "b"}))],
        r#"409 Apply failed with 1 conflict: conflict with "one": .spec.image"#,
    );
    check_refused(
        vec![Put("one/status", json!({"image": "a"})), Apply("two", json!({"image": "b"}))],
        r#"409 Apply failed with 1 conflict: conflict with "one" with subresource "status" using test.example/v2: .spec.image"#,
    );
    check_refused(
        vec![
            Apply("one", json!({"env": [{"name": "a", "value": "1"}], "image": "a"})),
            Put(
                "three",
                json!({"env": [{"name": "a", "value": "1"}], "image": "a", "replicas": 1}),
            ),
            Apply(
                "two",
                json!({"env": [{"name": "a", "value": "2"}], "image": "b", "replicas": 2}),
            ),
        ],
        "409 Apply failed with 3 conflicts: conflicts with \"one\":\n- .spec.image\n\
         - .spec.env[name=\"a\"].value\nconflicts with \"three\" using test.example/v2:\n- .spec.replicas",
    );
    let error = run(vec![Put("one", json!({"image": "a"})), Apply("two", json!({"image": "b"}))]);
    let status = Status::from(error.err().unwrap());
    let causes = status.details.unwrap().causes;
    assert_eq!(
        serde_json::to_value(causes).unwrap(),
        json!([{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"one\" using test.example/v2",
            "field": ".spec.image",
        }]),
    );
}

#[test]
fn what_is_refused() {
    let typed = "500 failed to create typed patch object (/a; test.example/v2, Kind=Foo): ";
    let check = |spec: Value, want: &str| {
        check_refused(vec![Apply("one", spec)], &format!("{typed}{want}"));
    };
    check(json!({"nope": 1}), ".spec.nope: field not declared in schema");
    check(
        json!({"image": 1}),
        ".spec.image: expected string, got &value.valueUnstructured{Value:1}",
    );
    check(json!({"replicas": "x"}), ".spec.replicas: expected numeric (int or float), got string");
    check(json!({"config": []}), ".spec.config: expected map, got &{[]}");
    check(json!({"args": {}}), ".spec.args: expected list, got &{map[]}");
    check(
        json!({"args": [1]}),
        ".spec.args[0]: expected string, got &value.valueUnstructured{Value:1}",
    );
    check(json!({"tags": ["a", "b", "a"]}), r#".spec.tags: duplicate entries for key [="a"]"#);
    check(env(&[("a", "1"), ("a", "2")]), r#".spec.env: duplicate entries for key [name="a"]"#);
    check(
        json!({"x": 1, "y": {}}),
        "errors:\n  .spec.x: field not declared in schema\n  .spec.y: field not declared in schema",
    );
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!({"a": deep});
    }
    check(json!({"free": deep}), "nested deeper than 160");

    let refused = |object: Value| {
        let manager = Manager {
            name: "one".to_owned(),
            operation: Operation::Apply,
            api_version: V2.to_owned(),
            subresource: String::new(),
        };
        let now = jiff::Timestamp::from_second(1).unwrap();
        let kinds = super::fixture::Kinds::default();
        Status::from(apply(&kinds, None, &object, &manager, false, now).unwrap_err()).message
    };
    assert_eq!(refused(full(V1, &json!({}))), "invalid object type: test.example/v1, Kind=Foo");
    assert_eq!(
        refused(json!({"apiVersion": "v1", "kind": "Foo"})),
        "invalid object type: /v1, Kind=Foo"
    );
}

#[test]
fn a_configuration_has_no_managed_fields() {
    let refused_with = |entries: Value| {
        let config = full(V2, &json!({"metadata": {"managedFields": entries}}));
        let manager = Manager {
            name: "one".to_owned(),
            operation: Operation::Apply,
            api_version: V2.to_owned(),
            subresource: String::new(),
        };
        let kinds = super::fixture::Kinds::default();
        let applied = apply(&kinds, None, &config, &manager, false, jiff::Timestamp::UNIX_EPOCH);
        applied.err().map(|error| Status::from(error).message)
    };
    let nil = Some("metadata.managedFields must be nil".to_owned());
    for entries in
        [json!([]), json!([{}]), json!([{"time": null}]), json!([{"time": "2024-01-01T00:00:00Z"}])]
    {
        assert_eq!(refused_with(entries.clone()), nil, "{entries}");
    }
    assert_eq!(refused_with(json!([null])), None);
    // What cannot be an entry is refused last.
    for entries in [json!([{"time": "yesterday"}]), json!([{"manager": 1}]), json!([{}, "x"])] {
        assert_eq!(refused_with(entries.clone()), nil, "{entries}");
        let mut stored = Stored::default();
        stored.apply("one", &json!({"spec": {"image": "a"}})).unwrap();
        let config = json!({"metadata": {"managedFields": entries}, "spec": {"image": "b"}});
        let conflict = stored.apply("two", &config).unwrap_err();
        assert!(matches!(conflict, ApplyError::Conflicts(_)), "{conflict:?}");
    }
}

#[test]
fn what_was_before_the_first_apply() {
    let live = json!({"apiVersion": V2, "kind": "Foo", "metadata": {"uid": "u", "labels": {"a": "b"}},
        "spec": {"config": {}, "image": "a", "replicas": 1}, "status": {}});
    let mut stored = Stored { object: Some(live), ..Stored::default() };
    let error = stored.apply("one", &json!({"spec": {"image": "b"}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"Apply failed with 1 conflict: conflict with "before-first-apply" using test.example/v2: .spec.image"#
    );
    assert_eq!(
        stored.apply("one!", &json!({"spec": {"image": "b"}})).unwrap(),
        [
            "Apply one v2: .spec.image",
            "Update before-first-apply v2: .metadata.labels, .metadata.labels.a, .spec.replicas",
        ]
    );
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let mut stored = Stored::default();
    let config = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"image": "a", "tags": ["x"]}});
    assert!(stored.try_apply("one", &config).unwrap().changed());
    let before = stored.object.clone();
    assert!(!stored.try_apply("one", &config).unwrap().changed());
    assert_eq!(stored.object, before);
}

#[test]
fn from_client_side_apply() {
    const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let config = |image: &str, replicas: u8| {
        full(V2, &json!({"spec": {"image": image, "replicas": replicas}}))
    };
    let start = |image: &str| {
        let mut stored = Stored::default();
        let mut object = config(image, 1);
        object["metadata"]["annotations"] = json!({ANNOTATION: config("a", 1).to_string()});
        stored.put("kubectl-client-side-apply", &object);
        stored
    };
    let mut stored = start("a");
    stored.apply("kubectl", &config("b", 2)).unwrap();
    assert_eq!(stored.spec()["image"], "b");
    let annotations = &stored.object.as_ref().unwrap()["metadata"]["annotations"];
    assert_eq!(annotations[ANNOTATION], config("b", 2).to_string() + "\n");

    // What somebody else has changed since is a conflict as ever.
    let error = start("other").apply("kubectl", &config("b", 2)).unwrap_err().to_string();
    assert!(
        error.starts_with("Apply failed with 1 conflict") && error.ends_with(".spec.image"),
        "{error}"
    );
    assert!(start("a").apply("not-kubectl", &config("b", 2)).is_err());
}

#[test]
fn the_work_grows_with_the_items_and_not_with_their_pairs() {
    /// The comparisons of an apply over the items of another one, in two orders.
    fn compared(count: u64, config: impl Fn(u64) -> u64, live: impl Fn(u64) -> u64) -> u64 {
        let env = |order: &dyn Fn(u64) -> u64| {
            let item = |i| json!({"name": format!("{:06}", order(i)), "value": "a"});
            json!({"spec": {"env": (0..count).map(item).collect::<Vec<_>>()}})
        };
        let mut stored = Stored::default();
        stored.apply("one", &env(&live)).unwrap();
        COMPARED.set(0);
        stored.apply("two", &env(&config)).unwrap();
        COMPARED.get() as u64
    }
    for count in [500_u64, 4_000] {
        let sorted = |i| i;
        let backwards = |i| count - i;
        let mixed = |i| i * 7_919 % count;
        // Sorting takes up to so many comparisons of an item with others.
        let log = u64::from(count.ilog2());
        let orders = [
            compared(count, sorted, sorted),
            compared(count, mixed, sorted),
            compared(count, sorted, mixed),
            compared(count, backwards, sorted),
            compared(count, mixed, backwards),
        ];
        assert!(orders[0] > count && orders.iter().all(|n| *n < 10 * count * log), "{orders:?}");
    }
}
