//! Rules of schemas, those in CEL too, and scales.

use super::two;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceSubresourceScale;
use pintle_meta::json;
use pintle_meta::scale::ScalePaths;
use pintle_meta::schema::Rules;
use pintle_meta::{Expression, FieldErrors};
use serde_json::Value;
use std::sync::LazyLock;

/// Rules on values of many types, as an author may write them.
static AUTHORED: LazyLock<Rules> = LazyLock::new(|| {
    let schema = serde_json::json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "required": ["text"],
        "x-kubernetes-validations": [
            {"rule": "self.list.all(x, self.list.exists(y, y >= x))"},
            {"rule": "self.text.matches('^[a-z]*$') || self.text.find(self.pattern) != ''"},
            {"rule": "self.text.replace('a', self.pattern).size() < 1000"},
            {"rule": "!has(self.port) || type(self.port) == int || isQuantity(self.port)"},
            {"rule": "!isURL(self.text) || url(self.text).getPort() != '80'"},
            {"rule": "!isCIDR(self.text) || cidr(self.text).containsIP('10.0.0.1')"},
            {"rule": "!isSemver(self.text) || semver(self.text).isLessThan(semver('2.0.0'))"},
            {"rule": "!format.dns1123Label().validate(self.text).hasValue()"},
            {"rule": "self.text == oldSelf.text", "messageExpression": "self.text + '!'"},
            {"rule": "self.set == oldSelf.set && self.set + [self.text] == [self.text] + self.set"},
            {"rule": "self.items + oldSelf.items == oldSelf.items || self.items != oldSelf.items"},
            {"rule": "self.when < timestamp('2030-01-01T00:00:00Z') && self.wait > duration('1s')"},
        ],
        "properties": {
            "text": {"type": "string", "maxLength": 64}, "pattern": {"type": "string"},
            "port": {"x-kubernetes-int-or-string": true},
            "list": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 64},
            "set": {
                "type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set",
            },
            "items": {
                "type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {
                    "name": {"type": "string"}, "size": {"type": "number"},
                }},
            },
            "when": {"type": "string", "format": "date-time"},
            "wait": {"type": "string", "format": "duration", "default": "2s"},
        },
    }}});
    Rules::compile(&schema).expect("the rules are well")
});

/// The formats that are checked.
const FORMATS: [&str; 25] = [
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "date-time",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "k8s-long-name",
    "k8s-short-name",
    "mac",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
];

/// A text of each format.
static FORMATTED: LazyLock<Rules> = LazyLock::new(|| {
    let field = |name: &&str| {
        let schema = serde_json::json!({"type": "string", "format": name});
        ((*name).to_owned(), schema)
    };
    let fields: serde_json::Map<String, Value> = FORMATS.iter().map(field).collect();
    let schema = serde_json::json!({"type": "object", "properties": fields});
    Rules::compile(&schema).expect("the formats are well")
});

/// A text of anybody's: it has some format.
pub(super) fn formats(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let fields = FORMATS.iter().map(|name| ((*name).to_owned(), text.into()));
    let object = Value::Object(fields.collect());
    look(&FORMATTED, object.clone(), None);
    let mut errors = FieldErrors::new();
    FORMATTED.check(&object, None, &mut errors);
    errors.as_slice().len() < FORMATS.len()
}

/// A schema of anybody's, and values by it: a default that is filled in stays.
pub(super) fn rules(data: &[u8]) -> bool {
    let (schema, object) = two(data);
    let Some(rules) = value(schema).and_then(|schema| Rules::compile(&schema).ok()) else {
        return false;
    };
    look(&rules, value(object).unwrap_or_default(), None);
    true
}

/// Values for rules of an author's.
pub(super) fn values(data: &[u8]) -> bool {
    let (new, old) = two(data);
    let Some(new) = value(new) else { return false };
    look(&AUTHORED, new, value(old).as_ref());
    true
}

/// An expression of anybody's over claims of anybody's: it comes to an end.
pub(super) fn expression(data: &[u8]) -> bool {
    let (source, claims) = two(data);
    let Ok(source) = std::str::from_utf8(source) else { return false };
    let Ok(expression) = Expression::compile(source, "claims") else { return false };
    let _ = expression.evaluate(&value(claims).unwrap_or_default());
    true
}

fn look(rules: &Rules, mut new: Value, old: Option<&Value>) {
    rules.fill(&mut new);
    let filled = new.clone();
    rules.fill(&mut new);
    assert_eq!(new, filled, "filling again changes nothing");
    let _ = rules.undecodable(&new);
    let found = || {
        let mut errors = FieldErrors::new();
        rules.check(&new, old, &mut errors);
        errors.to_string()
    };
    assert_eq!(found(), found(), "a verdict is a verdict");
}

/// A scale of anybody's that is put into an object: what is written is read.
pub(super) fn scale(data: &[u8]) -> bool {
    let (scale, object) = two(data);
    let Some(Ok(scale)) = value(scale).map(serde_json::from_value::<Scale>) else { return false };
    let Some(mut object) = value(object) else { return false };
    let paths = ScalePaths::new(&CustomResourceSubresourceScale {
        label_selector_path: Some(".status.selector".to_owned()),
        spec_replicas_path: ".spec.replicas".to_owned(),
        status_replicas_path: ".status.replicas".to_owned(),
    });
    let _ = paths.read(&object);
    if paths.write(&mut object, &scale).is_ok() {
        let wanted = scale.spec.and_then(|spec| spec.replicas).unwrap_or_default();
        assert_eq!(object["spec"]["replicas"], wanted);
        assert_eq!(paths.require(&object), Ok(()));
        paths.validate(&object, &mut FieldErrors::new());
    }
    true
}

fn value(data: &[u8]) -> Option<Value> {
    json::parse(data).ok().map(|parsed| parsed.value)
}
