//! The server under load: how to connect to it, by HTTP/2 or HTTP/1.1, over TLS or in the clear, and what to ask.
//!
//! The client is there to be cheap. It trusts every certificate, keeps its connections, sends requests whose
//! parts were encoded beforehand, and drops the bodies of answers as they arrive after counting their bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request, Uri};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::failure::Failure;
use crate::sender::Sender;
use crate::trust;

/// A connection that is not up after this long has failed.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A single request outside the measured load that is not answered after this long has failed.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(60);
/// Managers of fields are named after the part before the slash.
const AGENT: &str = concat!("pintle-bench/", env!("CARGO_PKG_VERSION"));

/// The server under load and how to talk to it.
#[derive(Clone)]
pub(crate) struct Target {
    host: String,
    port: u16,
    authority: String,
    tls: Option<TlsConnector>,
    http1: bool,
    token: Option<HeaderValue>,
}

impl Target {
    /// Takes `https://host:port` or `http://host:port` apart.
    ///
    /// # Errors
    /// When the URL is anything else, or the token cannot stand in a header.
    pub(crate) fn new(url: &str, token: Option<&str>, http1: bool) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::new(format!("the server's URL {url:?} {why}"));
        let uri: Uri =
            url.parse().map_err(|error| Failure::caused(format!("read {url:?}"), &error))?;
        let tls = match uri.scheme_str() {
            Some("https") => Some(TlsConnector::from(Arc::new(tls_config(http1)?))),
            Some("http") => None,
            _ => return Err(wrong("must start with https:// or http://")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("must not have a path"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        // Not marked as sensitive: HPACK may then index it, as it does for any client that is not told otherwise.
        let token = token
            .map(|token| HeaderValue::try_from(format!("Bearer {token}")))
            .transpose()
            .map_err(|_| Failure::new("the token cannot stand in a header"))?;
        Ok(Self { host, port, authority: authority.to_string(), tls, http1, token })
    }

    /// The port that the server listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the server runs on this machine, where its process can be found and measured.
    pub(crate) fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// How a request reaches the server, for the report.
    pub(crate) fn protocol(&self) -> String {
        let http = if self.http1 { "HTTP/1.1" } else { "HTTP/2" };
        format!("{http} {}", if self.tls.is_some() { "over TLS" } else { "in the clear" })
    }

    /// Whether every stream needs a connection of its own.
    pub(crate) fn is_http1(&self) -> bool {
        self.http1
    }

    /// The URI of a path as the protocol wants it: whole for HTTP/2, from the slash on for HTTP/1.1.
    ///
    /// # Errors
    /// When the path cannot stand in a URI.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, Failure> {
        let text = if self.http1 {
            path.to_owned()
        } else {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}{path}", self.authority)
        };
        text.parse().map_err(|error| Failure::caused(format!("use the path {path:?}"), &error))
    }

    /// A request, ready to be sent any number of times.
    ///
    /// # Errors
    /// When the path or a header cannot stand in a request.
    pub(crate) fn template(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> Result<Template, Failure> {
        let value = |text: &str| {
            HeaderValue::try_from(text)
                .map_err(|error| Failure::caused(format!("send the header {text:?}"), &error))
        };
        let mut map = HeaderMap::new();
        map.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if self.http1 {
            map.insert(HOST, value(&self.authority)?);
        }
        if let Some(token) = &self.token {
            map.insert(AUTHORIZATION, token.clone());
        }
        for (name, text) in headers {
            map.insert(name, value(text)?);
        }
        Ok(Template { method, uri: self.uri(path)?, headers: map, body: Bytes::new() })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not speak the protocol that was asked for.
    pub(crate) async fn connect(&self) -> Result<Sender, Failure> {
        let attempt = format!("connect to {}", self.authority);
        match tokio::time::timeout(CONNECT_LIMIT, self.open(&attempt)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Err(Failure::new(format!("cannot {attempt}: no answer for {CONNECT_LIMIT:?}")))
            }
        }
    }

    async fn open(&self, attempt: &str) -> Result<Sender, Failure> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| Failure::caused(attempt, &error))?;
        tcp.set_nodelay(true).map_err(|error| Failure::caused(attempt, &error))?;
        let begin = |failure: Failure| Failure::new(format!("cannot {attempt}: {failure}"));
        let Some(tls) = &self.tls else {
            let sender =
                if self.http1 { Sender::http1(tcp).await } else { Sender::http2(tcp).await };
            return sender.map_err(begin);
        };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| Failure::caused(attempt, &error))?;
        let stream =
            tls.connect(name, tcp).await.map_err(|error| Failure::caused(attempt, &error))?;
        let protocol = stream.get_ref().1.alpn_protocol();
        if !self.http1 && protocol != Some(b"h2") {
            let line = format!("cannot {attempt}: the server does not offer HTTP/2, use --http1");
            return Err(Failure::new(line));
        }
        let sender =
            if self.http1 { Sender::http1(stream).await } else { Sender::http2(stream).await };
        sender.map_err(begin)
    }
}

/// A request whose parts are encoded: making one more of it copies a few pointers.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Template {
    /// The same with a body of a media type.
    pub(crate) fn with_body(mut self, media_type: &'static str, body: Bytes) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body;
        self
    }

    /// The request as it stands.
    pub(crate) fn request(&self) -> Request<Bytes> {
        self.request_for(self.uri.clone(), self.body.clone())
    }

    /// The request with another body.
    pub(crate) fn request_with(&self, body: Bytes) -> Request<Bytes> {
        self.request_for(self.uri.clone(), body)
    }

    /// The request for another URI and with another body.
    pub(crate) fn request_for(&self, uri: Uri, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.uri)
    }
}

fn tls_config(http1: bool) -> Result<ClientConfig, Failure> {
    let mut config = trust::every_certificate()?;
    config.alpn_protocols = vec![if http1 { b"http/1.1".to_vec() } else { b"h2".to_vec() }];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let check = |url: &str, want: Result<(&str, u16, bool), &str>| {
            let got = Target::new(url, None, false);
            match (got, want) {
                (Ok(target), Ok((host, port, local))) => {
                    assert_eq!((target.host.as_str(), target.port()), (host, port));
                    assert_eq!(target.is_local(), local, "{url}");
                }
                (Err(failure), Err(part)) => {
                    assert!(failure.to_string().contains(part), "{url}: {failure}");
                }
                (got, want) => panic!("{url}: {:?}, want {want:?}", got.err()),
            }
        };
        check("https://127.0.0.1:6443", Ok(("127.0.0.1", 6443, true)));
        check("https://localhost/", Ok(("localhost", 443, true)));
        check("http://[::1]:8080", Ok(("::1", 8080, true)));
        check("http://example.org", Ok(("example.org", 80, false)));
        check("127.0.0.1:6443", Err("must start with https:// or http://"));
        check("https://h:1/apis", Err("must not have a path"));
        check("https://", Err("cannot read"));
    }
}
