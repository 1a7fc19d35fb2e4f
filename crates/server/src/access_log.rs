//! A line in the log for each request, from `-v=3` on, with what Kubernetes says in its own.

use crate::body::Body;
use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request, Response, Uri};
use std::net::SocketAddr;
use std::time::Instant;

/// What the log calls these lines.
pub(crate) const TARGET: &str = "pintle::http";

/// What is kept of a request until it is answered.
#[derive(Debug)]
pub(crate) struct Seen {
    method: Method,
    uri: Uri,
    agent: Option<HeaderValue>,
    begun: Instant,
}

impl Seen {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            agent: request.headers().get(USER_AGENT).cloned(),
            begun: Instant::now(),
        }
    }

    /// Writes the line: of a watch when it begins.
    pub(crate) fn log(self, response: &Response<Body>, audit_id: &HeaderValue, peer: SocketAddr) {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        tracing::debug!(
            target: TARGET,
            verb = %self.method,
            uri = %self.uri,
            latency = ?self.begun.elapsed(),
            user_agent = self.agent.as_ref().map(text).unwrap_or_default(),
            audit_id = text(audit_id),
            src_ip = %peer,
            resp = response.status().as_u16(),
            "HTTP"
        );
    }
}
