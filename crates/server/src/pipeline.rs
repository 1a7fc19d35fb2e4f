//! The way of every request, on one page.
//!
//! [`serve`] lists all steps in their order; each returns what the next one needs. Nothing else
//! knows the order. What a step shows to a client is what the filter of that name shows in the
//! generic API server of Kubernetes.

use crate::admission::Plugins;
use crate::authn::{self, Authenticator};
use crate::authz::{Attributes, Authorizers, Permit, Refusal};
use crate::body::Body;
use crate::clock::Clock;
use crate::deadline;
use crate::discovery::Discovery;
use crate::health::Health;
use crate::metrics::{self, Metrics};
use crate::negotiate::{self, Format, Offer, Transforms};
use crate::openapi::OpenApi;
use crate::registry::{Registry, Resource};
use crate::request::{ResourcePath, Target, query_flag, query_pairs, query_value};
use crate::serve::{Connection, Shutdown};
use crate::verbs::{self, Context};
use crate::{impersonate, index, names, respond, version};
use bytes::Bytes;
use futures::FutureExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use pintle_meta::{Request as Asked, Status, User};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// Bodies over this size are refused.
const BODY_BYTES_MAX: usize = 3 << 20;
const APPLY_PATCH: &[u8] = b"application/apply-patch";

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
    /// The paths that are not resources, sorted.
    pub paths: Vec<String>,
    /// What discovery calls this server's address.
    pub address: String,
}

/// Answers a request; a panic on the way answers 500 and harms no other request.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    connection: Arc<Connection>,
) -> Response<Body> {
    let audit_id = audit_id(request.headers());
    let warning = authn::warning(request.headers());
    let path = request.uri().path().to_owned();
    let serving = AssertUnwindSafe(serve(&shared, request, &connection));
    let mut response = serving.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(path, ?audit_id, "a request panicked");
        let text = "This request caused apiserver to panic. Look in the logs for details.\n";
        respond::text(500, text)
    });
    if let Some(warning) = warning {
        respond::warn(&mut response, &[warning.to_owned()]);
    }
    respond::finish(&mut response, &audit_id);
    response
}

/// Every step of a request, in order.
async fn serve(
    shared: &Shared,
    request: Request<Incoming>,
    connection: &Connection,
) -> Response<Body> {
    let received = shared.clock.now();
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    let query = query_pairs(parts.uri.query());
    let target = Target::of(path);
    let format = negotiate::format(&parts.headers, &query, Offer::PLAIN).unwrap_or(Format::JSON);
    let refuse = |status: Status| respond::status(&status, format);

    let time = match deadline::of(&query) {
        Ok(time) => time,
        Err(status) => return refuse(status),
    };
    // CORS: not offered; a preflight request meets the authentication like any other.
    let certificates = &connection.certificates;
    let authenticated =
        shared.authenticator.authenticate(&mut parts.headers, certificates, path, received);
    let user = match authenticated.await {
        Ok(user) => user,
        Err(status) => {
            connection.close();
            return refuse(status);
        }
    };
    if authn::is_anonymous(&user) {
        // Who shows nothing must not get much out of one connection.
        connection.close();
    }
    // Audit: no policy can be given yet, which is the policy to log nothing.
    let user = match impersonate::user(&shared.authorizers, &user, &parts.headers).await {
        Ok(other) => other.map_or(user, Arc::new),
        Err(status) => return refuse(status),
    };
    // Flow control: the number of connections and of streams on each is limited where they are
    // accepted; there is no limit of requests in flight yet.
    let verb = verb(&target, &parts.method, &query);
    let permit = match authorize(shared, &user, &target, verb, &parts, &query).await {
        Ok(permit) => permit,
        Err(Refusal::Forbidden { status, .. }) => return refuse(status),
        Err(Refusal::Failed(error)) => return respond::failed(&parts.uri, &error),
    };
    tracing::debug!(method = %parts.method, %path, user = user.name, peer = %connection.peer);
    let asked = Asking { parts, body, query, user, verb, received };
    let answer = async {
        match target {
            Target::Resource(at) => resource(shared, permit, at, asked).await,
            Target::Other => other(shared, permit, &asked).await,
        }
    };
    match tokio::time::timeout(time, answer).await {
        Ok(response) => response,
        Err(_) => refuse(Status::timeout("request did not complete within the allotted timeout")),
    }
}

/// A request that may be answered.
struct Asking {
    parts: Parts,
    body: Incoming,
    query: Vec<(String, String)>,
    user: Arc<User>,
    verb: &'static str,
    received: Timestamp,
}

/// Answers a request for a resource, and counts it.
async fn resource(
    shared: &Shared,
    permit: Permit,
    at: ResourcePath,
    asked: Asking,
) -> Response<Body> {
    let found = match route(shared, &at, &asked) {
        Ok(found) => found,
        Err(Some(status)) => return respond::status(&status, plain_format(&asked)),
        Err(None) => return index::answer(&shared.paths, 404),
    };
    let content_type = asked.parts.headers.get(CONTENT_TYPE);
    let applies = content_type.is_some_and(|m| m.as_bytes().starts_with(APPLY_PATCH));
    let kind = metrics::Kind::of(&at, asked.verb, applies, is_dry_run(&asked.query));
    let _under_way = shared.metrics.begin(!matches!(asked.verb, "get" | "list" | "watch"));
    let begun = Instant::now();
    let response = resource_found(shared, permit, found, at, asked).await;
    shared.metrics.end(kind, response.status().as_u16(), begun.elapsed());
    response
}

/// The format of errors, which are never transformed: the first one that can be had as it is.
fn plain_format(asked: &Asking) -> Format {
    negotiate::format(&asked.parts.headers, &asked.query, Offer::PLAIN).unwrap_or(Format::JSON)
}

/// Answers a request for a resource that is there.
async fn resource_found(
    shared: &Shared,
    _: Permit,
    (resource, version): (Arc<Resource>, usize),
    at: ResourcePath,
    asked: Asking,
) -> Response<Body> {
    let plain = plain_format(&asked);
    let transforms = match &at.subresource {
        None => Transforms::All,
        Some(name) if name == "status" => Transforms::All,
        Some(_) => Transforms::Metadata,
    };
    let kind = resource.wire_kind(version, at.subresource.as_deref());
    let offer = Offer { transforms, kind: Some(kind) };
    let format = match negotiate::route(&asked.parts.headers, asked.verb)
        .and_then(|()| negotiate::format(&asked.parts.headers, &asked.query, offer))
    {
        Ok(format) => format,
        Err(status) => return respond::status(&status, plain),
    };
    let content_type = header(&asked.parts.headers, CONTENT_TYPE.as_str());
    let manager = manager(&asked.parts.headers);
    let body = match read_body(asked.verb, &asked.parts.headers, asked.body).await {
        Ok(body) => body,
        Err(status) => return respond::status(&status, plain),
    };
    let request = Asked {
        user: asked.user,
        verb: asked.verb,
        dry_run: is_dry_run(&asked.query),
        group: at.group,
        version: at.version,
        resource: at.resource,
        subresource: at.subresource.unwrap_or_default(),
        namespace: at.namespace.unwrap_or_default(),
        name: at.name.unwrap_or_default(),
        time: asked.received,
    };
    let cx = Context::new(
        (resource, version),
        request,
        asked.query,
        (content_type, body),
        manager,
        format,
        shared.plugins.clone(),
        shared.shutdown.clone(),
    );
    let shape = match cx.shape() {
        Ok(shape) => shape,
        Err(status) => return respond::status(&status, plain),
    };
    let reply = verbs::serve(&cx).await;
    let mut response = reply
        .and_then(|reply| respond::reply(reply, format, &shape))
        .unwrap_or_else(|failure| respond::status(&failure, plain));
    respond::warn(&mut response, &cx.warnings());
    response
}

/// Finds the resource of a path, if the path and the method are for it. `Err(None)` is a path that
/// belongs to no group of this server.
fn route(
    shared: &Shared,
    at: &ResourcePath,
    asked: &Asking,
) -> Result<(Arc<Resource>, usize), Option<Status>> {
    if !shared.registry.has_group(&at.group) {
        return Err(None);
    }
    let unknown = || Some(Status::unknown_path());
    let found = shared.registry.find(&at.group, &at.version, &at.resource);
    let (resource, version) = found.filter(|_| !at.too_long).ok_or_else(unknown)?;
    let namespaced = resource.kind.namespaced;
    let in_namespace = at.namespace.is_some();
    // A name that is nothing but an encoded slash must never stand for the whole collection.
    let swallowed = asked.verb == "deletecollection"
        && asked.parts.uri.path().to_ascii_lowercase().contains("%2f");
    let misplaced = swallowed
        || (in_namespace && !namespaced)
        || (namespaced && !in_namespace && at.name.is_some())
        || (at.legacy_watch && at.subresource.is_some());
    if misplaced {
        return Err(unknown());
    }
    let verbs = match &at.subresource {
        Some(name) => resource.subresource(version, name).ok_or_else(unknown)?.verbs(),
        None => resource.verbs(),
    };
    let everywhere = namespaced && !in_namespace;
    let fits = match asked.parts.method {
        Method::GET => true,
        Method::POST => at.name.is_none() != at.subresource.is_some() && !everywhere,
        Method::PUT | Method::PATCH => at.name.is_some(),
        Method::DELETE => !everywhere,
        _ => false,
    };
    if !fits || (at.legacy_watch && asked.verb != "watch") || !verbs.contains(&asked.verb) {
        return Err(Some(Status::method_not_allowed()));
    }
    Ok((Arc::clone(resource), version))
}

/// Answers what is not a resource.
async fn other(shared: &Shared, _: Permit, asked: &Asking) -> Response<Body> {
    let (parts, received, path) = (&asked.parts, asked.received, asked.parts.uri.path());
    let refuse = |status: Status| respond::status(&status, plain_format(asked));
    if let Some(response) = shared.health.answer(path, parts.uri.query()).await {
        return response;
    }
    if let Some(response) = shared.discovery.answer(parts, &shared.address) {
        if parts.method == Method::GET {
            return response.map(Body::full);
        }
        return refuse(Status::method_not_allowed());
    }
    if let Some(response) = shared.openapi.answer(parts, received) {
        return response.map(Body::full);
    }
    if path.trim_end_matches('/') == "/version" {
        return version::answer(parts).map_or_else(refuse, respond::document_text);
    }
    if parts.method == Method::GET {
        let text = match path.trim_end_matches('/') {
            "/metrics" => Some(shared.metrics.text(&shared.health.caches)),
            "/metrics/slis" => Some(shared.health.indicators().await),
            "/statusz" => Some(version::status(shared.metrics.started(), received, &shared.paths)),
            _ => None,
        };
        if let Some(text) = text {
            return respond::text(200, text);
        }
        if matches!(path, "/" | "/index.html") {
            return index::answer(&shared.paths, 200);
        }
    }
    match group_of(path) {
        Some(group) if shared.registry.has_group(group) => refuse(Status::unknown_path()),
        _ => index::answer(&shared.paths, 404),
    }
}

/// The group of a path below `/apis` that goes on behind the group's name.
fn group_of(path: &str) -> Option<&str> {
    path.strip_prefix("/apis/")?.trim_end_matches('/').split_once('/').map(|(group, _)| group)
}

fn is_dry_run(query: &[(String, String)]) -> bool {
    query_value(query, "dryRun") == Some("All")
}

fn verb(target: &Target, method: &Method, query: &[(String, String)]) -> &'static str {
    match target {
        Target::Resource(at) => at.verb(method, query_flag(query, "watch")),
        Target::Other => "",
    }
}

async fn authorize(
    shared: &Shared,
    user: &User,
    target: &Target,
    verb: &'static str,
    parts: &Parts,
    query: &[(String, String)],
) -> Result<Permit, Refusal> {
    let path = parts.uri.path();
    let attributes = Attributes::of_request(user, target, verb, &parts.method, path, query);
    shared.authorizers.authorize(&attributes).await
}

/// Reads the body of a request that may have one.
async fn read_body(verb: &str, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Status> {
    if matches!(verb, "get" | "list" | "watch") {
        return Ok(Bytes::new());
    }
    let too_large = || Status::too_large(format_args!("limit is {BODY_BYTES_MAX}"));
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Status::bad_request(format!("the body cannot be read: {error}"))),
    }
}

/// The beginning of the user agent: who owns fields when the client does not say.
fn manager(headers: &HeaderMap) -> String {
    /// A manager's name is cut to this.
    const MANAGER_CHARS_MAX: usize = 128;
    let agent = header(headers, USER_AGENT.as_str()).unwrap_or_default();
    let name = agent.split('/').next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(MANAGER_CHARS_MAX).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The client's own audit ID, or a new one.
fn audit_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get("audit-id").filter(|value| !value.is_empty()).cloned();
    given.unwrap_or_else(|| {
        HeaderValue::from_str(&names::uid()).unwrap_or(HeaderValue::from_static(""))
    })
}
