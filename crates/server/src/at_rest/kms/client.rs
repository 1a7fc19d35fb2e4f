//! Questions to a plugin: gRPC without streams, over a socket in the file system.
//!
//! That is one POST of HTTP/2 for each question, so hyper is enough and no framework is needed.

use crate::at_rest::counts::Counts;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use prost::Message;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 128 << 10;

/// What stands before a message: whether it is compressed, and its length.
const FRAME_HEAD_BYTES: usize = 5;

const OK: usize = 0;
const CANCELLED: usize = 1;
const UNKNOWN: usize = 2;
const DEADLINE_EXCEEDED: usize = 4;
const RESOURCE_EXHAUSTED: usize = 8;
const ABORTED: usize = 10;
const INTERNAL: usize = 13;
const UNAVAILABLE: usize = 14;

/// The codes of gRPC by their numbers.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Why a plugin did not answer.
#[derive(Clone, Debug)]
pub(super) struct Status {
    code: usize,
    message: String,
}

impl Status {
    fn new(code: usize, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    /// The name of the code.
    pub(super) fn code(&self) -> &'static str {
        CODES[self.code]
    }

    /// Whether the same question may be answered a little later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self.code,
            CANCELLED | DEADLINE_EXCEEDED | RESOURCE_EXHAUSTED | ABORTED | UNAVAILABLE
        )
    }

    /// What an answer says of itself.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let code = text("grpc-status")?.parse().ok().filter(|code| *code < CODES.len());
        let message = percent_decode_str(text("grpc-message").unwrap_or_default());
        Some(Self::new(code.unwrap_or(UNKNOWN), message.decode_utf8_lossy()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {} desc = {}", self.code(), self.message)
    }
}

/// The way to one plugin.
#[derive(Debug)]
pub(super) struct Client {
    provider: String,
    socket: PathBuf,
    /// How long an answer may take.
    time: Duration,
    counts: Arc<Counts>,
    /// The connection, from the first question on.
    sender: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Client {
    pub(super) fn new(
        provider: &str,
        socket: PathBuf,
        time: Duration,
        counts: Arc<Counts>,
    ) -> Self {
        Self { provider: provider.to_owned(), socket, time, counts, sender: Mutex::new(None) }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<A: Message + Default>(
        &self,
        method: &'static str,
        question: &impl Message,
    ) -> Result<A, Status> {
        let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + question.encoded_len());
        frame.put_u8(0);
        frame.put_u32(u32::try_from(question.encoded_len()).unwrap_or(u32::MAX));
        frame.extend_from_slice(&question.encode_to_vec());
        let path = format!("/v2.KeyManagementService/{method}");
        let begun = Instant::now();
        let asked = tokio::time::timeout(self.time, self.send(&path, frame.freeze()));
        let answer = asked
            .await
            .unwrap_or_else(|_| Err(Status::new(DEADLINE_EXCEEDED, "context deadline exceeded")));
        let code = CODES[answer.as_ref().err().map_or(OK, |status| status.code)];
        self.counts.asked(&self.provider, &path, code, begun.elapsed());
        A::decode(answer?).map_err(|error| Status::new(INTERNAL, error))
    }

    async fn send(&self, path: &str, frame: Bytes) -> Result<Bytes, Status> {
        let unavailable = |error: &dyn Error| Status::new(UNAVAILABLE, told(error));
        let request = || {
            Request::post(format!("http://localhost{path}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(Full::new(frame.clone()))
                .map_err(|error| Status::new(INTERNAL, error))
        };
        let (mut sender, is_new) = self.sender().await?;
        let response = match sender.send_request(request()?).await {
            // The plugin was started anew since the last question; asking twice does no harm.
            Err(_) if !is_new => {
                self.sender.lock().await.take();
                let (mut sender, _) = self.sender().await?;
                sender.send_request(request()?).await
            }
            response => response,
        };
        let (head, body) = response.map_err(|error| unavailable(&error))?.into_parts();
        if let Some(status) = Status::of(&head.headers) {
            return Err(status);
        }
        if head.status != 200 {
            let why = format!("unexpected HTTP status code received from server: {}", head.status);
            return Err(Status::new(UNKNOWN, why));
        }
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| unavailable(error.as_ref()))?;
        match body.trailers().and_then(Status::of) {
            Some(status) if status.code == OK => unframed(body.to_bytes()),
            Some(status) => Err(status),
            None => Err(Status::new(INTERNAL, "server closed the stream without sending trailers")),
        }
    }

    /// The connection, and whether it was made just now.
    async fn sender(&self) -> Result<(SendRequest<Full<Bytes>>, bool), Status> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok((sender.clone(), false));
        }
        let failed = |why: String| {
            let socket = self.socket.display();
            Status::new(UNAVAILABLE, format!("cannot connect to unix socket {socket}: {why}"))
        };
        let socket = connect(&self.socket).await.map_err(|error| failed(error.to_string()))?;
        let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await;
        let (sender, connection) = shaken.map_err(|error| failed(told(&error)))?;
        // It ends when the last sender is gone, or when the plugin ends it.
        tokio::spawn(connection);
        *kept = Some(sender.clone());
        Ok((sender, true))
    }
}

#[cfg(unix)]
async fn connect(path: &std::path::Path) -> std::io::Result<tokio::net::UnixStream> {
    tokio::net::UnixStream::connect(path).await
}

#[cfg(not(unix))]
async fn connect(_: &std::path::Path) -> std::io::Result<tokio::net::TcpStream> {
    let why = "this system has no sockets in files";
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, why))
}

/// The message of an answer, which is one frame.
fn unframed(mut body: Bytes) -> Result<Bytes, Status> {
    let wrong = || Status::new(INTERNAL, "the answer is not one message");
    let head = body.first_chunk::<FRAME_HEAD_BYTES>().ok_or_else(wrong)?;
    let [compressed, length @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| wrong())?;
    let message = body.split_off(FRAME_HEAD_BYTES);
    if compressed != 0 || message.len() != length {
        return Err(wrong());
    }
    Ok(message)
}

/// An error with what is behind it.
fn told(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", told(source)),
        None => error.to_string(),
    }
}
