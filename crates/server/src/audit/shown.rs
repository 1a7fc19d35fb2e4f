//! What a request and its answer show to the audit.

use super::event::Sender;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use pintle_meta::protobuf::{envelope, known};
use pintle_meta::{cbor, yaml};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};

/// An answer as a value, where it is a document.
pub(super) fn document(headers: &HeaderMap, bytes: &Bytes) -> Option<Value> {
    let media = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match media.split(';').next().unwrap_or_default().trim() {
        "application/json" => serde_json::from_slice(bytes).ok(),
        "application/cbor" => cbor::decode(bytes).ok(),
        "application/yaml" => yaml::decode(bytes).ok().map(|parsed| parsed.value),
        "application/vnd.kubernetes.protobuf" => {
            let opened = envelope::open(bytes).ok()?;
            let mut value = known::codec(&opened.kind)?.read(opened.raw).ok()?;
            value["kind"] = opened.kind.into();
            Some(value)
        }
        _ => None,
    }
}

/// What a request shows beside what it asks for.
pub(crate) fn sender<'a>(
    parts: &'a Parts,
    audit_id: &'a http::HeaderValue,
    peer: SocketAddr,
    received: jiff::Timestamp,
) -> Sender<'a> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut ips: Vec<IpAddr> = header("x-forwarded-for")
        .into_iter()
        .flat_map(|list| list.split(','))
        .filter_map(|ip| ip.trim().parse().ok())
        .collect();
    let real = header("x-real-ip").and_then(|ip| ip.trim().parse().ok());
    ips.extend(real.filter(|ip| !ips.contains(ip)).into_iter().collect::<Vec<_>>());
    if ips.last() != Some(&peer.ip()) {
        ips.push(peer.ip());
    }
    let uri = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Sender {
        audit_id: audit_id.to_str().unwrap_or_default(),
        uri: uri.to_owned(),
        user_agent: header(USER_AGENT.as_str()).unwrap_or_default(),
        source_ips: ips.iter().map(ToString::to_string).collect(),
        received,
    }
}
