//! Profiles of processor time. A process takes one at a time, so this is one test.

use crate::harness::{Served, soon};
use crate::kinds::{WIDGETS, server};
use flate2::read::GzDecoder;
use http::Request;
use http_body_util::Full;
use std::io::Read;
use std::time::{Duration, Instant};

const PROFILE: &str = "GET /debug/pprof/profile?seconds=";

/// Who may, makes the server forget what it has counted.
async fn counts_are_forgotten(served: &Served, headers: &[(&str, &str)]) {
    let counted = async || {
        let metrics = served.send_with("GET /metrics", headers, "").await;
        metrics.text().lines().any(|line| line.starts_with("apiserver_request_total{"))
    };
    assert!(counted().await, "readyz was");
    assert_eq!(served.send("DELETE /metrics", "").await.code, 403);
    assert!(counted().await);
    let reset = served.send_with("DELETE /metrics", headers, "").await;
    assert_eq!((reset.code, reset.text()), (200, "metrics reset\n"));
    assert!(!counted().await, "everything is forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_the_time_goes() {
    let served = Served::start_with(server(), |options| options.features.profiling = true).await;
    let token = format!("Bearer {}", served.token());
    let headers = [("authorization", token.as_str())];
    let get = async |line: &str| served.send_with(line, &headers, "").await;

    soon(async { while served.send("GET /readyz", "").await.code != 200 {} }).await;
    let refused = served.send(&format!("{PROFILE}1"), "").await;
    let why = r#"forbidden: User "system:anonymous" cannot get path "/debug/pprof/profile""#;
    assert_eq!(refused.code, 403);
    assert!(refused.at("/message").starts_with(why), "{}", refused.text());
    assert_eq!(get("GET /debug/pprof").await.header("location"), "/debug/pprof/");
    let index = get("GET /debug/pprof/").await;
    assert!(index.text().contains(r#"href="profile""#), "{}", index.text());
    for (path, code, text) in [
        ("heap", 404, "Unknown profile\n"),
        ("profile?seconds=301", 400, "profile duration exceeds 300 s\n"),
    ] {
        let answer = get(&format!("GET /debug/pprof/{path}")).await;
        assert_eq!((answer.code, answer.text()), (code, text), "{path}");
        assert_eq!(answer.header("x-go-pprof"), "1");
    }

    counts_are_forgotten(&served, &headers).await;
    // The first one looks for the names of everything, which may take longer than the others last.
    assert_eq!(get(&format!("{PROFILE}1")).await.code, 200);
    let begun = Instant::now();
    let line = format!("{PROFILE}2");
    let profiling = get(&line);
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        get(&format!("{PROFILE}1")).await
    };
    let busy = async {
        while begun.elapsed() < Duration::from_millis(1_500) {
            assert_eq!(get(&format!("GET {WIDGETS}")).await.code, 200);
        }
    };
    let (profile, second, ()) = tokio::join!(profiling, second, busy);
    let why = "Could not enable CPU profiling: cpu profiling already in use\n";
    assert_eq!((profile.code, second.code), (200, 500));
    assert_eq!(second.text(), why);
    assert_eq!(profile.header("content-type"), "application/octet-stream");
    let mut text = Vec::new();
    GzDecoder::new(&profile.body[..]).read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    // The file that every request goes through, and the unit.
    for word in ["crates/server/src/pipeline.rs", "nanoseconds"] {
        assert!(text.contains(word), "{word} was not seen");
    }

    // Who leaves ends it.
    let mut begun = 0;
    soon(async {
        // Either may be the first, and the other is refused.
        while begun != 500 {
            let (mut sender, _) = served.http2().await;
            let uri = format!("https://{}/debug/pprof/profile?seconds=200", served.address());
            let request = Request::get(uri).header("authorization", &token);
            let sent = tokio::spawn(sender.send_request(request.body(Full::default()).unwrap()));
            begun = get(&format!("{PROFILE}1")).await.code;
            sent.abort();
        }
    })
    .await;
    soon(async { while get(&format!("{PROFILE}1")).await.code != 200 {} }).await;
    served.stop().await;
}

#[tokio::test]
async fn they_are_not_there_unless_asked_for() {
    let off = Served::start(server()).await;
    let token = format!("Bearer {}", off.token());
    let answer = off.send_with(&format!("{PROFILE}1"), &[("authorization", &token)], "").await;
    assert_eq!(answer.code, 404);
    off.stop().await;
}
