//! A tiny server of foos, as wrong as a test wants it to be.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::trust;

type Body = BoxBody<Bytes, Infallible>;

/// Events that a watcher may be behind.
const WATCH_EVENTS: usize = 10_000;

/// What a fake server does wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flaws {
    /// Lists as protobuf are answered 406, and applies 415; nothing is compressed.
    pub(crate) json_only: bool,
    /// One GET of an object in so many is answered 500.
    pub(crate) fails_every: Option<u64>,
    /// Lists leave out one object.
    pub(crate) forgets: bool,
    /// Lists are empty from the second one on.
    pub(crate) empties: bool,
    /// Watches end after so many events.
    pub(crate) watch_ends_after: Option<u64>,
    /// Only HTTP/1.1 is spoken.
    pub(crate) http1: bool,
    /// Nothing is answered to a PUT.
    pub(crate) ignores_puts: bool,
    /// The bearer token that every request needs.
    pub(crate) token: Option<&'static str>,
}

/// The server's state.
pub(crate) struct Fake {
    flaws: Flaws,
    objects: Mutex<BTreeMap<String, Object>>,
    revision: AtomicU64,
    gets: AtomicU64,
    pages: AtomicU64,
    events: broadcast::Sender<Bytes>,
}

/// An object, and its JSON.
struct Object {
    value: Value,
    text: String,
}

impl Fake {
    /// Starts a server on a free port: its URL.
    pub(crate) fn start(flaws: Flaws) -> (String, Arc<Self>) {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let fake = Self::new(flaws);
        tokio::spawn(Arc::clone(&fake).serve(listener));
        (url, fake)
    }

    /// How many objects there are.
    pub(crate) fn count(&self) -> usize {
        self.objects.lock().unwrap().len()
    }

    fn new(flaws: Flaws) -> Arc<Self> {
        Arc::new(Self {
            flaws,
            objects: Mutex::default(),
            // All revisions of a fill have as many digits, so all its objects are equally long.
            revision: AtomicU64::new(1000),
            gets: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            events: broadcast::Sender::new(WATCH_EVENTS),
        })
    }

    async fn serve(self: Arc<Self>, listener: StdListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls(self.flaws.http1)));
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let (fake, acceptor) = (Arc::clone(&self), acceptor.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(move |request| Arc::clone(&fake).answer(request));
                let io = TokioIo::new(tls);
                if http2 {
                    let builder = http2::Builder::new(TokioExecutor::new());
                    builder.serve_connection(io, service).await.ok();
                } else {
                    http1::Builder::new().serve_connection(io, service).await.ok();
                }
            });
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(token) = self.flaws.token
            && header(hyper::header::AUTHORIZATION) != Some(&format!("Bearer {token}"))
        {
            return Ok(status(401, "Unauthorized"));
        }
        let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
        let query = head.uri.query().unwrap_or_default();
        Ok(match (&head.method, path.as_slice()) {
            (_, ["readyz" | "apis"] | ["openapi", ..]) => status(200, "ok"),
            (&Method::GET, [.., "v2", "foos"]) if query.contains("watch=true") => self.watch(),
            (&Method::GET, [.., "v2", "foos"]) => {
                let mut list = self.list(query, header(ACCEPT).unwrap_or_default());
                // Said, not done: nobody looks inside.
                if !self.flaws.json_only && header(ACCEPT_ENCODING) == Some("gzip") {
                    let gzip = HeaderValue::from_static("gzip");
                    list.headers_mut().insert(CONTENT_ENCODING, gzip);
                }
                list
            }
            (&Method::POST, ["etcdserverpb.KV", _]) => Response::new(full(vec![0; 5])),
            (&Method::POST, [.., namespace, "foos"]) => self.create(namespace, &body),
            (method, [.., namespace, "foos", name]) => {
                if *method == Method::PUT && self.flaws.ignores_puts {
                    std::future::pending::<()>().await;
                }
                let media_type = header(CONTENT_TYPE).unwrap_or_default();
                self.one(method, &format!("{namespace}/{name}"), media_type, &body)
            }
            _ => status(404, "no such path"),
        })
    }

    fn create(&self, namespace: &str, body: &[u8]) -> Response<Body> {
        let mut object: Value = serde_json::from_slice(body).unwrap();
        let key = format!("{namespace}/{}", object["metadata"]["name"].as_str().unwrap());
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(&key) {
            return status(409, "already exists");
        }
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["resourceVersion"] = self.next_revision().into();
        let event = json!({"type": "ADDED", "object": object}).to_string() + "\n";
        self.events.send(event.into()).ok();
        let answer = answer(201, &object);
        objects.insert(key, Object { text: object.to_string(), value: object });
        answer
    }

    fn one(&self, method: &Method, key: &str, media_type: &str, body: &[u8]) -> Response<Body> {
        let mut objects = self.objects.lock().unwrap();
        let Some(Object { value: object, text }) = objects.get_mut(key) else {
            return status(404, "not found");
        };
        if *method == Method::GET {
            let number = self.gets.fetch_add(1, Ordering::Relaxed) + 1;
            // The first ones belong to the fill.
            let fails =
                self.flaws.fails_every.is_some_and(|n| number > 2 && number.is_multiple_of(n));
            return if fails { status(500, "broken") } else { answer(200, object) };
        }
        if *method == Method::DELETE {
            objects.remove(key);
            return status(200, "gone");
        }
        if media_type.contains("apply") && self.flaws.json_only {
            return status(415, "no apply");
        }
        let sent: Value = serde_json::from_slice(body).unwrap();
        let version = &sent["metadata"]["resourceVersion"];
        if *method == Method::PUT && *version != object["metadata"]["resourceVersion"] {
            return status(409, "modified");
        }
        if object["spec"]["config"]["msg1"] == sent["spec"]["config"]["msg1"] {
            return status(400, "nothing changed");
        }
        object["spec"]["config"]["msg1"] = sent["spec"]["config"]["msg1"].clone();
        object["metadata"]["resourceVersion"] = self.next_revision().into();
        *text = object.to_string();
        answer(200, object)
    }

    fn list(&self, query: &str, accept: &str) -> Response<Body> {
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let limit = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let after = parameter("continue").unwrap_or_default().replace("%2F", "/");
        if accept.contains("protobuf") {
            return if self.flaws.json_only {
                status(406, "no protobuf")
            } else {
                Response::new(full(b"k8s\0....".to_vec()))
            };
        }
        let objects = self.objects.lock().unwrap();
        let from = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let nothing = parameter("labelSelector").is_some()
            || (self.flaws.empties && self.pages.fetch_add(1, Ordering::Relaxed) > 0);
        let mut rest = objects.range(from).skip(usize::from(self.flaws.forgets));
        let take = if nothing { 0 } else { limit };
        let page: Vec<_> = rest.by_ref().take(take).collect();
        let token = match page.last() {
            Some((key, _)) if rest.next().is_some() => key.as_str(),
            _ => "",
        };
        let (kind, field) = match accept {
            accept if accept.contains("as=Table") => ("Table", "rows"),
            accept if accept.contains("as=Partial") => ("PartialObjectMetadataList", "items"),
            _ => ("FooList", "items"),
        };
        let items: Vec<_> = page.into_iter().map(|(_, object)| object.text.as_str()).collect();
        let version = self.revision.load(Ordering::Relaxed).to_string();
        let metadata = json!({"resourceVersion": version, "continue": token});
        let items = items.join(",");
        // Joined from text that is kept: encoding five hundred values takes long without optimisation.
        let list = format!(r#"{{"kind":"{kind}","metadata":{metadata},"{field}":[{items}]}}"#);
        Response::new(full(list))
    }

    fn watch(&self) -> Response<Body> {
        let events = self.events.subscribe();
        let left = self.flaws.watch_ends_after.unwrap_or(u64::MAX);
        let (sender, body) = Channel::new(8);
        tokio::spawn(forward(events, sender, left));
        Response::new(body.boxed())
    }

    fn next_revision(&self) -> String {
        (self.revision.fetch_add(1, Ordering::Relaxed) + 1).to_string()
    }
}

/// Sends events on to a watcher until it leaves, or `left` of them were sent.
async fn forward(mut events: broadcast::Receiver<Bytes>, mut watcher: Sender<Bytes>, left: u64) {
    for _ in 0..left {
        let Ok(event) = events.recv().await else { return };
        if watcher.send_data(event).await.is_err() {
            return;
        }
    }
}

fn tls(http1: bool) -> ServerConfig {
    let mut config = trust::own_certificate().unwrap();
    if http1 {
        config.alpn_protocols.clear();
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    config
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

fn answer(code: u16, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string() + "\n"));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    response
}

fn status(code: u16, message: &str) -> Response<Body> {
    answer(code, &json!({"kind": "Status", "message": message, "code": code}))
}

/// Serves as a process of its own when `compare` starts this test binary with a port; else does nothing.
#[tokio::test]
async fn serve_as_a_process() {
    let Ok(port) = std::env::var("PINTLE_BENCH_FAKE_PORT") else { return };
    let listener = StdListener::bind(format!("127.0.0.1:{port}")).unwrap();
    Fake::new(Flaws::default()).serve(listener).await;
}
