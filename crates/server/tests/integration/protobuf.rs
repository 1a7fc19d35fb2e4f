//! Objects as protocol buffers, as a Go client asks for them and sends them.

use crate::harness::{Answer, Http, Served};
use crate::kinds::{TASKS, Task, WIDGETS, server, widget};
use http_body_util::BodyExt;
use pintle::StorageMediaType;
use pintle_meta::protobuf::{Codec, envelope, known, learn};
use serde_json::{Value, json};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const VERSION: &str = "test.example.com/v1";

/// A message in its envelope.
fn enclosed(kind: &str, api_version: &str, codec: &Codec, object: &Value) -> Vec<u8> {
    let (mut message, mut out) = (Vec::new(), Vec::new());
    codec.write(object, &mut message).unwrap();
    envelope::write(api_version, kind, &message, &mut out);
    out
}

fn task(name: &str, todo: &str) -> Vec<u8> {
    let task = json!({"metadata": {"name": name}, "spec": {"todo": todo}});
    enclosed("Task", VERSION, &learn::<Task>().unwrap(), &task)
}

/// What is in an envelope, with the kind and version that it names.
fn opened(bytes: &[u8], codec: &Codec) -> Value {
    let opened = envelope::open(bytes).unwrap();
    let mut value = codec.read(opened.raw).unwrap();
    value["kind"] = opened.kind.into();
    value["apiVersion"] = opened.api_version.into();
    value
}

async fn ask(served: &Served, line: &str, accept: &str) -> Answer {
    served.send_with(line, &[("accept", accept)], "").await
}

/// Asks for a document in both forms, which must say the same.
async fn check_same(served: &Served, path: &str, codec: &Codec) {
    let line = format!("GET {path}");
    let json = ask(served, &line, "application/json").await;
    let protobuf = ask(served, &line, PROTOBUF).await;
    assert_eq!(protobuf.header("content-type"), PROTOBUF, "{path}");
    assert_eq!(protobuf.code, json.code, "{path}");
    let kind = envelope::open(&protobuf.body).unwrap().kind;
    assert_eq!(kind, json.at("/kind"), "{path}");
    let got = opened(&protobuf.body, codec);
    let message = |value: &Value| enclosed(&kind, "", codec, value);
    assert_eq!(message(&got), message(&json.json()), "{path}");
}

#[tokio::test]
async fn objects_are_sent_and_answered() {
    let served = &Served::start(server()).await;
    let codec = &learn::<Task>().unwrap();
    let headers = [("content-type", PROTOBUF), ("accept", PROTOBUF)];
    let made = served.send_with(&format!("POST {TASKS}"), &headers, task("one", "dig")).await;
    assert_eq!(made.code, 201, "{:?}", opened(&made.body, &known::STATUS_CODEC));
    assert_eq!(made.header("content-type"), PROTOBUF);
    let mut object = opened(&made.body, codec);
    assert_eq!((&object["kind"], &object["spec"]["todo"]), (&json!("Task"), &json!("dig")));
    assert_ne!(object["metadata"]["uid"], "");
    object["spec"]["todo"] = "rest".into();
    let body = enclosed("Task", VERSION, codec, &object);
    let put = served.send_with(&format!("PUT {TASKS}/one"), &headers, body.clone()).await;
    assert_eq!((put.code, &opened(&put.body, codec)["spec"]["todo"]), (200, &json!("rest")));
    let late = served.send_with(&format!("PUT {TASKS}/one"), &headers, body).await;
    assert_eq!((late.code, &opened(&late.body, &known::STATUS_CODEC)["code"]), (409, &json!(409)));
    let patch = [("content-type", "application/merge-patch+json"), ("accept", PROTOBUF)];
    let status = format!("PATCH {TASKS}/one/status");
    let patched = served.send_with(&status, &patch, r#"{"status":{"phase":"Done"}}"#).await;
    assert_eq!(opened(&patched.body, codec)["status"], json!({"phase": "Done"}));
    for path in [format!("{TASKS}/one"), format!("{TASKS}/one/status")] {
        check_same(served, &path, codec).await;
    }
    check_same(served, &format!("{TASKS}/none"), &known::STATUS_CODEC).await;
    check_same(served, "/apis", known::codec("APIGroupList").unwrap()).await;
    check_same(served, "/apis/test.example.com", known::codec("APIGroup").unwrap()).await;
    let resources = known::codec("APIResourceList").unwrap();
    check_same(served, "/apis/test.example.com/v1", resources).await;
}

#[tokio::test]
async fn lists_and_metadata() {
    let served = &Served::start(server()).await;
    let headers = [("content-type", PROTOBUF)];
    for name in ["a", "b", "c"] {
        let made = served.send_with(&format!("POST {TASKS}"), &headers, task(name, "dig")).await;
        assert_eq!(made.code, 201);
    }
    let one = ask(served, &format!("GET {TASKS}/b"), PROTOBUF).await;
    let one = envelope::open(&one.body).unwrap().raw.to_vec();
    for path in [TASKS.to_owned(), format!("{TASKS}?limit=2")] {
        let list = ask(served, &format!("GET {path}"), PROTOBUF).await;
        let opened = envelope::open(&list.body).unwrap();
        assert_eq!((opened.kind.as_str(), opened.api_version.as_str()), ("TaskList", VERSION));
        let mut item = Vec::new();
        envelope::put_field(2, &one, &mut item);
        assert!(opened.raw.windows(item.len()).any(|at| at == item), "an item is an object");
        let metadata = &opened.raw[envelope::field(opened.raw, 1).unwrap()];
        let metadata = known::LIST_META_CODEC.read(metadata).unwrap();
        let json = ask(served, &format!("GET {path}"), "application/json").await.json();
        assert_eq!(metadata, json["metadata"], "{path}");
    }
    let partial = format!("{PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    let answer = ask(served, &format!("GET {TASKS}/b"), &partial).await;
    let object = opened(&answer.body, &known::PARTIAL_CODEC);
    assert_eq!(object["kind"], "PartialObjectMetadata");
    assert_eq!(object["metadata"]["name"], "b");
    let partial = format!("{PROTOBUF};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
    let answer = ask(served, &format!("GET {TASKS}"), &partial).await;
    assert_eq!(envelope::open(&answer.body).unwrap().kind, "PartialObjectMetadataList");
}

/// The type of each event, and the name of its object.
fn events(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let tasks = learn::<Task>().unwrap();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (event, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        bytes = rest;
        let kind = envelope::field(event, 1).unwrap();
        let object = &event[kind.end..];
        let object = &object[envelope::field(object, 2).unwrap()];
        let object = &object[envelope::field(object, 1).unwrap()];
        let kind_of = envelope::open(object).unwrap().kind;
        let object = opened(object, known::codec(&kind_of).unwrap_or(&tasks));
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        events.push((String::from_utf8(event[kind].to_vec()).unwrap(), name));
    }
    events
}

#[tokio::test]
async fn watches_are_framed() {
    let served = &Served::start(server()).await;
    let headers = [("content-type", PROTOBUF)];
    served.send_with(&format!("POST {TASKS}"), &headers, task("a", "dig")).await;
    let path = format!(
        "GET {TASKS}?watch=1&timeoutSeconds=2&allowWatchBookmarks=true&sendInitialEvents=true\
         &resourceVersionMatch=NotOlderThan"
    );
    let stream = format!("{PROTOBUF};stream=watch");
    let watch = served.open(Http::One, &path, &[("accept", PROTOBUF)], "").await;
    assert_eq!(watch.headers()["content-type"], stream);
    served.send_with(&format!("POST {TASKS}"), &headers, task("b", "dig")).await;
    served.send(&format!("DELETE {TASKS}/a"), "").await;
    let body = watch.into_body().collect().await.unwrap().to_bytes();
    let got = events(&body);
    let got: Vec<(&str, &str)> = got.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let want = [("ADDED", "a"), ("BOOKMARK", ""), ("ADDED", "b"), ("DELETED", "a")];
    assert_eq!(got[..4], want, "{got:?}");
    let past = ask(served, &format!("GET {TASKS}?watch=1&resourceVersion=999999"), PROTOBUF).await;
    assert_eq!(events(&past.body)[0].0, "ERROR");
}

#[tokio::test]
async fn options_of_a_deletion() {
    let served = &Served::start(server()).await;
    let headers = [("content-type", PROTOBUF), ("accept", PROTOBUF)];
    served.send_with(&format!("POST {TASKS}"), &headers, task("a", "dig")).await;
    let delete = async |options: Value, code| {
        let body = enclosed("DeleteOptions", VERSION, &known::DELETE_OPTIONS_CODEC, &options);
        let answer = served.send_with(&format!("DELETE {TASKS}/a"), &headers, body).await;
        let status = opened(&answer.body, &known::STATUS_CODEC);
        assert_eq!(answer.code, code, "{options}: {status}");
        assert_eq!(status["kind"], "Status");
    };
    delete(json!({"preconditions": {"uid": "other"}}), 409).await;
    delete(json!({"dryRun": ["All"]}), 200).await;
    delete(json!({"propagationPolicy": "Background", "gracePeriodSeconds": 0}), 200).await;
    delete(json!({}), 404).await;
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    let served = &Served::start(server()).await;
    served.send(&format!("POST {WIDGETS}"), widget("w", 1)).await;
    let check = async |line: &str, headers: &[(&str, &str)], body: &[u8], code, message: &str| {
        let answer = served.send_with(line, headers, body.to_vec()).await;
        let text = match envelope::is(&answer.body) {
            true => opened(&answer.body, &known::STATUS_CODEC)["message"].to_string(),
            false => answer.json()["message"].to_string(),
        };
        assert_eq!(answer.code, code, "{line} {text}");
        assert!(text.contains(message), "{line} {text}");
    };
    let (get, post) = (&*format!("GET {WIDGETS}/w"), &*format!("POST {TASKS}"));
    let accept = [("accept", PROTOBUF)];
    let why = "object Widget does not implement the protobuf marshalling interface and cannot be \
               encoded to a protobuf message";
    check(get, &accept, b"", 406, why).await;
    let both = format!("{PROTOBUF},application/json");
    let answer = ask(served, get, &both).await;
    assert_eq!((answer.code, answer.header("content-type")), (200, "application/json"));
    let table = format!("{PROTOBUF};as=Table;v=v1;g=meta.k8s.io");
    let why = "only the following media types are accepted";
    check(&format!("GET {TASKS}"), &[("accept", &table)], b"", 406, why).await;
    let sent = [("content-type", PROTOBUF)];
    let why = "the body of the request was in an unknown format";
    check(&format!("POST {WIDGETS}"), &sent, &task("a", ""), 415, why).await;
    let why = "expected prefix [107 56 115 0] ({}";
    check(post, &sent, b"{}", 400, why).await;
    let cut = &task("a", "dig")[..40];
    check(post, &sent, cut, 400, "(must be of type Task): unexpected EOF (6b38730").await;
    let mut lies = Vec::new();
    envelope::write(VERSION, "Task", b"\x0a\x7f", &mut lies);
    let why = r#"Task in version \"v1\" cannot be handled as a Task: unexpected EOF"#;
    check(post, &sent, &lies, 400, why).await;
    let other = enclosed("Task", "test.example.com/v9", &known::PARTIAL_CODEC, &json!({}));
    let why = r#"no kind \"Task\" is registered for version \"test.example.com/v9\""#;
    check(post, &sent, &other, 400, why).await;
}

#[tokio::test]
async fn what_is_stored_can_be_chosen() {
    use StorageMediaType::{Cbor, Json, Protobuf, Yaml};
    for media_type in [Json, Yaml, Protobuf, Cbor] {
        let served = &Served::start_with(server(), |options| {
            options.insecure_allow_all = true;
            options.stored.media_type = media_type;
            options.features.feature_gates = vec!["CBORServingAndStorage=true".parse().unwrap()];
        })
        .await;
        let headers = [("content-type", PROTOBUF)];
        served.send_with(&format!("POST {TASKS}"), &headers, task("a", "dig")).await;
        served.send(&format!("POST {WIDGETS}"), widget("w", 1)).await;
        for (path, at, want) in
            [(TASKS, "/items/0/spec/todo", "dig"), (WIDGETS, "/items/0/spec/size", "1")]
        {
            let list = ask(served, &format!("GET {path}"), "application/json").await;
            assert_eq!(list.at(at), want, "{media_type:?} {}", list.text());
        }
        let patch = [("content-type", "application/merge-patch+json")];
        let line = format!("PATCH {TASKS}/a");
        let patched = served.send_with(&line, &patch, r#"{"spec":{"todo":"rest"}}"#).await;
        assert_eq!(patched.at("/spec/todo"), "rest", "{media_type:?}");
    }
}
