//! Objects through their life: names, status, finalizers, preconditions, and what a kind allows.

use crate::harness::{Answer, Served};
use crate::kinds::{NOTES, TASKS, WIDGETS, server, widget};
use serde_json::{Value, json};

const MERGE: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];

/// Sends a JSON value; a PATCH is a merge patch.
async fn send(served: &Served, line: &str, body: &Value) -> Answer {
    let headers = if line.starts_with("PATCH") { &MERGE[..] } else { &[] };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    served.send_with(line, headers, body).await
}

/// Sends a JSON value, and checks the code and what is at some places of the answer.
async fn check(
    served: &Served,
    line: &str,
    body: Value,
    code: u16,
    wants: &[(&str, &str)],
) -> Answer {
    let answer = send(served, line, &body).await;
    assert_eq!(answer.code, code, "{line} {body}: {}", answer.text());
    for (pointer, want) in wants {
        assert_eq!(answer.at(pointer), *want, "{line} {body} {pointer}: {}", answer.text());
    }
    answer
}

fn task(name: &str, todo: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "test.example.com/v1", "kind": "Task", "metadata": {"name": name},
        "spec": {"todo": todo}, "status": {"phase": phase},
    })
}

fn note(name: &str, text: &str) -> Value {
    json!({
        "apiVersion": "test.example.com/v1", "kind": "Note", "metadata": {"name": name},
        "spec": {"text": text},
    })
}

fn with(mut object: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[key] = value.into();
    object
}

#[tokio::test]
async fn status_and_object_are_written_apart() {
    let served = &Served::start(server()).await;
    let one = &format!("{TASKS}/one");
    let status = &format!("{TASKS}/one/status");
    let made = task("one", "dig", "Done");
    check(served, &format!("POST {TASKS}"), made, 201, &[("/spec/todo", "dig"), ("/status", "")])
        .await;
    let read = check(served, &format!("GET {status}"), Value::Null, 200, &[("/status", "")]).await;

    // A write to the status leaves the rest as it is.
    let version = read.at("/metadata/resourceVersion");
    let sent = with(task("one", "sleep", "Running"), "/metadata/resourceVersion", version);
    let wants = [("/spec/todo", "dig"), ("/status/phase", "Running")];
    let written = check(served, &format!("PUT {status}"), sent, 200, &wants).await;

    // A write to the object leaves the status as it is.
    let version = written.at("/metadata/resourceVersion");
    let sent = with(task("one", "rest", "Lost"), "/metadata/resourceVersion", version.clone());
    let wants = [("/spec/todo", "rest"), ("/status/phase", "Running")];
    check(served, &format!("PUT {one}"), sent.clone(), 200, &wants).await;
    check(served, &format!("PUT {one}"), sent, 409, &[("/reason", "Conflict")]).await;

    let both = json!({"spec": {"todo": "patched"}, "status": {"phase": "Patched"}});
    let wants = [("/spec/todo", "patched"), ("/status/phase", "Running")];
    check(served, &format!("PATCH {one}"), both.clone(), 200, &wants).await;
    let both = with(both, "/spec/todo", "not this");
    let wants = [("/spec/todo", "patched"), ("/status/phase", "Patched")];
    check(served, &format!("PATCH {status}"), both, 200, &wants).await;
    check(served, &format!("GET {one}"), Value::Null, 200, &wants).await;

    // The status is only written: it is not made and not deleted.
    check(served, &format!("POST {status}"), task("one", "", ""), 405, &[]).await;
    check(served, &format!("DELETE {status}"), Value::Null, 405, &[]).await;
    let missing = format!("PUT {TASKS}/none/status");
    check(served, &missing, task("none", "", ""), 404, &[("/reason", "NotFound")]).await;
    // A kind without a status has no such path.
    check(served, &format!("GET {WIDGETS}/x/status"), Value::Null, 404, &[]).await;
}

#[tokio::test]
async fn names_are_generated_when_asked_for() {
    let served = &Served::start(server()).await;
    let create = &format!("POST {TASKS}");
    let mut object = task("", "dig", "");
    object["metadata"] = json!({"generateName": "dig-"});
    let mut names = Vec::new();
    for _ in 0..5 {
        let answer = check(served, create, object.clone(), 201, &[]).await;
        let name = answer.at("/metadata/name");
        let suffix = name.strip_prefix("dig-").unwrap();
        assert_eq!(suffix.len(), 5, "{name}");
        assert_eq!(answer.at("/metadata/generateName"), "dig-");
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "{names:?}");
    // A name wins.
    object["metadata"] = json!({"generateName": "dig-", "name": "chosen"});
    check(served, create, object.clone(), 201, &[("/metadata/name", "chosen")]).await;
    check(served, create, object.clone(), 409, &[("/reason", "AlreadyExists")]).await;
    // Neither, or one that makes no name, is refused.
    object["metadata"] = json!({});
    check(served, create, object.clone(), 422, &[("/reason", "Invalid")]).await;
    object["metadata"] = json!({"generateName": "Dig!"});
    check(served, create, object, 422, &[("/reason", "Invalid")]).await;
}

#[tokio::test]
async fn finalizers_are_waited_for() {
    let served = &Served::start(server()).await;
    let one = &format!("{TASKS}/one");
    let object = with(task("one", "dig", ""), "/metadata/finalizers", json!(["example.com/hold"]));
    check(served, &format!("POST {TASKS}"), object, 201, &[]).await;
    let marked = check(served, &format!("DELETE {one}"), Value::Null, 200, &[]).await;
    assert_ne!(marked.at("/metadata/deletionTimestamp"), "");
    assert_eq!(marked.at("/metadata/deletionGracePeriodSeconds"), "0");
    // A second deletion changes nothing, the spec can still be written, new finalizers cannot.
    let version = marked.at("/metadata/resourceVersion");
    let same = [("/metadata/resourceVersion", version.as_str())];
    check(served, &format!("DELETE {one}"), Value::Null, 200, &same).await;
    check(served, &format!("PATCH {one}"), json!({"spec": {"todo": "x"}}), 200, &[]).await;
    let more = json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}});
    check(served, &format!("PATCH {one}"), more, 422, &[("/reason", "Invalid")]).await;
    // The mark cannot be taken back.
    let unmark = json!({"metadata": {"deletionTimestamp": null}});
    let answer = check(served, &format!("PATCH {one}"), unmark, 200, &[]).await;
    assert_ne!(answer.at("/metadata/deletionTimestamp"), "");
    check(served, &format!("GET {one}"), Value::Null, 200, &[]).await;
    let release = json!({"metadata": {"finalizers": null}});
    check(served, &format!("PATCH {one}"), release, 200, &[("/metadata/name", "one")]).await;
    check(served, &format!("GET {one}"), Value::Null, 404, &[("/reason", "NotFound")]).await;
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let served = &Served::start(server()).await;
    let one = &format!("{TASKS}/one");
    let create = format!("POST {TASKS}?dryRun=All");
    let dry = check(served, &create, task("one", "dig", ""), 201, &[("/spec/todo", "dig")]).await;
    assert_eq!(dry.at("/metadata/resourceVersion"), "", "nothing was stored");
    assert_ne!(dry.at("/metadata/uid"), "");
    check(served, &format!("GET {one}"), Value::Null, 404, &[]).await;
    check(served, &format!("POST {TASKS}"), task("one", "dig", ""), 201, &[]).await;
    check(served, &create, task("one", "dig", ""), 409, &[("/reason", "AlreadyExists")]).await;
    let before = check(served, &format!("GET {one}"), Value::Null, 200, &[]).await;

    let version = before.at("/metadata/resourceVersion");
    let sent = with(task("one", "dry", ""), "/metadata/resourceVersion", version);
    let wants = [("/spec/todo", "dry")];
    check(served, &format!("PUT {one}?dryRun=All"), sent, 200, &wants).await;
    let patch = json!({"spec": {"todo": "dry"}});
    check(served, &format!("PATCH {one}?dryRun=All"), patch, 200, &wants).await;
    check(served, &format!("DELETE {one}?dryRun=All"), Value::Null, 200, &[]).await;
    check(served, &format!("DELETE {TASKS}?dryRun=All"), Value::Null, 200, &[]).await;
    let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]});
    check(served, &format!("DELETE {one}"), body, 200, &[]).await;
    check(served, &format!("DELETE {TASKS}?dryRun=Some"), Value::Null, 422, &[]).await;
    check(served, &format!("POST {TASKS}?dryRun=Some"), task("two", "", ""), 422, &[]).await;
    let after = check(served, &format!("GET {one}"), Value::Null, 200, &[]).await;
    assert_eq!(after.body, before.body);
}

#[tokio::test]
async fn a_deletion_may_have_preconditions() {
    let served = &Served::start(server()).await;
    let one = &format!("{TASKS}/one");
    let made = check(served, &format!("POST {TASKS}"), task("one", "dig", ""), 201, &[]).await;
    let options = |preconditions: Value| json!({"preconditions": preconditions});
    for wrong in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let wants = [("/reason", "Conflict")];
        check(served, &format!("DELETE {one}"), options(wrong), 409, &wants).await;
    }
    let wrong = with(task("one", "x", ""), "/metadata/uid", "other");
    check(served, &format!("PUT {one}"), wrong, 409, &[("/reason", "Conflict")]).await;
    let right = json!({
        "uid": made.at("/metadata/uid"), "resourceVersion": made.at("/metadata/resourceVersion"),
    });
    let gone = check(served, &format!("DELETE {one}"), options(right), 200, &[]).await;
    assert_eq!(gone.at("/status"), "Success");
    assert_eq!(gone.at("/details/uid"), made.at("/metadata/uid"));
    check(served, &format!("DELETE {one}"), Value::Null, 404, &[("/reason", "NotFound")]).await;
}

#[tokio::test]
async fn what_a_kind_allows_is_up_to_it() {
    let served = &Served::start(server()).await;
    // Notes may be created by an update, and updated without a resource version.
    let one = &format!("{NOTES}/one");
    check(served, &format!("PUT {one}"), note("one", "a"), 201, &[("/spec/text", "a")]).await;
    check(served, &format!("PUT {one}"), note("one", "b"), 200, &[("/spec/text", "b")]).await;
    let old = with(note("one", "c"), "/metadata/resourceVersion", "1");
    check(served, &format!("PUT {one}"), old, 409, &[("/reason", "Conflict")]).await;
    check(served, &format!("PUT {NOTES}/dry?dryRun=All"), note("dry", ""), 201, &[]).await;
    check(served, &format!("GET {NOTES}/dry"), Value::Null, 404, &[]).await;
    check(served, &format!("PATCH {NOTES}/none"), json!({}), 404, &[]).await;
    // A note lives in no namespace.
    let in_namespace = "/apis/test.example.com/v1/namespaces/default/notes";
    check(served, &format!("GET {in_namespace}"), Value::Null, 404, &[]).await;
    let lost = with(note("two", ""), "/metadata/namespace", "default");
    check(served, &format!("POST {NOTES}"), lost, 201, &[("/metadata/namespace", "")]).await;
    // A widget lives in one, which must be that of the path.
    let sent: Value = serde_json::from_str(&widget("w", 1)).unwrap();
    let elsewhere = with(sent, "/metadata/namespace", "other");
    check(served, &format!("POST {WIDGETS}"), elsewhere, 400, &[("/reason", "BadRequest")]).await;
    // Widgets may do neither.
    let sent: Value = serde_json::from_str(&widget("w", 1)).unwrap();
    let at = &format!("{WIDGETS}/w");
    check(served, &format!("PUT {at}"), sent.clone(), 404, &[("/reason", "NotFound")]).await;
    check(served, &format!("POST {WIDGETS}"), sent.clone(), 201, &[]).await;
    let wants = [("/details/causes/0/field", "metadata.resourceVersion")];
    check(served, &format!("PUT {at}"), sent, 422, &wants).await;
}
