//! The documents of a server like hello, compared with those that the Go server publishes.

use super::*;
use crate::catalog::{Resource, SchemaFn, Subresource};
use crate::discovery::etag::ETag;
use http::Request;
use http::StatusCode;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use std::collections::BTreeSet;

#[path = "tests/expected.rs"]
mod expected;
#[path = "tests/types.rs"]
mod types;

const NOW: &str = "2026-02-28T10:20:30Z";

pub(super) fn schema<T: JsonSchema>() -> Value {
    SchemaSettings::openapi3().into_generator().into_root_schema_for::<T>().to_value()
}

fn subresource(
    name: &str,
    gvk: [&str; 3],
    verbs: &[&'static str],
    schema: SchemaFn,
) -> Subresource {
    let [group, version, kind] = gvk.map(str::to_owned);
    Subresource {
        name: name.into(),
        group,
        version,
        kind,
        verbs: verbs.into(),
        schema,
        connect: None,
    }
}

fn version(name: &str, schema: SchemaFn, subresources: Vec<Subresource>) -> Version {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let foos = Resource {
        plural: "foos".into(),
        singular: "foo".into(),
        kind: "Foo".into(),
        list_kind: "FooList".into(),
        namespaced: true,
        short_names: vec!["fo".into()],
        categories: vec![],
        verbs: verbs.into(),
        stored_version: Some("v2".into()),
        subresources,
        schema,
    };
    Version { name: name.into(), resources: vec![foos] }
}

fn hello() -> Catalog {
    let base64 = || {
        let gvk = ["transformation.zeng.dev", "v1beta1", "Base64"];
        subresource("base64", gvk, &["create"], schema::<types::Base64>)
    };
    let change = ["get", "patch", "update"];
    let config = ["hello.zeng.dev", "v2", "Config"];
    let foo = ["hello.zeng.dev", "v2", "Foo"];
    let subresources = vec![
        base64(),
        subresource("config", config, &change, schema::<types::v2::Config>),
        subresource("status", foo, &change, schema::<types::v2::Foo>),
    ];
    let v1 = version("v1", schema::<types::v1::Foo>, vec![base64()]);
    let v2 = version("v2", schema::<types::v2::Foo>, subresources);
    Catalog {
        title: "hello.zeng.dev-server".into(),
        version: "0.1".into(),
        authenticated: false,
        cbor: false,
        groups: vec![Group { name: "hello.zeng.dev".into(), versions: vec![v2, v1] }],
    }
}

fn openapi() -> OpenApi {
    OpenApi::new(Arc::new(hello()))
}

fn ask(openapi: &OpenApi, path: &str, headers: &[(&str, &str)]) -> Option<Response<Bytes>> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    openapi.answer(&request.body(()).unwrap().into_parts().0, NOW.parse().unwrap())
}

fn document(openapi: &OpenApi, path: &str) -> Value {
    let response = ask(openapi, path, &[("accept", "application/json")]).unwrap();
    assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    serde_json::from_slice(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// The paths, methods and operations of a document, a line for each.
fn operations(document: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(id) = operation["operationId"].as_str() {
                lines.insert(format!("{path} {method} {id}"));
            }
        }
    }
    lines
}

/// Every reference that begins with `prefix` leads to one of the targets.
fn check_references(document: &Value, prefix: &str, targets: &Value) {
    let text = document.to_string();
    for target in text.split(&format!("\"{prefix}")).skip(1) {
        let target = target.split('"').next().unwrap();
        assert!(targets.get(target).is_some(), "nothing is at {prefix}{target}");
    }
}

#[test]
fn version_3_is_as_recorded() {
    let openapi = openapi();
    let check = |path: &str, wanted: &[&str], names: &[&str]| {
        let document = document(&openapi, &format!("/openapi/v3/{path}"));
        assert_eq!(document["openapi"], "3.0.0");
        assert_eq!(document["info"], json!({"title": "hello.zeng.dev-server", "version": "0.1"}));
        let schemas = &document["components"]["schemas"];
        check_references(&document, meta::COMPONENTS, schemas);
        let wanted: BTreeSet<_> = wanted.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(operations(&document), wanted, "{path}");
        assert_eq!(keys(schemas), expected::ours(names), "{path}");
    };
    check("apis/hello.zeng.dev/v1", expected::V1_OPERATIONS, expected::V1_SCHEMAS);
    check("apis/hello.zeng.dev/v2", expected::V2_OPERATIONS, expected::V2_SCHEMAS);
    check("apis", expected::GROUPS_OPERATIONS, expected::GROUPS_SCHEMAS);
    check("apis/hello.zeng.dev", expected::GROUP_OPERATIONS, expected::GROUP_SCHEMAS);
    check("version", expected::INFO_OPERATIONS, expected::INFO_SCHEMAS);
}

#[test]
fn version_2_is_as_recorded() {
    let document = document(&openapi(), "/openapi/v2");
    assert_eq!(document["swagger"], "2.0");
    check_references(&document, "#/definitions/", &document["definitions"]);
    check_references(&document, "#/parameters/", &document["parameters"]);
    let (mut wanted, mut names) = (BTreeSet::new(), Vec::new());
    for (operations, schemas) in [
        (expected::V1_OPERATIONS, expected::V1_SCHEMAS),
        (expected::V2_OPERATIONS, expected::V2_SCHEMAS),
        (expected::GROUPS_OPERATIONS, expected::GROUPS_SCHEMAS),
        (expected::GROUP_OPERATIONS, expected::GROUP_SCHEMAS),
        (expected::INFO_OPERATIONS, expected::INFO_SCHEMAS),
    ] {
        wanted.extend(operations.iter().map(|line| (*line).to_owned()));
        names.extend(schemas.iter().copied());
    }
    assert_eq!(operations(&document), wanted);
    assert_eq!(keys(&document["definitions"]), expected::ours(&names));
    let event = &document["definitions"]["io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"];
    assert_eq!(
        event["x-kubernetes-group-version-kind"],
        json!([
            meta::gvk("", "v1", "WatchEvent"),
            meta::gvk("hello.zeng.dev", "v1", "WatchEvent"),
            meta::gvk("hello.zeng.dev", "v2", "WatchEvent"),
            meta::gvk("transformation.zeng.dev", "v1beta1", "WatchEvent"),
        ])
    );
    let post = &document["paths"]["/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos"]["post"];
    assert_eq!(
        post["parameters"][0],
        json!({
            "name": "body", "in": "body", "required": true,
            "schema": {"$ref": "#/definitions/dev.zeng.hello.v2.Foo"},
        })
    );
    assert_eq!(post["consumes"], json!(["*/*"]));
    assert!(!document.to_string().contains("\"default\":"));
}

#[test]
fn kinds() {
    let document = document(&openapi(), "/openapi/v3/apis/hello.zeng.dev/v2");
    let schemas = &document["components"]["schemas"];
    let foo = &schemas["dev.zeng.hello.v2.Foo"];
    assert_eq!(foo["description"], "A Foo says hello.");
    assert_eq!(foo["type"], "object");
    assert_eq!(foo["required"], json!(["spec"]));
    let properties = keys(&foo["properties"]);
    let wanted = ["apiVersion", "kind", "metadata", "spec", "status"];
    assert_eq!(properties, wanted.map(str::to_owned).into());
    assert_eq!(
        foo["properties"]["metadata"],
        json!({"default": {}, "allOf": [meta::reference(&format!("{}ObjectMeta", meta::V1))]})
    );
    assert_eq!(foo[meta::GVK], json!([meta::gvk("hello.zeng.dev", "v2", "Foo")]));
    assert_eq!(foo["properties"]["status"], meta::reference("dev.zeng.hello.v2.FooStatus"));
    assert_eq!(
        schemas["dev.zeng.hello.v2.FooSpec"]["properties"]["config"],
        json!({
            "description": "Config is the configuration used by foo container",
            "allOf": [meta::reference("dev.zeng.hello.v2.FooConfig")],
        })
    );
    assert_eq!(
        schemas["dev.zeng.hello.v2.FooStatus"]["properties"],
        json!({
            "phase": {
                "description": "Where the Foo is in its lifecycle\n\nPossible enum values:\n \
                                - `\"Processing\"` Work is under way\n - `\"Ready\"` All is done",
                "type": "string",
                "enum": ["Processing", "Ready"],
            },
            "conditions": {
                "description": "The latest observations",
                "type": "array",
                "items": meta::reference("dev.zeng.hello.v2.FooCondition"),
                "x-kubernetes-patch-merge-key": "type",
                "x-kubernetes-patch-strategy": "merge",
            },
        })
    );
    // A spec of which nothing is required may be left out.
    let spec = "dev.zeng.transformation.v1beta1.Base64Spec";
    assert_eq!(
        schemas["dev.zeng.transformation.v1beta1.Base64"]["properties"]["spec"],
        json!({"default": {}, "allOf": [meta::reference(spec)]})
    );
    assert_eq!(foo["properties"]["spec"], meta::reference("dev.zeng.hello.v2.FooSpec"));
    let list = &schemas["dev.zeng.hello.v2.FooList"];
    assert_eq!(list["required"], json!(["items"]));
    assert_eq!(list[meta::GVK], json!([meta::gvk("hello.zeng.dev", "v2", "FooList")]));
}

#[test]
fn authenticated_servers_say_so() {
    let openapi = OpenApi::new(Arc::new(Catalog { authenticated: true, ..hello() }));
    let v3 = document(&openapi, "/openapi/v3/version");
    let unauthorized = json!({"description": "Unauthorized"});
    assert_eq!(v3["paths"]["/version/"]["get"]["responses"]["401"], unauthorized);
    assert_eq!(v3["security"], json!([{"BearerToken": []}]));
    assert_eq!(v3["components"]["securitySchemes"]["BearerToken"]["in"], "header");
    let v2 = document(&openapi, "/openapi/v2");
    assert_eq!(v2["paths"]["/version/"]["get"]["responses"]["401"], unauthorized);
    assert_eq!(v2["securityDefinitions"]["BearerToken"]["name"], "authorization");
}

#[test]
fn index_and_hashes() {
    let openapi = openapi();
    let index = document(&openapi, "/openapi/v3");
    let paths = index["paths"].as_object().unwrap();
    let wanted = [
        "apis",
        "apis/hello.zeng.dev",
        "apis/hello.zeng.dev/v1",
        "apis/hello.zeng.dev/v2",
        "version",
    ];
    assert_eq!(keys(&index["paths"]), wanted.map(str::to_owned).into());
    for (path, entry) in paths {
        let url = entry["serverRelativeURL"].as_str().unwrap();
        let current = ask(&openapi, url, &[]).unwrap();
        let etag = format!("\"{}\"", ETag::of(current.body()).hash());
        assert!(url.starts_with(&format!("/openapi/v3/{path}?hash={}", etag.trim_matches('"'))));
        assert_eq!(header(&current, "etag"), Some(&*etag));
        let vary: Vec<_> = current.headers().get_all("vary").iter().collect();
        assert_eq!(vary, ["Accept-Encoding", "Accept"]);
        assert_eq!(header(&current, "cache-control"), Some("public, immutable"));
        assert_eq!(header(&current, "expires"), Some("Sun, 28 Feb 2027 10:20:30 GMT"));

        let known = ask(&openapi, url, &[("if-none-match", &etag)]).unwrap();
        assert_eq!((known.status().as_u16(), known.body().len()), (304, 0));
        assert_eq!(header(&known, "etag"), Some(&*etag));

        let plain = ask(&openapi, &format!("/openapi/v3/{path}"), &[]).unwrap();
        assert_eq!(plain.body(), current.body());
        assert_eq!(header(&plain, "cache-control"), None);

        let stale = ask(&openapi, &format!("/openapi/v3/{path}?hash=0"), &[]).unwrap();
        assert_eq!(stale.status(), 301);
        assert_eq!(header(&stale, "location"), Some(url));
    }
}

#[test]
fn media_types() {
    let openapi = openapi();
    let check = |path: &str, accept: &str, want: Option<&str>| {
        let response = ask(&openapi, path, &[("accept", accept)]).unwrap();
        let status = if want.is_some() { 200 } else { 406 };
        assert_eq!(response.status(), status, "{path} {accept}");
        assert_eq!(header(&response, "content-type"), want, "{path} {accept}");
        let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
        assert_eq!(*vary.last().unwrap(), "Accept");
        response
    };
    const JSON: &str = "application/json";
    let json = check("/openapi/v2", "*/*", Some(JSON));
    let protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    let bytes = check("/openapi/v2", protobuf, Some(protobuf));
    check("/openapi/v2", &protobuf.replace("v2.v1", "v2@v1"), Some(protobuf));
    check("/openapi/v2", &format!("{protobuf};q=0.1,application/json"), Some(JSON));
    check("/openapi/v2", "text/html", None);
    check("/openapi/v3/version", "application/json", Some(JSON));
    assert_eq!(header(&json, "etag"), header(&bytes, "etag"));
    assert!(bytes.body().starts_with(b"\x0a\x032.0\x12"));
    let protobuf = protobuf.replace("v2", "v3");
    let json = check("/openapi/v3/version", "*/*", Some(JSON));
    let bytes = check("/openapi/v3/version", &protobuf, Some(&protobuf));
    check("/openapi/v3/version", &protobuf.replace("v3.v1", "v3@v1"), Some(&protobuf));
    assert_eq!(header(&json, "etag"), header(&bytes, "etag"));
    assert!(bytes.body().starts_with(b"\x0a\x053.0.0\x12"));
    check("/openapi/v3/version", "text/html", None);
}

#[test]
fn core_group() {
    let core = version("v1", schema::<types::v1::Foo>, vec![]);
    let groups = vec![Group { name: String::new(), versions: vec![core] }];
    let openapi = OpenApi::new(Arc::new(Catalog { groups, ..hello() }));
    let group = document(&openapi, "/openapi/v3/api");
    assert_eq!(operations(&group), ["/api/ get getCoreAPIVersions".to_owned()].into());
    let version = document(&openapi, "/openapi/v3/api/v1");
    let list = &version["paths"]["/api/v1/foos"]["get"];
    assert_eq!(list["operationId"], "listCoreV1FooForAllNamespaces");
    assert_eq!(list["tags"], json!(["core_v1"]));
    check_references(&version, meta::COMPONENTS, &version["components"]["schemas"]);
    let options = &version["components"]["schemas"][format!("{}DeleteOptions", meta::V1)];
    assert_eq!(options[meta::GVK], json!([meta::gvk("", "v1", "DeleteOptions")]));
}

#[test]
fn what_is_not_there() {
    let openapi = openapi();
    for path in ["/openapi", "/openapi/v1", "/x"] {
        assert!(ask(&openapi, path, &[]).is_none(), "{path}");
    }
    for path in ["/openapi/v3/", "/openapi/v3/api", "/openapi/v3/apis/x"] {
        let answer = ask(&openapi, path, &[]).unwrap();
        assert_eq!((answer.status(), answer.body().len()), (StatusCode::OK, 0), "{path}");
    }
}
