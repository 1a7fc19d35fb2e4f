//! The way of every request, on one page.
//!
//! [`serve`] lists all steps in their order; each returns what the next one needs. Nothing else
//! knows the order. What a step shows to a client is what the filter of that name shows in the
//! generic API server of Kubernetes.

use crate::access_log::{self, Seen};
use crate::audit::{self, Record, Unwritten};
use crate::authz::{self, Attributes, Permit, Refusal};
use crate::body::Body;
use crate::metrics::{Answered, FieldValidation, Filter, Kind, Laps, Series};
use crate::negotiate::{self, Format, Offer};
use crate::registry::Resource;
use crate::reply::Reply;
use crate::request::{ResourcePath, Target, Unread, applies, header, is_dry_run};
use crate::request::{manager, query_flag, query_pairs, read_body};
use crate::serve::Connection;
use crate::shared::Shared;
use crate::verbs::{self, Context};
use crate::{authn, compress, connect, cors, deadline, impersonate, index, names, other, profile};
use crate::{respond, turning_away};
use futures::FutureExt;
use http::header::{CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use jiff::Timestamp;
use pintle_meta::{Request as Asked, Status, User};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers a request; a panic on the way answers 500 and harms no other request.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    connection: Arc<Connection>,
) -> Response<Body> {
    let audit_id = names::audit_id(request.headers());
    let warning = authn::warning(request.headers());
    let uri = request.uri().clone();
    let is_head = request.method() == Method::HEAD;
    let logged = tracing::enabled!(target: access_log::TARGET, tracing::Level::DEBUG);
    let seen = logged.then(|| Seen::of(&request));
    let span = shared.spans.as_ref().and_then(|spans| spans.begin(&request));
    let under_way = shared.turns_away.then(|| shared.shutdown.enter());
    let origin = shared.cors.as_ref().and_then(|cors| cors.origin(request.headers()));
    let mut open = audit::Open::default();
    let mut laps = shared.metrics.laps();
    let serving = async {
        if under_way.as_ref().is_some_and(Option::is_none) && !turning_away::spares(&request) {
            return turning_away::answer(&connection);
        }
        if origin.is_some() && request.method() == Method::OPTIONS {
            return cors::preflight();
        }
        serve(&shared, request, &connection, &audit_id, (&mut open.0, &mut laps)).await
    };
    let served = AssertUnwindSafe(serving).catch_unwind().await;
    let mut response = match (served, open.0.take()) {
        (Ok(response), None) => response,
        (Ok(response), Some(record)) => record.finish(response, laps.annotations()).await,
        (Err(_), record) => {
            tracing::error!(path = uri.path(), ?audit_id, "a request panicked");
            if let Some(record) = record {
                record.panicked().await;
            }
            let text = "This request caused apiserver to panic. Look in the logs for details.\n";
            respond::text(500, text)
        }
    };
    if let Some(value) = &shared.strict_transport {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value.clone());
    }
    if let Some(origin) = origin {
        cors::allow(&mut response, origin);
    }
    respond::warn(&mut response, warning.as_slice());
    respond::finish(&mut response, &audit_id);
    if is_head {
        respond::without_body(&mut response);
    }
    if let Some(span) = span {
        span.end(&response, &audit_id);
    }
    if let Some(seen) = seen {
        seen.log(&response, &audit_id, connection.peer);
    }
    response
}

/// Every step of a request, in order.
async fn serve(
    shared: &Shared,
    request: Request<Incoming>,
    connection: &Connection,
    audit_id: &HeaderValue,
    (record, laps): (&mut Option<Record>, &mut Laps<'_>),
) -> Response<Body> {
    let received = shared.clock.now();
    let (mut parts, body) = Unread::split(request);
    let (path, query) = (parts.uri.path(), query_pairs(parts.uri.query()));
    let target = Target::of(path);
    let format = negotiate::plain(&parts.headers, &query, false);
    let refuse = |status: Status| respond::status(&status, format);
    let verb = verb(&target, &parts.method, &query);
    let from = |parts| audit::sender(parts, audit_id, connection.peer, received);

    let long_running = shared.registry.is_connect(&target) || profile::is_profile(path);
    let time = match deadline::of(&query, shared.request_time) {
        _ if long_running || verb == "watch" => Duration::MAX,
        Ok(time) => time,
        Err(status) => {
            *record = unknown(shared, from(&parts), (&target, verb), &parts, &query);
            return refuse(status);
        }
    };
    let certificates = &connection.certificates;
    let authenticated =
        shared.authenticator.authenticate(&mut parts.headers, certificates, path, received).await;
    laps.end(Filter::Authentication);
    let user = match authenticated {
        Ok(user) => user,
        Err(status) => {
            connection.close();
            *record = unknown(shared, from(&parts), (&target, verb), &parts, &query);
            return refuse(status);
        }
    };
    if authn::is_anonymous(&user) {
        // Who shows nothing must not get much out of one connection.
        connection.close();
    }
    let wanted = impersonate::wanted(&mut parts.headers);
    let mut asked = attributes(&user, &target, verb, &parts, &query);
    if let Some(audit) = &shared.audit {
        match audit.begin(from(&parts), &asked).await {
            Ok(begun) => *record = begun,
            Err(Unwritten) => return respond::failed(&parts.uri, "failed to store audit event"),
        }
    }
    laps.end(Filter::Audit);
    let other = shared.impersonation.user(&shared.authorizers, wanted, &asked, record).await;
    laps.end(Filter::Impersonation);
    let user = match other {
        Ok(None) => Arc::clone(&user),
        Ok(Some(other)) => Arc::new(other),
        Err(status) => return respond::unsniffed(refuse(status)),
    };
    (asked.user, asked.explain) = (&user, record.is_some());
    let Ok(_in_flight) = shared.flow.admit(&user, &asked.verb, long_running) else {
        return turned_away(shared, &target, verb, &parts, &query);
    };
    let permit = match permit(shared, &asked, (record, laps), &parts, format).await {
        Ok(permit) => permit,
        Err(response) => return response,
    };
    let asked = Asking { parts, body, query, user, verb, received, time, long_running };
    answer(shared, permit, target, asked, record).await
}

/// What is written down of a request that is refused before it is known who asks.
fn unknown(
    shared: &Shared,
    from: audit::Sender<'_>,
    (target, verb): (&Target, &'static str),
    parts: &Parts,
    query: &[(String, String)],
) -> Option<Record> {
    let nobody = User::default();
    shared.audit.as_ref()?.unknown(from, &attributes(&nobody, target, verb, parts, query))
}

/// Tells a client to come again, and counts that.
fn turned_away(
    shared: &Shared,
    target: &Target,
    verb: &str,
    parts: &Parts,
    query: &[(String, String)],
) -> Response<Body> {
    if let Target::Resource(at) = target {
        let series = shared.metrics.of(Kind::of(at, verb, applies(&parts.headers)));
        series.refused(429, is_dry_run(query));
    }
    respond::too_many_requests()
}

async fn answer(
    shared: &Shared,
    permit: Permit,
    target: Target,
    asked: Asking,
    record: &mut Option<Record>,
) -> Response<Body> {
    match target {
        Target::Resource(at) => resource(shared, permit, at, asked, record).await,
        Target::Other => {
            let plain = plain_format(&asked);
            let answer = other::answer(shared, permit, &asked.parts, asked.received, plain);
            let answer = deadline::keep(asked.time, answer).await;
            answer.unwrap_or_else(|late| respond::status(&late, plain))
        }
    }
}

/// A request that may be answered.
struct Asking {
    parts: Parts,
    body: Unread,
    query: Vec<(String, String)>,
    user: Arc<User>,
    verb: &'static str,
    received: Timestamp,
    /// How long the answer may take.
    time: Duration,
    /// Whether it is for a connecter.
    long_running: bool,
}

impl Asking {
    /// What hooks may know of it.
    fn request(&self, at: ResourcePath) -> Asked {
        Asked {
            user: Arc::clone(&self.user),
            verb: self.verb,
            dry_run: is_dry_run(&self.query),
            group: at.group,
            version: at.version,
            resource: at.resource,
            subresource: at.subresource.unwrap_or_default(),
            namespace: at.namespace.unwrap_or_default(),
            name: at.name.unwrap_or_default(),
            time: self.received,
        }
    }
}

/// Answers a request for a resource, and counts it.
async fn resource(
    shared: &Shared,
    permit: Permit,
    at: ResourcePath,
    mut asked: Asking,
    record: &mut Option<Record>,
) -> Response<Body> {
    let (verb, method) = (asked.verb, &asked.parts.method);
    let found = match shared.registry.route(&at, verb, method, asked.parts.uri.path()) {
        Ok(found) => found,
        Err(Some(status)) => return respond::status(&status, plain_format(&asked)),
        Err(None) => return index::answer(&shared.paths, 404),
    };
    let verb = if asked.long_running { "connect" } else { verb };
    let kind = Kind::of(&at, verb, applies(&asked.parts.headers));
    let counted_as = kind.verb;
    let series = shared.metrics.of(kind);
    let dry_run = is_dry_run(&asked.query);
    let _under_way = shared.metrics.begin(!matches!(asked.verb, "get" | "list" | "watch"));
    let begun = Instant::now();
    let reads = matches!(asked.verb, "get" | "list") && !asked.long_running;
    let gzip = reads && negotiate::takes_gzip(&asked.parts.headers);
    let mut response = match asked.body.take_if(asked.long_running) {
        Some(body) => {
            let (request, path) = (asked.request(at.clone()), at.rest);
            let http = Request::from_parts(asked.parts, body);
            connect::answer(shared, permit, found, request, http, path).await
        }
        None => {
            let (time, plain) = (asked.time, plain_format(&asked));
            let said = FieldValidation::of(&asked.query);
            let answer = resource_found(shared, permit, found, at, asked, (record, &series));
            let answer = deadline::keep(time, answer).await;
            shared.metrics.field_validation(said, begun.elapsed());
            answer.unwrap_or_else(|late| {
                series.terminated(late.code);
                respond::status(&late, plain)
            })
        }
    };
    if gzip {
        response = compress::compress(response);
    }
    let answered = Answered { code: response.status().as_u16(), dry_run, begun };
    response.map(|body| series.end(counted_as, answered, body))
}

/// The format of errors, which are never transformed: the first one that can be had as it is.
///
/// What is answered before a resource is found comes in no format that is an experiment.
fn plain_format(asked: &Asking) -> Format {
    negotiate::plain(&asked.parts.headers, &asked.query, false)
}

/// Answers a request for a resource that is there.
async fn resource_found(
    shared: &Shared,
    _: Permit,
    (resource, version): (Arc<Resource>, usize),
    at: ResourcePath,
    mut asked: Asking,
    (record, series): (&mut Option<Record>, &Series),
) -> Response<Body> {
    let cbor = shared.cbor;
    let plain = negotiate::plain(&asked.parts.headers, &asked.query, cbor);
    let kind = resource.wire_kind(version, at.subresource.as_deref());
    let transforms = resource.transforms(version, at.subresource.as_deref());
    let offer = Offer { transforms, kind: Some(kind), cbor };
    let request = asked.request(at);
    let format = match negotiate::route(&asked.parts.headers, asked.verb, cbor)
        .and_then(|()| negotiate::format(&asked.parts.headers, &asked.query, offer))
    {
        Ok(format) => format,
        Err(status) => return respond::status(&status, plain),
    };
    let content_type = header(&asked.parts.headers, CONTENT_TYPE.as_str());
    let manager = manager(&asked.parts.headers);
    let upgrade = match asked.verb {
        "watch" => shared.websockets.take(&mut asked.parts),
        _ => Ok(None),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(status) => return respond::status(&status, plain),
    };
    let body = match read_body(asked.verb, &asked.parts.headers, asked.body).await {
        Ok(body) => body,
        Err(status) => return respond::status(&status, plain),
    };
    series.body(asked.verb, body.len());
    if let Some(record) = record {
        record.request(content_type.as_deref(), &body, kind.1);
    }
    let body = (content_type, body);
    let cx = Context::new(shared, (resource, version), request, asked.query, body, manager, format);
    let cx = Arc::new(cx);
    let shape = match cx.shape() {
        // A write that cannot be shown is not made; of a read all else is looked at first.
        Err(status) if !matches!(asked.verb, "get" | "list" | "watch") => {
            return respond::status(&status, plain);
        }
        shape => shape,
    };
    let answer = |reply| match (reply, upgrade) {
        (Reply::Watch(events), Some(upgrade)) => Ok(upgrade.send(events, format.media)),
        (reply, _) => respond::reply(reply, format, &shape?),
    };
    let mut response = verbs::serve(&cx)
        .await
        .and_then(answer)
        .unwrap_or_else(|failure| respond::status(&failure, plain));
    respond::warn(&mut response, &cx.warnings());
    response
}

fn verb(target: &Target, method: &Method, query: &[(String, String)]) -> &'static str {
    match target {
        Target::Resource(at) => at.verb(method, query_flag(query, "watch")),
        Target::Other => "",
    }
}

/// Asks whether a request may be answered.
async fn permit(
    shared: &Shared,
    asked: &Attributes<'_>,
    (record, laps): (&mut Option<Record>, &mut Laps<'_>),
    parts: &Parts,
    format: Format,
) -> Result<Permit, Response<Body>> {
    let begun = Instant::now();
    let authorized = shared.authorizers.authorize(asked).await;
    laps.end(Filter::Authorization);
    if let Some(record) = record {
        record.decided(&authorized);
    }
    shared.metrics.authorized(authz::allowed(&authorized), begun.elapsed());
    authorized.map_err(|refusal| match refusal {
        Refusal::Forbidden { status, .. } => respond::unsniffed(respond::status(&status, format)),
        Refusal::Failed(error) => respond::failed(&parts.uri, &error),
    })
}

fn attributes<'a>(
    user: &'a User,
    target: &'a Target,
    verb: &'static str,
    parts: &'a Parts,
    query: &'a [(String, String)],
) -> Attributes<'a> {
    Attributes::of_request(user, target, verb, &parts.method, parts.uri.path(), query)
}
