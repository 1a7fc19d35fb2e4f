//! What flags limit or put off, as clients see it.

use crate::frames;
use crate::harness::{Http, Served, soon};
use crate::kinds::{TASKS, WIDGETS, server, widget};
use crate::storage::{Fault, Faulty};
use pintle::Options;
use serde_json::json;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Waits until the server is ready, with its roles.
async fn ready(served: &Served) {
    soon(async {
        while served.send("GET /readyz", "").await.code != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Binds a user to the role of administrators.
async fn let_jane_do_everything(served: &Served) {
    let group = "rbac.authorization.k8s.io";
    let binding = json!({
        "metadata": {"name": "jane"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "jane"}],
    });
    let line = format!("POST /apis/{group}/v1/clusterrolebindings");
    let admin = format!("Bearer {}", served.token());
    let headers = [("authorization", admin.as_str())];
    let answer = served.send_with(&line, &headers, binding.to_string()).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
}

/// A request that writes is told to come again, over both versions of HTTP.
async fn is_turned_away(served: &Served, token: &str) {
    for http in [Http::One, Http::Two] {
        let (line, headers) = (format!("POST {WIDGETS}"), [("authorization", token)]);
        let answer = served.send_over(http, &line, &headers, widget("b", 1)).await;
        assert_eq!(answer.code, 429, "{}", answer.text());
        assert_eq!(answer.text(), "Too many requests, please try again later.\n");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn requests_in_flight_have_limits() {
    let (folder, storage) = (TempDir::new().unwrap(), Faulty::new(Fault::Nothing));
    let tokens = folder.path().join("tokens.csv");
    std::fs::write(&tokens, "jane-token,jane,").unwrap();
    let served = Served::start_with(server().storage(storage.clone()), |options| {
        options.authentication.token_auth_file = Some(tokens);
        options.lifecycle.max_requests_inflight = 1;
        options.lifecycle.max_mutating_requests_inflight = 1;
    })
    .await;
    ready(&served).await;
    let admin = format!("Bearer {}", served.token());
    let send = async |token: &str, line: &str, body: String| {
        served.send_with(line, &[("authorization", token)], body).await
    };
    let_jane_do_everything(&served).await;
    let jane = "Bearer jane-token";
    let (list, create) = (format!("GET {WIDGETS}"), format!("POST {WIDGETS}"));
    soon(async { while send(jane, &list, String::new()).await.code != 200 {} }).await;

    // One request that writes is under way until its body is whole.
    let body = widget("half", 1);
    let (mut half, rest) = (served.connect(b"http/1.1").await, body.as_bytes());
    let head = format!(
        "POST {WIDGETS} HTTP/1.1\r\nHost: x\r\nAuthorization: {jane}\r\nContent-Length: {}\r\n\r\n",
        rest.len()
    );
    half.write_all(head.as_bytes()).await.unwrap();
    half.flush().await.unwrap();
    let metrics = "GET /metrics";
    let counted = "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1";
    soon(async {
        while !send(&admin, metrics, String::new()).await.text().contains(counted) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    is_turned_away(&served, jane).await;
    // Who reads has a limit of its own.
    assert_eq!(send(jane, &list, String::new()).await.code, 200);
    let watch = format!("GET {TASKS}?watch=1&timeoutSeconds=1");
    assert_eq!(send(jane, &watch, String::new()).await.code, 200);
    assert_eq!(send(&admin, &create, widget("c", 1)).await.code, 201, "masters are let in");
    half.write_all(rest).await.unwrap();
    half.flush().await.unwrap();
    let mut answer = [0; 12];
    soon(half.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201");

    // One that reads is under way while the storage is late.
    storage.set(Fault::Late);
    assert_eq!(send(jane, &create, widget("d", 1)).await.code, 201);
    let slow = send(jane, &list, String::new());
    let others = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        send(jane, &format!("{list}?resourceVersion=0"), String::new()).await.code
    };
    let (slow, others) = tokio::join!(slow, others);
    assert_eq!((slow.code, others), (200, 429));
    let text = send(&admin, metrics, String::new()).await;
    for line in [
        "apiserver_dropped_requests_total{request_kind=\"mutating\"} 2",
        "apiserver_dropped_requests_total{request_kind=\"readOnly\"} 1",
    ] {
        assert!(text.text().contains(line), "{line}");
    }
    served.stop().await;
}

#[tokio::test]
async fn an_end_that_is_put_off_is_told_to_those_who_ask() {
    const DELAY: Duration = Duration::from_secs(2);
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.lifecycle.shutdown_delay_duration = DELAY;
    })
    .await;
    ready(&served).await;
    let (address, look, begun) = (served.address(), served.client(), Instant::now());
    let ending = tokio::spawn(served.stop());
    let answer = soon(async {
        loop {
            let answer = look.get(address, "/readyz").await;
            if !answer.contains(" 200 ") {
                return answer;
            }
        }
    })
    .await;
    assert!(answer.contains(" 500 ") && answer.contains("[-]shutdown failed"), "{answer}");
    for path in ["/livez", "/healthz", WIDGETS] {
        assert!(look.get(address, path).await.contains(" 200 "), "{path} while the end is put off");
    }
    assert!(begun.elapsed() < DELAY, "this machine is too slow for the test");
    soon(ending).await.unwrap();
    assert!(begun.elapsed() >= DELAY, "it was put off: {:?}", begun.elapsed());
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// The settings that a server announces first, of HTTP/2.
async fn settings(change: impl FnOnce(&mut Options)) -> Vec<(u16, u32)> {
    let served = Served::start_with(server(), change).await;
    let mut stream = served.connect(b"h2").await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let hello = [&preface[..], &frames::frame(frames::SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&hello).await.unwrap();
    stream.flush().await.unwrap();
    let mut head = [0; 9];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[3], frames::SETTINGS);
    let mut payload = vec![0; usize::from(head[2])];
    soon(stream.read_exact(&mut payload)).await.unwrap();
    drop(stream);
    served.stop().await;
    let setting = |it: &[u8]| {
        (u16::from_be_bytes([it[0], it[1]]), u32::from_be_bytes([it[2], it[3], it[4], it[5]]))
    };
    payload.chunks_exact(6).map(setting).collect()
}

#[tokio::test]
async fn http2_is_as_the_flags_say() {
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    for (flag, want) in [(0, 1000), (7, 7)] {
        let settings = settings(|it| it.serving.http2_max_streams_per_connection = flag).await;
        let found = settings.iter().find(|(id, _)| *id == MAX_CONCURRENT_STREAMS);
        assert_eq!(found, Some(&(MAX_CONCURRENT_STREAMS, want)), "{settings:?}");
    }
    let served = Served::start_with(server(), |options| {
        options.serving.disable_http2_serving = true;
        options.insecure_allow_all = true;
    })
    .await;
    assert_eq!(served.send(&format!("GET {WIDGETS}"), "").await.code, 200);
    assert!(!served.agrees_on(b"h2").await, "HTTP/2 is not offered");
    served.stop().await;
}

#[tokio::test]
async fn a_port_is_shared_where_all_say_so() {
    let share = |port| {
        move |options: &mut Options| {
            options.serving.permit_port_sharing = true;
            options.insecure_allow_all = true;
            options.secure_port = port;
        }
    };
    let one = Served::start_with(server(), share(0)).await;
    let other = Served::start_with(server(), share(one.address().port())).await;
    assert_eq!(one.address(), other.address());
    one.stop().await;
    ready(&other).await;
    other.stop().await;
}

#[tokio::test]
async fn a_server_that_has_just_started_is_alive_for_a_while() {
    for (grace, want) in [(Duration::ZERO, 500), (Duration::from_secs(3600), 200)] {
        // Without a storage the roles cannot be made.
        let storage = Faulty::new(Fault::Absent);
        let served = Served::start_with(server().storage(storage), |options| {
            options.lifecycle.livez_grace_period = grace;
        })
        .await;
        let admin = format!("Bearer {}", served.token());
        for (endpoint, code) in [("livez", want), ("readyz", 500), ("healthz", 500)] {
            let line = format!("GET /{endpoint}/poststarthook/rbac/bootstrap-roles");
            let answer = served.send_with(&line, &[("authorization", &admin)], "").await;
            assert_eq!(answer.code, code, "{grace:?} {endpoint}: {}", answer.text());
        }
        served.stop().await;
    }
}
