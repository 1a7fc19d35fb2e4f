//! A server under test, and a client that sends it anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, BodyStream, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pintle::{Options, Running, Server};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::Value;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this comes in time")
}

/// A server on a free port, whose files are gone when the test ends.
#[derive(Debug)]
pub(crate) struct Served {
    running: Running,
    client: Arc<ClientConfig>,
    folder: TempDir,
}

/// A part of HTTP that a request is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// What a request was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON, or null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What is at a JSON pointer in the body, as text.
    pub(crate) fn at(&self, pointer: &str) -> String {
        match self.json().pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }

    /// A header, or `""`.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Served {
    /// Starts a server that lets everybody do everything.
    pub(crate) async fn start(server: Server) -> Self {
        Self::start_with(server, |options| options.insecure_allow_all = true).await
    }

    /// Starts a server with other options.
    pub(crate) async fn start_with(server: Server, change: impl FnOnce(&mut Options)) -> Self {
        Self::start_in(TempDir::new().unwrap(), server, change).await
    }

    async fn start_in(folder: TempDir, server: Server, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        options.secure_port = 0;
        options.data_dir = Some(folder.path().to_owned());
        change(&mut options);
        let running = soon(server.start(&options)).await.unwrap();
        let client = client(&running, None);
        Self { running, client, folder }
    }

    /// Shows a certificate to the server from now on, or none.
    pub(crate) fn show(&mut self, identity: Option<&Identity>) {
        self.client = client(&self.running, identity);
    }

    /// Ends the server and starts another one on the same port with the same files.
    pub(crate) async fn restart(self, server: Server) -> Self {
        let port = self.address().port();
        soon(self.running.shutdown()).await.unwrap();
        let change = |options: &mut Options| {
            options.insecure_allow_all = true;
            options.secure_port = port;
        };
        Self::start_in(self.folder, server, change).await
    }

    /// Ends the server; fails where it does not end cleanly.
    pub(crate) async fn stop(self) {
        soon(self.running.shutdown()).await.unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    pub(crate) fn token(&self) -> &str {
        self.running.token()
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        self.running.kubeconfig().expect("one is written")
    }

    /// A client of kube-rs.
    pub(crate) fn kube(&self) -> kube::Client {
        let mut config = kube::Config::new(self.running.url().parse().unwrap());
        let certificates = authorities(&self.running);
        config.root_cert = Some(certificates.iter().map(|one| one.to_vec()).collect());
        config.auth_info.token = Some(self.token().to_owned().into());
        config.try_into().unwrap()
    }

    /// A client that is there when the server is not.
    pub(crate) fn client(&self) -> Lonely {
        Lonely(Arc::clone(&self.client))
    }

    /// A connection on which anything can be written.
    pub(crate) async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut client = (*self.client).clone();
        client.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let name = ServerName::from(self.address().ip());
        TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap()
    }

    /// Whether the server speaks a protocol.
    pub(crate) async fn agrees_on(&self, protocol: &[u8]) -> bool {
        let mut client = (*self.client).clone();
        client.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let name = ServerName::from(self.address().ip());
        match TlsConnector::from(Arc::new(client)).connect(name, stream).await {
            Ok(stream) => stream.get_ref().1.alpn_protocol() == Some(protocol),
            Err(_) => false,
        }
    }

    /// A connection for requests by HTTP/2, and the task that ends with it.
    pub(crate) async fn http2(
        &self,
    ) -> (http2::SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>) {
        let stream = TokioIo::new(self.connect(b"h2").await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        (sender, tokio::spawn(connection))
    }

    /// Sends `METHOD PATH` with a body; JSON, unless a header says otherwise.
    pub(crate) async fn send(&self, line: &str, body: impl Into<Bytes>) -> Answer {
        self.send_with(line, &[], body).await
    }

    /// Sends `METHOD PATH` with headers and a body.
    pub(crate) async fn send_with(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send_over(Http::One, line, headers, body).await
    }

    /// The same over a version of HTTP of the caller's choice.
    pub(crate) async fn send_over(
        &self,
        http: Http,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let response = self.open(http, line, headers, body).await;
        let (parts, body) = response.into_parts();
        let body = soon(body.collect()).await.unwrap().to_bytes();
        Answer { code: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Sends a request and returns when the headers of the answer are there.
    pub(crate) async fn open(
        &self,
        http: Http,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let (method, path) = line.split_once(' ').unwrap();
        let uri = match http {
            Http::One => path.to_owned(),
            Http::Two => format!("https://{}{path}", self.address()),
        };
        let mut request = Request::builder().method(method).uri(uri);
        if http == Http::One {
            request = request.header("host", self.address().to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let sent = async {
            if http == Http::One {
                let stream = TokioIo::new(self.connect(b"http/1.1").await);
                let (mut sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await
            } else {
                let (mut sender, _) = self.http2().await;
                sender.send_request(request).await
            }
        };
        soon(sent).await.unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Starts a watch.
    pub(crate) async fn watch(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let response = self.open(Http::One, &format!("GET {path}"), headers, "").await;
        assert_eq!(response.status(), 200, "{path}");
        Events { body: BodyStream::new(response.into_body()), text: Vec::new() }
    }
}

/// A client that knows how a server is to be trusted, and no more of it.
pub(crate) struct Lonely(Arc<ClientConfig>);

impl Lonely {
    /// The whole answer to a GET, as text.
    pub(crate) async fn get(&self, address: SocketAddr, path: &str) -> String {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = (*self.0).clone();
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(client));
        let mut stream = connector.connect(ServerName::from(address.ip()), stream).await.unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        // Whoever does not say goodbye has said everything else.
        let _ = soon(stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A client that trusts the server.
fn client(running: &Running, identity: Option<&Identity>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(running));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
        }
    })
}

/// A certificate and its key, by which a client is known.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: String,
}

/// An authority that issues certificates for clients.
pub(crate) struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The authority's own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a user of a group.
    pub(crate) fn issue(&self, name: &str, group: &str) -> Identity {
        self.issue_with(name, group, |_| {})
    }

    /// A certificate of another sort.
    pub(crate) fn issue_with(
        &self,
        name: &str,
        group: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = client_params(name, group);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        Identity { certificate, key: key.serialize_pem() }
    }
}

impl Identity {
    /// A certificate that nobody stands for but itself.
    pub(crate) fn self_signed(name: &str, group: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = client_params(name, group).self_signed(&key).unwrap().der().clone();
        Self { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn certificate_pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    pub(crate) fn key_pem(&self) -> &str {
        &self.key
    }

    /// The certificate and its key, for a server.
    pub(crate) fn parts(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        (self.certificate.clone(), PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }
}

fn client_params(name: &str, group: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, group);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn authorities(running: &Running) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(running.authority_pem().as_bytes())
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The events of a watch.
#[derive(Debug)]
pub(crate) struct Events {
    body: BodyStream<Incoming>,
    text: Vec<u8>,
}

impl Events {
    /// The next event; `None` where the watch has ended in order.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let Some(frame) = soon(self.body.next()).await else {
                assert!(self.text.is_empty(), "half an event: {:?}", self.text);
                return None;
            };
            let frame = frame.expect("a watch ends without an error");
            self.text.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
    }

    /// The next event as `TYPE name`.
    pub(crate) async fn brief(&mut self) -> String {
        self.next().await.map_or_else(|| "end".to_owned(), |event| brief(&event))
    }

    /// What is left, each event as `TYPE name`, until the watch ends.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(brief(&event));
        }
        all
    }
}

/// An event as `TYPE name`.
pub(crate) fn brief(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap();
    match event["object"]["metadata"]["name"].as_str() {
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    }
}
