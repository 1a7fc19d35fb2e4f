//! Real TLS over loopback, with hyper's own clients and with clients that misbehave.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use futures::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore};

use super::*;
use crate::clock::Clock;
use crate::tls::{self, CertificateSource, TlsSettings};

type AnyBody = UnsyncBoxBody<Bytes, Infallible>;

/// Longer than any test takes on a busy machine; what must be quick is given less.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a test that waits for a limit sets it to.
const SHORT: Duration = Duration::from_millis(300);

/// A server under test.
struct Running {
    address: SocketAddr,
    client: Arc<ClientConfig>,
    trigger: Trigger,
    task: JoinHandle<io::Result<()>>,
    _folder: TempDir,
}

impl Running {
    async fn start(limits: Limits) -> Self {
        let folder = TempDir::new().unwrap();
        let source = CertificateSource::Folder {
            folder: folder.path(),
            address: Ipv4Addr::LOCALHOST.into(),
            host: "",
        };
        let settings = TlsSettings { http2: true, ..TlsSettings::default() };
        let serving = tls::load(&source, &settings, &Clock::system()).unwrap();
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into(), false).unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::new(Manner::default());
        let handler = {
            let shutdown = shutdown.clone();
            Arc::new(move |request, connection| answer(request, connection, shutdown.clone()))
        };
        let task = tokio::spawn(serve(listener, serving.config, limits, handler, shutdown));
        let client = client(&serving.authority_pem);
        Running { address, client, trigger, task, _folder: folder }
    }

    async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut client = (*self.client).clone();
        if !protocol.is_empty() {
            client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::from(self.address.ip());
        TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap()
    }

    async fn open(&self, protocol: &str) -> Client {
        let stream = TokioIo::new(self.connect(protocol).await);
        if protocol == "h2" {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            Client::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            Client::Http1(sender)
        }
    }

    async fn get(&self, protocol: &str, path: &str) -> String {
        text(self.open(protocol).await.get(path).await.unwrap()).await.unwrap()
    }

    /// Waits for the end, which is to come within `time`.
    async fn ended_within(self, time: Duration) {
        timeout(time, self.task).await.expect("the server is still there").unwrap().unwrap();
        assert!(TcpStream::connect(self.address).await.is_err(), "the port is still open");
    }
}

enum Client {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    async fn get(&mut self, path: &str) -> hyper::Result<Response<Incoming>> {
        let request = Request::builder().header("host", "localhost");
        match self {
            Client::Http1(sender) => {
                sender.send_request(request.uri(path).body(Empty::new()).unwrap()).await
            }
            Client::Http2(sender) => {
                let uri = format!("https://localhost{path}");
                sender.send_request(request.uri(uri).body(Empty::new()).unwrap()).await
            }
        }
    }
}

impl Client {
    fn is_open(&self) -> bool {
        match self {
            Client::Http1(sender) => !sender.is_closed(),
            Client::Http2(sender) => !sender.is_closed(),
        }
    }

    async fn closed(&self) {
        while self.is_open() {
            tokio::time::sleep(SHORT / 10).await;
        }
    }
}

fn client(authority_pem: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn text(response: Response<Incoming>) -> hyper::Result<String> {
    let body = response.into_body().collect().await?;
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

/// The handler: what it does is in the path.
async fn answer(
    request: Request<Incoming>,
    connection: Arc<Connection>,
    shutdown: Shutdown,
) -> Response<AnyBody> {
    let full = |text: &str| Full::new(Bytes::from(text.to_owned())).boxed_unsync();
    let body = match request.uri().path() {
        "/protocol" => {
            assert!(connection.peer.ip().is_loopback());
            full(if connection.http2 { "h2" } else { "http/1.1" })
        }
        "/slow" => {
            tokio::time::sleep(SHORT).await;
            full("done")
        }
        "/watch" => {
            let last = async move {
                shutdown.started().await;
                Bytes::from("the end")
            };
            let events = stream::iter([Bytes::from("an event; ")]).chain(stream::once(last));
            StreamBody::new(events.map(|event| Ok(Frame::data(event)))).boxed_unsync()
        }
        "/forever" => std::future::pending().await,
        "/panic" => panic!("meant to"),
        other => full(other),
    };
    Response::new(body)
}

#[tokio::test]
async fn requests_are_answered_by_the_protocol_that_was_agreed_on() {
    let server = Running::start(Limits::default()).await;
    for (offered, expected) in [("h2", "h2"), ("http/1.1", "http/1.1"), ("", "http/1.1")] {
        assert_eq!(server.get(offered, "/protocol").await, expected, "offered {offered:?}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = Running::start(Limits::default()).await;
    for protocol in ["h2", "http/1.1"] {
        let mut client = server.open(protocol).await;
        for path in ["/1", "/2", "/3"] {
            assert_eq!(text(client.get(path).await.unwrap()).await.unwrap(), path, "{protocol}");
        }
    }
    let Client::Http2(sender) = server.open("h2").await else { unreachable!() };
    let requests = (0..500).map(|n| {
        let mut client = Client::Http2(sender.clone());
        async move {
            let path = format!("/{n}");
            assert_eq!(text(client.get(&path).await.unwrap()).await.unwrap(), path);
        }
    });
    futures::future::join_all(requests).await;
}

#[tokio::test]
async fn a_graceful_end_finishes_requests_and_watches() {
    for protocol in ["h2", "http/1.1"] {
        let server = Running::start(Limits::default()).await;
        // Neither who says nothing nor who has nothing to ask may delay the end.
        let _silent = TcpStream::connect(server.address).await.unwrap();
        let _idle = server.open(protocol).await;
        let mut done = server.open(protocol).await;
        text(done.get("/done").await.unwrap()).await.unwrap();

        let mut watcher = server.open(protocol).await;
        let watch = watcher.get("/watch").await.unwrap();
        let mut slow = server.open(protocol).await;
        let slow = tokio::spawn(async move { text(slow.get("/slow").await.unwrap()).await });
        tokio::time::sleep(SHORT / 3).await;

        server.trigger.start();
        assert_eq!(slow.await.unwrap().unwrap(), "done", "{protocol}");
        assert_eq!(text(watch).await.unwrap(), "an event; the end", "{protocol}");
        server.ended_within(Limits::default().farewell_time / 2).await;
    }
}

#[tokio::test]
async fn a_request_may_end_its_http2_connection_and_harms_no_other() {
    let server = Running::start(Limits { goaway_chance: 1.0, ..Limits::default() }).await;
    let Client::Http2(sender) = server.open("h2").await else { unreachable!() };
    let mut watcher = Client::Http2(sender.clone());
    // Both are under way before the connection is told to end.
    let (watch, slow) = tokio::join!(watcher.get("/watch"), async {
        text(Client::Http2(sender.clone()).get("/slow").await.unwrap()).await
    });
    assert_eq!(slow.unwrap(), "done");
    while !sender.is_closed() {
        let _ = Client::Http2(sender.clone()).get("/late").await;
        tokio::time::sleep(SHORT / 10).await;
    }
    let mut client = server.open("http/1.1").await;
    for path in ["/1", "/2"] {
        assert_eq!(text(client.get(path).await.unwrap()).await.unwrap(), path);
    }
    server.trigger.start();
    assert_eq!(text(watch.unwrap()).await.unwrap(), "an event; the end");
}

#[tokio::test]
async fn a_graceful_end_does_not_wait_for_ever() {
    for protocol in ["h2", "http/1.1"] {
        let server = Running::start(Limits { drain_time: SHORT, ..Limits::default() }).await;
        let mut client = server.open(protocol).await;
        let stuck = tokio::spawn(async move { client.get("/forever").await });
        tokio::time::sleep(SHORT / 3).await;
        server.trigger.start();
        server.ended_within(PATIENCE).await;
        assert!(stuck.await.unwrap().is_err(), "{protocol}");
    }
}

#[tokio::test]
async fn a_panic_harms_no_other_request() {
    let server = Running::start(Limits::default()).await;
    let mut client = server.open("h2").await;
    let watch = client.get("/watch").await.unwrap();
    assert!(client.get("/panic").await.is_err());
    assert_eq!(text(client.get("/after").await.unwrap()).await.unwrap(), "/after");

    assert!(server.open("http/1.1").await.get("/panic").await.is_err());
    assert_eq!(server.get("http/1.1", "/after").await, "/after");
    server.trigger.start();
    assert_eq!(text(watch).await.unwrap(), "an event; the end");
}

#[tokio::test]
async fn what_is_no_request_is_cut_and_harms_nobody() {
    let server = Running::start(Limits::default()).await;
    let mut good = server.open("h2").await;
    let garbage: Vec<u8> =
        (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();

    let mut raw = TcpStream::connect(server.address).await.unwrap();
    raw.write_all(&garbage).await.unwrap();
    closes(&mut raw).await;
    for protocol in ["h2", "http/1.1"] {
        let mut stream = server.connect(protocol).await;
        let _ = stream.write_all(&garbage).await;
        let _ = stream.flush().await;
        closes(&mut stream).await;
    }
    assert_eq!(text(good.get("/fine").await.unwrap()).await.unwrap(), "/fine");
}

#[tokio::test]
async fn a_request_without_tls_is_told_so() {
    let server = Running::start(Limits::default()).await;
    for start in ["GET /api HTTP/1.1", "POST /apis/hello HTTP/1.1", "OPTIONS * HTTP/1.1"] {
        let mut raw = TcpStream::connect(server.address).await.unwrap();
        raw.write_all(format!("{start}\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        raw.read_to_string(&mut answer).await.unwrap();
        assert_eq!(
            answer,
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            "{start}"
        );
    }
}

#[tokio::test]
async fn a_slow_handshake_is_cut() {
    let limits = Limits { handshake_time: SHORT, ..Limits::default() };
    let server = Running::start(limits).await;
    for sent in [&b""[..], b"\x16\x03\x01\x02"] {
        let mut raw = TcpStream::connect(server.address).await.unwrap();
        raw.write_all(sent).await.unwrap();
        closes(&mut raw).await;
    }
    assert_eq!(server.get("h2", "/fine").await, "/fine");
}

#[tokio::test]
async fn slow_headers_are_cut() {
    let server = Running::start(Limits { header_time: SHORT, ..Limits::default() }).await;
    for sent in ["", "GET / HTTP/1.1\r\nHost:"] {
        let mut stream = server.connect("http/1.1").await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        closes(&mut stream).await;
    }
    assert_eq!(server.get("http/1.1", "/slow").await, "done");
}

#[tokio::test]
async fn connections_without_requests_are_closed_and_those_with_a_watch_are_not() {
    let times = Limits { idle_time: SHORT, farewell_time: SHORT, ..Limits::default() };
    let server = Running::start(times).await;
    // Without the words by which HTTP/2 begins, and without a request.
    for protocol in ["h2", "http/1.1"] {
        closes(&mut server.connect(protocol).await).await;
    }
    for protocol in ["h2", "http/1.1"] {
        let mut idle = server.open(protocol).await;
        let mut busy = server.open(protocol).await;
        text(idle.get("/once").await.unwrap()).await.unwrap();
        let mut watch = busy.get("/watch").await.unwrap().into_body();
        watch.frame().await.unwrap().unwrap();
        timeout(PATIENCE, idle.closed()).await.expect("the idle connection is still open");
        assert!(timeout(SHORT * 4, watch.frame()).await.is_err(), "{protocol}: the watch ended");
        assert!(busy.is_open(), "{protocol}");
    }
}

#[tokio::test]
async fn a_client_may_close_its_side_after_the_request() {
    let server = Running::start(Limits::default()).await;
    let mut stream = server.connect("http/1.1").await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    let _ = timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("done"), "{answer}");
}

#[tokio::test]
async fn connections_above_the_limit_wait() {
    let server = Running::start(Limits { connections: 2, ..Limits::default() }).await;
    let (first, mut second) = (server.open("h2").await, server.open("h2").await);
    assert!(timeout(SHORT, server.open("h2")).await.is_err(), "a third was let in");
    assert_eq!(text(second.get("/fine").await.unwrap()).await.unwrap(), "/fine");
    drop(first);
    timeout(PATIENCE, server.open("h2")).await.expect("the place is free again");
}

#[tokio::test]
async fn a_client_that_comes_again_resumes_its_session() {
    let server = Running::start(Limits::default()).await;
    let connector = TlsConnector::from(Arc::clone(&server.client));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::from(server.address.ip());
        let mut stream = connector.connect(name, stream).await.unwrap();
        // The ticket comes after the handshake, so something has to be read.
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        kinds.push(stream.get_ref().1.handshake_kind());
    }
    assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
}

#[tokio::test]
async fn a_taken_port_is_said_in_one_line() {
    let taken = bind((Ipv4Addr::LOCALHOST, 0).into(), false).unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address, false).unwrap_err();
    let start = format!("cannot listen on {address}: Address");
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[tokio::test]
async fn the_end_is_seen_by_all_and_not_caused_by_losing_the_trigger() {
    let (trigger, shutdown) = Shutdown::new(Manner::default());
    let other = shutdown.clone();
    assert!(!shutdown.is_started());
    trigger.start();
    trigger.start();
    timeout(PATIENCE, other.started()).await.unwrap();
    timeout(PATIENCE, other.started()).await.unwrap();
    assert!(shutdown.is_started());

    let (trigger, shutdown) = Shutdown::new(Manner::default());
    drop(trigger);
    assert!(timeout(SHORT, shutdown.started()).await.is_err());
}

/// The test runs itself again as the process that gets the signals.
#[cfg(unix)]
#[test]
fn the_first_signal_begins_the_end_and_the_second_is_the_end() {
    const CHILD: &str = "PINTLE_TEST_SIGNALS";
    const NAME: &str = "the_first_signal_begins_the_end_and_the_second_is_the_end";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(async {
            let (trigger, shutdown) = Shutdown::new(Manner::default());
            signals(trigger).unwrap();
            println!("\nready");
            shutdown.started().await;
            println!("\nending");
            std::future::pending::<()>().await;
        });
    }
    for (first, second) in [("TERM", "INT"), ("INT", "TERM"), ("TERM", "TERM")] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (awaited, signal) in [("ready", first), ("ending", second)] {
            assert!(lines.any(|line| line.unwrap() == awaited), "{awaited} was not said");
            let (signal, id) = (format!("-{signal}"), child.id().to_string());
            assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
        }
        assert_eq!(child.wait().unwrap().code(), Some(1), "SIG{first}, then SIG{second}");
    }
}

/// Reads until the other side has closed, properly or not.
async fn closes(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut rest = Vec::new();
    let end = timeout(PATIENCE / 2, stream.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the connection is still open");
}
