//! A plugin that keeps a key, for tests: a KMS of version 2 on a socket, that does as it is told.
//!
//! Tests of other crates take this file in too, so it uses nothing of this one.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};

/// What the plugin says and does.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    /// The name of its key.
    pub key_id: String,
    /// How it says it is.
    pub healthz: String,
    /// The version of the protocol that it says it speaks.
    pub version: String,
    /// The code of gRPC with which it refuses to open anything.
    pub refuses: Option<u32>,
}

/// A plugin that ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Plugin {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    behaviour: Mutex<Behaviour>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Plugin {
    /// A plugin at a socket, in the place of one that was there before.
    pub(crate) fn start(socket: &Path) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let behaviour = Behaviour {
            key_id: "key-1".to_owned(),
            healthz: "ok".to_owned(),
            version: "v2".to_owned(),
            refuses: None,
        };
        let inner = Inner { behaviour: Mutex::new(behaviour), asked: Mutex::default() };
        let inner = Arc::new(inner);
        let task = tokio::spawn(serve(listener, Arc::clone(&inner)));
        Self { inner, task }
    }

    /// What it says and does from now on.
    pub(crate) fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.inner.behaviour.lock().unwrap()
    }

    /// How often it was asked something.
    pub(crate) fn asked(&self, method: &str) -> usize {
        self.inner.asked.lock().unwrap().get(method).copied().unwrap_or_default()
    }
}

async fn serve(listener: UnixListener, inner: Arc<Inner>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let inner = Arc::clone(&inner);
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&inner)));
            let builder = http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// Every message of the protocol: their fields do not get in one another's way.
#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    key_id: String,
    #[prost(btree_map = "string, bytes", tag = "4")]
    annotations: BTreeMap<String, Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Told {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
    #[prost(string, tag = "2")]
    second: String,
    /// The text of a status, which has the number of a sealed seed's annotations.
    #[prost(bytes = "bytes", tag = "3")]
    third: Bytes,
}

async fn answer(
    request: Request<Incoming>,
    inner: Arc<Inner>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked = Asked::decode(body.slice(5..)).unwrap();
    *inner.asked.lock().unwrap().entry(method.clone()).or_default() += 1;
    let behaviour = inner.behaviour.lock().unwrap().clone();
    let (message, code) = match told(&method, &asked, &behaviour) {
        Ok(told) => {
            let mut frame = BytesMut::new();
            frame.put_u8(0);
            frame.put_u32(u32::try_from(told.encoded_len()).unwrap());
            frame.extend_from_slice(&told.encode_to_vec());
            (frame.freeze(), 0)
        }
        Err(code) => (Bytes::new(), code),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.into());
    if code > 0 {
        trailers.insert("grpc-message", "it is%20told so".parse().unwrap());
    }
    let body = Full::new(message).with_trailers(std::future::ready(Some(Ok(trailers))));
    let response = Response::builder().header("content-type", "application/grpc");
    Ok(response.body(body).unwrap())
}

fn told(method: &str, asked: &Asked, behaviour: &Behaviour) -> Result<Told, u32> {
    const INVALID_ARGUMENT: u32 = 3;
    let mirrored = |bytes: &[u8]| bytes.iter().map(|byte| byte ^ 0x5a).collect::<Bytes>();
    match method {
        "Status" => Ok(Told {
            bytes: behaviour.version.clone().into(),
            second: behaviour.healthz.clone(),
            third: behaviour.key_id.clone().into(),
        }),
        // One annotation, `key.pintle.test`, in the form of an entry of a map.
        "Encrypt" => Ok(Told {
            bytes: mirrored(&asked.bytes),
            second: behaviour.key_id.clone(),
            third: [b"\x0a\x0fkey.pintle.test\x12", &[behaviour.key_id.len() as u8][..]]
                .concat()
                .into_iter()
                .chain(behaviour.key_id.bytes())
                .collect(),
        }),
        "Decrypt" => {
            if let Some(code) = behaviour.refuses {
                return Err(code);
            }
            let noted = asked.annotations.get("key.pintle.test");
            if noted.is_none_or(|noted| *noted != asked.key_id) || asked.uid.is_empty() {
                return Err(INVALID_ARGUMENT);
            }
            Ok(Told { bytes: mirrored(&asked.bytes), ..Told::default() })
        }
        _ => Err(12),
    }
}
