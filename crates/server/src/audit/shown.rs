//! What a request and its answer show to the audit.

use super::event::Sender;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::request::Parts;
use pintle_meta::protobuf::{LazyCodec, envelope, known};
use pintle_meta::{cbor, yaml};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

/// A body as a value, where it is a document or a patch; `codec` is that of the kind.
pub(super) fn document(media: &str, bytes: &Bytes, codec: Option<&LazyCodec>) -> Option<Value> {
    match media.split(';').next().unwrap_or_default().trim() {
        "application/cbor" | "application/apply-patch+cbor" => cbor::decode(bytes).ok(),
        "application/yaml" | "application/apply-patch+yaml" => {
            yaml::decode(bytes).ok().map(|parsed| parsed.value)
        }
        "application/vnd.kubernetes.protobuf" => protobuf(bytes, codec),
        media if media.ends_with("json") => serde_json::from_slice(bytes).ok(),
        _ => None,
    }
}

/// An object, a list of such, or what Kubernetes has of its own, by what its envelope says.
fn protobuf(bytes: &[u8], codec: Option<&LazyCodec>) -> Option<Value> {
    let opened = envelope::open(bytes).ok()?;
    let of_kind = |kind| known::codec(kind).or_else(|| codec?.codec().ok());
    let list_of = opened.kind.strip_suffix("List").filter(|_| known::codec(&opened.kind).is_none());
    let mut value = match list_of {
        None => of_kind(&opened.kind)?.read(opened.raw).ok()?,
        Some(kind) => {
            let metadata = envelope::field(opened.raw, 1).map(|range| &opened.raw[range]);
            let metadata = known::LIST_META_CODEC.read(metadata.unwrap_or_default()).ok()?;
            let codec = of_kind(kind)?;
            let items: Option<Vec<Value>> =
                envelope::fields(opened.raw, 2).map(|item| codec.read(item).ok()).collect();
            json!({"metadata": metadata, "items": items?})
        }
    };
    value["kind"] = opened.kind.into();
    value["apiVersion"] = opened.api_version.into();
    Some(value)
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
