//! Stored values that cannot be decoded, and storages that are not there or come back as others.

use crate::harness::{Served, soon};
use crate::kinds::{WIDGETS, server, widget};
use pintle_storage::{Memory, Storage};
use std::time::Duration;

const KEY: &str = "/registry/test.example.com/widgets/default/broken";

/// What is asked after a value broke, and what is answered.
async fn check(served: &Served, line: &str, code: u16, pointer: &str, want: &str) {
    let answer = served.send(line, "").await;
    assert_eq!(answer.code, code, "{line}: {}", answer.text());
    let got = answer.at(pointer);
    assert!(got.contains(want), "{line}: {got}");
}

/// Waits until a line of the metrics says so.
async fn counted(served: &Served, want: &str) {
    soon(async {
        while !served.send("GET /metrics", "").await.text().lines().any(|line| line == want) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn one_broken_value_harms_no_other() {
    let storage = Memory::new();
    storage.create(KEY, "{".into()).await.unwrap();
    let served = Served::start(server().storage(storage.clone())).await;
    let answer = served.send(&format!("POST {WIDGETS}"), widget("well", 1)).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
    let made = answer.at("/metadata/resourceVersion");
    let elsewhere = "/apis/test.example.com/v1/namespaces/other/widgets";
    let label = r#"group="test.example.com",resource="widgets""#;
    let one = format!("apiserver_storage_decode_errors_total{{{label}}} 1");
    counted(&served, &one).await;
    let well = format!("GET {WIDGETS}/well");
    let broken = format!("GET {WIDGETS}/broken");
    let corrupt = format!(
        "Internal error occurred: StorageError: corrupt object, Code: 7, Key: {KEY}, \
         ResourceVersion: 0, AdditionalErrorMsg: object not decodable revision=2: "
    );
    for list in [WIDGETS, "/apis/test.example.com/v1/widgets"] {
        for query in ["", "?limit=1", "?resourceVersion=0", "?labelSelector=a%3Db"] {
            let line = format!("GET {list}{query}");
            check(&served, &line, 500, "/reason", "StorageReadError").await;
            let message = "failed to read one or more widgets.test.example.com from the storage";
            check(&served, &line, 500, "/message", message).await;
            check(&served, &line, 500, "/details/causes/0/field", KEY).await;
        }
    }
    check(&served, &format!("GET {elsewhere}"), 200, "/kind", "WidgetList").await;
    check(&served, &well, 200, "/spec/size", "1").await;
    check(&served, &broken, 500, "/message", &corrupt).await;
    check(&served, &format!("{broken}?resourceVersion=0"), 500, "/message", &corrupt).await;
    check(&served, &format!("DELETE {WIDGETS}/broken"), 500, "/message", &corrupt).await;

    // Healed by whoever wrote it: everything is served again, and a watch learns of it.
    let path = format!("{WIDGETS}?watch=true&timeoutSeconds=20&resourceVersion={made}");
    let mut events = served.watch(&path, &[]).await;
    let revision = storage.get(KEY).await.unwrap().item.unwrap().revision;
    storage.update(KEY, widget("broken", 3).into(), revision).await.unwrap();
    assert_eq!(events.brief().await, "ADDED broken");
    check(&served, &broken, 200, "/spec/size", "3").await;
    check(&served, &format!("GET {WIDGETS}"), 200, "/items/0/spec/size", "3").await;

    // Broken again: a watch cannot tell, so it ends, and a new one has to list first.
    let revision = storage.get(KEY).await.unwrap().item.unwrap().revision;
    storage.update(KEY, "[]".into(), revision).await.unwrap();
    let event = soon(events.next()).await.unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&"ERROR".into(), &410.into()));
    check(&served, &broken, 500, "/reason", "InternalError").await;
    check(&served, &well, 200, "/spec/size", "1").await;
    let revision = storage.get(KEY).await.unwrap().item.unwrap().revision;
    storage.delete(KEY, revision).await.unwrap();
    check(&served, &broken, 404, "/reason", "NotFound").await;
    check(&served, &format!("GET {WIDGETS}"), 200, "/items/0/metadata/name", "well").await;
    served.stop().await;
}
