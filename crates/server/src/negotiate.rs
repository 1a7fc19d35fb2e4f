//! Which format a client gets: the `Accept` header, its parameters and its fallbacks.
//!
//! Two stages disagree on purpose, because they do in Kubernetes: the *route* knows media types
//! without parameters and no `application/*`; the *handler* knows wildcards, transformations
//! (`as=Table`) and takes the first clause it can serve.

use crate::request::{query_flag, query_value};
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use pintle_meta::Status;
use pintle_meta::protobuf::LazyCodec;

/// A format of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Yaml,
    Protobuf,
    /// Where the feature `CBORServingAndStorage` is on.
    Cbor,
}

impl Media {
    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => PROTOBUF,
            Self::Cbor => CBOR,
        }
    }

    /// The value of `Content-Type` of a watch.
    pub(crate) fn stream_type(self) -> &'static str {
        match self {
            Self::Json | Self::Yaml => "application/json",
            Self::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            Self::Cbor => CBOR_SEQUENCE,
        }
    }
}

/// What an object or list is turned into before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transform {
    None,
    Table,
    Partial,
    PartialList,
}

/// Which transformations a path offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transforms {
    None,
    /// Metadata alone: a table needs columns, which the answer to an action does not have.
    Metadata,
    All,
}

/// What a path can answer with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub transforms: Transforms,
    /// The kind and its form in protocol buffers, which not every kind has; none where it is known
    /// that there is one.
    pub kind: Option<(&'a str, &'a LazyCodec)>,
    /// Whether CBOR is among the formats.
    pub cbor: bool,
}

impl Offer<'_> {
    fn has_protobuf(&self) -> bool {
        let Some((kind, codec)) = self.kind else { return true };
        if let Some(why) = codec.complaint() {
            tracing::error!(kind, why, "the kind is not served as protobuf");
        }
        codec.is_offered() && codec.codec().is_ok()
    }
}

/// The format that a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub media: Media,
    pub pretty: bool,
    pub transform: Transform,
    /// The API version of what the transformation makes: `meta.k8s.io/v1` or `v1beta1`.
    pub beta: bool,
}

impl Format {
    /// Compact JSON as it is: what errors fall back to.
    pub(crate) const JSON: Self =
        Self { media: Media::Json, pretty: false, transform: Transform::None, beta: false };

    /// Whether a list of this format is put together from pieces.
    pub(crate) fn is_streamed(self) -> bool {
        match self.media {
            Media::Json => !self.pretty,
            Media::Yaml => false,
            Media::Protobuf | Media::Cbor => true,
        }
    }

    /// The same format without the transformation, for a `Status`.
    pub(crate) fn untransformed(self) -> Self {
        Self { transform: Transform::None, ..self }
    }
}

/// The media type of protocol buffers.
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// The media type of CBOR.
pub(crate) const CBOR: &str = "application/cbor";
/// The media type of a watch in CBOR, which has no stream of its own.
pub(crate) const CBOR_SEQUENCE: &str = "application/cbor-seq";
const ROUTE_TYPES: [&str; 3] = ["application/json", "application/yaml", PROTOBUF];
/// What a path that may be watched has to offer besides.
const STREAMS: &str =
    ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
/// More clauses than this are not looked at.
const ACCEPT_CLAUSES_MAX: usize = 64;

/// The formats of bodies and answers, as messages list them.
pub(crate) fn types(cbor: bool) -> &'static str {
    match cbor {
        false => "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        true => {
            "application/json, application/yaml, application/vnd.kubernetes.protobuf, \
             application/cbor"
        }
    }
}

/// Whether a body is a patch by its media type.
pub(crate) fn is_patch(media_type: &str, cbor: bool) -> bool {
    (cbor && media_type == "application/apply-patch+cbor")
        || matches!(
            media_type,
            "application/json-patch+json"
                | "application/merge-patch+json"
                | "application/strategic-merge-patch+json"
                | "application/apply-patch+yaml"
        )
}

/// Refuses what the router refuses: a body of which no media type is that of a patch, and an answer
/// of which no media type is one that any handler serves.
pub(crate) fn route(headers: &HeaderMap, verb: &str, cbor: bool) -> Result<(), Status> {
    if verb == "patch" {
        let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut types = sent.unwrap_or_default().split(',');
        if !types.any(|one| is_patch(one.split(';').next().unwrap_or_default().trim(), cbor)) {
            let refused = Status::unsupported_media_type("415: Unsupported Media Type");
            return Err(refused.with_empty_details());
        }
    }
    let Some(accept) = accept(headers) else { return Ok(()) };
    let streams = matches!(verb, "list" | "watch");
    let known = |clause: &str| {
        let media = clause.split(';').next().unwrap_or_default().trim();
        media == "*/*"
            || ROUTE_TYPES.contains(&media)
            || (cbor && (media == CBOR || (streams && media == CBOR_SEQUENCE)))
    };
    if accept.split(',').take(ACCEPT_CLAUSES_MAX).any(known) {
        return Ok(());
    }
    let mut message = format!("406: Not Acceptable\n\nAvailable representations: {}", types(cbor));
    if streams {
        message.push_str(STREAMS);
        message.push_str(if cbor { ", application/cbor-seq" } else { "" });
    }
    Err(Status::not_acceptable(message).with_empty_details())
}

/// Refuses what the router refuses for a path that has JSON only.
pub(crate) fn route_json(headers: &HeaderMap) -> Result<(), Status> {
    let Some(accept) = accept(headers) else { return Ok(()) };
    let known = |clause: &str| {
        let media = clause.split(';').next().unwrap_or_default().trim();
        matches!(media, "*/*" | "application/json")
    };
    if accept.split(',').take(ACCEPT_CLAUSES_MAX).any(known) {
        return Ok(());
    }
    let message = "406: Not Acceptable\n\nAvailable representations: application/json";
    Err(Status::not_acceptable(message).with_empty_details())
}

/// The format of errors, which are never transformed: the first one that can be had as it is. Where
/// there is none it is JSON for people.
pub(crate) fn plain(headers: &HeaderMap, query: &[(String, String)], cbor: bool) -> Format {
    let offer = Offer { transforms: Transforms::None, kind: None, cbor };
    format(headers, query, offer).unwrap_or(Format { pretty: true, ..Format::JSON })
}

fn is_pretty(headers: &HeaderMap, query: &[(String, String)]) -> bool {
    match query_value(query, "pretty") {
        Some(_) => query_flag(query, "pretty"),
        None => is_for_people(headers),
    }
}

/// The format for an answer of the API.
pub(crate) fn format(
    headers: &HeaderMap,
    query: &[(String, String)],
    offer: Offer<'_>,
) -> Result<Format, Status> {
    let pretty = is_pretty(headers, query);
    let Some(accept) = accept(headers) else { return Ok(Format { pretty, ..Format::JSON }) };
    let mut clauses: Vec<Clause<'_>> =
        accept.split(',').take(ACCEPT_CLAUSES_MAX).map(Clause::parse).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    let chosen = clauses.iter().find_map(|clause| clause.format(offer));
    let mut format = chosen.ok_or_else(|| match offer.kind {
        Some((kind, _)) if clauses.iter().any(|c| c.media == PROTOBUF && !c.transforms) => {
            not_marshalable(kind)
        }
        _ => not_served(types(offer.cbor)),
    })?;
    format.pretty |= pretty;
    Ok(format)
}

/// 406: a handler serves other formats.
pub(crate) fn not_served(types: &str) -> Status {
    Status::not_acceptable(format!("only the following media types are accepted: {types}"))
}

/// 406: there are no protocol buffers of a kind.
pub(crate) fn not_marshalable(kind: &str) -> Status {
    Status::not_acceptable(format!(
        "object {kind} does not implement the protobuf marshalling interface and cannot be encoded \
         to a protobuf message"
    ))
}

fn accept(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// Browsers and command-line fetchers get indented JSON unless they say otherwise.
fn is_for_people(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|prefix| agent.starts_with(prefix))
}

#[derive(Debug, Default)]
struct Clause<'a> {
    media: &'a str,
    quality: f32,
    /// Whether anything is said about a transformation.
    transforms: bool,
    kind: &'a str,
    group: &'a str,
    version: &'a str,
    pretty: bool,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';');
        let media = parts.next().unwrap_or_default().trim();
        let mut clause = Self { media, quality: 1.0, ..Self::default() };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            let key = key.trim();
            clause.transforms |= matches!(key, "as" | "g" | "v") && !value.is_empty();
            match key {
                "q" => clause.quality = value.parse().unwrap_or(1.0),
                "as" => clause.kind = value,
                "g" => clause.group = value,
                "v" => clause.version = value,
                "pretty" => clause.pretty = value == "1" || value.eq_ignore_ascii_case("true"),
                _ => {}
            }
        }
        clause
    }

    /// The format of this clause, where it can be served.
    fn format(&self, offer: Offer<'_>) -> Option<Format> {
        let transforms = offer.transforms;
        let media = match self.media {
            "application/json" | "application/*" | "*/*" => Media::Json,
            "application/yaml" => Media::Yaml,
            PROTOBUF => Media::Protobuf,
            CBOR if offer.cbor => Media::Cbor,
            _ => return None,
        };
        let beta = self.version == "v1beta1";
        let transform = match (self.kind, self.group) {
            _ if !self.transforms => Transform::None,
            _ if transforms == Transforms::None || !matches!(self.version, "v1" | "v1beta1") => {
                return None;
            }
            ("Table", "meta.k8s.io")
                if transforms == Transforms::All && matches!(media, Media::Json | Media::Yaml) =>
            {
                Transform::Table
            }
            ("PartialObjectMetadata", "meta.k8s.io") => Transform::Partial,
            ("PartialObjectMetadataList", "meta.k8s.io") => Transform::PartialList,
            _ => return None,
        };
        // Every kind has metadata in protocol buffers, and not every one the rest.
        if media == Media::Protobuf && transform == Transform::None && !offer.has_protobuf() {
            return None;
        }
        Some(Format { media, pretty: self.pretty, transform, beta })
    }
}

/// Whether the client names gzip; as in Kubernetes its weight is not looked at.
pub(crate) fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.split(',').any(|name| name.trim() == "gzip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, want: Result<(Media, Transform), u16>) {
        check_of(None, false, accept, want);
    }

    fn check_of(
        kind: Option<(&str, &LazyCodec)>,
        cbor: bool,
        accept: &str,
        want: Result<(Media, Transform), u16>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        let offer = Offer { transforms: Transforms::All, kind, cbor };
        let got = route(&headers, "list", cbor).and_then(|()| format(&headers, &[], offer));
        let got = got.map(|f| (f.media, f.transform)).map_err(|status| status.code);
        assert_eq!(got, want, "{accept}");
    }

    #[test]
    fn accept_headers() {
        check("application/json", Ok((Media::Json, Transform::None)));
        check("*/*", Ok((Media::Json, Transform::None)));
        check("application/*", Err(406));
        check("text/csv", Err(406));
        check("application/yaml", Ok((Media::Yaml, Transform::None)));
        check("application/json;q=0.1,application/yaml", Ok((Media::Yaml, Transform::None)));
        let both = "application/vnd.kubernetes.protobuf,application/json";
        check(both, Ok((Media::Protobuf, Transform::None)));
        let kind = Some(("Pod", &LazyCodec::of::<k8s_openapi::api::core::v1::Pod>()));
        check_of(kind, false, both, Ok((Media::Json, Transform::None)));
        check_of(kind, false, "application/vnd.kubernetes.protobuf", Err(406));
        let partial =
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
        check(partial, Ok((Media::Protobuf, Transform::Partial)));
        check_of(kind, false, partial, Ok((Media::Protobuf, Transform::Partial)));
        check("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", Err(406));
        check(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Ok((Media::Json, Transform::Table)),
        );
        check(
            "application/json;as=Chair;v=v1;g=meta.k8s.io,application/json",
            Ok((Media::Json, Transform::None)),
        );
        check("application/json;as=Chair;v=v1;g=meta.k8s.io", Err(406));
        check("application/cbor", Err(406));
        check("application/cbor,application/json", Ok((Media::Json, Transform::None)));
        let check = |accept: &str, want| check_of(None, true, accept, want);
        check("application/cbor,application/json", Ok((Media::Cbor, Transform::None)));
        check("application/cbor;stream=watch", Ok((Media::Cbor, Transform::None)));
        check("application/cbor-seq", Err(406));
        check("application/cbor;as=Table;v=v1;g=meta.k8s.io", Err(406));
        let partial = "application/cbor;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
        check(partial, Ok((Media::Cbor, Transform::Partial)));
    }
}
