//! What all requests share.

use crate::admission::Plugins;
use crate::audit::Audit;
use crate::authn::Authenticator;
use crate::authz::Authorizers;
use crate::clock::Clock;
use crate::cors::Cors;
use crate::discovery::Discovery;
use crate::flow::Flow;
use crate::health::Health;
use crate::impersonate::Impersonation;
use crate::metrics::Metrics;
use crate::openapi::OpenApi;
use crate::registry::Registry;
use crate::serve::Shutdown;
use crate::sizes::Sizes;
use crate::spans::Spans;
use crate::verbs::Deletion;
use crate::websocket::WebSockets;
use http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub registry: Registry,
    pub discovery: Discovery,
    pub openapi: OpenApi,
    pub health: Health,
    pub authenticator: Authenticator,
    pub authorizers: Arc<Authorizers>,
    pub plugins: Plugins,
    pub metrics: Metrics,
    pub clock: Clock,
    pub shutdown: Shutdown,
    pub audit: Option<Arc<Audit>>,
    pub flow: Flow,
    pub impersonation: Impersonation,
    /// How long a request may take that is not a watch.
    pub request_time: Duration,
    /// How long a watch lasts that does not say how long it wants to, at least.
    pub watch_time: Duration,
    pub cors: Option<Cors>,
    pub spans: Option<Arc<Spans>>,
    /// Whether requests are turned away while the last ones finish.
    pub turns_away: bool,
    /// The value of `Strict-Transport-Security`.
    pub strict_transport: Option<HeaderValue>,
    pub websockets: WebSockets,
    pub deletion: Deletion,
    /// Whether CBOR is spoken.
    pub cbor: bool,
    pub sizes: Arc<Sizes>,
    pub profiling: bool,
    /// The paths that are not resources, sorted.
    pub paths: Vec<String>,
    /// What discovery calls this server's address.
    pub address: String,
}
