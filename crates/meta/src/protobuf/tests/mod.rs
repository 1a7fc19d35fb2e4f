//! The codec against bytes of the Go library, and what must hold for any bytes.

mod laws;

use super::{Codec, Error, Shape, envelope, known, learn};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, MicroTime, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod v1 {
    use super::*;

    #[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "hello.zeng.dev", version = "v1", kind = "Foo", namespaced)]
    #[serde(default)]
    pub(super) struct FooSpec {
        msg: String,
        msg1: String,
    }
}

mod v2 {
    use super::*;

    #[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "hello.zeng.dev", version = "v2", kind = "Foo", namespaced)]
    #[kube(status = "FooStatus")]
    #[serde(default)]
    pub(super) struct FooSpec {
        image: String,
        config: FooConfig,
    }

    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(default)]
    pub(super) struct FooConfig {
        msg: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        msg1: String,
    }

    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(default)]
    pub(super) struct FooStatus {
        #[serde(skip_serializing_if = "String::is_empty")]
        phase: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<FooCondition>,
    }

    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(default)]
    pub(super) struct FooCondition {
        r#type: String,
        status: String,
    }
}

/// One of everything, out of the alphabet's order.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Zoo")]
#[serde(rename_all = "camelCase")]
pub(super) struct ZooSpec {
    name: String,
    #[serde(alias = "aka")]
    maybe: Option<String>,
    count: i32,
    big: u64,
    share: f64,
    small: f32,
    open: bool,
    animals: Vec<Animal>,
    by_name: BTreeMap<String, Animal>,
    weights: Vec<i64>,
    #[schemars(extend("x-protobuf-number" = 40))]
    keeper: Option<Box<Animal>>,
    size: Size,
    optional_size: Option<Size>,
    port: IntOrString,
    price: Option<Quantity>,
    since: Option<Time>,
    exact: Option<MicroTime>,
    anything: Value,
    extra: BTreeMap<String, Vec<String>>,
    exhibit: Exhibit,
    conditions: Vec<Condition>,
    selector: Option<LabelSelector>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
struct Animal {
    name: String,
    #[serde(default)]
    legs: i32,
    #[serde(default)]
    young: Vec<Animal>,
}

/// How much fits in.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
enum Size {
    /// A little.
    Small,
    Large,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Exhibit {
    Water { depth: f64 },
    Air(Animal),
}

fn unhex(dump: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let hex = line.split(": ").nth(1).unwrap().split("  ").next().unwrap();
        for pair in hex.split_whitespace().flat_map(|word| word.as_bytes().chunks(2)) {
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        }
    }
    bytes
}

fn foo_v2() -> Value {
    let mut foo: Value = serde_json::from_str(include_str!("wire/foo-v2.json")).unwrap();
    untype(&mut foo);
    foo
}

fn untype(object: &mut Value) {
    let fields = object.as_object_mut().unwrap();
    fields.remove("kind");
    fields.remove("apiVersion");
}

fn foo_v1() -> Value {
    let mut foo = foo_v2();
    foo["metadata"]["annotations"]["spec.image"] = foo["spec"]["image"].take();
    foo["spec"] = foo["spec"]["config"].take();
    foo.as_object_mut().unwrap().remove("status");
    foo
}

/// The bytes are those of Go, and are read as what was written.
fn check(codec: &Codec, api_version: &str, kind: &str, json: &Value, dump: &str) {
    let want = unhex(dump);
    let mut raw = Vec::new();
    codec.write(json, &mut raw).unwrap();
    let mut got = Vec::new();
    envelope::write(api_version, kind, &raw, &mut got);
    assert_eq!(got, want, "{kind} in {api_version}");
    assert_eq!(got.len(), envelope::length(api_version, kind, raw.len()));
    let opened = envelope::open(&want).unwrap();
    assert_eq!((opened.api_version.as_str(), opened.kind.as_str()), (api_version, kind));
    assert_eq!(codec.read(opened.raw).unwrap(), *json);
}

#[test]
fn objects_as_go_writes_them() {
    let dump = include_str!("wire/foo-v1.pb.xxd");
    check(&learn::<v1::Foo>().unwrap(), "hello.zeng.dev/v1", "Foo", &foo_v1(), dump);
    let dump = include_str!("wire/foo-v2.pb.xxd");
    check(&learn::<v2::Foo>().unwrap(), "hello.zeng.dev/v2", "Foo", &foo_v2(), dump);
    let status = json!({
        "metadata": {}, "status": "Failure", "message": "foos.hello.zeng.dev \"none\" not found",
        "reason": "NotFound", "code": 404,
        "details": {"name": "none", "group": "hello.zeng.dev", "kind": "foos"},
    });
    let dump = include_str!("wire/status-404.pb.xxd");
    check(&known::STATUS_CODEC, "v1", "Status", &status, dump);
}

#[test]
fn lists_as_go_writes_them() {
    for (version, codec, foo, dump) in [
        ("v1", learn::<v1::Foo>(), foo_v1(), include_str!("wire/foolist-v1.pb.xxd")),
        ("v2", learn::<v2::Foo>(), foo_v2(), include_str!("wire/foolist-v2.pb.xxd")),
    ] {
        let (mut metadata, mut item) = (Vec::new(), Vec::new());
        let list_meta = json!({"resourceVersion": "131"});
        known::LIST_META_CODEC.write(&list_meta, &mut metadata).unwrap();
        codec.unwrap().write(&foo, &mut item).unwrap();
        let mut list = Vec::new();
        envelope::put_field(1, &metadata, &mut list);
        envelope::put_field(2, &item, &mut list);
        assert_eq!(
            list.len(),
            envelope::field_length(metadata.len()) + envelope::field_length(item.len())
        );
        let mut got = Vec::new();
        envelope::write(&format!("hello.zeng.dev/{version}"), "FooList", &list, &mut got);
        assert_eq!(got, unhex(dump), "{version}");
    }
}

#[test]
fn events_as_go_writes_them() {
    let mut raw = Vec::new();
    learn::<v2::Foo>().unwrap().write(&foo_v2(), &mut raw).unwrap();
    let (version, mut got) = ("hello.zeng.dev/v2", Vec::new());
    let length = envelope::length(version, "Foo", raw.len());
    envelope::event("ADDED", length, |out| envelope::write(version, "Foo", &raw, out), &mut got);
    assert_eq!(got, unhex(include_str!("wire/watch-v2.pb.xxd")));
    let mut partial = Vec::new();
    let metadata = json!({"metadata": foo_v2()["metadata"]});
    known::PARTIAL_CODEC.write(&metadata, &mut partial).unwrap();
    let metadata = envelope::field(&raw, 1).unwrap();
    assert_eq!(raw[..metadata.end], partial, "metadata alone are the first field");
    assert_eq!(envelope::tag_of(&raw[metadata], 2), Some(6));
}

fn zoo() -> Value {
    json!({
        "metadata": {"name": "z", "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "name": "z", "maybe": "", "count": -3, "big": u64::MAX, "share": 0.25, "small": 0.5,
            "open": true,
            "animals": [{"name": "ä", "legs": 4, "young": [{"name": "b", "legs": 0}]}],
            "byName": {"": {"name": "", "legs": 0}, "b": {"name": "b", "legs": 2}},
            "weights": [1, -1, 0], "keeper": {"name": "k", "legs": 2}, "size": "Small",
            "port": "http", "price": "1500m", "since": "1969-12-31T23:59:59Z",
            "exact": "2026-01-01T00:00:00.000001Z", "anything": {"b": [1, null], "a": "<"},
            "extra": {"k": ["a", ""]}, "exhibit": {"water": {"depth": 3.5}},
            "conditions": [{
                "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
                "reason": "R", "message": "",
            }],
            "selector": {"matchLabels": {"a": "b"}},
        },
    })
}

#[test]
fn every_type_comes_back() {
    let codec = learn::<Zoo>().unwrap();
    let mut bytes = Vec::new();
    codec.write(&zoo(), &mut bytes).unwrap();
    let back = codec.read(&bytes).unwrap();
    assert_eq!(back, zoo());
    let object: Zoo = serde_json::from_value(back).unwrap();
    assert_eq!(object.spec.big, u64::MAX);
    assert!(matches!(object.spec.size, Size::Small));
}

#[test]
fn numbers_are_places_or_stated() {
    let codec = learn::<Zoo>().unwrap();
    let names = |at: usize| -> Vec<(String, u32)> {
        codec.own[at].fields.iter().map(|f| (f.name.clone().into_owned(), f.number)).collect()
    };
    assert_eq!(names(0), [("metadata".to_owned(), 1), ("spec".to_owned(), 2)]);
    let spec = names(1);
    for (name, number) in [("name", 1), ("maybe", 2), ("weights", 10), ("keeper", 40), ("size", 12)]
    {
        assert!(spec.contains(&(name.to_owned(), number)), "{name} in {spec:?}");
    }
}

#[test]
fn types_are_those_of_go() {
    let codec = learn::<Zoo>().unwrap();
    let check = |name: &str, shape: Shape, of: &str| {
        let field = codec.own[1].fields.iter().find(|field| field.name == name).unwrap();
        let got = format!("{:?}", field.of);
        assert_eq!((field.shape, got.split('(').next().unwrap()), (shape, of), "{name}");
    };
    check("name", Shape::Plain, "Text");
    check("maybe", Shape::Optional, "Text");
    check("count", Shape::Plain, "Integer");
    check("big", Shape::Plain, "Unsigned");
    check("share", Shape::Plain, "Double");
    check("small", Shape::Plain, "Float");
    check("open", Shape::Plain, "Bool");
    check("animals", Shape::List, "Own");
    check("byName", Shape::Map, "Own");
    check("weights", Shape::List, "Integer");
    check("keeper", Shape::Optional, "Own");
    check("size", Shape::Plain, "Text");
    check("optionalSize", Shape::Optional, "Text");
    check("port", Shape::Plain, "IntOrString");
    check("price", Shape::Optional, "Quantity");
    check("since", Shape::Optional, "Time");
    check("exact", Shape::Optional, "Time");
    check("anything", Shape::Optional, "Json");
    check("extra", Shape::Map, "Texts");
    check("exhibit", Shape::Plain, "Own");
    check("conditions", Shape::List, "Known");
    check("selector", Shape::Optional, "Known");
}

#[test]
fn absent_fields_are_zero() {
    let codec = learn::<v2::Foo>().unwrap();
    let want = json!({"metadata": {}, "spec": {"image": "", "config": {"msg": "", "msg1": ""}}});
    assert_eq!(codec.read(b"").unwrap(), want);
}

mod odd {
    use super::*;

    macro_rules! kind {
        ($module:ident, $($field:tt)*) => {
            pub(super) mod $module {
                use super::*;

                #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
                #[kube(group = "example.com", version = "v1", kind = "Odd")]
                pub(in crate::protobuf::tests) struct OddSpec { $($field)* }
            }
        };
    }

    #[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
    struct More {
        a: String,
    }

    kind!(nested, lists: Vec<Vec<i32>>);
    kind!(flat, #[serde(flatten)] more: More, b: String);
    kind!(twice, a: String, #[schemars(extend("x-protobuf-number" = 1))] b: String);
    kind!(reserved, #[schemars(extend("x-protobuf-number" = 19_000))] a: String);
    kind!(foreign, pod: Option<k8s_openapi::api::core::v1::PodSpec>);
}

#[test]
fn what_cannot_be_told_is_named() {
    let check = |got: Result<Codec, String>, want: &str| {
        let got = got.unwrap_err();
        assert!(got.starts_with(want), "{got}");
    };
    check(learn::<odd::nested::Odd>(), "spec.lists[] is a list in a list");
    check(learn::<odd::flat::Odd>(), "spec.a has no number");
    check(learn::<odd::twice::Odd>(), "spec has the number 1 twice");
    check(learn::<odd::reserved::Odd>(), "spec.a has a number that no field can have: 19000");
    check(learn::<odd::foreign::Odd>(), "spec.pod is io.k8s.api.core.v1.PodSpec, whose numbers");
}

#[test]
fn bad_bytes_in_the_words_of_go() {
    let codec = learn::<v2::Foo>().unwrap();
    let check = |bytes: &[u8], want: &str| {
        assert_eq!(codec.read(bytes), Err(Error::new(want)), "{bytes:x?}");
    };
    check(b"\x0a", "unexpected EOF");
    check(b"\x0a\x7f", "unexpected EOF");
    check(
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "proto: negative length found during unmarshaling",
    );
    check(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "proto: integer overflow");
    check(b"\x08\x01", "proto: wrong wireType = 0 for field ObjectMeta");
    check(b"\x00\x01", "proto: illegal tag 0 (wire type 0)");
    check(b"\x0e", "proto: illegal wireType 6");
    check(b"\x0c", "proto: wiretype end group for non-group");
    // A group and a field that nobody knows are passed over.
    assert_eq!(codec.read(b"\xfb\x07\x0b\x08\x01\x0c\xfc\x07\xf8\x07\x05"), codec.read(b""));
    let envelope = |bytes: &[u8]| envelope::open(bytes).unwrap_err().to_string();
    assert_eq!(envelope(b""), "empty data");
    assert_eq!(envelope(b"k8s\0"), "empty body");
    assert_eq!(
        envelope(b"{}"),
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    );
    assert_eq!(envelope(b"k8s\0\x0a\x05"), "unexpected EOF");
}

#[test]
fn memory_has_a_limit() {
    let codec = learn::<Zoo>().unwrap();
    // Animals of two bytes each, which take hundreds once they are read.
    let animals = [0x42, 0x00].repeat(1 << 20);
    let mut zoo = Vec::new();
    envelope::put_field(2, &animals, &mut zoo);
    let why = codec.read(&zoo).unwrap_err().to_string();
    assert!(why.contains("holds more than"), "{why}");
    let mut deep = Vec::new();
    for _ in 0..200 {
        let below = std::mem::take(&mut deep);
        envelope::put_field(3, &below, &mut deep);
    }
    let (mut animal, mut zoo) = (Vec::new(), Vec::new());
    envelope::put_field(8, &deep, &mut animal);
    envelope::put_field(2, &animal, &mut zoo);
    assert_eq!(codec.read(&zoo), Err(Error::new("proto: exceeded max depth")));
}
