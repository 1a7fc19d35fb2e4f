use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Applies a JSON patch to an object; `Err` holds the detail of the error.
fn patched(object: &Value, operations: &Value) -> Result<Value, String> {
    JsonPatch::decode(operations.to_string().as_bytes())
        .and_then(|patch| patch.apply(object.clone()))
        .map_err(|error| error.detail())
}

#[test]
fn json_patches_apply() {
    fn check(object: &Value, operations: &Value, expected: &Value) {
        assert_eq!(patched(object, operations).as_ref(), Ok(expected), "{operations}");
    }
    let one =
        |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    check(&json!({}), &json!([]), &json!({}));
    check(&json!({}), &Value::Null, &json!({}));
    check(&json!({"a": 1}), &one("add", "/b", json!(2)), &json!({"a": 1, "b": 2}));
    check(&json!({"a": 1}), &one("add", "/a", json!(2)), &json!({"a": 2}));
    check(&json!({}), &one("add", "/a~1b~0c", json!(1)), &json!({"a/b~c": 1}));
    check(&json!({}), &one("add", "/", json!(1)), &json!({"": 1}));
    check(&json!({}), &one("add", "ignored/a", json!(1)), &json!({"a": 1}));
    check(&json!({}), &json!([{"op": "add", "path": "/a"}]), &json!({"a": null}));
    check(&json!({"a": [1, 2]}), &one("add", "/a/0", json!(0)), &json!({"a": [0, 1, 2]}));
    check(&json!({"a": [1, 2]}), &one("add", "/a/2", json!(3)), &json!({"a": [1, 2, 3]}));
    check(&json!({"a": [1, 2]}), &one("add", "/a/-", json!(3)), &json!({"a": [1, 2, 3]}));
    check(&json!({"a": [1, 2]}), &one("add", "/a/-1", json!(3)), &json!({"a": [1, 2, 3]}));
    check(&json!({"a": [1, 2]}), &one("add", "/a/-3", json!(0)), &json!({"a": [0, 1, 2]}));
    check(&json!({"a": [1, 2]}), &one("replace", "/a/-1", json!(3)), &json!({"a": [1, 3]}));
    check(
        &json!({"a": [{"b": 1}]}),
        &one("replace", "/a/0/b", json!(2)),
        &json!({"a": [{"b": 2}]}),
    );
    check(
        &json!({"a": [{"b": 1}]}),
        &one("replace", "/a/-1/b", json!(2)),
        &json!({"a": [{"b": 2}]}),
    );
    check(&json!({}), &one("replace", "/new", json!(1)), &json!({"new": 1}));
    check(&json!({"a": 1}), &one("replace", "", json!({"b": 1})), &json!({"b": 1}));
    check(&json!({"a": 1}), &one("replace", "", json!([])), &json!([]));
    check(&json!({"a": 1, "b": 2}), &one("remove", "/a", Value::Null), &json!({"b": 2}));
    check(&json!({"a": [1, 2, 3]}), &one("remove", "/a/1", Value::Null), &json!({"a": [1, 3]}));
    check(&json!({"a": [1, 2, 3]}), &one("remove", "/a/-1", Value::Null), &json!({"a": [1, 2]}));
    check(&json!({"a": 1}), &one("test", "/a", json!(1)), &json!({"a": 1}));
    check(&json!({"a": 1}), &one("test", "", json!({"a": 1})), &json!({"a": 1}));
    check(
        &json!({"a": {"x": [1], "y": null}}),
        &one("test", "/a", json!({"y": null, "x": [1]})),
        &json!({"a": {"x": [1], "y": null}}),
    );
    check(&json!({}), &one("test", "/none", Value::Null), &json!({}));
    let two = |op: &str, from: &str, path: &str| json!([{"op": op, "from": from, "path": path}]);
    check(&json!({"a": 1}), &two("move", "/a", "/b"), &json!({"b": 1}));
    check(&json!({"a": [1, 2, 3]}), &two("move", "/a/0", "/a/2"), &json!({"a": [2, 3, 1]}));
    check(
        &json!({"a": {"b": 1}}),
        &two("copy", "/a", "/c"),
        &json!({"a": {"b": 1}, "c": {"b": 1}}),
    );
    check(
        &json!({"a": {"b": 1}}),
        &two("copy", "/a", "/a/c"),
        &json!({"a": {"b": 1, "c": {"b": 1}}}),
    );
    check(&json!({}), &two("copy", "/a", "/b"), &json!({"b": null}));
}

#[test]
fn json_patches_that_do_not_fit_are_refused() {
    fn check(object: &Value, operation: &Value, detail: &str) {
        let result = patched(object, &Value::Array(vec![operation.clone()]));
        let error = result.expect_err(&operation.to_string());
        assert!(error.contains(detail), "{operation}: {error}");
    }
    let doc = json!({"a": [1], "s": "x", "o": {}, "n": null});
    check(&doc, &json!({"op": "test", "path": "/s", "value": "y"}), "testing value /s failed");
    check(&doc, &json!({"op": "test", "path": "/s"}), "testing value /s failed");
    check(&doc, &json!({"op": "test", "path": "/a/1", "value": 1}), "invalid index: 1");
    check(&doc, &json!({"op": "test", "path": "/x/y", "value": 1}), "missing path");
    check(&doc, &json!({"op": "remove", "path": "/x"}), "nonexistent key: x");
    check(&doc, &json!({"op": "remove", "path": ""}), "missing path");
    check(&doc, &json!({"op": "remove"}), "missing path field");
    check(&doc, &json!({"op": "remove", "path": "/a/-"}), "not a proper array index");
    check(&doc, &json!({"op": "remove", "path": "/a/-2"}), "invalid index: -2");
    check(&doc, &json!({"op": "add", "path": "", "value": {}}), "missing path");
    check(&doc, &json!({"op": "add", "path": "/a/2", "value": 1}), "invalid index: 2");
    check(&doc, &json!({"op": "add", "path": "/a/-3", "value": 1}), "invalid index: -3");
    check(&doc, &json!({"op": "add", "path": "/a/x", "value": 1}), "not a proper array index");
    check(&doc, &json!({"op": "add", "path": "/s/x", "value": 1}), "missing path");
    check(&doc, &json!({"op": "add", "path": "/n/x", "value": 1}), "missing path");
    check(&doc, &json!({"op": "replace", "path": "", "value": 1}), "must be object or array");
    check(&doc, &json!({"op": "replace", "path": "/a/1", "value": 1}), "invalid index: 1");
    check(&doc, &json!({"op": "move", "path": "/b"}), "missing from field");
    check(&doc, &json!({"op": "move", "from": "/x", "path": "/b"}), "nonexistent key: x");
    check(&doc, &json!({"op": "move", "from": "/o", "path": "/o/o"}), "missing path");
    check(&doc, &json!({"op": "copy", "from": "/a", "path": "/x/y"}), "missing path");
    check(&doc, &json!({"op": "chop", "path": "/a"}), "Unexpected kind: chop");
    check(&doc, &json!({"path": "/a"}), "Unexpected kind: unknown");
    check(&doc, &Value::Null, "Unexpected kind: unknown");
}

#[test]
fn patches_that_cannot_be_read_are_refused() {
    fn check<T: fmt::Debug>(decoded: Result<T, Error>, expected: &str) {
        assert_eq!(decoded.expect_err("no patch").to_string(), expected);
    }
    let json = |body: &str| JsonPatch::decode(body.as_bytes());
    check(json(r#"[{"op":"#), "error decoding patch: unexpected end of JSON input");
    check(
        json("{}"),
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
    check(
        json("[1]"),
        "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp",
    );
    check(
        json(r#"[{"op":1}]"#),
        "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
    );
    let many = format!("[{}]", ["{}"; MAX_OPERATIONS + 1].join(","));
    assert_eq!(json(&many), Err(Error::TooManyOperations(10_001)));
    check(json(&many), "The allowed maximum operations in a JSON patch is 10000, got 10001");
    let merge = |body: &str| MergePatch::decode(body.as_bytes());
    check(merge("{"), "error decoding patch: unexpected end of JSON input");
    check(
        merge("[]"),
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
    check(merge("null"), "Invalid JSON Patch");
}

#[test]
fn findings_of_strict_decoding_name_the_operation() {
    let body = br#"[{"op":"add","path":"/a","vlaue":1},{"op":"test","op":"add","path":"/b","value":{"c":1,"c":2}}]"#;
    let patch = JsonPatch::decode(body).expect("a patch");
    let expected = [
        r#"json patch unknown field "[0].vlaue""#,
        r#"json patch duplicate field "[1].op""#,
        r#"json patch duplicate field "[1].value.c""#,
    ];
    assert_eq!(patch.findings(), expected);
    let patch = MergePatch::decode(br#"{"spec":{"a":1,"a":2}}"#).expect("a patch");
    assert_eq!(patch.findings(), [r#"duplicate field "spec.a""#]);
}

#[test]
fn a_field_that_a_value_has_twice_is_there_twice_until_it_is_touched() {
    let check = |later: &str, expected: &[&str]| {
        let first = r#"{"op":"add","path":"/a~1b/-","value":{"c":{"d":1,"d":2}}}"#;
        let patch = JsonPatch::decode(format!("[{first}{later}]").as_bytes()).expect("a patch");
        let patched = patch.apply(json!({"a/b": [0], "e": 1})).expect("a document");
        let found: Vec<_> = patch.repeated(&patched).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{later}");
    };
    let found = [r#"duplicate field "a/b[1].c.d""#];
    check("", &found);
    check(r#",{"op":"add","path":"/e","value":2}"#, &found);
    check(r#",{"op":"remove","path":"/a~1b"}"#, &[]);
    check(r#",{"op":"copy","from":"/a~1b/-1","path":"/f"}"#, &found);
    check(r#",{"op":"test","path":"","value":{"a/b":[0,{"c":{"d":2}}],"e":1}}"#, &[]);
    let patch = JsonPatch::decode(
        br#"[{"op":"add","path":"/a","value":{"b":1,"b":2}},{"op":"remove","path":"/a/b"}]"#,
    );
    assert_eq!(patch.expect("a patch").repeated(&json!({"a": {}})), []);
}

#[test]
fn copies_are_limited_in_their_sum() {
    let object = json!({"a": "x".repeat(1024 * 1024)});
    let copies = |count: usize| -> Value {
        (0..count).map(|n| json!({"op": "copy", "from": "/a", "path": format!("/c{n}")})).collect()
    };
    assert!(patched(&object, &copies(2)).is_ok());
    let patch = JsonPatch::decode(copies(3).to_string().as_bytes()).expect("a patch");
    let error = patch.apply(object).expect_err("too large");
    assert_eq!(error, Error::TooLarge(3 * (1024 * 1024 + 2)));
    assert_eq!(error.to_string(), "the server rejected our request due to an error in our request");
}

#[test]
fn nesting_is_limited() {
    let down = "/a".repeat(100);
    let mut nested = json!({});
    for _ in 0..100 {
        nested = json!({"a": nested});
    }
    let copy = json!([{"op": "copy", "from": "/a", "path": format!("{down}/b")}]);
    assert_eq!(patched(&nested, &copy), Err("exceeded max depth".to_owned()));
    let within = json!([{"op": "copy", "from": down, "path": format!("{down}/b")}]);
    assert!(patched(&nested, &within).is_ok());
    // Moving up and down again needs measurements, but not too many.
    let swing = |times: usize| -> Value {
        (0..times)
            .flat_map(|_| {
                let deep = format!("{down}/b");
                [
                    json!({"op": "move", "from": "/x", "path": deep}),
                    json!({"op": "move", "from": deep, "path": "/x"}),
                ]
            })
            .collect()
    };
    nested["x"] = json!({});
    assert!(patched(&nested, &swing(20)).is_ok());
    assert_eq!(patched(&nested, &swing(1000)), Err("exceeded max depth".to_owned()));
}

#[test]
fn merge_patches_apply() {
    fn check(object: Value, patch: &Value, expected: &Value) {
        let decoded = MergePatch::decode(patch.to_string().as_bytes()).expect("a patch");
        assert_eq!(&decoded.apply(object), expected, "{patch}");
    }
    // The table of RFC 7386, appendix A, as far as the patch is an object.
    check(json!({"a": "b"}), &json!({"a": "c"}), &json!({"a": "c"}));
    check(json!({"a": "b"}), &json!({"b": "c"}), &json!({"a": "b", "b": "c"}));
    check(json!({"a": "b"}), &json!({"a": null}), &json!({}));
    check(json!({"a": "b", "b": "c"}), &json!({"a": null}), &json!({"b": "c"}));
    check(json!({"a": ["b"]}), &json!({"a": "c"}), &json!({"a": "c"}));
    check(json!({"a": "c"}), &json!({"a": ["b"]}), &json!({"a": ["b"]}));
    check(
        json!({"a": {"b": "c"}}),
        &json!({"a": {"b": "d", "c": null}}),
        &json!({"a": {"b": "d"}}),
    );
    check(json!({"a": [{"b": "c"}]}), &json!({"a": [1]}), &json!({"a": [1]}));
    check(json!({"e": null}), &json!({"a": 1}), &json!({"e": null, "a": 1}));
    check(json!([1, 2]), &json!({"a": "b", "c": null}), &json!({"a": "b"}));
    check(json!({}), &json!({"a": {"bb": {"ccc": null}}}), &json!({"a": {"bb": {}}}));
    // What evanphx/json-patch does with lists.
    check(json!({}), &json!({"a": [{"b": null, "c": 1}, null]}), &json!({"a": [{"c": 1}, null]}));
    check(json!({"a": {}}), &json!({"a": [{"b": null}]}), &json!({"a": [{"b": null}]}));
    check(json!({"a": null}), &json!({"a": {"b": null}}), &json!({"a": {}}));
}

/// A patch without lists: what they do to `null` depends on what they replace.
fn any_merge_patch() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        "[a-b]{0,1}".prop_map(Value::from)
    ];
    let fields = |inner| {
        prop::collection::btree_map("[a-d]", inner, 0..4)
            .prop_map(|fields| fields.into_iter().collect::<Value>())
    };
    fields(leaf.prop_recursive(3, 24, 4, move |inner| fields(inner.boxed())).boxed())
}

fn any_operation() -> impl Strategy<Value = Value> {
    let path = "(/[a-c0-1~-]{0,2}){0,4}";
    let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]);
    (op, path, path, any_merge_patch()).prop_map(
        |(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}),
    )
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(object in any_merge_patch(), patch in any_merge_patch()) {
        let patch = MergePatch::decode(patch.to_string().as_bytes()).expect("a patch");
        let once = patch.apply(object);
        prop_assert_eq!(patch.apply(once.clone()), once);
    }

    #[test]
    fn merging_an_object_into_nothing_drops_its_nulls(patch in any_merge_patch()) {
        let merged = MergePatch::decode(patch.to_string().as_bytes()).expect("a patch").apply(json!({}));
        prop_assert!(!merged.to_string().contains("null"));
    }

    #[test]
    fn json_patches_do_no_harm(object in any_merge_patch(), operations in prop::collection::vec(any_operation(), 0..6)) {
        let _ = patched(&object, &Value::Array(operations));
    }

    #[test]
    fn arbitrary_bodies_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..64), object in any_merge_patch()) {
        let _ = JsonPatch::decode(&body).map(|patch| patch.apply(object.clone()));
        let _ = MergePatch::decode(&body).map(|patch| patch.apply(object));
    }
}

mod strategic {
    use super::*;
    use crate::managed::TypeSchema;

    /// A type with each strategy: lists by name, sets, and what is replaced as a whole.
    fn schema() -> TypeSchema {
        let named = |properties: Value| {
            json!({
                "type": "array",
                "items": {"type": "object", "properties": properties},
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "name",
            })
        };
        let set = json!({
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-patch-strategy": "merge",
        });
        let text = json!({"type": "string"});
        let inner = json!({"type": "object", "properties": {"a": text, "b": text, "set": set}});
        let mut replaced = inner.clone();
        replaced["x-kubernetes-patch-strategy"] = json!("replace");
        let mut retained = inner.clone();
        retained["x-kubernetes-patch-strategy"] = json!("retainKeys");
        let mut many = inner.clone();
        many["x-kubernetes-patch-strategy"] = json!("a,b");
        let mut keyless = named(json!({}));
        keyless.as_object_mut().expect("an object").remove("x-kubernetes-patch-merge-key");
        TypeSchema::from_json_schema(&json!({"type": "object", "properties": {
            "items": named(json!({"name": text, "v": {"type": "integer"}, "set": set})),
            "keyless": keyless,
            "set": set,
            "atomic": {"type": "array", "items": {"type": "string"}},
            "inner": inner,
            "replaced": replaced,
            "retained": retained,
            "many": many,
            "a": text,
        }}))
    }

    fn patched(object: &Value, patch: &Value) -> Result<Value, Error> {
        StrategicPatch::decode(patch.to_string().as_bytes())?.apply(object.clone(), &schema())
    }

    fn check(object: &Value, patch: &Value, expected: &Value) {
        assert_eq!(patched(object, patch).as_ref(), Ok(expected), "{patch}");
    }

    #[test]
    fn fields_merge() {
        check(&json!({"a": "1"}), &Value::Null, &json!({"a": "1"}));
        check(&json!({"a": "1"}), &json!({"a": "2"}), &json!({"a": "2"}));
        check(&json!({"a": "1"}), &json!({"a": null, "b": null}), &json!({}));
        let both = json!({"inner": {"a": "1", "b": "2"}});
        check(&json!({"inner": {"a": "1"}}), &json!({"inner": {"b": "2"}}), &both);
        check(&json!({}), &json!({"inner": {"b": "2", "a": null}}), &json!({"inner": {"b": "2"}}));
        let replaced = json!({"replaced": {"b": "2"}});
        check(&json!({"replaced": {"a": "1"}}), &replaced, &replaced);
        check(&json!({"a": "1"}), &json!({"$patch": "delete"}), &json!({}));
        let patch = json!({"inner": {"$patch": "replace", "b": "2"}});
        check(&json!({"inner": {"a": "1"}}), &patch, &json!({"inner": {"b": "2"}}));
        check(&json!({}), &json!({"inner": {"$patch": "delete"}}), &json!({}));
        check(&json!({"a": {"x": 1}}), &json!({"a": "2"}), &json!({"a": "2"}));
    }

    #[test]
    fn retained_keys_clear_the_others() {
        let object = json!({"retained": {"a": "1", "set": ["x"]}});
        let patch = json!({"retained": {"$retainKeys": ["b"], "b": "2"}});
        check(&object, &patch, &json!({"retained": {"b": "2"}}));
        let patch = json!({"retained": {"$retainKeys": ["a", "b"], "b": "2", "set": null}});
        check(&object, &patch, &json!({"retained": {"a": "1", "b": "2"}}));
    }

    #[test]
    fn named_items_merge() {
        let object = json!({"items": [{"name": "a", "v": 1, "set": ["x"]}, {"name": "b", "v": 2}]});
        let to = |items: Value| json!({"items": items});
        let patch = to(json!([{"name": "a", "set": ["y"]}]));
        let expected = json!([{"name": "a", "v": 1, "set": ["y", "x"]}, {"name": "b", "v": 2}]);
        check(&object, &patch, &to(expected));
        let patch = to(json!([{"name": "c"}]));
        let expected = json!([
            {"name": "c"}, {"name": "a", "v": 1, "set": ["x"]}, {"name": "b", "v": 2}
        ]);
        check(&object, &patch, &to(expected));
        let patch = to(json!([{"name": "a", "$patch": "delete"}]));
        check(&object, &patch, &to(json!([{"name": "b", "v": 2}])));
        let patch = to(json!([{"$patch": "replace"}, {"name": "c", "v": null}]));
        check(&object, &patch, &to(json!([{"name": "c", "v": null}])));
        let patch = to(json!([{"name": "b", "$patch": "replace"}]));
        check(&object, &patch, &to(json!([])));
        let patch = json!({
            "items": [{"name": "b"}],
            "$setElementOrder/items": [{"name": "b"}, {"name": "a"}],
        });
        let expected = json!([{"name": "b", "v": 2}, {"name": "a", "v": 1, "set": ["x"]}]);
        check(&object, &patch, &to(expected.clone()));
        let patch = json!({"$setElementOrder/items": [{"name": "b"}, {"name": "a"}]});
        check(&object, &patch, &to(expected));
    }

    #[test]
    fn a_new_item_takes_the_place_of_a_deleted_one() {
        let object = json!({"items": [{"name": "injected"}, {"name": "old"}]});
        let patch = json!({
            "items": [{"name": "new"}, {"name": "old", "$patch": "delete"}],
            "$setElementOrder/items": [{"name": "new"}],
        });
        check(&object, &patch, &json!({"items": [{"name": "injected"}, {"name": "new"}]}));
    }

    #[test]
    fn scalars_merge_as_sets() {
        let object = json!({"set": ["a", "b", "c"], "atomic": ["a"]});
        let to = |set: Value| json!({"set": set, "atomic": ["a"]});
        check(&object, &json!({"set": ["d", "b"]}), &to(json!(["d", "a", "b", "c"])));
        check(&object, &json!({"set": []}), &object);
        let patch = json!({"$deleteFromPrimitiveList/set": ["b", "x"]});
        check(&object, &patch, &to(json!(["a", "c"])));
        let patch = json!({"$deleteFromPrimitiveList/set": ["a"], "set": ["d"]});
        check(&object, &patch, &to(json!(["d", "b", "c"])));
        let patch = json!({"$setElementOrder/set": ["c", "d", "a"], "set": ["d"]});
        check(&object, &patch, &to(json!(["b", "c", "d", "a"])));
        let patch = json!({"atomic": ["b"]});
        check(&object, &patch, &json!({"set": ["a", "b", "c"], "atomic": ["b"]}));
    }

    /// Each of these took minutes where every item was looked for among all.
    #[test]
    fn a_patch_of_long_lists_takes_no_longer_than_they_are() {
        let items = |value: u64| -> Value {
            (0..30_000).map(|i| json!({"name": format!("i{i}"), "v": value})).collect()
        };
        let (object, wanted) = (json!({"items": items(1)}), json!({"items": items(2)}));
        let patch = StrategicPatch::decode(wanted.to_string().as_bytes()).unwrap();
        assert_eq!(patch.remainder(&object, &schema()), wanted);
        check(&object, &wanted, &wanted);
        let names: Vec<String> = (0..60_000).map(|i| format!("k{i}")).collect();
        let fields: Value = names.iter().map(|name| (name.clone(), json!(1))).collect();
        let mut patch = fields.clone();
        patch["$retainKeys"] = json!(names);
        check(&fields, &patch, &fields);
    }

    #[test]
    fn what_is_left_of_a_patch() {
        let check = |patch: Value, want: Value| {
            let object =
                json!({"set": ["a"], "list": [{"name": "a", "nested": {"x": 1}}], "map": {"a": 1}});
            let patch = StrategicPatch::decode(patch.to_string().as_bytes()).unwrap();
            assert_eq!(patch.remainder(&object, &schema()), want);
        };
        check(json!({"$patch": "replace", "a": null}), json!({"a": null}));
        check(json!({"$patch": "delete"}), json!({"$patch": "delete"}));
        let new = json!({"new": {"list": [{"$patch": "replace"}, {"name": "b", "c": null}], "d": {"$patch": "delete"}}});
        check(new, json!({"new": {"list": [{"name": "b"}]}}));
        check(json!({"map": {"$retainKeys": ["b"], "b": 1}}), json!({"map": {"b": 1}}));
        check(json!({"$setElementOrder/set": ["b"], "set": ["b"]}), json!({}));
        check(
            json!({"$deleteFromPrimitiveList/set": ["a"]}),
            json!({"$deleteFromPrimitiveList/set": ["a"]}),
        );
        check(json!({"new": {"a": null, "b": {"$patch": "delete"}}}), json!({"new": {}}));
        check(json!({"map": {"a": null}}), json!({"map": {"a": null}}));
    }

    #[test]
    fn malformed_patches_are_refused() {
        let object = json!({
            "items": [{"name": "a"}],
            "keyless": [{"name": "a"}],
            "set": ["a"],
            "many": {},
        });
        let check = |patch: Value, expected: Error| {
            assert_eq!(patched(&object, &patch), Err(expected), "{patch}");
        };
        let bad = |text: &str| Error::BadFormat(text.to_owned());
        let internal = |text: &str| Error::Internal(text.to_owned());
        let retain_keys = "invalid patch format of retainKeys";
        check(json!({"$retainKeys": "a"}), bad(retain_keys));
        check(json!({"$retainKeys": ["b"], "a": "1"}), bad(retain_keys));
        check(json!({"$setElementOrder": []}), bad("invalid patch format of setElementOrder list"));
        check(
            json!({"$deleteFromPrimitiveListset": []}),
            bad("invalid patch format of primitive list"),
        );
        check(json!({"$patch": "x"}), internal("unknown patch type: x in map: map[$patch:x]"));
        check(
            json!({"items": [{"v": 1}]}),
            internal("map: map[v:1] does not contain declared merge key: name"),
        );
        check(
            json!({"items": [{"name": "a", "$patch": "merge"}]}),
            internal("merging lists cannot yet be specified in the patch"),
        );
        check(
            json!({"keyless": [{"name": "b"}]}),
            internal("cannot merge lists without merge key for struct"),
        );
        check(json!({"set": [1]}), internal("list element types are not identical: [[a] [1]]"));
        check(
            json!({"set": ["b"], "$setElementOrder/set": ["a"]}),
            internal("The order in patch list:\n[b]\n doesn't match $setElementOrder list:\n[a]\n"),
        );
        check(
            json!({"$setElementOrder/set": "a"}),
            internal("expected a []interface {}, but received a string"),
        );
        check(json!({"many": {"a": "1"}}), internal("unexpected patch strategy: [a,b]"));
        let lists = patched(&json!({"set": [["a"]]}), &json!({"set": [["b"]]}));
        assert!(matches!(lists, Err(Error::CannotApply(_))), "{lists:?}");
        let body = StrategicPatch::decode(b"[]").expect_err("no object");
        let expected = "json: cannot unmarshal array into Go value of type map[string]interface {}";
        assert_eq!(body.to_string(), expected);
    }

    fn any_strategic_patch() -> impl Strategy<Value = Value> {
        let items = prop::collection::vec(
            ("[a-c]", any::<bool>()).prop_map(|(name, delete)| match delete {
                true => json!({"name": name, "$patch": "delete"}),
                false => json!({"name": name, "set": [name]}),
            }),
            0..4,
        );
        let set = prop::collection::vec("[a-d]", 0..4);
        (items, set.clone(), set, "[a-b]").prop_map(|(items, set, order, a)| {
            json!({"items": items, "set": set, "$setElementOrder/set": order, "a": a})
        })
    }

    proptest! {
        #[test]
        fn any_patch_of_any_object_does_no_harm(object in crate::json::tests::any_value(), patch in any_strategic_patch()) {
            let _ = patched(&object, &patch);
            let _ = StrategicPatch::decode(object.to_string().as_bytes())
                .and_then(|other| other.apply(patch, &schema()));
        }

        #[test]
        fn patched_lists_hold_each_item_once(first in any_strategic_patch(), second in any_strategic_patch()) {
            let start = patched(&json!({}), &json!({"items": first["items"]})).expect("new lists");
            if let Ok(patched) = patched(&start, &json!({"set": second["set"]})) {
                let set = patched["set"].as_array().expect("a list");
                prop_assert_eq!(set.len(), second["set"].as_array().expect("a list").len());
            }
        }
    }
}
