//! Answers to HTTP: formats, headers, and every error as a `Status`.

use crate::authz::sanitized;
use crate::body::Body;
use crate::negotiate::{self, Format, Media, Transform};
use crate::pretty;
use crate::reply::{List, Reply};
use crate::shape::{Shape, protobuf};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use pintle_meta::protobuf::{Codec, known};
use pintle_meta::{Status, cbor, json, yaml};
use std::collections::HashSet;

/// Makes the HTTP answer of a verb's result.
///
/// # Errors
/// 406 where an object was asked for as a list, or a list as an object.
pub(crate) fn reply(reply: Reply, format: Format, shape: &Shape) -> Result<Response<Body>, Status> {
    Ok(match reply {
        Reply::Object { code, entry } => {
            if format.transform == Transform::PartialList {
                return Err(partial_mismatch(&shape.kind.kind, false));
            }
            let mut out = Vec::with_capacity(entry.size() + 1);
            if format.media == Media::Protobuf {
                return match shape.protobuf(&entry, &mut out) {
                    Some(()) => Ok(response(code, format.media.content_type(), Body::full(out))),
                    None => Err(protobuf::unfit(&entry.key, entry.revision)),
                };
            }
            shape.object(&entry, &mut out);
            document(code, out, format, None)
        }
        Reply::List(list) => {
            if format.transform == Transform::Partial {
                return Err(partial_mismatch(&shape.kind.list_kind, true));
            }
            return self::list(list, format, shape.clone());
        }
        Reply::Other { code, json, .. } if format.transform == Transform::Partial => {
            document(code, shape.metadata_of(&json), format, Some(&known::PARTIAL_CODEC))
        }
        Reply::Other { code, json, .. } if format.transform == Transform::Table => {
            document(code, shape.table_of(&json), format, None)
        }
        Reply::Other { json, .. } if format.transform == Transform::PartialList => {
            let document: serde_json::Value = serde_json::from_slice(&json).unwrap_or_default();
            let kind = document["kind"].as_str().unwrap_or_default();
            return Err(partial_mismatch(kind, false));
        }
        Reply::Other { code, json, protobuf } => {
            document(code, json, format, protobuf.codec().ok())
        }
        Reply::Status(success) => status(&success, format),
        Reply::Watch(stream) => response(200, format.media.stream_type(), Body::Stream(stream)),
    })
}

fn list(list: List, format: Format, shape: Shape) -> Result<Response<Body>, Status> {
    let pieces = list.pieces(shape)?;
    if format.is_streamed() {
        return Ok(response(200, format.media.content_type(), Body::Pieces(pieces)));
    }
    let mut whole = Vec::new();
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole.pop();
    Ok(document(200, whole, format, None))
}

/// 406: an object was asked for as a list, or a list as an object.
fn partial_mismatch(kind: &str, is_list: bool) -> Status {
    let (asked, got) = if is_list {
        ("PartialObjectMetadata", format!("a list ({kind})"))
    } else {
        ("PartialObjectMetadataList", format!("not a list ({kind})"))
    };
    Status::not_acceptable(format!("you requested {asked}, but the requested object is {got}"))
}

/// Makes the HTTP answer of a `Status`.
pub(crate) fn status(status: &Status, format: Format) -> Response<Body> {
    let mut out = Vec::with_capacity(256);
    if json::write(&mut out, status).is_err() {
        out = br#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":500}"#.to_vec();
    }
    let codec = Some(&known::STATUS_CODEC);
    let mut response = document(status.code, out, format.untransformed(), codec);
    if let Some(seconds) = status.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// One document: compact JSON without a line feed, in the format asked for. Without a codec it has
/// no form in protocol buffers.
pub(crate) fn document(
    code: u16,
    mut json: Vec<u8>,
    format: Format,
    codec: Option<&Codec>,
) -> Response<Body> {
    let body: Bytes = match format.media {
        Media::Protobuf => {
            let value = serde_json::from_slice(&json).unwrap_or_default();
            let mut out = Vec::new();
            if codec.and_then(|codec| protobuf::document(codec, &value, &mut out)).is_none() {
                let failure =
                    negotiate::not_marshalable(value["kind"].as_str().unwrap_or_default());
                return status(&failure, Format { media: Media::Json, ..format });
            }
            out.into()
        }
        Media::Json if format.pretty => pretty::indent(&json).into(),
        Media::Json => {
            json.push(b'\n');
            json.into()
        }
        Media::Yaml => {
            let value = serde_json::from_slice(&json).unwrap_or_default();
            yaml::encode(&value).into()
        }
        Media::Cbor => cbor::from_json(&json).into(),
    };
    response(code, format.media.content_type(), Body::full(body))
}

/// A JSON document that is written already.
pub(crate) fn document_text(json: String) -> Response<Body> {
    response(200, Media::Json.content_type(), Body::full(json))
}

/// Plain text, as the health checks and the filters answer.
pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> Response<Body> {
    response(code, "text/plain; charset=utf-8", Body::full(text))
}

/// 500 in plain text, as Kubernetes answers when it cannot be found out whether a request is allowed.
pub(crate) fn failed(uri: &http::Uri, error: &str) -> Response<Body> {
    tracing::error!(%uri, error, "a request cannot be authorized");
    let uri = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let message = format!("Internal Server Error: {}: {error}", json::quote(uri));
    let mut response = text(500, format!("{}\n", sanitized(&message)));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// 429 in plain text, as Kubernetes answers what is over the limit of requests in flight.
pub(crate) fn too_many_requests() -> Response<Body> {
    let mut response = text(429, "Too many requests, please try again later.\n");
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(1));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn response(code: u16, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Tells browsers to believe the media type.
pub(crate) fn unsniffed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Takes the body off an answer to HEAD, and leaves what it says about it.
pub(crate) fn without_body(response: &mut Response<Body>) {
    let body = std::mem::replace(response.body_mut(), Body::Full(None));
    if let Some(length) = http_body::Body::size_hint(&body).exact() {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Adds what every answer carries.
pub(crate) fn finish(response: &mut Response<Body>, audit_id: &HeaderValue) {
    let headers = response.headers_mut();
    headers.insert("audit-id", audit_id.clone());
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
}

/// Adds the `Warning` headers, each text once, cut as Kubernetes cuts them.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    /// All texts together may be as long as this before each is cut.
    const TOTAL_CHARS_MAX: usize = 4096;
    /// A text is cut to this when all together are too long.
    const CUT_CHARS: usize = 256;
    let mut seen = HashSet::new();
    let texts: Vec<&str> =
        warnings.iter().map(String::as_str).filter(|text| seen.insert(*text)).collect();
    let length = |text: &str| text.chars().count();
    // The first texts that are too long together are all cut; of the others so many come as have room.
    let mut total = 0;
    let over = texts.iter().position(|text| {
        total += length(text);
        total > TOTAL_CHARS_MAX
    });
    let mut written = 0;
    for (i, text) in texts.into_iter().enumerate() {
        let keep = match over {
            None => TOTAL_CHARS_MAX,
            Some(over) if i > over && written >= TOTAL_CHARS_MAX => break,
            Some(_) => CUT_CHARS,
        };
        written += length(text).min(keep);
        let quoted: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(keep)
            .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
            .collect();
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()) {
            response.headers_mut().append("warning", value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the texts of the headers are.
    fn check(warnings: &[String], want: &[usize]) {
        let mut response = Response::new(Body::full(""));
        warn(&mut response, warnings);
        let headers = response.headers().get_all("warning").iter();
        let got: Vec<usize> = headers.map(|header| header.len() - r#"299 - """#.len()).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn warnings_are_limited_together() {
        let text = |i: usize, length: usize| format!("{i:03}{}", "x".repeat(length - 3));
        let texts = |count, length| (0..count).map(|i| text(i, length)).collect::<Vec<_>>();
        check(&texts(16, 256), &[256; 16]);
        check(&[texts(2, 9), texts(2, 9)].concat(), &[9, 9]);
        check(&texts(1, 4096), &[4096]);
        check(&texts(1, 4097), &[256]);
        check(&texts(50, 305), &[256; 16]);
        // All that led over the limit are told, however many they are.
        check(&texts(50, 200), &[200; 21]);
        check(&[texts(2, 3000), texts(100, 10)[2..].to_vec()].concat(), &{
            let mut lengths = vec![256, 256];
            lengths.extend([10; 98]);
            lengths
        });
    }
}
