//! Objects that take time to go, and what becomes of those that they own.

use crate::harness::{Answer, Served};
use kube::CustomResource;
use pintle::k8s_openapi::jiff::Timestamp;
use pintle::{GarbageCollectionPolicy, Hub, Kind, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A Job ends in good order.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "deletion.example.com", version = "v1", kind = "Job", namespaced)]
struct JobSpec {
    /// Whether it has nothing to end.
    #[serde(default)]
    idle: bool,
}

impl Hub for Job {
    fn grace_period_seconds(&self, asked: Option<u32>) -> Option<u32> {
        (!self.spec.idle).then_some(asked.unwrap_or(30))
    }

    fn counts_generation() -> bool {
        true
    }
}

/// A Plan goes, and what was made of it stays.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "deletion.example.com", version = "v1", kind = "Plan", namespaced)]
struct PlanSpec {}

impl Hub for Plan {
    fn garbage_collection_policy() -> GarbageCollectionPolicy {
        GarbageCollectionPolicy::OrphanDependents
    }
}

/// A Leaf owns nothing.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "deletion.example.com", version = "v1", kind = "Leaf", namespaced)]
#[kube(plural = "leaves")]
struct LeafSpec {}

impl Hub for Leaf {
    fn garbage_collection_policy() -> GarbageCollectionPolicy {
        GarbageCollectionPolicy::Unsupported
    }
}

const ROOT: &str = "/apis/deletion.example.com/v1/namespaces/default";

fn server() -> Server {
    let (jobs, plans) = (Kind::<Job>::new(), Kind::<Plan>::new());
    Server::new("deletion").kind(jobs).kind(plans).kind(Kind::<Leaf>::new())
}

async fn create(served: &Served, plural: &str, name: &str, more: Value) {
    let mut object = json!({"metadata": {"name": name}, "spec": {}});
    for (key, value) in more.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
    object["metadata"]["name"] = name.into();
    let answer = served.send(&format!("POST {ROOT}/{plural}"), object.to_string()).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
}

async fn delete(served: &Served, what: &str, query: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    served.send(&format!("DELETE {ROOT}/{what}?{query}"), body).await
}

/// How long after its creation, which was a moment ago, an object is to be gone, in seconds.
fn left(answer: &Answer) -> i64 {
    let time = |name| answer.at(&format!("/metadata/{name}")).parse::<Timestamp>().unwrap();
    (time("deletionTimestamp") - time("creationTimestamp")).get_seconds()
}

#[tokio::test]
async fn an_object_gets_its_time() {
    let served = &Served::start(server()).await;
    let mut events = served.watch(&format!("{ROOT}/jobs?watch=true"), &[]).await;
    create(served, "jobs", "a", Value::Null).await;
    // Each deletion with what it asks for, and the code and the period that is left.
    for (query, body, code, period) in [
        ("dryRun=All", Value::Null, 200, "30"),
        ("gracePeriodSeconds=100", Value::Null, 200, "100"),
        ("gracePeriodSeconds=200", Value::Null, 200, "Success"),
        ("", Value::Null, 200, "Success"),
        ("orphanDependents=false", Value::Null, 202, "Success"),
        ("gracePeriodSeconds=1", json!({"gracePeriodSeconds": 50}), 200, "50"),
        ("", json!({"gracePeriodSeconds": -7}), 200, "1"),
        ("dryRun=All&gracePeriodSeconds=0", Value::Null, 200, "0"),
    ] {
        let answer = delete(served, "jobs/a", query, body.clone()).await;
        assert_eq!(answer.code, code, "{query} {body}: {}", answer.text());
        if period == "Success" {
            assert_eq!(answer.at("/status"), period, "{query} {body}");
            continue;
        }
        let shown = answer.at("/metadata/deletionGracePeriodSeconds");
        assert_eq!(shown, period, "{query} {body}: {}", answer.text());
        let (left, period) = (left(&answer), period.parse::<i64>().unwrap());
        assert!((left - period).abs() < 30, "{left} {period}");
        assert_eq!(answer.at("/metadata/generation"), "2");
    }
    // An update does not end it, nor does it give it more time.
    let mut job = served.send(&format!("GET {ROOT}/jobs/a"), "").await.json();
    job["metadata"]["labels"] = json!({"seen": "yes"});
    let answer = served.send(&format!("PUT {ROOT}/jobs/a"), job.to_string()).await;
    assert_eq!((answer.code, answer.at("/metadata/deletionGracePeriodSeconds")), (200, "1".into()));
    let answer = delete(served, "jobs/a", "gracePeriodSeconds=0", Value::Null).await;
    assert_eq!((answer.code, answer.at("/status")), (200, "Success".into()));
    assert_eq!(served.send(&format!("GET {ROOT}/jobs/a"), "").await.code, 404);
    // Whoever watches sees each mark, the last one too.
    let mut seen = Vec::new();
    for _ in 0..7 {
        let event = events.next().await.unwrap();
        let period = &event["object"]["metadata"]["deletionGracePeriodSeconds"];
        seen.push(format!("{} {period}", event["type"].as_str().unwrap()));
    }
    let want = ["ADDED null", "MODIFIED 100", "MODIFIED 50", "MODIFIED 1", "MODIFIED 1"];
    assert_eq!(seen[..5], want);
    assert_eq!(seen[5..], ["MODIFIED 0", "DELETED 0"]);
}

#[tokio::test]
async fn what_needs_no_time_goes_at_once() {
    let served = &Served::start(server()).await;
    create(served, "jobs", "idle", json!({"spec": {"idle": true}})).await;
    let answer = delete(served, "jobs/idle", "", Value::Null).await;
    assert_eq!((answer.code, answer.at("/status")), (200, "Success".into()));
    create(served, "jobs", "now", Value::Null).await;
    let answer = delete(served, "jobs/now", "gracePeriodSeconds=0", Value::Null).await;
    assert_eq!((answer.code, answer.at("/status")), (200, "Success".into()));
    // Finalizers hold it back all the same, and the last of them lets it go only when its time is over.
    create(served, "jobs", "held", json!({"metadata": {"finalizers": ["a.example.com/b"]}})).await;
    let answer = delete(served, "jobs/held", "gracePeriodSeconds=9", Value::Null).await;
    assert_eq!(answer.at("/metadata/deletionGracePeriodSeconds"), "9");
    let answer = delete(served, "jobs/held", "gracePeriodSeconds=0", Value::Null).await;
    assert_eq!(answer.at("/metadata/deletionGracePeriodSeconds"), "0");
    let patch = json!({"metadata": {"finalizers": null}}).to_string();
    let merge = [("content-type", "application/merge-patch+json")];
    let answer = served.send_with(&format!("PATCH {ROOT}/jobs/held"), &merge, patch).await;
    assert_eq!(answer.code, 200, "{}", answer.text());
    assert_eq!(served.send(&format!("GET {ROOT}/jobs/held"), "").await.code, 404);
}

#[tokio::test]
async fn a_kind_says_what_becomes_of_dependents() {
    let served = &Served::start(server()).await;
    for (plural, query, finalizers) in [
        ("plans", "", r#"["orphan"]"#),
        ("plans", "propagationPolicy=Orphan", r#"["orphan"]"#),
        ("plans", "propagationPolicy=Foreground", r#"["foregroundDeletion"]"#),
        ("plans", "propagationPolicy=Background", ""),
        ("plans", "orphanDependents=false", ""),
        ("leaves", "propagationPolicy=Orphan", ""),
        ("leaves", "propagationPolicy=Foreground", ""),
        ("jobs", "gracePeriodSeconds=0&orphanDependents=true", r#"["orphan"]"#),
        ("jobs", "gracePeriodSeconds=0&propagationPolicy=Background", ""),
    ] {
        create(served, plural, "a", Value::Null).await;
        let what = format!("{plural}/a");
        let answer = delete(served, &what, query, Value::Null).await;
        assert_eq!(answer.code, 200, "{what} {query}: {}", answer.text());
        assert_eq!(answer.at("/metadata/finalizers"), finalizers, "{what} {query}");
        let patch = json!({"metadata": {"finalizers": null}}).to_string();
        let merge = [("content-type", "application/merge-patch+json")];
        served.send_with(&format!("PATCH {ROOT}/{what}"), &merge, patch).await;
        assert_eq!(
            served.send(&format!("GET {ROOT}/{what}"), "").await.code,
            404,
            "{what} {query}"
        );
    }
}

#[tokio::test]
async fn without_a_collector_nothing_waits_for_it() {
    let served = &Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.stored.collects_garbage = false;
    })
    .await;
    for query in ["", "propagationPolicy=Orphan", "propagationPolicy=Foreground"] {
        create(served, "plans", "a", Value::Null).await;
        let answer = delete(served, "plans/a", query, Value::Null).await;
        assert_eq!((answer.code, answer.at("/status")), (200, "Success".into()), "{query}");
    }
}

#[tokio::test]
async fn a_collection_is_deleted_by_many_workers() {
    let served = &Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.stored.delete_collection_workers = 8;
    })
    .await;
    for i in 0..60 {
        create(served, "leaves", &format!("leaf-{i:02}"), Value::Null).await;
    }
    create(served, "leaves", "stays", json!({"metadata": {"finalizers": ["a.example.com/b"]}}))
        .await;
    let answer = delete(served, "leaves", "limit=20", Value::Null).await;
    let names: Vec<_> = answer.json()["items"].as_array().unwrap().iter().map(name).collect();
    let want: Vec<_> = (0..20).map(|i| format!("leaf-{i:02}")).collect();
    assert_eq!(names, want, "in the order of the list");
    let answer = delete(served, "leaves", "", Value::Null).await;
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 41);
    let rest = served.send(&format!("GET {ROOT}/leaves"), "").await.json();
    let rest: Vec<_> = rest["items"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(rest, ["stays"]);
    create(served, "jobs", "a", Value::Null).await;
    let answer = delete(served, "jobs", "", json!({"gracePeriodSeconds": 5})).await;
    assert_eq!(answer.code, 200);
    let answer = served.send(&format!("GET {ROOT}/jobs/a"), "").await;
    assert_eq!(answer.at("/metadata/deletionGracePeriodSeconds"), "5");
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}
