//! What is not a resource: health, discovery, OpenAPI, the version, metrics.

use crate::authz::Permit;
use crate::body::Body;
use crate::health::Health;
use crate::metrics::Answered;
use crate::negotiate::{self, Format};
use crate::shared::Shared;
use crate::{compress, index, metrics, profile, respond, version};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};
use jiff::Timestamp;
use pintle_meta::Status;
use std::time::Instant;

/// Answers what is not a resource.
pub(crate) async fn answer(
    shared: &Shared,
    _: Permit,
    parts: &Parts,
    received: Timestamp,
    plain: Format,
) -> Response<Body> {
    let path = parts.uri.path();
    let refuse = |status: Status| respond::status(&status, plain);
    let begun = Instant::now();
    if let Some(response) = shared.health.answer(path, parts.uri.query()).await {
        let answered = Answered { code: response.status().as_u16(), dry_run: false, begun };
        return match Health::is_endpoint(path) {
            true => {
                let series = shared.metrics.of(metrics::Kind::of_path(path));
                response.map(|body| series.end("GET", answered, body))
            }
            false => response,
        };
    }
    if let Some(response) = shared.discovery.answer(parts, &shared.address) {
        if parts.method == Method::GET {
            let response = response.map(Body::full);
            let gzip = negotiate::takes_gzip(&parts.headers);
            return if gzip { compress::compress(response) } else { response };
        }
        return refuse(Status::method_not_allowed());
    }
    if let Some(response) = shared.openapi.answer(parts, received) {
        return response.map(Body::full);
    }
    if path.trim_end_matches('/') == "/version" {
        return version::answer(parts).map_or_else(refuse, respond::document_text);
    }
    if parts.method == Method::DELETE && shared.profiling && path == "/metrics" {
        shared.metrics.reset();
        return respond::text(200, "metrics reset\n");
    }
    if parts.method == Method::GET {
        if path.trim_end_matches('/') == "/metrics" {
            return metrics_answer(shared, &parts.headers);
        }
        let text = match path.trim_end_matches('/') {
            "/metrics/slis" => Some(shared.health.indicators().await),
            "/statusz" => Some(version::status(shared.metrics.started(), received, &shared.paths)),
            _ => None,
        };
        if let Some(text) = text {
            return respond::text(200, text);
        }
        if shared.profiling
            && let Some(response) = profile::answer(parts).await
        {
            return response;
        }
    }
    if matches!(path, "/" | "/index.html") {
        return index::answer(&shared.paths, 200);
    }
    match group_of(path) {
        Some(group) if shared.registry.has_group(group) => refuse(Status::unknown_path()),
        _ => index::answer(&shared.paths, 404),
    }
}

/// The metrics, as OpenMetrics for whoever asks for that.
fn metrics_answer(shared: &Shared, headers: &HeaderMap) -> Response<Body> {
    let text = metrics_text(shared);
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let open = accepts.flat_map(|value| value.split(',')).any(|media| {
        media.split(';').next().is_some_and(|media| media.trim() == metrics::OPEN_METRICS_MEDIA)
    });
    let (text, media) = match open {
        true => (metrics::open_metrics(&text), metrics::OPEN_METRICS),
        false => (text, metrics::TEXT),
    };
    let mut response = respond::text(200, text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn metrics_text(shared: &Shared) -> String {
    let watched = shared.registry.watched();
    shared.metrics.text(&shared.health.caches, &watched, |text| {
        shared.authenticator.write_metrics(text);
        shared.impersonation.write_metrics(text);
        shared.flow.write(text);
        shared.sizes.write(text);
        if let Some(at_rest) = &shared.health.at_rest {
            at_rest.write_metrics(text);
        }
        if let Some(audit) = &shared.audit {
            audit.write(text);
        }
    })
}

/// The group of a path below `/apis` that goes on behind the group's name.
fn group_of(path: &str) -> Option<&str> {
    path.strip_prefix("/apis/")?.trim_end_matches('/').split_once('/').map(|(group, _)| group)
}
