//! Pages of other origins, a server that goes away, and what discovery calls it.

use crate::harness::{Http, Served, soon};
use crate::kinds::{TASKS, WIDGETS, server, widget};
use crate::outside::Outside;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[tokio::test]
async fn pages_of_other_origins() {
    let served = Served::start_with(server(), |options| {
        options.lifecycle.cors_allowed_origins = vec![r"^https://app\.example\.com$".to_owned()];
    })
    .await;
    let own = format!("Bearer {}", served.token());
    let (good, bad) = ("https://app.example.com", "https://app.example.com.evil.org");
    for http in [Http::One, Http::Two] {
        for (line, origin, token, code, allowed) in [
            (format!("OPTIONS {WIDGETS}"), good, "", 204, true),
            (format!("OPTIONS {WIDGETS}"), bad, "", 403, false),
            (format!("OPTIONS {WIDGETS}"), "", "", 403, false),
            (format!("GET {WIDGETS}"), good, own.as_str(), 200, true),
            (format!("GET {WIDGETS}"), good, "Bearer wrong", 401, true),
            (format!("GET {WIDGETS}"), bad, own.as_str(), 200, false),
            (format!("GET {WIDGETS}"), "", own.as_str(), 200, false),
        ] {
            let headers = [("origin", origin), ("authorization", token)];
            let sent: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            let answer = served.send_over(http, &line, &sent, "").await;
            assert_eq!(answer.code, code, "{line} {origin}: {}", answer.text());
            let origin = if allowed { origin } else { "" };
            assert_eq!(answer.header("access-control-allow-origin"), origin, "{line}");
            let credentials = if allowed { "true" } else { "" };
            assert_eq!(answer.header("access-control-allow-credentials"), credentials);
            assert!(!answer.header("audit-id").is_empty(), "{line}");
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn new_requests_are_turned_away_while_others_finish() {
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.lifecycle.shutdown_send_retry_after = true;
    })
    .await;
    // A request is under way: its body is not complete.
    let (mut half, rest) = (served.connect(b"http/1.1").await, widget("a", 1));
    let head = format!(
        "POST {WIDGETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        rest.len()
    );
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    half.write_all(head.as_bytes()).await.unwrap();
    half.flush().await.unwrap();
    // It has arrived when it is counted.
    soon(async {
        let counted = "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1";
        while !served.send("GET /metrics", "").await.text().contains(counted) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let address = served.address();
    let look = served.client();
    let ending = tokio::spawn(served.stop());
    let answer = soon(async {
        loop {
            let answer = look.get(address, WIDGETS).await;
            if !answer.contains(" 200 ") {
                return answer;
            }
        }
    })
    .await;
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 429 "), "{answer}");
    assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(answer.contains("the apiserver is shutting down, please try again later."), "{answer}");
    assert!(look.get(address, "/readyz").await.contains(" 500 "), "whoever asks is told");
    assert!(!ending.is_finished(), "a request is under way");
    half.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon(half.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201");
    drop(half);
    soon(ending).await.unwrap();
}

#[tokio::test]
async fn watches_end_one_after_the_other() {
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.lifecycle.shutdown_watch_termination_grace_period = Duration::from_secs(1);
    })
    .await;
    let mut watches = Vec::new();
    for _ in 0..60 {
        watches.push(served.watch(&format!("{TASKS}?watch=1"), &[]).await);
    }
    let begun = Instant::now();
    let ending = tokio::spawn(served.stop());
    let ends = watches.into_iter().map(|mut watch| async move {
        assert_eq!(watch.rest().await, [""; 0], "a watch ends in order");
        begun.elapsed()
    });
    let ends = futures::future::join_all(ends).await;
    let (first, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
    assert!(*last - *first >= Duration::from_millis(100), "{first:?} to {last:?}");
    soon(ending).await.unwrap();
}

#[tokio::test]
async fn discovery_says_what_the_operator_says() {
    for (host, ip, want) in [
        ("api.example.com", None, "api.example.com:"),
        ("api.example.com:443", None, "api.example.com:443"),
        ("", Some("127.0.0.2"), "127.0.0.2:"),
        ("", None, "127.0.0.1:"),
    ] {
        let served = Served::start_with(server(), |options| {
            options.insecure_allow_all = true;
            options.serving.external_hostname = host.to_owned();
            options.serving.advertise_address = ip.map(|ip| ip.parse().unwrap());
        })
        .await;
        let answer = served.send("GET /apis", "").await;
        let shown = answer.at("/groups/0/serverAddressByClientCIDRs/0/serverAddress");
        assert!(shown.starts_with(want), "{host:?} {ip:?}: {shown}");
        served.stop().await;
    }
}

/// Every sample belongs to the family before it, and has a number; every family is there once.
fn well_formed(text: &str) {
    let mut families: Vec<&str> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(family) => families.push(family.split(' ').next().unwrap()),
            None if line.starts_with("# HELP ") => {}
            None => {
                let (name, _) = line.split_once(['{', ' ']).unwrap();
                let last = families.last().unwrap();
                assert!(name.starts_with(last), "{line}: not of {last}");
                let (_, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }
    let all = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), all, "a family is there twice");
}

#[tokio::test]
async fn metrics_have_the_names_of_kubernetes() {
    let served = Served::start(server()).await;
    served.send(&format!("POST {WIDGETS}"), widget("a", 1)).await;
    served.send(&format!("GET {WIDGETS}"), "").await;
    let mut watch = served.watch(&format!("{TASKS}?watch=1&timeoutSeconds=2"), &[]).await;
    let text = served.send("GET /metrics", "").await;
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let open = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let open = served.send_with("GET /metrics", &open, "").await;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), media);
    for name in [
        "apiserver_audit_event_total",
        "apiserver_current_inflight_requests",
        "apiserver_longrunning_requests",
        "apiserver_request_duration_seconds_bucket",
        "apiserver_request_sli_duration_seconds_count",
        "apiserver_request_total",
        "apiserver_response_sizes_sum",
        "apiserver_resource_objects",
        "apiserver_tls_handshake_errors_total",
        "authentication_attempts",
        "authorization_attempts_total",
        "kubernetes_build_info",
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_network_receive_bytes_total",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ] {
        let begins = |line: &str| line.starts_with(name);
        let found = text.text().lines().any(begins);
        assert_eq!(found, name != "apiserver_audit_event_total", "{name}\n{}", text.text());
    }
    let watching = |answer: &crate::harness::Answer, count: u8| {
        let end = format!("verb=\"WATCH\",version=\"v1\"}} {count}");
        let mut lines = answer.text().lines();
        lines.any(|it| it.starts_with("apiserver_longrunning_requests{") && it.ends_with(&end))
    };
    assert!(watching(&text, 1), "{}", text.text());
    assert!(
        open.text().ends_with("\n# EOF\n")
            && open.text().contains("\nauthentication_attempts_total{")
    );
    well_formed(text.text());
    assert_eq!(watch.rest().await, [""; 0]);
    soon(async {
        while !watching(&served.send("GET /metrics", "").await, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    served.stop().await;
}

#[tokio::test]
async fn a_collector_is_told_of_some_requests() {
    for (rate, told) in [(0, 0), (1_000_000, 2)] {
        let spans = Arc::<Mutex<Vec<Value>>>::default();
        let keep = Arc::clone(&spans);
        let collector = Outside::start_plain(move |path, body| {
            assert_eq!(path, "/v1/traces");
            keep.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            (200, serde_json::json!({}))
        })
        .await;
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tracing.yaml");
        let text = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\n\
             endpoint: {}\nsamplingRatePerMillion: {rate}\n",
            collector.url.trim_start_matches("http://")
        );
        std::fs::write(&path, text).unwrap();
        let served = Served::start_with(server(), |options| {
            options.insecure_allow_all = true;
            options.lifecycle.tracing_config_file = Some(path);
        })
        .await;
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        let headers = [("traceparent", parent.as_str()), ("audit-id", "one")];
        served.send_with(&format!("GET {WIDGETS}/none"), &headers, "").await;
        served.send("GET /version", "").await;
        served.stop().await;
        let spans: Vec<Value> = (spans.lock().unwrap().iter())
            .filter_map(|list| {
                list["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned()
            })
            .flatten()
            .collect();
        assert_eq!(spans.len(), told, "{spans:?}");
        let Some(first) = spans.first() else { continue };
        assert_eq!(
            (&first["traceId"], &first["parentSpanId"]),
            (&trace.into(), &"00f067aa0ba902b7".into())
        );
        let attributes = first["attributes"].to_string();
        for part in ["/widgets/none", "\"404\"", "\"one\"", "\"GET\""] {
            assert!(attributes.contains(part), "{part}: {attributes}");
        }
        assert_eq!(spans[1]["traceId"].as_str().unwrap().len(), 32);
        let time = |name: &str| first[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(time("startTimeUnixNano") < time("endTimeUnixNano"));
    }
}
