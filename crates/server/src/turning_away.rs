//! What new requests are told while a server ends and the last ones finish, with
//! `--shutdown-send-retry-after`.

use crate::body::Body;
use crate::respond;
use crate::serve::Connection;
use http::header::{CONNECTION, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request, Response};

/// Whether a request is answered all the same: who asks how the server is, and a cluster's own.
pub(crate) fn spares<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let asks =
        |of: &str| path.strip_prefix(of).is_some_and(|it| it.is_empty() || it.starts_with('/'));
    let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    ["/healthz", "/livez", "/readyz", "/metrics"].into_iter().any(asks)
        || agent.starts_with(b"kube-apiserver/")
}

/// 429: another server, or this one in a moment.
pub(crate) fn answer(connection: &Connection) -> Response<Body> {
    let text = "The apiserver is shutting down, please try again later.\n";
    let mut response = respond::unsniffed(respond::text(429, text));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(5));
    if connection.http2 {
        connection.close();
    } else {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_spared() {
        for (path, agent, spared) in [
            ("/readyz", "", true),
            ("/healthz/etcd", "", true),
            ("/metrics", "", true),
            ("/readyzz", "", false),
            ("/apis", "kubectl/v1.36.0", false),
            ("/apis", "kube-apiserver/v1.36.0", true),
        ] {
            let request = Request::builder().uri(path).header(USER_AGENT, agent).body(()).unwrap();
            assert_eq!(spares(&request), spared, "{path} {agent}");
        }
    }
}
