//! Answers that go on over a WebSocket: watches from browsers, which cannot read a body as it comes,
//! and what a connecter talks about; and connections that are turned over to any other protocol.
//!
//! The handshake is that of [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-4.2); the frames
//! are tungstenite's. HTTP/2 knows no `Upgrade`, so this is for HTTP/1.1 only. See
//! [watch.go](https://github.com/kubernetes/apiserver/blob/master/pkg/endpoints/handlers/watch.go) for
//! what a client of Kubernetes gets: a message for each event, text for JSON and binary else.

use crate::body::Body;
use crate::negotiate::Media;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use futures::{SinkExt, Stream, StreamExt};
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use pintle_meta::{Status, cbor};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// WebSockets at a time; they are connections too, but no longer HTTP's.
const OPEN_MAX: usize = 1_000;
/// A message of a client may be this large; a watch reads none but the one that ends it.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// What waits for a slow reader, besides one event.
const WRITE_BYTES_MAX: usize = 256 << 10;
/// How long a client may take to answer that it has seen the end.
const FAREWELL_TIME: Duration = Duration::from_secs(2);
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The WebSockets of a server, of which there is a limited number.
#[derive(Clone, Debug)]
pub(crate) struct WebSockets(Arc<Semaphore>);

impl Default for WebSockets {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OPEN_MAX)))
    }
}

/// A WebSocket, from the side of the server; see [`Connection::websocket`](crate::Connection::websocket).
///
/// ```
/// use futures::{SinkExt, StreamExt};
/// use pintle::{Answer, Connection, Status};
///
/// /// Says back what it hears.
/// fn echo(at: Connection) -> Result<Answer, Status> {
///     at.websocket(&["v5.channel.k8s.io"], |mut socket| async move {
///         while let Some(Ok(message)) = socket.next().await {
///             if socket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
/// ```
pub type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// A WebSocket that a client has asked for and that can be granted.
#[derive(Debug)]
pub(crate) struct Upgrade {
    accept: HeaderValue,
    switch: Switch,
}

/// A connection that can be turned over to another protocol.
#[derive(Debug)]
pub(crate) struct Switch {
    upgrade: OnUpgrade,
    permit: OwnedSemaphorePermit,
}

/// Whether a client asks for a WebSocket.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    let has = |name, want: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(want))
    };
    has(UPGRADE, "websocket") && has(CONNECTION, "upgrade")
}

impl WebSockets {
    /// Takes the upgrade out of a request for a watch; nothing where it asks for none.
    ///
    /// # Errors
    /// 400 for a handshake that is none, 429 where too many are open.
    pub(crate) fn take(&self, request: &mut Parts) -> Result<Option<Upgrade>, Status> {
        let can = || request.extensions.get::<OnUpgrade>().is_some();
        if !is_asked(&request.headers) || !can() {
            return Ok(None);
        }
        self.upgrade(request).map(Some)
    }

    /// Takes the upgrade to a WebSocket out of a request that asks for it.
    ///
    /// # Errors
    /// As for [`take`](Self::take); 400 too where the connection cannot be upgraded.
    pub(crate) fn upgrade(&self, request: &mut Parts) -> Result<Upgrade, Status> {
        let key = request.headers.get(SEC_WEBSOCKET_KEY);
        let key = key.ok_or_else(|| Status::bad_request("Sec-WebSocket-Key is missing"))?;
        let mut digest = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
        digest.update(key.as_bytes());
        digest.update(GUID);
        let accept = HeaderValue::try_from(BASE64_STANDARD.encode(digest.finish()));
        let accept = accept.map_err(|e| Status::internal(&e))?;
        Ok(Upgrade { accept, switch: self.switch(request)? })
    }

    /// Takes out of a request that its connection can be turned over.
    ///
    /// # Errors
    /// 400 where it cannot, 429 where too many are.
    pub(crate) fn switch(&self, request: &mut Parts) -> Result<Switch, Status> {
        let upgrade = request.extensions.remove::<OnUpgrade>();
        let upgrade =
            upgrade.ok_or_else(|| Status::bad_request("this connection cannot be upgraded"))?;
        let permit = Arc::clone(&self.0).try_acquire_owned();
        let permit = permit.map_err(|_| Status::too_many_requests("too many WebSockets", 1))?;
        Ok(Switch { upgrade, permit })
    }
}

/// The protocol that is spoken on a WebSocket: the first that the client names and the server knows;
/// none where the client names none, or the server has none to offer.
///
/// # Errors
/// 400 where both name some and have none in common.
pub(crate) fn protocol(
    headers: &HeaderMap,
    known: &[&'static str],
) -> Result<Option<HeaderValue>, Status> {
    let asked = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let asked = asked.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let asked: Vec<&str> = asked.map(str::trim).filter(|name| !name.is_empty()).collect();
    if asked.is_empty() || known.is_empty() {
        return Ok(None);
    }
    let common = asked.iter().find_map(|name| known.iter().find(|known| *known == name));
    let common = common.ok_or_else(|| {
        let (asked, known) = (asked.join(" "), known.join(" "));
        let why = format!(
            "unable to negotiate protocol: client supports [{asked}], server accepts [{known}]"
        );
        Status::bad_request(why)
    })?;
    Ok(Some(HeaderValue::from_static(common)))
}

impl Switch {
    /// Turns the connection over: the answer with which it changes its protocol, and a task in which
    /// it is served.
    pub(crate) fn to<F>(
        self,
        protocol: HeaderValue,
        serve: impl FnOnce(TokioIo<Upgraded>) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, permit } = self;
        tokio::spawn(async move {
            let _permit = permit;
            match upgrade.await {
                Ok(upgraded) => serve(TokioIo::new(upgraded)).await,
                Err(error) => tracing::debug!(%error, "a connection was not turned over"),
            }
        });
        let mut response = Response::new(Body::Full(None));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        response
    }
}

impl Upgrade {
    /// Grants a watch its WebSocket, on which the events are sent, a message for each.
    pub(crate) fn send(
        self,
        events: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
        media: Media,
    ) -> Response<Body> {
        self.open(MESSAGE_BYTES_MAX, None, move |socket| send(socket, events, media))
    }

    /// Grants the upgrade: the answer with which the connection becomes a WebSocket, and a task in
    /// which it is served.
    pub(crate) fn open<F>(
        self,
        message_bytes_max: usize,
        protocol: Option<HeaderValue>,
        serve: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let config = WebSocketConfig::default()
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max))
            .max_write_buffer_size(WRITE_BYTES_MAX + message_bytes_max);
        let websocket = HeaderValue::from_static("websocket");
        let mut response = self.switch.to(websocket, move |io| async move {
            serve(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await).await;
        });
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

async fn send(
    mut socket: WebSocket,
    mut events: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    media: Media,
) {
    let mut pending = BytesMut::new();
    loop {
        while let Some(message) = message(&mut pending, media) {
            if socket.send(message).await.is_err() {
                return;
            }
        }
        tokio::select! {
            piece = events.next() => match piece {
                Some(piece) => pending.extend_from_slice(&piece),
                None => break,
            },
            // Reading answers pings, and finds out that the client is gone.
            said = socket.next() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    // A client that is gone takes no notice.
    let _ = tokio::time::timeout(FAREWELL_TIME, socket.close(None)).await;
}

/// Takes the next whole event off what has come: a line of JSON, a message without its length, or a
/// data item of CBOR.
fn message(pending: &mut BytesMut, media: Media) -> Option<Message> {
    if media == Media::Protobuf {
        let (length, _) = pending.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        if pending.len() < 4 + length {
            return None;
        }
        pending.advance(4);
        return Some(Message::Binary(pending.split_to(length).freeze()));
    }
    if media == Media::Cbor {
        let length = cbor::first_length(pending)?;
        return Some(Message::Binary(pending.split_to(length).freeze()));
    }
    let end = pending.iter().position(|byte| *byte == b'\n')?;
    let line = pending.split_to(end + 1).freeze();
    // JSON of ours is UTF-8.
    Some(Message::Text(line.try_into().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Two events that come in two pieces, cut at `cut`, are two messages.
    fn check(media: Media, events: [&[u8]; 2], want: &[Message; 2], cut: usize) {
        let whole = events.concat();
        let (first, rest) = whole.split_at(cut);
        let (mut pending, mut got) = (BytesMut::new(), Vec::new());
        for piece in [first, rest] {
            pending.extend_from_slice(piece);
            got.extend(std::iter::from_fn(|| message(&mut pending, media)));
        }
        assert_eq!(&got, want, "{media:?} at {cut}");
        assert!(pending.is_empty());
    }

    #[test]
    fn events_are_messages() {
        let json: [&[u8]; 2] = [b"{\"a\":1}\n", b"{}\n"];
        let lines = json.map(|line| std::str::from_utf8(line).unwrap());
        let framed: [&[u8]; 2] = [b"\0\0\0\x02ab", b"\0\0\0\x01c"];
        let bytes = [json!({"a": [1, "b"]}), json!({})].map(|event| cbor::encode(&event));
        let items: [&[u8]; 2] = [&bytes[0], &bytes[1]];
        let binary = |bytes: &[u8]| Message::Binary(bytes.to_vec().into());
        for cut in 0..8 {
            check(Media::Json, json, &lines.map(|line| Message::Text(line.into())), cut);
            check(Media::Protobuf, framed, &[binary(b"ab"), binary(b"c")], cut);
            check(Media::Cbor, items, &items.map(binary), cut);
        }
    }
}
