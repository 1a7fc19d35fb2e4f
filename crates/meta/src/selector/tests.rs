use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn check_label(selector: &str, want: Result<&str, &str>) {
    let got = LabelSelector::parse(selector).map(|selector| selector.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), want, "{selector:?}");
}

/// The answers are those of apimachinery's `labels.Parse`.
#[test]
fn label_selectors() {
    let ok = |selector, canonical| check_label(selector, Ok(canonical));
    ok("", "");
    ok(" \t\r\n", "");
    ok("a", "a");
    ok("!a", "!a");
    ok("a=b", "a=b");
    ok("a\n=\tb", "a=b");
    ok("a==b", "a==b");
    ok("a!=b", "a!=b");
    ok("c,a!=b , !b", "a!=b,!b,c");
    ok("a in (c,b,c)", "a in (b,c)");
    ok("a notin ()", "a notin ()");
    ok("a in (,)", "a in ()");
    ok("a in (b,,c)", "a in (,b,c)");
    ok("a>1,a<5", "a>1,a<5");
    ok("a=", "a=");
    ok("a=,b", "a=,b");
    ok("in in (in,notin)", "in in (in,notin)");
    ok("a=in,notin", "a=in,notin");
    ok("example.com/a=b", "example.com/a=b");
    ok("a\0", "a");
    ok("\0a", "");
}

#[test]
fn label_selectors_that_are_wrong() {
    let wrong = |selector, message| check_label(selector, Err(message));
    wrong("a===", "unable to parse requirement: found '=', expected: identifier");
    wrong("!", "unable to parse requirement: found '', expected: identifier");
    wrong("!!a", "unable to parse requirement: found '!', expected: identifier");
    wrong("a!=!", "unable to parse requirement: found '!', expected: identifier");
    wrong("!a=b", "found '=', expected: ',' or 'end of string'");
    wrong("a,", "found '', expected: identifier after ','");
    wrong("a,,b", "found ',', expected: identifier after ','");
    wrong("(a)", "found '(', expected: !, identifier, or 'end of string'");
    wrong("a in (b)c", "found 'c', expected: ',' or 'end of string'");
    let wrong = |selector, why: &str| {
        check_label(selector, Err(&format!("unable to parse requirement: {why}")));
    };
    wrong("a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt");
    wrong("a!b", "found '!', expected: in, notin, =, ==, !=, gt, lt");
    wrong("a in", "found '' expected: '('");
    wrong("a in (", "found '', expected: ',', ')' or identifier");
    wrong("a in (=", "found '=', expected: ',', ')' or identifier");
    wrong("a in ( ,", "found '', expected: ',', or identifier");
    wrong("a in (b c)", "found 'c', expected: ',' or ')'");
    wrong("a in (b=c)", "found '=', expected: ',' or ')'");
    wrong(
        "a>x",
        "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    wrong(
        "a>",
        "values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    let form = "a valid label must be an empty string or consist of alphanumeric characters, '-', \
        '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
        'my_value',  or '12345', regex used for validation is \
        '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    wrong("a=-b", &format!("values[0][a]: Invalid value: \"-b\": {form}"));
    wrong(
        "a in (b,-c,-d)",
        &format!(
            "[values[0][a]: Invalid value: \"-c\": {form}, \
             values[1][a]: Invalid value: \"-d\": {form}]"
        ),
    );
    wrong(
        "a>-x",
        &format!(
            "[values[0]: Invalid value: \"-x\": for 'Gt', 'Lt' operators, the value must be an \
             integer, values[0][a]: Invalid value: \"-x\": {form}]"
        ),
    );
    let form = "name part must consist of alphanumeric characters, '-', '_' or '.', and must \
        start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
        '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    wrong("-a", &format!("<nil>: Invalid value: \"-a\": {form}"));
    wrong("a/", &format!("<nil>: Invalid value: \"a/\": name part must be non-empty; {form}"));
}

#[test]
fn selectors_have_a_longest() {
    let long = "a".repeat(MAX_SELECTOR_BYTES + 1);
    let want = Err("invalid selector: may not be more than 65536 bytes".to_owned());
    assert_eq!(LabelSelector::parse(&long).map(|_| ()), want);
    assert_eq!(FieldSelector::parse(&long).map(|_| ()), want);
}

#[test]
fn requirements_are_public() {
    let selector = LabelSelector::parse("b,a notin (y,x)").unwrap();
    let [a, b] = selector.requirements() else { panic!("two requirements") };
    assert_eq!((a.key(), a.operator(), a.operator().as_str()), ("a", Operator::NotIn, "notin"));
    assert_eq!(a.values(), ["x", "y"]);
    assert_eq!((b.key(), b.operator()), ("b", Operator::Exists));
    let check = |operator, values: &[&str], want: &str| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        assert_eq!(Requirement::new("a", operator, values).unwrap_err(), want);
    };
    check(
        Operator::In,
        &[],
        "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
    check(
        Operator::Equals,
        &["a", "b"],
        "values: Invalid value: [\"a\",\"b\"]: exact-match compatibility requires one single value",
    );
    check(
        Operator::Exists,
        &["a"],
        "values: Invalid value: [\"a\"]: values set must be empty for exists and does not exist",
    );
}

fn check_match(selector: &str, labels: &[(&str, &str)], want: bool) {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
    let selector = LabelSelector::parse(selector).unwrap();
    assert_eq!(selector.matches(|key| labels.get(key).copied()), want, "{selector} on {labels:?}");
}

#[test]
fn label_matches() {
    check_match("", &[], true);
    check_match("a", &[], false);
    check_match("!a", &[], true);
    check_match("a!=b", &[], true);
    check_match("a notin (b)", &[("a", "b")], false);
    check_match("a in (b,c)", &[("a", "c")], true);
    check_match("a in ()", &[("a", "")], true);
    check_match("a=b,c=d", &[("a", "b")], false);
    check_match("a>9", &[("a", "10")], true);
    check_match("a>9", &[("a", "x")], false);
    check_match("a<9", &[("a", "9")], false);
    check_match("a<9", &[], false);
}

fn check_field(selector: &str, want: Result<&str, &str>) {
    let got = FieldSelector::parse(selector).map(|selector| selector.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), want, "{selector:?}");
}

/// The answers are those of apimachinery's `fields.ParseSelector`.
#[test]
fn field_selectors() {
    let ok = |selector, canonical| check_field(selector, Ok(canonical));
    ok("", "");
    ok(",", "");
    ok("=", "");
    ok("!=", "");
    ok("c=d,a==b", "a=b,c=d");
    ok("a=", "a=");
    ok("=c", "=c");
    ok("a!=b", "a!=b");
    ok(r"a=b\,c", r"a=b\,c");
    ok(r"a=b\=c\\", r"a=b\=c\\");
    ok(r"a\,b=c", r"a\,b=c");
    let wrong = |selector, message| check_field(selector, Err(message));
    wrong("a", "invalid selector: 'a'; can't understand 'a'");
    wrong("c=d,b", "invalid selector: 'c=d,b'; can't understand 'b'");
    wrong("a!==b", "invalid field selector: unescaped character in value: 61");
    wrong("a=b=c", "invalid field selector: unescaped character in value: 61");
    wrong(r"a=b\x", r"invalid field selector: invalid escape sequence: \x");
    wrong("a=b\\", "invalid field selector: invalid escape sequence: \\");
}

#[test]
fn field_matches() {
    let check = |selector, want| {
        let selector = FieldSelector::parse(selector).unwrap();
        let fields = |field: &str| match field {
            "metadata.name" => Some("a"),
            _ => None,
        };
        assert_eq!(selector.matches(fields), want, "{selector}");
    };
    check("", true);
    check("metadata.name=a", true);
    check("metadata.name=a,metadata.name!=a", false);
    check("metadata.name!=b", true);
    check("spec.none=", true);
    check("spec.none!=", false);
}

#[test]
fn field_selectors_name_what_they_need() {
    let selector = FieldSelector::parse("metadata.name!=b,metadata.name=a,spec.x=1").unwrap();
    assert_eq!(selector.requires_exact("metadata.name"), Some("a"));
    assert_eq!(selector.requires_exact("metadata.namespace"), None);
    assert_eq!(
        selector.check_known(&["metadata.name", "metadata.namespace"]).unwrap_err(),
        r#""spec.x" is not a known field selector: only "metadata.name", "metadata.namespace""#
    );
    assert_eq!(selector.check_known(&["metadata.name", "spec.x"]), Ok(()));
    assert_eq!(FieldSelector::equal("a", "b"), FieldSelector::parse("a=b").unwrap());
}

/// What is close to a selector more often than arbitrary text is.
fn scraps(scraps: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(scraps), 0..12).prop_map(|all| all.concat())
}

const LABEL_SCRAPS: &[&str] =
    &["a", "b", "x/y", "in", "notin", "=", "==", "!=", "!", "(", ")", ",", ">", "<", " ", "1", "-"];
const FIELD_SCRAPS: &[&str] = &["a", "b", "=", "!", "\\", ",", "\u{e9}"];

fn label_selector() -> impl Strategy<Value = LabelSelector> {
    let (key, value) = (prop::sample::select(&["a", "b", "c"][..]), "[a-c0-9]{0,1}");
    let requirement = (key, 0..9, prop::collection::vec(value, 1..4), 0..5_i64);
    let requirement = requirement.prop_map(|(key, operator, values, number)| {
        let (one, set) = (values[0].clone(), values.join(","));
        match operator {
            0 => format!("{key} in ({set})"),
            1 => format!("{key} notin ({set})"),
            2 => format!("{key}={one}"),
            3 => format!("{key}=={one}"),
            4 => format!("{key}!={one}"),
            5 => key.to_owned(),
            6 => format!("!{key}"),
            7 => format!("{key}>{number}"),
            _ => format!("{key}<{number}"),
        }
    });
    prop::collection::vec(requirement, 0..4)
        .prop_map(|all| LabelSelector::parse(&all.join(", ")).unwrap())
}

/// The rules of `labels.Requirement`, said as plainly as possible.
fn naive_match(requirement: &Requirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(requirement.key());
    let listed = value.is_some_and(|value| requirement.values().contains(value));
    let number = value.and_then(|value| value.parse::<i64>().ok());
    let bound = || requirement.values()[0].parse::<i64>().unwrap();
    match requirement.operator() {
        Operator::In | Operator::Equals | Operator::DoubleEquals => listed,
        Operator::NotIn | Operator::NotEquals => !listed,
        Operator::Exists => value.is_some(),
        Operator::DoesNotExist => value.is_none(),
        Operator::GreaterThan => number.is_some_and(|number| number > bound()),
        Operator::LessThan => number.is_some_and(|number| number < bound()),
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(
        text in any::<String>(),
        label in scraps(LABEL_SCRAPS),
        field in scraps(FIELD_SCRAPS),
    ) {
        for text in [&text, &label, &field] {
            let _ = LabelSelector::parse(text);
            let _ = FieldSelector::parse(text);
        }
    }

    #[test]
    fn what_is_printed_parses_back(
        label in scraps(LABEL_SCRAPS),
        field in scraps(FIELD_SCRAPS),
        selector in label_selector(),
    ) {
        prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
        if let Ok(selector) = LabelSelector::parse(&label) {
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
        }
        if let Ok(selector) = FieldSelector::parse(&field) {
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn matching_agrees_with_the_plain_rules(
        selector in label_selector(),
        labels in prop::collection::btree_map("[a-c]", "[a-c0-9]{0,1}", 0..3),
    ) {
        let want = selector.requirements().iter().all(|each| naive_match(each, &labels));
        prop_assert_eq!(selector.matches(|key| labels.get(key).map(String::as_str)), want);
    }
}
