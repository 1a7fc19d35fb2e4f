//! What sets and maps are in rules; each verdict is that of the server of custom resources of
//! Kubernetes 0.37.

use crate::field::FieldErrors;
use crate::schema::Rules;
use serde_json::{Value, json};

fn set() -> Value {
    json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}})
}

fn map(keys: &[&str], fields: &Value) -> Value {
    json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys,
        "items": {"type": "object", "properties": fields},
    })
}

/// Whether a rule holds of what replaces `old`, or is new.
fn holds(rule: &str, new: &Value, old: Option<&Value>) -> bool {
    let named = json!({"name": {"type": "string"}, "size": {"type": "integer"}, "tags": set()});
    let pair =
        json!({"a-b": {"type": "string"}, "p": {"type": "integer"}, "v": {"type": "integer"}});
    let schema = json!({
        "type": "object",
        "x-kubernetes-validations": [{"rule": rule}],
        "properties": {
            "a": {"type": "integer"}, "set": set(), "other": set(),
            "plain": {"type": "array", "items": {"type": "string"}},
            "nums": {
                "type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"},
            },
            "items": map(&["name"], &named), "more": map(&["name"], &named),
            "two": map(&["a-b", "p"], &pair),
            "l1": {"type": "array", "items": set()},
            "nul": {"type": "string", "nullable": true},
            "nm": {
                "type": "object", "additionalProperties": {"type": "string", "nullable": true},
            },
            "by": {"type": "string", "format": "byte"},
            "du": {"type": "string", "format": "duration"},
            "dt": {"type": "string", "format": "datetime"},
        },
    });
    let rules = Rules::compile(&schema).unwrap_or_else(|why| panic!("{why:?}"));
    let mut errors = FieldErrors::new();
    rules.check(new, old, &mut errors);
    let broken = format!("<nil>: Invalid value: failed rule: {rule}");
    assert!(errors.is_empty() || errors.to_string() == broken, "{errors}");
    errors.is_empty()
}

fn object() -> Value {
    json!({
        "set": ["a", "b"], "other": ["b", "a"], "plain": ["b", "a"], "nums": [3, 1, 2],
        "items": [{"name": "x", "size": 1, "tags": ["p", "q"]}, {"name": "y", "size": 2}],
        "more": [{"name": "y", "size": 2}, {"name": "x", "size": 1, "tags": ["q", "p"]}],
        "two": [{"a-b": "x", "p": 1, "v": 1}, {"a-b": "x", "p": 2, "v": 2}],
        "l1": [["a", "b"]], "nul": null, "nm": {"k": null}, "by": "YQ==", "du": "1 hour",
        "dt": "2020-01-01T00:00:00Z",
    })
}

#[test]
fn lists_without_an_order() {
    for (rule, want) in [
        ("self.set == ['b','a']", true),
        ("['b','a'] == self.set", false),
        ("['a','b'] == self.set", true),
        ("self.set == self.other", true),
        ("self.set != self.other", false),
        ("self.set == self.plain", true),
        ("self.plain == self.set", false),
        ("self.set == ['a']", false),
        ("self.set == ['a','a']", false),
        ("self.set == ['a','b','b']", false),
        ("(self.set + ['c','a']).size() == 3", true),
        ("(self.set + ['c','a']) == ['c','b','a']", true),
        ("(self.set + ['c','a'])[2] == 'c'", true),
        ("(['c'] + self.set) == ['c','a','b']", true),
        ("(['c'] + self.set) == ['c','b','a']", false),
        ("(['a'] + self.set).size() == 3", true),
        ("(self.set + self.plain).size() == 2", true),
        ("(self.plain + self.set).size() == 4", true),
        ("(self.set + ['c'] + ['c']).size() == 3", true),
        ("(self.set + ['c','c']).size() == 3", true),
        ("'a' in self.set && self.set[0] == 'a' && self.set.size() == 2", true),
        ("self.set in [self.other]", true),
        ("[self.other] == [self.set]", true),
        ("[self.set] == [['b','a']]", true),
        ("{'k': self.set} == {'k': ['b','a']}", true),
        ("self.l1 == [['b','a']]", true),
        ("self.l1[0] == ['b','a']", true),
        ("self.l1.exists(x, x == ['b','a'])", true),
        ("self.nums == [1,2,3]", true),
        ("self.nums + [4] == [4,3,2,1]", true),
        ("self.items.map(x, x.name) == ['x','y']", true),
        ("self.set.map(x, x) == ['b','a']", false),
        ("self.set.filter(x, true) == ['b','a']", false),
        ("sets.equivalent(self.set, ['b','a'])", true),
        ("self.set.join(',') == 'a,b'", true),
        ("self.set.indexOf('b') == 1", true),
        ("self.set.isSorted() && self.nums.sum() == 6 && self.nums.max() == 3", true),
        ("has(self.nul)", false),
        ("!has(self.nul)", true),
        ("self.nm.exists(k, k == 'k')", true),
        ("has(self.nm.k)", true),
        ("self.by == b'a'", true),
        ("self.du == duration('1h')", true),
        ("self.dt == '2020-01-01T00:00:00Z'", true),
        ("type(self.set) == list", true),
        ("(true ? self.set : self.other) == ['b','a']", true),
        ("dyn(self.set) == ['b','a']", true),
        ("dyn(['b','a']) == self.set", false),
        ("self.set == []", false),
        ("self.set + [] == self.other", true),
        ("self.set.reverse() == ['b','a']", true),
    ] {
        assert_eq!(holds(rule, &object(), None), want, "{rule}");
    }
}

#[test]
fn lists_without_an_order_and_what_they_were() {
    let mut new = object();
    new["a"] = 1.into();
    new["items"] = json!([{"name": "y", "size": 3}, {"name": "x", "size": 1, "tags": ["q", "p"]}]);
    for name in ["more", "two", "set"] {
        new[name].as_array_mut().unwrap().reverse();
    }
    for (rule, want) in [
        ("self.items == oldSelf.items", false),
        ("self.items != oldSelf.items", true),
        ("self.items + oldSelf.items == self.items", false),
        ("(self.items + oldSelf.items).size() == 2", true),
        ("(self.items + oldSelf.items)[0].size == 3", false),
        ("(oldSelf.items + self.items) == self.items", true),
        ("(self.items + oldSelf.items) == oldSelf.items", true),
        ("self.more == oldSelf.more", true),
        ("self.two == oldSelf.two", true),
        ("(self.two + oldSelf.two).size() == 2", true),
        ("self.two.filter(x, x.p == 1) + oldSelf.two == self.two", false),
        ("(self.two.filter(x, x.p == 1) + oldSelf.two).size() == 3", true),
        ("(self.two + oldSelf.two.filter(x, x.p == 1)).size() == 2", true),
        ("self.set == oldSelf.set", true),
        ("self == oldSelf", false),
    ] {
        assert_eq!(holds(rule, &new, Some(&object())), want, "{rule}");
    }
}
