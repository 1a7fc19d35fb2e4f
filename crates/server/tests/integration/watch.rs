//! Watches: what they start with, what they see, and how they end.

use crate::harness::soon;
use crate::harness::{Served, brief};
use crate::kinds::{TASKS, WIDGETS, colored, server, widget};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MERGE: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];

async fn create(served: &Served, body: String) -> String {
    let answer = served.send(&format!("POST {WIDGETS}"), body).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
    answer.at("/metadata/resourceVersion")
}

async fn paint(served: &Served, name: &str, color: &str) {
    let body = format!(r#"{{"metadata":{{"labels":{{"color":"{color}"}}}}}}"#);
    let answer = served.send_with(&format!("PATCH {WIDGETS}/{name}"), &MERGE, body).await;
    assert_eq!(answer.code, 200, "{}", answer.text());
}

async fn delete(served: &Served, name: &str) {
    let answer = served.send(&format!("DELETE {WIDGETS}/{name}"), "").await;
    assert_eq!(answer.code, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_watch_shows_what_its_selection_sees() {
    async fn check(served: &Served, query: &str, want: &[&str]) {
        let mut events =
            served.watch(&format!("{WIDGETS}?watch=true&timeoutSeconds=1{query}"), &[]).await;
        assert_eq!(events.rest().await, want, "{query}");
    }
    let served = Served::start(server()).await;
    let list = served.send(&format!("GET {WIDGETS}"), "").await;
    let start = list.at("/metadata/resourceVersion");
    create(&served, colored("a", "red")).await;
    paint(&served, "a", "blue").await;
    create(&served, colored("b", "red")).await;
    paint(&served, "a", "red").await;
    paint(&served, "a", "green").await;
    delete(&served, "b").await;
    let everything = ["ADDED a", "MODIFIED a", "ADDED b", "MODIFIED a", "MODIFIED a", "DELETED b"];
    let red = ["ADDED a", "DELETED a", "ADDED b", "ADDED a", "DELETED a", "DELETED b"];
    let only_b = ["ADDED b", "DELETED b"];
    let after = |query: &str| format!("&resourceVersion={start}{query}");
    check(&served, &after(""), &everything).await;
    check(&served, &after("&labelSelector=color%3Dred"), &red).await;
    check(
        &served,
        &after("&labelSelector=color+in+(red,blue)"),
        &["ADDED a", "MODIFIED a", "ADDED b", "MODIFIED a", "DELETED a", "DELETED b"],
    )
    .await;
    check(&served, &after("&labelSelector=!color"), &[]).await;
    check(&served, &after("&fieldSelector=metadata.name%3Db"), &only_b).await;
    check(&served, &after("&fieldSelector=metadata.namespace%3Dother"), &[]).await;
    check(&served, "", &["ADDED a"]).await;
    check(&served, "&resourceVersion=0", &["ADDED a"]).await;
    check(&served, "&labelSelector=color%3Dred", &[]).await;
    served.stop().await;
}

/// A client that does not read what it watches fills what lies between it and the server, and no
/// more: it is told that it has missed something, after what it has not missed, and nobody else is.
#[tokio::test]
async fn a_client_that_does_not_read_is_told_so_and_harms_nobody() {
    const CHANGES: usize = 1_500;
    const BYTES: usize = 20_000;
    const HISTORY_BYTES: usize = 1 << 20;
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.stored.watch_cache_history_bytes = HISTORY_BYTES;
    })
    .await;
    let made = create(&served, widget("a", 1)).await;
    let path = format!("{WIDGETS}?watch=true&timeoutSeconds=600&resourceVersion={made}");
    let mut slow = served.watch(&path, &[]).await;
    let mut fast = served.watch(&path, &[]).await;
    for n in 0..CHANGES {
        let body = format!(r#"{{"spec":{{"color":"{n:0BYTES$}"}}}}"#);
        let answer = served.send_with(&format!("PATCH {WIDGETS}/a"), &MERGE, body).await;
        assert_eq!(answer.code, 200, "{}", answer.text());
        let event = fast.next().await.expect("a change");
        let color = event["object"]["spec"]["color"].as_str().unwrap();
        assert_eq!((brief(&event).as_str(), color.parse()), ("MODIFIED a", Ok(n)));
    }
    let mut seen = 0;
    let last = loop {
        let event = slow.next().await.expect("an event that says so");
        if event["type"] == "ERROR" {
            break event;
        }
        let color = event["object"]["spec"]["color"].as_str().unwrap();
        assert_eq!(color.parse(), Ok(seen), "nothing is left out before the end");
        seen += 1;
    };
    assert_eq!(
        (&last["object"]["code"], &last["object"]["reason"]),
        (&410.into(), &"Expired".into())
    );
    assert!(seen < CHANGES, "it was told all of it");
    assert_eq!(slow.next().await, None);
    let metrics = served.send("GET /metrics", "").await.text().to_owned();
    let held = "pintle_watch_cache_history_bytes{group=\"test.example.com\",resource=\"widgets\"} ";
    let held = metrics.lines().find_map(|line| line.strip_prefix(held)).unwrap();
    assert!(held.parse::<usize>().unwrap() <= HISTORY_BYTES, "{held}");
    served.stop().await;
}

#[tokio::test]
async fn a_deletion_carries_the_last_state_and_a_newer_version() {
    let served = Served::start(server()).await;
    let made = create(&served, colored("a", "red")).await;
    let mut events =
        served.watch(&format!("{WIDGETS}?watch=true&resourceVersion={made}"), &[]).await;
    delete(&served, "a").await;
    let event = events.next().await.unwrap();
    assert_eq!(brief(&event), "DELETED a");
    assert_eq!(event["object"]["spec"]["color"], "red");
    assert_eq!(event["object"]["kind"], "Widget");
    let version = event["object"]["metadata"]["resourceVersion"].as_str().unwrap();
    assert!(version.parse::<u64>().unwrap() > made.parse().unwrap(), "{version} after {made}");
    served.stop().await;
}

#[tokio::test]
async fn a_bookmark_comes_before_the_end() {
    let served = Served::start(server()).await;
    let made = create(&served, widget("a", 1)).await;
    for (allowed, want) in [("true", &["BOOKMARK"][..]), ("false", &[])] {
        let path = format!(
            "{WIDGETS}?watch=true&timeoutSeconds=3&allowWatchBookmarks={allowed}&resourceVersion={made}"
        );
        let began = Instant::now();
        let mut events = served.watch(&path, &[]).await;
        let mut seen = Vec::new();
        let mut told = Duration::ZERO;
        while let Some(event) = events.next().await {
            told = began.elapsed();
            assert_eq!(event["object"]["kind"], "Widget");
            assert_eq!(event["object"]["metadata"]["resourceVersion"], made.as_str());
            assert!(event["object"]["metadata"].get("annotations").is_none());
            seen.push(brief(&event));
        }
        assert_eq!(seen, want);
        let lasted = began.elapsed();
        assert!(lasted >= Duration::from_millis(2900), "it lasted {lasted:?}");
        if !seen.is_empty() {
            let before_end = lasted.saturating_sub(told);
            assert!(before_end >= Duration::from_millis(1500), "{before_end:?} before the end");
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark_that_says_so() {
    let served = Served::start(server()).await;
    create(&served, widget("a", 1)).await;
    let newest = create(&served, widget("b", 1)).await;
    let path = format!(
        "{WIDGETS}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    );
    let mut events = served.watch(&path, &[]).await;
    assert_eq!(events.brief().await, "ADDED a");
    assert_eq!(events.brief().await, "ADDED b");
    let bookmark = events.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    let meta = &bookmark["object"]["metadata"];
    assert_eq!(meta["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(meta["resourceVersion"], newest.as_str());
    create(&served, widget("c", 1)).await;
    assert_eq!(events.brief().await, "ADDED c");

    // Without permission for bookmarks, and without the match, it is refused.
    for query in ["sendInitialEvents=true", "resourceVersionMatch=NotOlderThan"] {
        let answer = served.send(&format!("GET {WIDGETS}?watch=true&{query}"), "").await;
        assert_eq!(answer.code, 422, "{query}: {}", answer.text());
        assert_eq!(answer.at("/reason"), "Invalid");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_version_that_the_server_does_not_reach_has_expired() {
    let served = Served::start(server()).await;
    let newest: u64 = create(&served, widget("a", 1)).await.parse().unwrap();
    // What is ahead of the server for long comes from a storage that was lost.
    let path = format!("{WIDGETS}?watch=true&timeoutSeconds=20&resourceVersion={}", newest + 1000);
    let mut events = served.watch(&path, &[]).await;
    let event = events.next().await.expect("an event that says so");
    let status = &event["object"];
    assert_eq!((&event["type"], &status["code"]), (&"ERROR".into(), &410.into()), "{event}");
    assert_eq!(status["reason"], "Expired");
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("too old resource version: "), "{message}");
    assert_eq!(events.next().await, None);
    served.stop().await;
}

#[tokio::test]
async fn the_end_of_the_server_ends_watches_in_order() {
    let served = Served::start(server()).await;
    let mut watches = Vec::new();
    for query in ["", "&resourceVersion=0", "&allowWatchBookmarks=true&timeoutSeconds=600"] {
        watches.push(served.watch(&format!("{WIDGETS}?watch=true{query}"), &[]).await);
    }
    create(&served, widget("a", 1)).await;
    for events in &mut watches {
        while events.brief().await != "ADDED a" {}
    }
    let began = Instant::now();
    served.stop().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    for events in &mut watches {
        assert_eq!(events.next().await, None);
    }
}

#[tokio::test]
async fn a_table_says_its_columns_once() {
    let served = Served::start(server()).await;
    create(&served, colored("a", "red")).await;
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let path = format!("{WIDGETS}?watch=true&timeoutSeconds=4&allowWatchBookmarks=true");
    let mut events = served.watch(&path, &accept).await;
    let first = events.next().await.unwrap();
    create(&served, colored("b", "blue")).await;
    let mut rest = Vec::new();
    while let Some(event) = events.next().await {
        rest.push(event);
    }
    let names = |event: &serde_json::Value| -> Vec<String> {
        let columns = event["object"]["columnDefinitions"].as_array().cloned().unwrap_or_default();
        columns.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(first["type"], "ADDED");
    assert_eq!(first["object"]["kind"], "Table");
    assert_eq!(names(&first), ["Name", "Color", "Age"]);
    assert_eq!(first["object"]["rows"][0]["cells"][1], "red");
    let added: Vec<_> = rest.iter().filter(|event| event["type"] == "ADDED").collect();
    assert_eq!(added.len(), 1, "{rest:?}");
    assert_eq!(added[0]["object"]["rows"][0]["cells"][0], "b");
    for event in &rest {
        assert!(names(event).is_empty(), "{event}");
    }
    served.stop().await;
}

#[tokio::test]
async fn the_old_paths_watch() {
    let served = Served::start(server()).await;
    create(&served, widget("a", 1)).await;
    create(&served, widget("b", 1)).await;
    for (path, want) in [
        ("/apis/test.example.com/v1/watch/widgets", &["ADDED a", "ADDED b"][..]),
        ("/apis/test.example.com/v1/watch/namespaces/default/widgets", &["ADDED a", "ADDED b"]),
        ("/apis/test.example.com/v1/watch/namespaces/default/widgets/b", &["ADDED b"]),
        ("/apis/test.example.com/v1/watch/namespaces/other/widgets", &[]),
    ] {
        let mut events = served.watch(&format!("{path}?timeoutSeconds=1"), &[]).await;
        assert_eq!(events.rest().await, want, "{path}");
    }
    served.stop().await;
}

/// Sends the handshake of a WebSocket, and returns what is read until the other side ends.
async fn websocket(served: &Served, path: &str, accept: &str) -> Vec<u8> {
    let mut stream = served.connect(b"http/1.1").await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    // Without an answer to its farewell the server ends the connection itself.
    let _ = soon(stream.read_to_end(&mut read)).await;
    read
}

/// The kind and the content of each frame, all of which are short or have a length of 16 bits.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [kind, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            short => (usize::from(*short), rest),
        };
        frames.push((*kind, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    frames
}

#[tokio::test]
async fn a_watch_over_a_websocket() {
    const TEXT: u8 = 0x81;
    const BINARY: u8 = 0x82;
    const CLOSE: u8 = 0x88;
    let served = &Served::start(server()).await;
    served.send(&format!("POST {TASKS}"), r#"{"metadata":{"name":"a"}}"#).await;
    served.send(&format!("POST {TASKS}"), r#"{"metadata":{"name":"b"}}"#).await;
    let path = format!("{TASKS}?watch=1&timeoutSeconds=1");
    for (accept, kind) in
        [("application/json", TEXT), ("application/vnd.kubernetes.protobuf", BINARY)]
    {
        let read = websocket(served, &path, accept).await;
        let end = read.windows(4).position(|at| at == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(read[..end].to_vec()).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        // The answer to the sample of RFC 6455.
        let accepted = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
        assert!(head.contains(accepted), "{head}");
        let got = frames(&read[end..]);
        let kinds: Vec<u8> = got.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [kind, kind, CLOSE], "{got:?}");
        for ((_, event), name) in got.iter().zip(["a", "b"]) {
            if kind == TEXT {
                let event: Value = serde_json::from_slice(event).unwrap();
                assert_eq!(brief(&event), format!("ADDED {name}"));
            } else {
                assert!(event.starts_with(b"\n\x05ADDED"), "{event:?}");
            }
        }
    }
    let line = format!("GET {TASKS}");
    let plain = served.send_with(&line, &[("connection", "upgrade"), ("upgrade", "websocket")], "");
    assert_eq!(plain.await.code, 200, "what does not go on is answered as ever");
}
