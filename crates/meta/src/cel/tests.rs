//! Rules on values, as a kind has them.

#![allow(clippy::needless_pass_by_value, reason = "a table reads best with its values in place")]

mod keyed;
mod typed;

use crate::field::FieldErrors;
use crate::schema::Rules;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What the rules of a schema find.
fn found(schema: &Value, new: &Value, old: Option<&Value>) -> String {
    let rules = Rules::compile(schema).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut errors = FieldErrors::new();
    rules.check(new, old, &mut errors);
    if errors.is_empty() { String::new() } else { errors.to_string() }
}

/// A spec with fields of many types and one rule.
fn schema(rule: Value) -> Value {
    json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "x-kubernetes-validations": [rule],
        "properties": {
            "a": {"type": "integer"}, "b": {"type": "integer"}, "n": {"type": "number"},
            "s": {"type": "string"}, "t": {"type": "string"}, "flag": {"type": "boolean"},
            "list": {"type": "array", "items": {"type": "integer"}},
            "words": {"type": "array", "items": {"type": "string"}},
            "nums": {
                "type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"},
            },
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "port": {"x-kubernetes-int-or-string": true},
            "when": {"type": "string", "format": "date-time"},
            "wait": {"type": "string", "format": "duration"},
            "dashed-name": {"type": "string"}, "namespace": {"type": "string"},
            "items": {
                "type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {
                    "name": {"type": "string"}, "size": {"type": "integer"},
                }},
            },
        },
    }}})
}

fn check(rule: &str, spec: Value, want: &str) {
    let value = json!({"spec": spec});
    let schema = schema(json!({"rule": rule, "message": "no"}));
    let want = match want {
        "no" => "spec: Invalid value: no".to_owned(),
        "" => String::new(),
        why => format!("spec: Invalid value: \"object\": {why}"),
    };
    assert_eq!(found(&schema, &value, None), want, "{rule} of {value}");
}

/// Whether an expression without variables is true.
fn holds(expression: &str) {
    check(expression, json!({"a": 1}), "");
}

#[test]
fn a_rule_holds_or_not() {
    check("self.a <= self.b", json!({"a": 1, "b": 2}), "");
    check("self.a <= self.b", json!({"a": 3, "b": 2}), "no");
    check("self.n > 1.5", json!({"n": 2}), "");
    check("!has(self.s) || self.s.startsWith('x')", json!({}), "");
    check("!has(self.s) || self.s.startsWith('x')", json!({"s": "ax"}), "no");
    check("self.list.all(x, x > 0)", json!({"list": [1, 2]}), "");
    check("self.list.all(x, x > 0)", json!({"list": [1, -2]}), "no");
    check("self.list.map(x, x * 2).sum() == 6", json!({"list": [1, 2]}), "");
    check("self.items.exists_one(i, i.name == 'a')", json!({"items": [{"name": "a"}]}), "");
    check("'k' in self.map && self.map['k'] == 'v'", json!({"map": {"k": "v"}}), "");
    check("self.map.all(k, self.map[k].size() < 3)", json!({"map": {"k": "long"}}), "no");
    check("type(self.port) == int || self.port.matches('^[a-z]+$')", json!({"port": 1}), "");
    check("type(self.port) == int || self.port.matches('^[a-z]+$')", json!({"port": "1"}), "no");
    check(
        "self.when < timestamp('2020-01-01T00:00:00Z')",
        json!({"when": "2019-05-05T10:00:00Z"}),
        "",
    );
    check("self.wait <= duration('1h')", json!({"wait": "90m"}), "no");
    check("self.dashed__dash__name == 'x'", json!({"dashed-name": "x"}), "");
    check("self.__namespace__ == 'x'", json!({"namespace": "x"}), "");
    check("self.?s.orValue('none') == 'none'", json!({}), "");
    check("self.list == [1, 2]", json!({"list": [1, 2]}), "");
}

#[test]
fn an_evaluation_may_fail() {
    check("self.s == 'x'", json!({}), "no such key: s evaluating rule: no");
    check("self.a / self.b == 1", json!({"a": 1, "b": 0}), "division by zero evaluating rule: no");
    check("self.list[3] == 1", json!({"list": []}), "index out of bounds: 3 evaluating rule: no");
    check(
        "self.port + 1 == 2",
        json!({"port": "x"}),
        "'no such overload': call arguments did not match a supported operator, function or \
         macro signature for rule: no",
    );
    // What decides the outcome without the failure is enough.
    check("self.s == 'x' || self.a == 1", json!({"a": 1}), "");
}

#[test]
fn the_functions_of_kubernetes_are_there() {
    for expression in [
        "'hello world'.find('[a-z]+') == 'hello'",
        "'a1b22'.findAll('[0-9]+') == ['1', '22']",
        "'a1b22'.findAll('[0-9]+', 1) == ['1']",
        "'abc'.matches('^a.c$') && matches('abc', 'b')",
        "'a-b-c'.replace('-', '+') == 'a+b+c' && 'a-b-c'.replace('-', '', 1) == 'ab-c'",
        "['a', 'b'].join('-') == 'a-b' && 'a,b'.split(',') == ['a', 'b']",
        "'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3 && 'hello'.indexOf('z') == -1",
        "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2",
        "'Abc'.lowerAscii() == 'abc' && ' x '.trim() == 'x' && 'abc'.substring(1, 2) == 'b'",
        "[1, 2, 3].isSorted() && ![3, 1].isSorted() && [1, 2].sum() == 3 && [].sum() == 0",
        "[3, 1].min() == 1 && [3, 1].max() == 3 && [1, 1, 2].distinct() == [1, 2]",
        "sets.contains([1, 2], [2]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])",
        "quantity('1.5Gi') == quantity('1536Mi') && quantity('1').isGreaterThan(quantity('500m'))",
        "quantity('1').add(quantity('500m')).compareTo(quantity('1.5')) == 0",
        "quantity('2').asInteger() == 2 && !isQuantity('x') && quantity('-1').sign() == -1",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.2', true).minor() == 2",
        "isSemver('1.0.0-rc.1+x') && !isSemver('1.0') && isSemver('v1', true)",
        "isIP('::1') && !isIP('1.2.3') && ip('127.0.0.1').isLoopback() && ip('::1').family() == 6",
        "cidr('10.0.0.0/8').containsIP('10.9.9.9') && !cidr('10.0.0.0/8').containsIP('11.0.0.1')",
        "cidr('10.1.0.0/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8",
        "cidr('10.0.0.0/8').containsCIDR('10.2.0.0/16') && !isCIDR('10.0.0.0/33')",
        "string(ip('::1')) == '::1' && ip.isCanonical('::1') && !ip.isCanonical('::0:1')",
        "url('https://u@example.com:80/a%20b?x=1&x=2').getHost() == 'example.com:80'",
        "url('https://example.com:80/a%20b?x=1').getHostname() == 'example.com'",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
        "url('https://h/a%20b?x=1&x=2').getQuery() == {'x': ['1', '2']} && !isURL('../x')",
        "url('/a b!').getEscapedPath() == '/a%20b%21' && url('/a#b').getEscapedPath() == '/a'",
        "url('/a%2Fb!').getEscapedPath() == '/a%2Fb!' && isURL('http://a<b/')",
        "url('http://x/?a#b').getQuery() == {'a': ['']} && !isURL('http://a^b/')",
        "format.uri().validate('x').value() == ['parse \"x\": invalid URI for request']",
        "format.byte().validate('a').value() == ['invalid base64']",
        "url('https://h/a%20b').getEscapedPath() == '/a%20b' && url('/p').getScheme() == ''",
        "!format.dns1123Label().validate('good').hasValue()",
        "format.dns1123Label().validate('Bad').hasValue()",
        "format.named('uuid').value().validate('x').value() == ['does not match the UUID format']",
        "!format.named('nothing').hasValue()",
        "'%s has %d'.format(['x', 2]) == 'x has 2' && math.greatest(1, 3, 2) == 3",
        "[[1], [2]].flatten() == [1, 2] && [3, 1].sort() == [1, 3]",
        "optional.of(1).hasValue() && optional.none().orValue(2) == 2",
    ] {
        holds(expression);
    }
}

#[test]
fn a_rule_compares_with_what_was() {
    let schema = schema(json!({"rule": "self.a >= oldSelf.a", "message": "no way back"}));
    let check = |new: Value, old: Option<Value>, want: &str| {
        assert_eq!(found(&schema, &new, old.as_ref()), want, "{new} after {old:?}");
    };
    let spec = |a: i64| json!({"spec": {"a": a}});
    check(spec(1), None, "");
    check(spec(2), Some(spec(1)), "");
    check(spec(1), Some(spec(2)), "spec: Invalid value: no way back");
    check(spec(1), Some(json!({})), "");
}

#[test]
fn items_of_a_map_are_found_again_by_their_key() {
    let mut schema = schema(json!({"rule": "true"}));
    schema["properties"]["spec"]["properties"]["items"]["items"]["x-kubernetes-validations"] =
        json!([{"rule": "self.size == oldSelf.size", "message": "sizes stay"}]);
    let items = |items: Value| json!({"spec": {"items": items}});
    let old = items(json!([{"name": "a", "size": 1}, {"name": "b", "size": 2}]));
    let moved = items(json!([{"name": "b", "size": 2}, {"name": "a", "size": 1}]));
    assert_eq!(found(&schema, &moved, Some(&old)), "");
    let grown = items(json!([{"name": "new", "size": 9}, {"name": "b", "size": 3}]));
    assert_eq!(found(&schema, &grown, Some(&old)), "spec.items[1]: Invalid value: sizes stay");
}

#[test]
fn what_did_not_change_is_not_held_against_an_update() {
    let schema = schema(json!({"rule": "self.a < 10", "message": "too large"}));
    let spec = |a: i64, s: &str| json!({"spec": {"a": a, "s": s}});
    assert_eq!(found(&schema, &spec(20, "x"), Some(&spec(20, "x"))), "");
    let why = "spec: Invalid value: too large";
    assert_eq!(found(&schema, &spec(20, "y"), Some(&spec(20, "x"))), why);
}

#[test]
fn a_message_may_be_made_and_an_error_may_be_elsewhere() {
    let check = |rule: Value, spec: Value, want: &str| {
        let got = found(&schema(rule.clone()), &json!({"spec": spec}), None);
        assert_eq!(got, want, "{rule}");
    };
    let rule = json!({
        "rule": "self.a < 5", "message": "fallback", "fieldPath": ".a",
        "messageExpression": "'must be below 5, is ' + string(self.a)",
    });
    check(rule.clone(), json!({"a": 7}), "spec.a: Invalid value: must be below 5, is 7");
    let mut broken = rule;
    broken["messageExpression"] = "self.s".into();
    check(broken, json!({"a": 7}), "spec.a: Invalid value: fallback");
    check(
        json!({"rule": "self.a < 5"}),
        json!({"a": 7}),
        "spec: Invalid value: failed rule: self.a < 5",
    );
    let with = |reason: &str| json!({"rule": "self.a < 5", "message": "no", "reason": reason});
    check(with("FieldValueForbidden"), json!({"a": 7}), "spec: Forbidden: no");
    check(with("FieldValueRequired"), json!({"a": 7}), "spec: Required value: no");
    check(with("FieldValueDuplicate"), json!({"a": 7}), "spec: Duplicate value");
    let optional = json!({
        "rule": "oldSelf.hasValue() || self.a == 0", "message": "begins at 0", "optionalOldSelf": true,
    });
    check(optional, json!({"a": 7}), "spec: Invalid value: begins at 0");
}

/// A scalar that breaks a rule is shown, an object or a list is not; what a rule cannot judge is
/// told by its type.
#[test]
fn what_broke_a_rule_is_shown_as_kubernetes_shows_it() {
    let broken = json!([{"rule": "self != self", "message": "no"}]);
    let failing = json!([{"rule": "1 / (self == self ? 0 : 0) == 1", "message": "no"}]);
    let twice = json!([{"rule": "self != self", "message": "no", "reason": "FieldValueDuplicate"}]);
    let list = json!({"type": "array", "items": {"type": "integer"}});
    let map = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    let typed = |name: &str| json!({"type": name});
    let number = typed("number");
    for (of, value, shown, name) in [
        (typed("integer"), json!(-7), "-7", "integer"),
        (number.clone(), json!(1.5), "1.5", "number"),
        (number.clone(), json!(7.0), "7", "number"),
        (number, json!(123_456_789.5), "1.234567895e+08", "number"),
        (typed("string"), json!("a\"b\n\u{1}<"), r#""a\"b\n\x01<""#, "string"),
        (typed("string"), json!(""), r#""""#, "string"),
        (typed("boolean"), json!(true), "true", "boolean"),
        (json!({"x-kubernetes-int-or-string": true}), json!("http"), r#""http""#, ""),
        (json!({"x-kubernetes-int-or-string": true}), json!(7), "7", ""),
        (list, json!([1]), "", "array"),
        (map, json!({"a": 1}), "", "object"),
    ] {
        let check = |rules: &Value, want: String| {
            let mut of = of.clone();
            of["x-kubernetes-validations"] = rules.clone();
            let schema = json!({"type": "object", "properties": {"x": of}});
            assert_eq!(found(&schema, &json!({"x": value}), None), want, "{of}");
        };
        let with =
            |shown: &str| if shown.is_empty() { String::new() } else { format!(": {shown}") };
        check(&broken, format!("x: Invalid value{}: no", with(shown)));
        check(&twice, format!("x: Duplicate value{}", with(shown)));
        let why = format!("x: Invalid value: {name:?}: division by zero evaluating rule: no");
        check(&failing, why);
    }
}

#[test]
fn a_rule_about_the_whole_object_sees_its_name() {
    let schema = json!({
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.metadata.name == self.spec.s", "message": "no"}],
        "properties": {
            "metadata": {"type": "object"},
            "spec": {"type": "object", "properties": {"s": {"type": "string"}}},
        },
    });
    let object = |name: &str| json!({"metadata": {"name": name}, "spec": {"s": "x"}});
    assert_eq!(found(&schema, &object("x"), None), "");
    assert_eq!(found(&schema, &object("y"), None), "<nil>: Invalid value: no");
    let why = "<nil>: Invalid value: \"object\": no such key: s evaluating rule: no";
    assert_eq!(found(&schema, &json!({"metadata": {"name": "y"}, "spec": {}}), None), why);
}

#[test]
fn rules_that_cannot_be_are_found_at_the_start() {
    let check = |rule: Value, want: &str| {
        let problems = Rules::compile(&schema(rule.clone())).unwrap_err().join("; ");
        assert!(problems.contains(want), "{rule}: {problems}");
    };
    check(json!({"rule": "self.a <"}), "rule \"self.a <\": ");
    check(json!({"rule": "self.missing == 1"}), "undefined field 'missing'");
    check(json!({"rule": "self.items.all(i, i.nmae == '')"}), "undefined field 'nmae'");
    check(json!({"rule": "slef.a == 1"}), "undeclared reference to 'slef'");
    check(json!({"rule": "self.s.beginsWith('x')"}), "undeclared reference to 'beginsWith'");
    check(json!({"rule": "self.a == 1", "reason": "Because"}), "unknown reason");
    check(json!({"rule": "self.a == 1", "fieldPath": ".z"}), "does not refer to a valid field");
    check(json!({"rule": "self.a == 1", "messageExpression": "1 +"}), "messageExpression");
    check(json!({"rule": "self.a == 1", "optionalOldSelf": true}), "oldSelf is not used");
}

#[test]
fn no_rule_runs_away() {
    let numbers: Vec<i64> = (0..20_000).collect();
    let long = "x".repeat(1 << 20);
    let begun = Instant::now();
    let check = |rule: &str, spec: Value| {
        let got = found(&schema(json!({"rule": rule})), &json!({"spec": spec}), None);
        let told = got.contains("call cost exceeds limit") || got.contains("cost budget");
        assert!(
            told || got.contains("too long"),
            "{rule}: {}",
            got.chars().take(300).collect::<String>()
        );
    };
    check(
        "self.list.all(x, self.list.all(y, self.list.all(z, x + y + z >= 0)))",
        json!({"list": numbers}),
    );
    check("self.list.all(x, self.list.exists(y, y == x))", json!({"list": numbers}));
    check(
        "self.list.all(x, !self.s.contains(self.t))",
        json!({"list": numbers, "s": long, "t": "yy"}),
    );
    check("self.list.map(x, self.s + self.s).size() > 0", json!({"list": numbers, "s": long}));
    check("self.s.replace('x', self.s).size() > 0", json!({"s": long}));
    check("self.list.map(x, 'a').join(self.s).size() > 0", json!({"list": numbers, "s": long}));
    check("self.list.map(x, x + 100000).distinct().size() > 0", json!({"list": numbers}));
    check("sets.contains(self.list, self.list)", json!({"list": numbers}));
    check("self.list.all(x, [self.s] == [self.t])", json!({"list": numbers, "s": long, "t": long}));
    check("self.nums.all(x, self.nums == self.nums)", json!({"nums": numbers}));
    check("self.nums.all(x, (self.nums + self.nums).size() > 0)", json!({"nums": numbers}));
    let words: Vec<String> = numbers.iter().map(|n| format!("(a|{n})*")).collect();
    check("self.words.all(w, self.s.matches(w))", json!({"words": words, "s": long}));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn an_expression_is_not_nested_without_end() {
    /// The stack of a worker thread.
    const STACK_BYTES: usize = 2 << 20;
    let check = |rule: String, want: &str| {
        let mut schema = schema(json!({"rule": rule}));
        for _ in 0..50 {
            schema = json!({"type": "object", "properties": {"spec": schema}});
        }
        let compiled = Rules::compile(&schema);
        let problem = compiled.err().map_or(String::new(), |problems| problems.concat());
        assert!(problem.ends_with(want) && problem.is_empty() == want.is_empty(), "{problem}");
    };
    let test = move || {
        let sum = |terms: usize| format!("{} == 1", vec!["self.a"; terms].join(" + "));
        let any = |terms: usize| vec!["self.s == 'x'"; terms].join(" || ");
        check(sum(190), "");
        check(any(190), "");
        check(sum(300), "the expression is nested more than 200 deep");
        check(sum(3_000), "the expression is nested more than 200 deep");
        holds(&format!("self.a == {}", vec!["1"; 190].join(" * ")));
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test);
    thread.unwrap().join().unwrap();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9:./-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,5}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever a value is, a rule ends with a verdict, and asking again gives the same one.
    #[test]
    fn any_value_gets_a_verdict(new in any_json(), old in any_json()) {
        let schema = schema(json!({
            "rule": "self.list.all(x, x > 0) && self.s != oldSelf.s || self.map.exists(k, k == self.t)",
        }));
        let rules = Rules::compile(&schema).unwrap();
        let value = |spec: &Value| json!({"spec": spec});
        let ask = || {
            let mut errors = FieldErrors::new();
            rules.check(&value(&new), Some(&value(&old)), &mut errors);
            errors.to_string()
        };
        prop_assert_eq!(ask(), ask());
    }
}
