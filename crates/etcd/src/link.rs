//! A connection to one member: TCP or a socket in the file system, with TLS where it is asked for.

use crate::address::{Endpoint, TlsFiles};
use hyper_util::rt::TokioIo;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tonic::transport::{Channel, Uri};

/// How long a connection may take, TLS included.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// How often a connection in use is asked whether it is alive, and how long the answer may take.
/// etcd ends connections that ask more often than every five seconds.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// What may be sent and not read yet: of one answer, and of all on one connection.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// How many requests wait for their turn on one connection.
const REQUESTS_WAITING_MAX: usize = 1024;

/// The bytes to and from a member.
trait Link: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

/// A channel to a member that connects with its first request, and again where the connection broke.
///
/// Must be called within a Tokio runtime.
pub(crate) fn channel(endpoint: &Endpoint, files: &TlsFiles) -> io::Result<Channel> {
    // etcd takes the authority for the name that TLS was asked for; a socket has none.
    let (scheme, authority) = match endpoint {
        Endpoint::Tcp { authority, tls: true } => ("https", authority.as_str()),
        Endpoint::Tcp { authority, tls: false } => ("http", authority.as_str()),
        Endpoint::Unix(_) => ("http", "localhost"),
    };
    let origin: Uri = format!("{scheme}://{authority}").parse().map_err(io::Error::other)?;
    let (endpoint, files) = (endpoint.clone(), files.clone());
    let connector = tower::service_fn(move |_: Uri| connect(endpoint.clone(), files.clone()));
    // The connector does TLS, so that files that were renewed are read with the next connection.
    let channel =
        Channel::builder(format!("http://{authority}").parse().map_err(io::Error::other)?)
            .origin(origin)
            .connect_timeout(CONNECT_TIME)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .buffer_size(REQUESTS_WAITING_MAX)
            .connect_with_connector_lazy(connector);
    Ok(channel)
}

async fn connect(endpoint: Endpoint, files: TlsFiles) -> io::Result<TokioIo<Box<dyn Link>>> {
    let link: Box<dyn Link> = match &endpoint {
        Endpoint::Unix(path) => unix(path).await?,
        Endpoint::Tcp { authority, tls } => {
            let tcp = TcpStream::connect(authority.as_str()).await?;
            tcp.set_nodelay(true)?;
            match tls {
                false => Box::new(tcp),
                true => encrypt(tcp, authority, files).await?,
            }
        }
    };
    Ok(TokioIo::new(link))
}

#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Box<dyn Link>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> io::Result<Box<dyn Link>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no sockets in files"))
}

async fn encrypt(tcp: TcpStream, authority: &str, files: TlsFiles) -> io::Result<Box<dyn Link>> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let config = tokio::task::spawn_blocking(move || tls_config(&files)).await??;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    Ok(Box::new(tls))
}

/// How TLS is spoken, as the files say now.
pub(crate) fn tls_config(files: &TlsFiles) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &files.authorities {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, error))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let mut config = match &files.identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => config
            .with_client_auth_cert(
                certificates(certificate)?,
                PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?,
            )
            .map_err(|error| unusable(key, error))?,
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, error))?;
    let read: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| unusable(path, error))?;
    if read.is_empty() {
        return Err(unusable(path, "there is no certificate in it"));
    }
    Ok(read)
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("cannot use {}: {why}", path.display()))
}
