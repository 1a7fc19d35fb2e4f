//! What strangers try, what each of them gets, and that the server is there for others afterwards;
//! and that what an operator changes in files counts without a restart.

use crate::harness::{Http, Issuer, Served, soon};
use crate::kinds::{WIDGETS, server};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The status of what comes back, as text; `""` where the connection is closed without a word.
async fn status(served: &Served, sent: &[u8]) -> String {
    let mut stream = served.connect(b"http/1.1").await;
    // Who is refused early may find the connection closed while sending.
    let _ = stream.write_all(sent).await;
    let _ = stream.flush().await;
    let mut answer = vec![0; 4096];
    let read = soon(stream.read(&mut answer)).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn floods_of_headers_and_long_tokens() {
    let served = Served::start_with(server(), |_| {}).await;
    let request =
        |headers: &str| format!("GET {WIDGETS} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();
    let token = |bytes: usize| format!("Authorization: Bearer {}\r\n", "x".repeat(bytes));
    let many = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    for (what, sent, wants) in [
        ("a token of 1 kB", request(&token(1 << 10)), ["401", ""]),
        ("a token of 100 kB", request(&token(100 << 10)), ["401", ""]),
        ("a token of 1 MB", request(&token(1 << 20)), ["431", ""]),
        ("a token of 4 MB", request(&token(4 << 20)), ["431", ""]),
        ("90 headers", request(&many(90)), ["403", "403"]),
        ("10,000 headers", request(&many(10_000)), ["431", ""]),
        (
            "a forged user",
            request("X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\n"),
            ["403", "403"],
        ),
        ("two credentials", request(&token(9).repeat(2)), ["401", ""]),
        ("a token that is no text", request("Authorization: Bearer \u{fe}\r\n"), ["401", "403"]),
        ("half a request", format!("GET {WIDGETS} HTTP/1.1\r\nHost: x\r\n").into_bytes(), ["", ""]),
    ] {
        let got = if what == "half a request" {
            // Whoever stops in the middle is waited for, and holds up nobody.
            let mut stream = served.connect(b"http/1.1").await;
            stream.write_all(&sent).await.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                drop(stream);
            });
            String::new()
        } else {
            status(&served, &sent).await
        };
        assert!(wants.contains(&got.as_str()), "{what}: {got:?}, not one of {wants:?}");
        assert_eq!(served.send("GET /healthz", "").await.code, 200, "after {what}");
    }
    for http in [Http::One, Http::Two] {
        let long = format!("Bearer {}", "x".repeat(200 << 10));
        let headers = [("authorization", long.as_str())];
        let answer = served.send_over(http, &format!("GET {WIDGETS}"), &headers, "").await;
        assert_eq!((answer.code, answer.at("/reason").as_str()), (401, "Unauthorized"), "{http:?}");
    }
    served.stop().await;
}

#[tokio::test]
async fn files_that_change_count_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    let (first, second) = (Issuer::new("first"), Issuer::new("second"));
    write(&at("clients.crt"), &first.pem());
    write(&at("tokens.csv"), "jane-token,jane,,system:masters\n");
    let config = |enabled: bool| {
        format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n\
             anonymous: {{enabled: {enabled}}}\n"
        )
    };
    write(&at("config.yaml"), &config(true));
    let mut served = Served::start_with(server(), |options| {
        options.authentication.client_ca_file = Some(at("clients.crt"));
        options.authentication.token_auth_file = Some(at("tokens.csv"));
        options.authentication.authentication_config = Some(at("config.yaml"));
    })
    .await;
    let list = format!("GET {WIDGETS}");
    let becomes = async |served: &Served, token: &str, code: u16| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        soon(async {
            while served.send_with(&list, headers, "").await.code != code {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    };
    becomes(&served, "jane-token", 200).await;
    becomes(&served, "", 403).await;
    let [one, two] = [&first, &second].map(|issuer| issuer.issue("root", "system:masters"));
    for (identity, code) in [(&one, 200), (&two, 401)] {
        served.show(Some(identity));
        assert_eq!(served.send(&list, "").await.code, code);
    }

    write(&at("clients.crt"), &second.pem());
    write(&at("config.yaml"), &config(false));
    for (identity, code) in [(&two, 200), (&one, 401)] {
        served.show(Some(identity));
        becomes(&served, "", code).await;
    }
    served.show(None);
    becomes(&served, "", 401).await;
    // What makes no sense changes nothing.
    write(&at("tokens.csv"), "jane-token\n");
    write(&at("clients.crt"), "nothing");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    becomes(&served, "jane-token", 200).await;
    write(&at("tokens.csv"), "joe-token,joe,,system:masters\n");
    becomes(&served, "joe-token", 200).await;
    becomes(&served, "jane-token", 401).await;
    served.show(Some(&two));
    assert_eq!(served.send(&list, "").await.code, 200);
    served.stop().await;
}
