//! An open connection: sends requests and reads answers, counting their bytes without looking at them.
//!
//! HTTP/2 goes to the `h2` crate directly. On hyper's way to it each request costs a task, a channel and a callback,
//! which makes the load generator as expensive as the server that it drives.

use std::future::poll_fn;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::client::{CALL_LIMIT, Template};
use crate::failure::{Failure, chain};

/// The most bytes of an answer that are kept for parsing.
const KEEP_LIMIT_BYTES: usize = 256 << 20;
/// Flow control windows that never hold a server back, as h2load's do.
const WINDOW_BYTES: u32 = 1 << 30;

/// An open connection, or one stream's share of it.
pub(crate) enum Sender {
    /// One request at a time.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// Many at a time: clones share the connection.
    Http2(h2::client::SendRequest<Bytes>),
}

/// A whole answer to a single request.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The media type, or nothing.
    pub(crate) media_type: String,
    /// How it is compressed, or nothing.
    pub(crate) encoding: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// The body of an answer as it arrives.
pub(crate) enum Body {
    /// Over HTTP/1.1.
    Http1(Incoming),
    /// Over HTTP/2.
    Http2(h2::RecvStream),
}

impl Sender {
    /// Begins HTTP/1.1 on a stream of bytes.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn http1<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // How a connection ended is told by the requests that were on it.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self::Http1(sender))
    }

    /// Begins HTTP/2 on a stream of bytes.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn http2<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .enable_push(false)
            .handshake(stream)
            .await
            .map_err(broken)?;
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self::Http2(sender))
    }

    /// Another stream of the same connection; nothing when the protocol has only one.
    pub(crate) fn another_stream(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn send(
        &mut self,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Failure> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await.map_err(broken)?;
                let answer = sender.send_request(request.map(Full::new)).await;
                Ok(answer.map_err(broken)?.map(Body::Http1))
            }
            Self::Http2(sender) => {
                poll_fn(|context| sender.poll_ready(context)).await.map_err(broken)?;
                let (head, body) = request.into_parts();
                let head = Request::from_parts(head, ());
                let (answer, mut stream) =
                    sender.send_request(head, body.is_empty()).map_err(broken)?;
                if !body.is_empty() {
                    stream.send_data(body, true).map_err(broken)?;
                }
                Ok(answer.await.map_err(broken)?.map(Body::Http2))
            }
        }
    }

    /// Sends a request and reads its answer to the end, counting bytes; they are kept only when asked for.
    ///
    /// # Errors
    /// When the connection broke, also before the end of the body.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Bytes>,
        mut keep: Option<&mut Vec<u8>>,
    ) -> Result<(StatusCode, u64), Failure> {
        let response = self.send(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut count = 0;
        while let Some(data) = body.next().await? {
            count += data.len() as u64;
            if let Some(kept) = keep.as_deref_mut()
                && kept.len() + data.len() <= KEEP_LIMIT_BYTES
            {
                kept.extend_from_slice(&data);
            }
        }
        Ok((status, count))
    }

    /// One request outside the measured load, its answer whole.
    ///
    /// # Errors
    /// When there is no answer within [`CALL_LIMIT`].
    pub(crate) async fn call(&mut self, template: &Template) -> Result<Answer, Failure> {
        let answer = async {
            let response = self.send(template.request()).await?;
            let status = response.status();
            let media_type = text_of(response.headers(), &CONTENT_TYPE);
            let encoding = text_of(response.headers(), &CONTENT_ENCODING);
            let mut incoming = response.into_body();
            let mut body = Vec::new();
            while let Some(data) = incoming.next().await? {
                body.extend_from_slice(&data);
                if body.len() > KEEP_LIMIT_BYTES {
                    return Err(Failure::new("the answer is too long"));
                }
            }
            Ok(Answer { status, media_type, encoding, body })
        };
        let failed = |why: String| Failure::new(format!("{template} was not answered: {why}"));
        match timeout(CALL_LIMIT, answer).await {
            Ok(outcome) => outcome.map_err(|failure| failed(failure.to_string())),
            Err(_) => Err(failed(format!("it took more than {CALL_LIMIT:?}"))),
        }
    }
}

impl Body {
    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Http1(incoming) => loop {
                let Some(frame) = incoming.frame().await else { return Ok(None) };
                // What is not data is trailers.
                if let Ok(data) = frame.map_err(broken)?.into_data() {
                    return Ok(Some(data));
                }
            },
            Self::Http2(stream) => {
                let Some(data) = stream.data().await else { return Ok(None) };
                let data = data.map_err(broken)?;
                stream.flow_control().release_capacity(data.len()).map_err(broken)?;
                Ok(Some(data))
            }
        }
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// What broke a connection, its cause included.
fn broken(error: impl std::error::Error) -> Failure {
    Failure::new(chain(&error))
}
