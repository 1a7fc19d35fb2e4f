//! What strangers try, what each of them gets, and that the server is there for others afterwards.
//!
//! `docs/security.md` has the same list for readers.

use crate::frames::{
    self, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, frame,
};
use crate::harness::{Http, Issuer, PATIENCE, Served, soon};
use crate::kinds::{WIDGETS, server};
use flate2::Compression;
use flate2::write::GzEncoder;
use pintle::Options;
use std::io::Write;
use std::iter;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How an attack is done.
enum How {
    /// These bytes over HTTP/1.1, and then others of them again and again while they are taken.
    Bytes(Vec<u8>, Option<(Vec<u8>, Duration)>),
    /// These frames over HTTP/2.
    Frames(Box<dyn Iterator<Item = Vec<u8>> + Send>),
    /// These bytes over TCP, without TLS.
    Plain(&'static [u8]),
}

use How::{Bytes, Frames, Plain};

/// A name, how it is done, and what it may get: a status, the end of the connection (`closed`), a
/// GOAWAY with its code; where the other side is too slow to answer, the answer may be lost.
type Attack = (&'static str, How, &'static [&'static str]);

const TOO_LARGE: &[&str] = &["431", "closed"];
/// ENHANCE_YOUR_CALM of HTTP/2.
const CALM: &[&str] = &["GOAWAY 11"];

fn once(text: impl Into<Vec<u8>>) -> How {
    Bytes(text.into(), None)
}

fn again(text: String, piece: impl Into<Vec<u8>>, pause: u64) -> How {
    Bytes(text.into_bytes(), Some((piece.into(), Duration::from_millis(pause))))
}

/// A request for the widgets with more headers.
fn get(headers: &str) -> String {
    format!("GET {WIDGETS} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

/// A request that creates a widget, up to its body.
fn post(token: &str, headers: &str) -> String {
    format!(
        "POST {WIDGETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{headers}\r\n"
    )
}

/// What is shown and not believed, and what is too much of it.
fn credentials_and_headers() -> Vec<Attack> {
    let token = |bytes: usize| get(&format!("Authorization: Bearer {}\r\n", "x".repeat(bytes)));
    let many = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let root = "X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\n";
    let bearer = "Authorization: Bearer x\r\n";
    vec![
        ("a token of 1 kB", once(token(1 << 10)), &["401"]),
        ("a token of 100 kB", once(token(100 << 10)), &["401"]),
        ("a token of 1 MB", once(token(1 << 20)), TOO_LARGE),
        ("a token of 4 MB", once(token(4 << 20)), TOO_LARGE),
        ("a token that is no text", once(get("Authorization: Bearer \u{fe}\r\n")), &["401"]),
        ("two tokens", once(get(&bearer.repeat(2))), &["401"]),
        ("a forged user", once(get(root)), &["403"]),
        ("a forged user with a token", once(get(&format!("{root}{bearer}"))), &["401"]),
        ("acting as somebody", once(get("Impersonate-User: admin\r\n")), &["403"]),
        ("90 headers", once(get(&many(90))), &["403"]),
        ("10,000 headers", once(get(&many(10_000))), TOO_LARGE),
        ("headers without end", again(get("").trim_end().to_owned(), many(100), 0), TOO_LARGE),
        ("a header of 4 MB", once(get(&format!("X: {}\r\n", "y".repeat(4 << 20)))), TOO_LARGE),
        (
            "a path of 100 kB",
            once(format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100 << 10))),
            &["414"],
        ),
        ("what is no HTTP", once("\0\u{1}\u{2}\u{3}\r\n\r\n"), &["400"]),
        (
            "HTTP/2 where it was not agreed on",
            once("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            &["400", "closed", "505"],
        ),
        ("a request without TLS", Plain(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), &["400"]),
        ("no TLS at all", Plain(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), &["closed"]),
    ]
}

/// Bodies that are too much, or never come. The server of this test gives a request 3 s.
fn bodies(token: &str) -> Vec<Attack> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    (0..256).for_each(|_| gzip.write_all(&[b' '; 1 << 20]).unwrap());
    let bomb = gzip.finish().unwrap();
    let packed =
        post(token, &format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", bomb.len()));
    let chunked = || post(token, "Transfer-Encoding: chunked\r\n");
    let chunk = [b"10000\r\n", &[b' '; 1 << 16][..], b"\r\n"].concat();
    let long = |length: &str| post(token, &format!("Content-Length: {length}\r\n"));
    vec![
        ("a body that is announced as huge", once(long("999999999999")), &["413"]),
        ("chunks without end", again(chunked(), chunk, 0), &["413", "closed"]),
        ("a body of small chunks without end", again(chunked(), "1\r\n \r\n", 50), &["504"]),
        ("a body that trickles", again(long("100000"), " ", 50), &["504"]),
        ("a body that never comes", once(long("100000")), &["504"]),
        ("a bomb in gzip", once([packed.as_bytes(), &bomb].concat()), &["400"]),
        ("a length that is none", once(long("-1")), &["400"]),
        ("two lengths", once(long("1\r\nContent-Length: 2")), &["400"]),
        ("a chunk of a length that is none", once(format!("{}zz\r\n", chunked())), &["400"]),
    ]
}

/// What HTTP/2 lets clients do over and over.
fn http2(token: &str) -> Vec<Attack> {
    let block = frames::request(false, "/healthz", token);
    let create = frames::request(true, WIDGETS, token);
    let all = END_STREAM | END_HEADERS;
    let get = move |n: u32, block: &[u8]| frame(HEADERS, all, 2 * n + 1, block);
    let reset = {
        let block = block.clone();
        move |n: u32| [get(n, &block), frame(RST_STREAM, 0, 2 * n + 1, &[0, 0, 0, 8])].concat()
    };
    let mut indexed = block.clone();
    // A header of 4,000 bytes that is remembered, and then named by one byte each time.
    indexed.extend([0x40, 1, b'x']);
    frames::text(&mut indexed, &"y".repeat(3_900));
    indexed.extend(iter::repeat_n(0xbe, 12_000));
    let more = frame(CONTINUATION, 0, 1, &[0; 1 << 14]);
    let many = |piece: Vec<u8>| Frames(Box::new(iter::repeat_n(piece, 100_000)));
    let opened = |first: Vec<u8>, piece: Vec<u8>| {
        Frames(Box::new(iter::once(first).chain(iter::repeat_n(piece, 100_000))))
    };
    let one = |frame: Vec<u8>| Frames(Box::new(iter::once(frame)));
    let slow_down: &[&str] = &["open", "GOAWAY 11", "closed"];
    vec![
        ("requests that are cancelled at once", Frames(Box::new((0..20_000).map(reset))), CALM),
        (
            "a request's headers without end",
            opened(frame(HEADERS, END_STREAM, 1, &block), more),
            CALM,
        ),
        ("a bomb in HPACK", one(frame(HEADERS, all, 1, &indexed)), CALM),
        ("pings without end", many(frame(PING, 0, 0, &[0; 8])), slow_down),
        ("settings without end", many(frame(SETTINGS, 0, 0, &[])), slow_down),
        ("priorities without end", many(frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 0])), slow_down),
        (
            "a body of nothing without end",
            opened(frame(HEADERS, END_HEADERS, 1, &create), frame(DATA, 0, 1, &[])),
            CALM,
        ),
        (
            "a window that overflows",
            one(frame(WINDOW_UPDATE, 0, 0, &[127, 255, 255, 255])),
            &["GOAWAY 3"],
        ),
        ("a frame that is too large", one(frame(DATA, 0, 1, &vec![0; 1 << 17])), &["GOAWAY 6"]),
        ("a stream that only a server opens", one(frame(HEADERS, all, 2, &block)), &["GOAWAY 1"]),
    ]
}

/// The status of what comes back, or `closed`.
async fn attempt(served: &Served, how: How) -> String {
    match how {
        Frames(frames) => frames::send(served, frames).await,
        Plain(bytes) => {
            let mut stream = TcpStream::connect(served.address()).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            status(&mut stream).await
        }
        Bytes(first, more) => {
            let stream = served.connect(b"http/1.1").await;
            let (mut from, mut to) = tokio::io::split(stream);
            let sending = async {
                to.write_all(&first).await?;
                to.flush().await?;
                while let Some((piece, pause)) = &more {
                    to.write_all(piece).await?;
                    to.flush().await?;
                    tokio::time::sleep(*pause).await;
                }
                std::future::pending::<std::io::Result<()>>().await
            };
            tokio::select! {
                // Who is refused early may find the connection closed while sending.
                _ = sending => status(&mut from).await,
                got = status(&mut from) => got,
            }
        }
    }
}

async fn status(from: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut answer = vec![0; 4096];
    let read = soon(from.read(&mut answer)).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    text.split(' ').nth(1).unwrap_or("closed").to_owned()
}

#[tokio::test]
async fn what_each_attack_gets() {
    let served = Served::start_with(server(), |options| {
        options.lifecycle.request_timeout = Duration::from_secs(3);
    })
    .await;
    let token = served.token().to_owned();
    let attacks = [credentials_and_headers(), bodies(&token), http2(&token)];
    for (what, how, gets) in attacks.into_iter().flatten() {
        let got = soon(attempt(&served, how)).await;
        assert!(gets.contains(&got.as_str()), "{what}: {got:?}, not one of {gets:?}");
        let after = tokio::time::timeout(PATIENCE / 4, served.send("GET /healthz", "")).await;
        assert_eq!(after.map(|answer| answer.code).ok(), Some(200), "after {what}");
    }
    for http in [Http::One, Http::Two] {
        let long = format!("Bearer {}", "x".repeat(200 << 10));
        let headers = [("authorization", long.as_str())];
        let answer = served.send_over(http, &format!("GET {WIDGETS}"), &headers, "").await;
        assert_eq!((answer.code, answer.at("/reason").as_str()), (401, "Unauthorized"), "{http:?}");
    }
    served.stop().await;
}

/// Hundreds of connections on which nothing or half a request is said: others are answered, and
/// these are cut when their time is over.
#[tokio::test]
async fn who_stops_in_the_middle_holds_up_nobody() {
    let served = Served::start_with(server(), |_| {}).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(served.address()).await.unwrap());
    }
    let mut halves = Vec::new();
    for _ in 0..50 {
        let mut stream = served.connect(b"http/1.1").await;
        stream
            .write_all(format!("GET {WIDGETS} HTTP/1.1\r\nHost: x\r\n").as_bytes())
            .await
            .unwrap();
        stream.flush().await.unwrap();
        halves.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(served.send("GET /healthz", "").await.code, 200);
    }
    // The handshake has 10 s, the headers of a request 32 s, however they trickle.
    for stream in &mut silent {
        assert_eq!(soon(stream.read(&mut [0; 1])).await.unwrap_or_default(), 0);
    }
    let mut slow = halves.swap_remove(0);
    let mut answer = [0; 16];
    let trickled = async {
        loop {
            let piece = tokio::time::timeout(Duration::from_millis(500), slow.read(&mut answer));
            match piece.await {
                Ok(read) => return read.unwrap_or_default(),
                // It may be cut while it sends.
                Err(_) => drop(slow.write_all(b"x: y\r\n").await),
            }
        }
    };
    assert_eq!(soon(trickled).await, 0);
    drop(halves);
    served.stop().await;
}

/// Where others decide and cannot be asked, nobody is let in.
#[tokio::test]
async fn a_judge_who_cannot_be_reached_lets_nobody_in() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("kubeconfig");
    // Nobody listens at port 1.
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
                clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n\
                users: [{name: u, user: {token: t}}]\n\
                contexts: [{name: c, context: {cluster: c, user: u}}]\n";
    std::fs::write(&path, text).unwrap();
    let served = Served::start_with(server(), |options| {
        options.delegation.enable_auth = true;
        options.delegation.kubeconfig = Some(path);
        options.delegation.authentication_skip_lookup = true;
    })
    .await;
    let own = served.token().to_owned();
    for (token, line, code) in [
        ("", "GET /healthz", 200),
        ("", "GET /version", 500),
        ("", WIDGETS, 500),
        ("jane", "GET /healthz", 401),
        ("jane", WIDGETS, 401),
        // The server's own token needs nobody's word.
        (own.as_str(), WIDGETS, 200),
    ] {
        let line = if line.starts_with('/') { format!("GET {line}") } else { line.to_owned() };
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        let answer = served.send_with(&line, headers, "").await;
        assert_eq!(answer.code, code, "{token} {line}: {}", answer.text());
    }
    served.stop().await;
}

/// What makes no sense is told at the start, and nothing is served.
#[tokio::test]
async fn files_that_make_no_sense_end_the_start() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let issuer = Issuer::new("x");
    let [one, other] = ["one", "other"].map(|name| issuer.issue(name, ""));
    std::fs::write(path("one.crt"), one.certificate_pem()).unwrap();
    std::fs::write(path("other.key"), other.key_pem()).unwrap();
    std::fs::write(path("rubbish"), "rubbish").unwrap();
    type Change<'a> = &'a dyn Fn(&mut Options);
    let rows: &[(&str, Change<'_>, &str)] = &[
        (
            "a certificate with another's key",
            &|it| {
                it.tls_cert_file = Some(path("one.crt"));
                it.tls_private_key_file = Some(path("other.key"));
            },
            "does not belong to the certificate",
        ),
        (
            "authorities that are none",
            &|it| it.authentication.client_ca_file = Some(path("rubbish")),
            "rubbish",
        ),
        (
            "authorities of a proxy that are none",
            &|it| it.authentication.requestheader_client_ca_file = Some(path("rubbish")),
            "rubbish",
        ),
        (
            "a token file that is none",
            &|it| it.authentication.token_auth_file = Some(path("rubbish")),
            "rubbish",
        ),
        (
            "a configuration that is none",
            &|it| it.authentication.authentication_config = Some(path("rubbish")),
            "rubbish",
        ),
    ];
    for (what, change, want) in rows {
        let mut options = Options::default();
        options.secure_port = 0;
        options.data_dir = Some(folder.path().to_owned());
        change(&mut options);
        let error = soon(server().start(&options)).await.unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains('\n'), "{what}: {error}");
    }
}
