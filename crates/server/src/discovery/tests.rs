//! What the recorded Go server answers about itself, asked of the same catalog.

use super::*;
use crate::catalog::{Resource, Subresource, Version};
use http::Request;
use serde_json::{Value, json};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const AGGREGATED_BETA: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

fn subresource(name: &str, gvk: [&str; 3], verbs: &[&'static str]) -> Subresource {
    let [group, version, kind] = gvk.map(str::to_owned);
    Subresource {
        name: name.into(),
        group,
        version,
        kind,
        verbs: verbs.into(),
        schema: Value::default,
        connect: None,
    }
}

fn version(name: &str, subresources: Vec<Subresource>) -> Version {
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
        schema: Value::default,
    };
    Version { name: name.into(), resources: vec![foos] }
}

fn hello() -> Group {
    let base64 =
        || subresource("base64", ["transformation.zeng.dev", "v1beta1", "Base64"], &["create"]);
    let change = ["get", "patch", "update"];
    let config = subresource("config", ["hello.zeng.dev", "v2", "Config"], &change);
    let status = subresource("status", ["hello.zeng.dev", "v2", "Foo"], &change);
    let v2 = version("v2", vec![base64(), config, status]);
    Group { name: "hello.zeng.dev".into(), versions: vec![v2, version("v1", vec![base64()])] }
}

fn discovery(groups: Vec<Group>) -> Discovery {
    let (title, version) = ("hello.zeng.dev-server".into(), "0.1".into());
    Discovery::new(Arc::new(Catalog { title, version, authenticated: false, cbor: false, groups }))
}

fn ask(discovery: &Discovery, path: &str, headers: &[(&str, &str)]) -> Option<Response<Bytes>> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    discovery.answer(&request.body(()).unwrap().into_parts().0, ":16444")
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn check(discovery: &Discovery, path: &str, want: &Value) {
    let response = ask(discovery, path, &[("accept", "application/json")]).unwrap();
    assert_eq!(body(&response), *want, "{path}");
    assert!(response.body().ends_with(b"\n"));
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(!response.headers().contains_key("cache-control"));
}

#[test]
fn plain_documents() {
    let discovery = discovery(vec![hello()]);
    let versions = json!([
        {"groupVersion": "hello.zeng.dev/v2", "version": "v2"},
        {"groupVersion": "hello.zeng.dev/v1", "version": "v1"}
    ]);
    let preferred = json!({"groupVersion": "hello.zeng.dev/v2", "version": "v2"});
    let address = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": ":16444"}]);
    check(
        &discovery,
        "/apis",
        &json!({"kind": "APIGroupList", "groups": [{
            "name": "hello.zeng.dev", "versions": versions, "preferredVersion": preferred,
            "serverAddressByClientCIDRs": address,
        }]}),
    );
    let group = json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": "hello.zeng.dev",
        "versions": versions, "preferredVersion": preferred,
    });
    check(&discovery, "/apis/hello.zeng.dev", &group);
    check(&discovery, "/apis/hello.zeng.dev/", &group);
    let foos = json!({
        "name": "foos", "singularName": "foo", "namespaced": true, "kind": "Foo",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["fo"], "storageVersionHash": "m9DbXtigfRo=",
    });
    let base64 = json!({
        "name": "foos/base64", "singularName": "", "namespaced": true, "kind": "Base64",
        "group": "transformation.zeng.dev", "version": "v1beta1", "verbs": ["create"],
    });
    let change = |name: &str, kind: &str| {
        json!({
            "name": name, "singularName": "", "namespaced": true, "kind": kind,
            "verbs": ["get", "patch", "update"],
        })
    };
    check(
        &discovery,
        "/apis/hello.zeng.dev/v1",
        &json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "hello.zeng.dev/v1",
            "resources": [foos, base64],
        }),
    );
    check(
        &discovery,
        "/apis/hello.zeng.dev/v2",
        &json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "hello.zeng.dev/v2",
            "resources": [foos, base64, change("foos/config", "Config"), change("foos/status", "Foo")],
        }),
    );
}

#[test]
fn what_is_not_there() {
    let discovery = discovery(vec![hello()]);
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/apis/nope.example.com",
        "/apis/hello.zeng.dev/v9",
        "/apis/hello.zeng.dev/v2/foos",
        "/apis/hello.zeng.dev//",
    ] {
        assert!(ask(&discovery, path, &[]).is_none(), "{path}");
    }
}

#[test]
fn core_group() {
    let core = Group { name: String::new(), versions: vec![version("v1", vec![])] };
    let discovery = discovery(vec![core, hello()]);
    let address = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": ":16444"}]);
    let want = json!({
        "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address,
    });
    check(&discovery, "/api", &want);
    let v1 = body(&ask(&discovery, "/api/v1", &[]).unwrap());
    assert_eq!(v1["groupVersion"], "v1");
    let names = |path: &str| {
        let list = body(&ask(&discovery, path, &[("accept", AGGREGATED)]).unwrap());
        let items = list["items"].as_array().unwrap().clone();
        items.into_iter().map(|item| item["metadata"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("/api"), [json!({})]);
    assert_eq!(names("/apis"), [json!({"name": "hello.zeng.dev"})]);
}

#[test]
fn aggregated() {
    let discovery = discovery(vec![hello()]);
    let accept = format!("{AGGREGATED},{AGGREGATED_BETA},application/json");
    let response = ask(&discovery, "/apis", &[("accept", &accept)]).unwrap();
    let verbs =
        json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]);
    let change = json!(["get", "patch", "update"]);
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let base64 = json!({
        "subresource": "base64", "verbs": ["create"],
        "responseKind": kind("transformation.zeng.dev", "v1beta1", "Base64"),
    });
    let config = json!({
        "subresource": "config", "responseKind": kind("", "", "Config"), "verbs": change,
    });
    let status = json!({
        "subresource": "status", "responseKind": kind("", "", "Foo"), "verbs": change,
    });
    let version = |name: &str, subresources: &[&Value]| {
        json!({"version": name, "freshness": "Current", "resources": [{
            "resource": "foos", "responseKind": kind("", "", "Foo"), "scope": "Namespaced",
            "singularResource": "foo", "verbs": verbs, "shortNames": ["fo"],
            "subresources": subresources,
        }]})
    };
    let want = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": [{
            "metadata": {"name": "hello.zeng.dev"},
            "versions": [version("v2", &[&base64, &config, &status]), version("v1", &[&base64])],
        }],
    });
    assert_eq!(body(&response), want);
    let headers = response.headers();
    assert_eq!(headers["content-type"], AGGREGATED);
    assert_eq!(headers["vary"], "Accept");
    assert_eq!(headers["cache-control"], "public");
    let etag = headers["etag"].to_str().unwrap();
    assert_eq!(etag, format!("\"{}\"", ETag::of(response.body()).hash()));

    let known = ask(&discovery, "/apis", &[("accept", &accept), ("if-none-match", etag)]).unwrap();
    assert_eq!((known.status().as_u16(), known.body().len()), (304, 0));
    assert_eq!(known.headers()["etag"], etag);
}

#[test]
fn formats() {
    let discovery = discovery(vec![hello()]);
    let check = |accept: &str, want: Result<&str, &str>| {
        let response = ask(&discovery, "/apis", &[("accept", accept)]).unwrap();
        let content_type = response.headers()["content-type"].to_str().unwrap();
        if response.status() == 200 {
            assert_eq!(Ok(content_type), want, "{accept}");
        } else {
            let status = body(&response);
            assert_eq!(status["code"], 406);
            assert_eq!(Err(status["message"].as_str().unwrap()), want, "{accept}");
        }
    };
    check("*/*", Ok("application/json"));
    check("application/json", Ok("application/json"));
    check("text/html,application/xml;q=0.9,*/*;q=0.8", Ok("application/json"));
    check("application/vnd.kubernetes.protobuf,application/json", Ok(PROTOBUF));
    check(&format!("application/json;q=0.5,{AGGREGATED}"), Ok(AGGREGATED));
    check(&format!("application/json,{AGGREGATED}"), Ok("application/json"));
    check(&format!("{AGGREGATED_BETA},application/json"), Ok("application/json"));
    check(
        AGGREGATED_BETA,
        Err("only the following media types are accepted: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf"),
    );
    check(
        "text/plain",
        Err(
            "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf",
        ),
    );
    let group = ask(&discovery, "/apis/hello.zeng.dev", &[("accept", AGGREGATED)]).unwrap();
    assert_eq!(group.status(), 406);
}

#[test]
fn in_yaml() {
    let discovery = discovery(vec![hello()]);
    let accept = [("accept", "application/yaml")];
    let response = ask(&discovery, "/apis/hello.zeng.dev", &accept).unwrap();
    assert_eq!(response.headers()["content-type"], "application/yaml");
    let want = "apiVersion: v1\nkind: APIGroup\nname: hello.zeng.dev\n\
                preferredVersion:\n  groupVersion: hello.zeng.dev/v2\n  version: v2\n\
                versions:\n- groupVersion: hello.zeng.dev/v2\n  version: v2\n\
                - groupVersion: hello.zeng.dev/v1\n  version: v1\n";
    assert_eq!(response.body(), want);
    let accept = [("accept", &*AGGREGATED.replace("/json", "/yaml"))];
    let response = ask(&discovery, "/apis", &accept).unwrap();
    assert_eq!(response.headers()["content-type"], accept[0].1);
    assert!(response.body().starts_with(b"apiVersion: apidiscovery.k8s.io/v2\n"));
}

#[test]
fn for_people() {
    let discovery = discovery(vec![hello()]);
    let check = |path: &str, agent: &str, want: bool| {
        let response = ask(&discovery, path, &[("user-agent", agent)]).unwrap();
        assert_eq!(response.body().starts_with(b"{\n  \"kind\""), want, "{path} {agent}");
        assert_eq!(response.body().ends_with(b"\n"), !want, "{path} {agent}");
    };
    check("/apis", "kubectl/v1.33", false);
    check("/apis", "curl/8", true);
    check("/apis?pretty=false", "curl/8", false);
    check("/apis?pretty=true", "kubectl/v1.33", true);
}

#[test]
fn address_of_the_moment() {
    let discovery = discovery(vec![hello()]);
    let request = Request::get("/apis").body(()).unwrap().into_parts().0;
    for address in ["a:1", "b:2", "a:1"] {
        let answer = body(&discovery.answer(&request, address).unwrap());
        let groups = &answer["groups"][0]["serverAddressByClientCIDRs"][0];
        assert_eq!(groups["serverAddress"], address);
    }
}
