//! What is seen of types when a kind is registered; `typed.json` has what the server of custom
//! resources of Kubernetes 0.37 said of each expression, but what it said of estimated costs.

use crate::schema::Rules;
use serde_json::{Value, json};

/// What is said of a rule over fields of many types.
fn said(fields: &Value, rule: &Value) -> String {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": fields, "x-kubernetes-validations": [rule],
    }}});
    Rules::compile(&schema).map_or_else(|problems| problems.join("; "), |_| String::new())
}

#[test]
fn types_are_told_as_kubernetes_tells_them() {
    let asked: Value = serde_json::from_str(include_str!("typed.json")).unwrap();
    let mut differences = Vec::new();
    let mut check = |source: &str, rule: Value, want: &Value| {
        let (got, want) = (said(&asked["fields"], &rule), want.as_str().unwrap());
        let same =
            if want.is_empty() { got.is_empty() } else { got.ends_with(&format!(": {want}")) };
        if !same {
            differences.push(format!("{source}: {got:?} is not {want:?}"));
        }
    };
    for (rule, want) in asked["rules"].as_object().unwrap() {
        check(rule, json!({"rule": rule}), want);
    }
    for (rule, told) in asked["otherwise"].as_object().unwrap() {
        assert_ne!(told["here"], told["kubernetes"], "{rule}");
        check(rule, json!({"rule": rule}), &told["here"]);
    }
    for (message, want) in asked["messages"].as_object().unwrap() {
        check(message, json!({"rule": "self.a == 1", "messageExpression": message}), want);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
