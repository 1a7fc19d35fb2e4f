//! CBOR, as a Go client with the feature asks for it and sends it.

use crate::harness::{Answer, Http, Served};
use crate::kinds::{TASKS, WIDGETS, server};
use http_body_util::BodyExt;
use pintle_meta::cbor;
use serde_json::{Value, json};

const CBOR: &str = "application/cbor";
const APPLY: &str = "application/apply-patch+cbor";

async fn start() -> Served {
    Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.features.feature_gates = vec!["CBORServingAndStorage=true".parse().unwrap()];
    })
    .await
}

fn widget(name: &str) -> Value {
    json!({
        "apiVersion": "test.example.com/v1", "kind": "Widget",
        "metadata": {"name": name}, "spec": {"size": 1},
    })
}

async fn ask(served: &Served, line: &str, accept: &str) -> Answer {
    served.send_with(line, &[("accept", accept)], "").await
}

async fn send(served: &Served, line: &str, content_type: &str, body: Vec<u8>) -> Answer {
    served.send_with(line, &[("content-type", content_type), ("accept", CBOR)], body).await
}

/// An answer in CBOR, with this code.
fn read(answer: &Answer, code: u16) -> Value {
    assert_eq!((answer.code, answer.header("content-type")), (code, CBOR), "{:?}", answer.body);
    assert!(cbor::is_cbor(&answer.body));
    cbor::decode(&answer.body).unwrap()
}

#[tokio::test]
async fn every_verb() {
    let served = &start().await;
    for name in ["a", "b", "c"] {
        let made =
            send(served, &format!("POST {WIDGETS}"), CBOR, cbor::encode(&widget(name))).await;
        assert_eq!(read(&made, 201)["metadata"]["name"], name);
    }
    let mut object = read(&ask(served, &format!("GET {WIDGETS}/a"), CBOR).await, 200);
    object["spec"]["size"] = 2.into();
    let put = send(served, &format!("PUT {WIDGETS}/a"), CBOR, cbor::encode(&object)).await;
    assert_eq!(read(&put, 200)["spec"]["size"], 2);
    let conflict = send(served, &format!("PUT {WIDGETS}/a"), CBOR, cbor::encode(&object)).await;
    assert_eq!(read(&conflict, 409)["reason"], "Conflict");

    let applied = json!({
        "apiVersion": "test.example.com/v1", "kind": "Widget", "spec": {"size": 3},
    });
    let line = format!("PATCH {WIDGETS}/a?fieldManager=m&force=true");
    let answer = send(served, &line, APPLY, cbor::encode(&applied)).await;
    assert_eq!(read(&answer, 200)["spec"]["size"], 3);
    let line = format!("PATCH {WIDGETS}/a");
    let answer = send(served, &line, "application/merge-patch+json", b"{}".to_vec()).await;
    read(&answer, 200);
    let answer = send(served, &line, CBOR, b"\xa0".to_vec()).await;
    assert_eq!(answer.code, 415);

    // A list and its page, metadata alone and errors say the same in CBOR and in JSON.
    let partial = ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let partials = ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    for (path, transform) in [
        (WIDGETS.to_owned(), ""),
        (format!("{WIDGETS}?limit=2"), ""),
        (format!("{WIDGETS}?labelSelector=none"), ""),
        (format!("{WIDGETS}/a"), ""),
        (format!("{WIDGETS}/none"), ""),
        (format!("{WIDGETS}/a"), partial),
        (WIDGETS.to_owned(), partials),
        (format!("{WIDGETS}?labelSelector=none"), partials),
        (format!("{WIDGETS}/a"), partials),
    ] {
        let line = format!("GET {path}");
        let in_json = ask(served, &line, &format!("application/json{transform}")).await;
        let in_cbor = ask(served, &line, &format!("{CBOR}{transform}")).await;
        assert_eq!(in_cbor.code, in_json.code, "{line}");
        let cbor = cbor::decode(&in_cbor.body).unwrap_or_else(|_| in_cbor.json());
        assert_eq!(cbor, in_json.json(), "{line}{transform}");
    }

    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]});
    let line = format!("DELETE {WIDGETS}/a");
    read(&send(served, &line, CBOR, cbor::encode(&options)).await, 200);
    read(&send(served, &line, CBOR, cbor::encode(&json!({}))).await, 200);
    assert_eq!(read(&send(served, &line, CBOR, Vec::new()).await, 404)["code"], 404);
}

#[tokio::test]
async fn watches_are_sequences() {
    let served = &start().await;
    send(served, &format!("POST {WIDGETS}"), CBOR, cbor::encode(&widget("a"))).await;
    let path = format!(
        "GET {WIDGETS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true\
         &resourceVersionMatch=NotOlderThan"
    );
    let watch = served.open(Http::One, &path, &[("accept", CBOR)], "").await;
    assert_eq!(watch.headers()["content-type"], "application/cbor-seq");
    send(served, &format!("POST {WIDGETS}"), CBOR, cbor::encode(&widget("b"))).await;
    let body = watch.into_body().collect().await.unwrap().to_bytes();
    let (mut rest, mut got) = (&body[..], Vec::new());
    while !rest.is_empty() {
        let (event, more) = rest.split_at(cbor::first_length(rest).unwrap());
        rest = more;
        // The object is a document within the document.
        let magic = event.windows(3).filter(|window| *window == cbor::MAGIC).count();
        assert_eq!(magic, 2);
        let event = cbor::decode(event).unwrap();
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
        got.push(format!("{} {name}", event["type"].as_str().unwrap()));
    }
    assert_eq!(got[..3], ["ADDED a", "BOOKMARK ", "ADDED b"], "{got:?}");
    let past = ask(served, &format!("GET {WIDGETS}?watch=1&resourceVersion=999999"), CBOR).await;
    assert_eq!(cbor::decode(&past.body).unwrap()["object"]["code"], 410);
}

#[tokio::test]
async fn bad_bodies() {
    let served = &start().await;
    let check = async |line: &str, content_type: &str, body: &[u8], code: u16, want: &str| {
        let answer = send(served, line, content_type, body.to_vec()).await;
        let status = cbor::decode(&answer.body).unwrap_or_else(|_| answer.json());
        let message = status["message"].as_str().unwrap_or_default();
        assert_eq!((answer.code, message), (code, want), "{body:?}");
    };
    let post = &format!("POST {WIDGETS}");
    let start = "the object provided is unrecognized (must be of type Widget): unable to determine \
                 group/version/kind: ";
    for (body, why) in [
        (&b""[..], "EOF (<empty>)"),
        (b"\xd9\xd9\xf7", "unexpected EOF (d9d9f7)"),
        (b"\xa1\x44kind", "unexpected EOF (a1446b696e64)"),
        (b"\x01", "cbor: cannot unmarshal positive integer into Go value of type v1.TypeMeta (01)"),
        (b"\xff", "cbor: unexpected \"break\" code (ff)"),
        (
            b"\xa2\x41a\x01\x41a\x02",
            "cbor: found duplicate map key \"a\" at map element index 1 (a2416101416102)",
        ),
        (
            b"\xa1\x44kind\x01",
            "cbor: cannot unmarshal positive integer into Go struct field v1.TypeMeta.kind of type \
             string (a1446b696e6401)",
        ),
        (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected EOF (9bffffffffffffffff)"),
    ] {
        check(post, CBOR, body, 400, &format!("{start}{why}")).await;
    }
    let delete = &format!("DELETE {WIDGETS}/a");
    let why = "unable to determine group/version/kind: cbor: cannot unmarshal positive integer into \
               Go value of type v1.TypeMeta";
    check(delete, CBOR, b"\x01", 400, why).await;
    let apply = &format!("PATCH {WIDGETS}/a?fieldManager=m");
    check(apply, APPLY, b"", 400, "error decoding YAML: EOF").await;
    let why = "error decoding YAML: cbor: cannot unmarshal array into Go value of type \
               map[string]interface {}";
    check(apply, APPLY, b"\x80", 400, why).await;
    let types = "application/json, application/yaml, application/vnd.kubernetes.protobuf, \
                 application/cbor";
    let why = format!(
        "the body of the request was in an unknown format - accepted media types include: {types}"
    );
    check(post, "text/csv", b"", 415, &why).await;
    let mut unknown = widget("u");
    unknown["spec"]["nothing"] = 1.into();
    let strict = &format!("{post}?fieldValidation=Strict");
    let why = "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown \
               field \"spec.nothing\"";
    check(strict, CBOR, &cbor::encode(&unknown), 400, why).await;
    let warned = send(served, post, CBOR, cbor::encode(&unknown)).await;
    assert_eq!(warned.header("warning"), "299 - \"unknown field \\\"spec.nothing\\\"\"");
}

#[tokio::test]
async fn what_is_told_of_it() {
    let served = &start().await;
    let types = "application/json, application/yaml, application/vnd.kubernetes.protobuf, \
                 application/cbor";
    let line = format!("GET {WIDGETS}");
    let table = ask(served, &line, "application/cbor;as=Table;v=v1;g=meta.k8s.io").await;
    let accepted = format!("only the following media types are accepted: {types}");
    assert_eq!(table.at("/message"), accepted);
    let list = ask(served, &format!("GET {WIDGETS}"), "text/csv").await;
    let streams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch, \
                   application/cbor-seq";
    let available = format!("406: Not Acceptable\n\nAvailable representations: {types}, {streams}");
    assert_eq!(list.at("/message"), available);
    let version = ask(served, "GET /apis/test.example.com/v1", CBOR).await;
    assert_eq!(read(&version, 200)["kind"], "APIResourceList");
    assert_eq!(ask(served, "GET /apis", CBOR).await.code, 406);
    let openapi = ask(served, "GET /openapi/v3/apis/test.example.com/v1", "application/json").await;
    let path = WIDGETS.replace("default", "{namespace}");
    let collection = &openapi.json()["paths"][&path];
    let formats = collection["get"]["responses"]["200"]["content"].clone();
    assert!(formats[CBOR].is_object() && formats["application/cbor-seq"].is_object());
    let item = &openapi.json()["paths"][format!("{path}/{{name}}")];
    assert!(item["patch"]["requestBody"]["content"][APPLY].is_object());
}

#[tokio::test]
async fn without_the_feature() {
    let served = &Served::start(server()).await;
    let body = cbor::encode(&widget("a"));
    let line = format!("POST {WIDGETS}");
    let answer = send(served, &line, CBOR, body.clone()).await;
    assert_eq!(answer.code, 406);
    let answer = served.send_with(&line, &[("content-type", CBOR)], body.clone()).await;
    assert_eq!(answer.code, 415);
    let line = format!("PATCH {WIDGETS}/a?fieldManager=m");
    assert_eq!(served.send_with(&line, &[("content-type", APPLY)], body).await.code, 415);
    let fallback = "application/cbor, application/json";
    let answer = ask(served, &format!("GET {TASKS}"), fallback).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let openapi = ask(served, "GET /openapi/v2", "application/json").await;
    assert!(!openapi.text().contains("cbor"));
}
