//! A document as it is sent, and the headers with which clients may keep it.

use super::protobuf::{self, Message};
use crate::discovery::etag::ETag;
use crate::negotiate::takes_gzip;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, EXPIRES, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use serde_json::Value;
use std::io::{Read, Write};
use std::sync::OnceLock;

/// Forms up to this size are never compressed, as in Kubernetes.
const PLAIN_BYTES_MIN: usize = 1400;
/// Forms up to this size are kept as they are too, beside a seventh of their size in gzip. A larger
/// one is unpacked for each client without gzip, whom the network slows down more.
const PLAIN_BYTES_MAX: usize = 256 << 10;

/// A document in both formats, and the tag by which clients know it.
#[derive(Debug)]
pub(super) struct Document {
    json: Form,
    pub(super) etag: ETag,
    message: &'static Message,
    protobuf: OnceLock<Form>,
}

/// The formats of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// Protocol buffers, by the name that the media type has.
    Protobuf(&'static str),
}

impl Document {
    /// The document with this content, which is this message in protocol buffers.
    pub(super) fn of(value: &Value, message: &'static Message) -> Self {
        let json = Bytes::from(value.to_string());
        let etag = ETag::of(&json);
        Self { json: Form::of(json), etag, message, protobuf: OnceLock::new() }
    }

    /// The document in this format, or 304 where the client has it.
    pub(super) fn respond(&self, headers: &HeaderMap, format: Format) -> Response<Bytes> {
        let mut response = if self.etag.is_known(headers) {
            empty(StatusCode::NOT_MODIFIED)
        } else {
            let (form, content_type) = match format {
                Format::Json => (&self.json, "application/json"),
                Format::Protobuf(name) => (self.protobuf.get_or_init(|| self.encode()), name),
            };
            let mut response = form.respond(takes_gzip(headers));
            let content_type = HeaderValue::from_static(content_type);
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            response
        };
        response.headers_mut().insert(ETAG, self.etag.header());
        response
    }

    fn encode(&self) -> Form {
        let value = serde_json::from_slice(&self.json.plain()).unwrap_or_default();
        Form::of(protobuf::encode(self.message, &value).into())
    }
}

/// The bytes of a document in one format. One of the two is there at least.
#[derive(Debug)]
struct Form {
    plain: Option<Bytes>,
    gzip: Option<Bytes>,
}

impl Form {
    fn of(plain: Bytes) -> Self {
        let gzip = (plain.len() >= PLAIN_BYTES_MIN).then(|| packed(&plain)).flatten();
        let large = gzip.is_some() && plain.len() > PLAIN_BYTES_MAX;
        Self { plain: (!large).then_some(plain), gzip }
    }

    fn respond(&self, takes_gzip: bool) -> Response<Bytes> {
        let Some(gzip) = &self.gzip else { return Response::new(self.plain()) };
        let mut response = Response::new(if takes_gzip { gzip.clone() } else { self.plain() });
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if takes_gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    fn plain(&self) -> Bytes {
        if let Some(plain) = &self.plain {
            return plain.clone();
        }
        let mut plain = Vec::new();
        // What was compressed here is unpacked without fail.
        let _ = GzDecoder::new(self.gzip.as_deref().unwrap_or_default()).read_to_end(&mut plain);
        plain.into()
    }
}

/// Compressed once and sent often, so as small as can be; into memory, which does not fail.
fn packed(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 6), Compression::best());
    encoder.write_all(plain).ok()?;
    let mut gzip = encoder.finish().ok()?;
    gzip.shrink_to_fit();
    Some(gzip.into())
}

/// An answer without a body.
pub(super) fn empty(code: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = code;
    response
}

/// Says that what is sent depends on the `Accept` header.
pub(super) fn vary(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    response
}

/// Says that the document at this address, which has its hash in it, will never be another one.
pub(super) fn keep_for_a_year(mut response: Response<Bytes>, now: Timestamp) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
    let next_year = Zoned::new(now, TimeZone::UTC).checked_add(1.year());
    let expires = next_year.map(|then| then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(expires) = expires.ok().and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(EXPIRES, expires);
    }
    response
}

/// 301 to where the current document is.
pub(super) fn moved(url: &str) -> Response<Bytes> {
    let body = format!("<a href=\"{url}\">Moved Permanently</a>.\n\n");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(url) = HeaderValue::try_from(url) {
        headers.insert(LOCATION, url);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::protobuf::v3;
    use serde_json::json;

    fn check(chars: usize, kept: (bool, bool)) {
        let document = Document::of(&json!({"openapi": "3".repeat(chars)}), &v3::DOCUMENT);
        assert_eq!((document.json.plain.is_some(), document.json.gzip.is_some()), kept, "{chars}");
        let mut gzip = HeaderMap::new();
        gzip.insert("accept-encoding", HeaderValue::from_static("gzip"));
        for format in [Format::Json, Format::Protobuf("x/y")] {
            let plain = document.respond(&HeaderMap::new(), format);
            assert!(!plain.headers().contains_key(CONTENT_ENCODING));
            assert!(plain.body().len() > chars);
            let answer = document.respond(&gzip, format);
            assert_eq!(answer.headers().contains_key(CONTENT_ENCODING), kept.1, "{chars}");
            assert_eq!(answer.headers().get(VARY), plain.headers().get(VARY));
            let mut unpacked = Vec::new();
            if kept.1 {
                GzDecoder::new(&answer.body()[..]).read_to_end(&mut unpacked).unwrap();
            } else {
                unpacked = answer.body().to_vec();
            }
            assert!(unpacked == plain.body()[..], "{chars} {format:?}");
        }
    }

    #[test]
    fn what_is_kept() {
        check(10, (true, false));
        check(PLAIN_BYTES_MIN, (true, true));
        check(PLAIN_BYTES_MAX, (false, true));
    }
}
