//! Connections: from a listening port to requests, over TLS with HTTP/2 or HTTP/1.1.
//!
//! Everything that a peer can hold or make grow has a limit here: connections, the time of a
//! handshake, headers, streams, frames and buffers. What a request means is the handler's
//! business; this module only brings requests to it and its responses back.

mod activity;
mod connection;
#[cfg(target_os = "linux")]
mod notify;
mod shutdown;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use activity::{Activity, Tracked};

use crate::authn::PeerCertificates;
use crate::names;

#[cfg(target_os = "linux")]
pub(crate) use notify::ready;
pub(crate) use shutdown::Counted;
pub(crate) use shutdown::Manner;
pub(crate) use shutdown::Shutdown;
pub(crate) use shutdown::Trigger;
pub(crate) use shutdown::signals;

/// What is known of the connection on which a request came.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The address of the client.
    pub peer: SocketAddr,
    /// Whether it speaks HTTP/2.
    pub http2: bool,
    /// What the client showed of itself in the handshake.
    pub certificates: PeerCertificates,
    /// Told when the connection is to end.
    closing: Notify,
}

impl Connection {
    /// Ends an HTTP/2 connection in order: requests under way are answered, others go elsewhere.
    /// As in Go, where it is what `Connection: close` means there.
    pub(crate) fn close(&self) {
        if self.http2 {
            self.closing.notify_one();
        }
    }
}

/// How much a server lets its clients use; the defaults are for production.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections at a time, handshakes included. Further ones wait in the system's queue.
    pub connections: usize,
    /// Requests at a time on one HTTP/2 connection; an aggregator carries many clients over one.
    pub streams_per_connection: u32,
    /// The chance that a request ends its HTTP/2 connection, which spreads clients over servers.
    pub goaway_chance: f64,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake_time: Duration,
    /// From the last response (or the handshake) to the end of an HTTP/1.1 request's headers.
    pub header_time: Duration,
    /// How long nothing may be under way before a connection is closed, as in Kubernetes. On
    /// HTTP/1.1 [`Limits::header_time`] ends it sooner.
    pub idle_time: Duration,
    /// What a client that was told of the end has to close, when nothing is under way for it.
    pub farewell_time: Duration,
    /// What a graceful end waits for requests that are under way.
    pub drain_time: Duration,
    /// Counts the handshakes that fail.
    pub failed_handshakes: Arc<AtomicU64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 10_000,
            streams_per_connection: 1_000,
            goaway_chance: 0.0,
            handshake_time: Duration::from_secs(10),
            header_time: Duration::from_secs(32),
            idle_time: Duration::from_secs(90),
            farewell_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(60),
            failed_handshakes: Arc::default(),
        }
    }
}

/// Connections that the system keeps until they are accepted, as in the standard library.
const QUEUE_MAX: u32 = 1_024;

/// The first wait after accepting failed for want of a resource, doubled up to [`ACCEPT_PAUSE_MAX`].
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Listens on an address, which it may share with other servers that do so too. What connections a
/// server before has left in the system is no hindrance.
///
/// Must be called within a Tokio runtime.
///
/// # Errors
///
/// Fails with one line that names the address, for example when the port is taken.
pub(crate) fn bind(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    listen(address, shared).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    #[cfg(unix)]
    {
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(shared)?;
    }
    #[cfg(not(unix))]
    if shared {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a port cannot be shared here"));
    }
    socket.bind(address)?;
    socket.listen(QUEUE_MAX)
}

/// Accepts connections and has their requests handled, until the end begins and is done.
///
/// At the end no more connections are accepted and clients are told to send no more requests
/// (GOAWAY, or `Connection: close`); requests under way have [`Limits::drain_time`] to finish,
/// then their connections are cut.
///
/// A panic of the handler breaks its own request on HTTP/2 and its own connection on HTTP/1.1,
/// and nothing else; a handler that wants it answered catches it.
///
/// # Errors
///
/// None at present: trouble of a connection is that connection's, and want of file descriptors
/// is waited out.
pub(crate) async fn serve<H, F, B>(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    limits: Limits,
    handler: Arc<H>,
    shutdown: Shutdown,
) -> io::Result<()>
where
    H: Fn(Request<Incoming>, Arc<Connection>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let server = Arc::new(Server { tls: TlsAcceptor::from(tls), limits, handler, shutdown });
    let mut connections = JoinSet::new();
    server.accept(listener, &mut connections).await;
    server.drain(&mut connections).await;
    Ok(())
}

/// What the connections of a server share.
struct Server<H> {
    tls: TlsAcceptor,
    limits: Limits,
    handler: Arc<H>,
    shutdown: Shutdown,
}

impl<H, F, B> Server<H>
where
    H: Fn(Request<Incoming>, Arc<Connection>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    /// Accepts until the end begins; the port is free again when this returns.
    async fn accept(self: &Arc<Self>, listener: TcpListener, connections: &mut JoinSet<()>) {
        let mut acceptor = Acceptor { listener, pause: Duration::ZERO, resume: None };
        let mut ending = std::pin::pin!(self.shutdown.started());
        loop {
            let open = connections.len();
            tokio::select! {
                () = &mut ending => return,
                Some(ended) = connections.join_next(), if open > 0 => report(ended),
                (stream, peer) = acceptor.next(), if open < self.limits.connections => {
                    if open + 1 == self.limits.connections {
                        tracing::warn!("{} connections are open: more must wait", open + 1);
                    }
                    connections.spawn(connection::run(Arc::clone(self), stream, peer));
                }
            }
        }
    }

    /// Waits for the connections to end, for a bounded time.
    async fn drain(&self, connections: &mut JoinSet<()>) {
        let finish = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if tokio::time::timeout(self.limits.drain_time, finish).await.is_err() {
            let seconds = self.limits.drain_time.as_secs();
            tracing::warn!("cut {} connections, not done after {seconds} s", connections.len());
            connections.shutdown().await;
        }
    }

    /// The handler for the requests of one connection, in the form that hyper asks for.
    fn service(
        &self,
        connection: &Arc<Connection>,
        activity: &Arc<Activity>,
    ) -> impl hyper::service::Service<
        Request<Incoming>,
        Response = Response<Tracked<B>>,
        Error = Infallible,
        Future: Send + 'static,
    > + use<H, F, B> {
        let handler = Arc::clone(&self.handler);
        let goaway_chance = self.limits.goaway_chance;
        let (connection, activity) = (Arc::clone(connection), Arc::clone(activity));
        hyper::service::service_fn(move |request| {
            let under_way = activity.begin();
            if goaway_chance > 0.0 && names::chance(goaway_chance) {
                connection.close();
            }
            let response = handler(request, Arc::clone(&connection));
            async move { Ok(response.await.map(|body| Tracked::new(body, under_way))) }
        })
    }
}

/// A panic that escaped a connection's task has been printed by the panic hook already; here it
/// gets its place in the log.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection broke: {error}");
    }
}

/// Accepts, and slows down instead of spinning while accepting fails.
struct Acceptor {
    listener: TcpListener,
    /// How long the last failure was waited out; zero after a success.
    pause: Duration,
    /// When the wait ends. A point in time, so that it passes even while [`Acceptor::next`] is
    /// given up and called again for other work.
    resume: Option<Instant>,
}

impl Acceptor {
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(resume) = self.resume {
                tokio::time::sleep_until(resume).await;
                self.resume = None;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.pause = Duration::ZERO;
                    return accepted;
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    self.pause = (self.pause * 2).clamp(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX);
                    self.resume = Some(Instant::now() + self.pause);
                    tracing::warn!("cannot accept a connection, waiting {:?}: {error}", self.pause);
                }
            }
        }
    }
}

/// Whether accepting failed because the peer was gone again; the next one may well be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
