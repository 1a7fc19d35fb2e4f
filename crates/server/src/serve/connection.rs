//! The life of one connection: handshake, then requests by the protocol that was agreed on.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::{Connection, Limits, Server};
use crate::authn::PeerCertificates;

/// What a client may send on one stream before the handler reads it.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// What a client may send on a connection before handlers read it. Room for several streams, so
/// that a request whose handler waits does not hold up the others.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// The largest frame that is accepted; a connection buffers at most one that is incomplete.
const FRAME_BYTES_MAX: u32 = 64 << 10;
/// What is buffered of a response for a client that reads slowly.
const SEND_BUFFER_BYTES_MAX: usize = 128 << 10;
/// The headers of a request, as in Kubernetes.
const HEADER_BYTES_MAX: u32 = 1 << 20;
/// Requests that a client may cancel before they were looked at, and that may have failed on our
/// side, before the connection is closed: the defence against "rapid reset" floods
/// (CVE-2023-44487). Informers that stop cancel many watches at once, hence not fewer.
const PENDING_RESETS_MAX: usize = 100;
const LOCAL_RESETS_MAX: usize = 1_000;
/// How often a silent HTTP/2 client is asked whether it is there, and its time to answer. Finds
/// the watchers whose machine is gone.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// What is read and dropped of a request that came without TLS, and for how long, so that the
/// client gets to see the answer.
const PLAIN_BYTES_MAX: u64 = 64 << 10;
const PLAIN_TIME: Duration = Duration::from_secs(2);

/// Serves one connection to its end. Trouble ends it with a line in the log, no more.
///
/// A connection that waits holds what waiting needs: the handshake, and the moves from one state to
/// the next, have memory of their own that is given back.
pub(super) async fn run<H, F, B>(server: Arc<Server<H>>, stream: TcpStream, peer: SocketAddr)
where
    H: Fn(Request<Incoming>, Arc<Connection>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let serving = Box::pin(open(server, stream, peer)).await;
    if let Some(serving) = serving
        && let Err(error) = serving.await
    {
        tracing::debug!("connection from {peer} ended: {error}");
    }
}

/// A connection after its handshake, until its end.
type Serving = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Does the handshake; nothing where there is nobody to serve.
async fn open<H, F, B>(
    server: Arc<Server<H>>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<Serving>
where
    H: Fn(Request<Incoming>, Arc<Connection>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let handshake = tokio::time::timeout(server.limits.handshake_time, handshake(&server, stream));
    let done = tokio::select! {
        () = server.shutdown.started() => return None,
        done = handshake => done,
    };
    match done {
        Ok(Ok(stream)) => stream.map(|stream| speak(server, stream, peer)),
        Ok(Err(error)) => failed(&server.limits, peer, &error),
        Err(_) => failed(&server.limits, peer, &"too slow"),
    }
}

/// Serves by the protocol that was agreed on.
fn speak<H, F, B>(server: Arc<Server<H>>, stream: TlsStream<TcpStream>, peer: SocketAddr) -> Serving
where
    H: Fn(Request<Incoming>, Arc<Connection>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let http2_agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let connection = Arc::new(Connection {
        peer,
        http2: http2_agreed,
        certificates: PeerCertificates::new(shown),
        closing: Notify::new(),
    });
    let stream = TokioIo::new(stream);
    let activity = Activity::new();
    let service = server.service(&connection, &activity);
    if connection.http2 {
        let serving = Box::pin(http2(&server.limits).serve_connection(stream, service));
        let finish = http2::Connection::graceful_shutdown;
        Box::pin(drive(server, connection, activity, serving, finish))
    } else {
        let serving = http1(&server.limits).serve_connection(stream, service).with_upgrades();
        let finish = http1::UpgradeableConnection::graceful_shutdown;
        Box::pin(drive(server, connection, activity, Box::pin(serving), finish))
    }
}

/// Counts a handshake that failed, and says why.
fn failed<T>(limits: &Limits, peer: SocketAddr, why: &dyn std::fmt::Display) -> Option<T> {
    limits.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    tracing::debug!("TLS handshake error from {peer}: {why}");
    None
}

/// Drives a connection to its end: its client's, or a graceful one when the server ends, a request
/// asked for it, or nothing was under way for long.
async fn drive<H, E, C: Future<Output = Result<(), E>>>(
    server: Arc<Server<H>>,
    connection: Arc<Connection>,
    activity: Arc<Activity>,
    mut serving: Pin<Box<C>>,
    finish: impl FnOnce(Pin<&mut C>),
) -> Result<(), E> {
    tokio::select! {
        ended = &mut serving => return ended,
        () = server.shutdown.started() => {}
        () = connection.closing.notified() => {}
        () = activity.quiet_for(server.limits.idle_time) => {}
    }
    finish(serving.as_mut());
    // A client that is gone, or that never began with HTTP/2, takes no notice.
    tokio::select! {
        ended = &mut serving => ended,
        () = activity.quiet_for(server.limits.farewell_time) => Ok(()),
    }
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(LOCAL_RESETS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

fn http1(limits: &Limits) -> http1::Builder {
    // The number of header lines stays at hyper's 100: another number costs an allocation for
    // every request.
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(true)
        .half_close(true)
        .header_read_timeout(limits.header_time)
        .max_header_size(HEADER_BYTES_MAX as usize)
        .max_buf_size(HEADER_BYTES_MAX as usize);
    builder
}

/// The TLS handshake; nothing for a client that came without TLS and was told so.
async fn handshake<H>(
    server: &Server<H>,
    stream: TcpStream,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    stream.set_nodelay(true)?;
    let mut start = [0; 5];
    let peeked = stream.peek(&mut start).await?;
    if looks_like_http(&start[..peeked]) {
        answer_plain(stream).await?;
        return Ok(None);
    }
    server.tls.accept(stream).await.map(Some)
}

/// Whether a connection begins like a request without TLS, by the rule of Go's `net/http`.
fn looks_like_http(start: &[u8]) -> bool {
    matches!(start, b"GET /" | b"HEAD " | b"POST " | b"PUT /" | b"OPTIO")
}

/// Tells a client that came without TLS, in the words of Go's `net/http`.
async fn answer_plain(mut stream: TcpStream) -> io::Result<()> {
    const ANSWER: &[u8] =
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection and lose the answer on its way.
    let (mut rest, mut nowhere) = ((&mut stream).take(PLAIN_BYTES_MAX), tokio::io::sink());
    let drained = tokio::io::copy(&mut rest, &mut nowhere);
    let _ = tokio::time::timeout(PLAIN_TIME, drained).await;
    Ok(())
}
