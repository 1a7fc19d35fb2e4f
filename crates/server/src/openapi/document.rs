//! A document as it is sent, and the headers with which clients may keep it.

use crate::discovery::etag::ETag;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use serde_json::Value;

/// A document and the tag by which clients know it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) json: Bytes,
    pub(super) etag: ETag,
}

impl Document {
    /// The document with this content.
    pub(super) fn of(value: &Value) -> Self {
        let json = Bytes::from(value.to_string());
        let etag = ETag::of(&json);
        Self { json, etag }
    }

    /// The document in the format of `body`, or 304 where the client has it.
    pub(super) fn respond(
        &self,
        headers: &HeaderMap,
        content_type: &'static str,
        body: &Bytes,
    ) -> Response<Bytes> {
        let mut response = if self.etag.is_known(headers) {
            empty(StatusCode::NOT_MODIFIED)
        } else {
            let mut response = Response::new(body.clone());
            let content_type = HeaderValue::from_static(content_type);
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            response
        };
        response.headers_mut().insert(ETAG, self.etag.header());
        response
    }
}

/// An answer without a body.
pub(super) fn empty(code: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = code;
    response
}

/// Says that what is sent depends on the `Accept` header.
pub(super) fn vary(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
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
