//! What a request asks for, read from its method and path; its query, its headers and its body.
//!
//! The rules are those of
//! [resource URIs](https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris) and of
//! the generic API server's request info.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use percent_encoding::percent_decode_str;
use pintle_meta::Status;
use pintle_meta::validation::{FIELD_MANAGER_MAX_BYTES, is_printable};
use std::time::Duration;
use tokio::runtime::Handle;

/// Bodies over this size are refused.
const BODY_BYTES_MAX: usize = 3 << 20;

/// Of a body that nobody reads no more than this is waited for, and no longer.
const UNREAD_BYTES_MAX: usize = 4 << 20;
const UNREAD_TIME: Duration = Duration::from_secs(5);

/// A path taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Something below `/api/VERSION` or `/apis/GROUP/VERSION`.
    Resource(ResourcePath),
    /// Everything else: discovery, health, metrics.
    Other,
}

/// A path below a group version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub group: String,
    pub version: String,
    pub namespace: Option<String>,
    pub resource: String,
    pub name: Option<String>,
    pub subresource: Option<String>,
    /// Whether this is one of the old paths with `watch` before the resource.
    pub legacy_watch: bool,
    /// What the path has behind the subresource: nothing, or a slash and the rest.
    pub rest: String,
}

impl Target {
    /// Takes a path apart; a slash is a slash also where it is written with a percent sign.
    pub(crate) fn of(path: &str) -> Self {
        let path = percent_decode_str(path).decode_utf8_lossy();
        let path = path.strip_prefix('/').unwrap_or(&path);
        let slash = if path.ends_with('/') { "/" } else { "" };
        let path = path.trim_end_matches('/');
        let mut parts = path.split('/').map(str::to_owned);
        let group = match parts.next().as_deref() {
            Some("api") => Some(String::new()),
            Some("apis") => parts.next(),
            _ => None,
        };
        let (Some(group), Some(version)) = (group, parts.next()) else { return Self::Other };
        let mut rest = parts.peekable();
        let mut at = ResourcePath { group, version, ..ResourcePath::default() };
        if rest.peek().is_none() {
            return Self::Other;
        }
        at.legacy_watch = rest.next_if(|part| part == "watch").is_some();
        let Some(first) = rest.next() else { return Self::Resource(at) };
        match rest.next() {
            Some(namespace) if first == "namespaces" => match rest.next() {
                // The namespace itself is an object too, and has two subresources of its own.
                None => at.object(first, Some(namespace), None),
                Some(part) if matches!(part.as_str(), "status" | "finalize") => {
                    at.object(first, Some(namespace), Some(part));
                }
                Some(resource) => {
                    at.namespace = Some(namespace);
                    at.object(resource, rest.next(), rest.next());
                }
            },
            name => at.object(first, name, rest.next()),
        }
        if rest.peek().is_some() {
            at.rest = rest.fold(String::new(), |path, part| path + "/" + &part) + slash;
        } else if at.subresource.is_some() {
            at.rest = slash.to_owned();
        }
        Self::Resource(at)
    }
}

impl ResourcePath {
    /// Whether the path goes on behind what the path of a resource may have.
    pub(crate) fn is_too_long(&self) -> bool {
        self.rest.len() > 1
    }

    fn object(&mut self, resource: String, name: Option<String>, subresource: Option<String>) {
        self.resource = resource;
        self.name = name;
        self.subresource = subresource;
    }

    /// The verb as authorization and hooks see it; `watching` is whether the query asks to watch.
    pub(crate) fn verb(&self, method: &Method, watching: bool) -> &'static str {
        let one = self.name.is_some() && !self.legacy_watch;
        match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if one => "delete",
            Method::DELETE => "deletecollection",
            Method::GET | Method::HEAD if self.legacy_watch => "watch",
            Method::GET | Method::HEAD if one => "get",
            Method::GET | Method::HEAD if watching => "watch",
            Method::GET | Method::HEAD => "list",
            _ => "",
        }
    }
}

/// The pairs of a query, decoded, in order.
///
/// What Go cannot read is passed over, as Go does: a pair with a semicolon, or with an escape that is none.
pub(crate) fn query_pairs(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| is_readable(pair));
    pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes()).into_owned()).collect()
}

fn is_readable(pair: &str) -> bool {
    let escapes = pair.split('%').skip(1).map(str::as_bytes);
    !pair.contains(';')
        && escapes.into_iter().all(
            |escape| matches!(escape, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
        )
}

/// The first value of a parameter.
pub(crate) fn query_value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Whether a parameter is set to something that Kubernetes takes for true.
pub(crate) fn query_flag(pairs: &[(String, String)], name: &str) -> bool {
    query_value(pairs, name).is_some_and(|value| {
        !matches!(value, "0" | "f" | "F") && { !value.eq_ignore_ascii_case("false") }
    })
}

/// Whether a write is to be tried only.
pub(crate) fn is_dry_run(query: &[(String, String)]) -> bool {
    query_value(query, "dryRun") == Some("All")
}

/// The body of a request, until it is read.
///
/// A client that is still sending when a connection is closed loses the answer to that. So what nobody
/// reads is thrown away while the answer is sent, up to a limit.
#[derive(Debug)]
pub(crate) struct Unread {
    body: Option<Incoming>,
    /// Streams of HTTP/2 end each for itself, and who waits to be asked for the body does not send it.
    is_sent: bool,
}

impl Unread {
    /// Takes the body off a request.
    pub(crate) fn split(request: Request<Incoming>) -> (Parts, Self) {
        let (parts, body) = request.into_parts();
        let is_sent = parts.version < Version::HTTP_2 && !parts.headers.contains_key(EXPECT);
        (parts, Self { body: Some(body), is_sent })
    }

    /// Gives the body to somebody who reads it in a way of his own.
    pub(crate) fn take_if(&mut self, wanted: bool) -> Option<Incoming> {
        self.body.take_if(|_| wanted)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| self.is_sent && !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (body, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(UNREAD_TIME, throw_away(body)));
        }
    }
}

async fn throw_away(mut body: Incoming) {
    let mut left = UNREAD_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(size) else { return };
        left = rest;
    }
}

/// Reads the body of a request that may have one.
pub(crate) async fn read_body(
    verb: &str,
    headers: &HeaderMap,
    mut unread: Unread,
) -> Result<Bytes, Status> {
    if matches!(verb, "get" | "list" | "watch") {
        return Ok(Bytes::new());
    }
    let too_large = || Status::too_large(format_args!("limit is {BODY_BYTES_MAX}"));
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let Some(body) = unread.body.as_mut() else { return Ok(Bytes::new()) };
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => {
            unread.body = None;
            Ok(collected.to_bytes())
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Status::bad_request(format!("the body cannot be read: {error}"))),
    }
}

/// The beginning of the user agent: who owns fields when the client does not say.
pub(crate) fn manager(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    let agent = String::from_utf8_lossy(agent);
    let mut name = String::new();
    for c in agent.split('/').next().unwrap_or_default().chars().filter(|c| is_printable(*c)) {
        if name.len() + c.len_utf8() > FIELD_MANAGER_MAX_BYTES {
            break;
        }
        name.push(c);
    }
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// Whether a body is to be applied.
pub(crate) fn applies(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    media.starts_with(b"application/apply-patch")
}

/// A header as text, if it is text.
pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, want: &str) {
        let got = match Target::of(path) {
            Target::Other => "other".to_owned(),
            Target::Resource(at) => format!(
                "{}|{}|{}|{}|{}|{}{}{}",
                at.group,
                at.version,
                at.namespace.as_deref().unwrap_or("-"),
                at.resource,
                at.name.as_deref().unwrap_or("-"),
                at.subresource.as_deref().unwrap_or("-"),
                if at.legacy_watch { " watch" } else { "" },
                if at.is_too_long() { format!(" {}", at.rest) } else { String::new() },
            ),
        };
        assert_eq!(got, want, "{path}");
    }

    #[test]
    fn queries() {
        let check = |query: &str, want: &str| {
            let pairs = query_pairs(Some(query)).into_iter().map(|(k, v)| format!("{k}={v}"));
            assert_eq!(pairs.collect::<Vec<_>>().join(" "), want, "{query}");
        };
        check("", "");
        check("a=1&&b&c=%31+2", "a=1 b= c=1 2");
        check("a=1;b=2&c=3", "c=3");
        check("a=%zz&%4=1&b=%4&c=%41&d=%", "c=A");
    }

    #[test]
    fn managers() {
        let check = |agent: &[u8], want: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_bytes(agent).unwrap());
            assert_eq!(manager(&headers), want, "{agent:?}");
        };
        check(b"kubectl/v1 (linux)", "kubectl");
        check(b"", "unknown");
        check(b"/x", "unknown");
        check("M\u{e9}\u{200b}/1".as_bytes(), "M\u{e9}");
        check(b"a\xff/1", "a\u{fffd}");
        check(format!("{}\u{e9}b", "x".repeat(127)).as_bytes(), &"x".repeat(127));
    }

    #[test]
    fn paths() {
        check("/healthz", "other");
        check("/apis", "other");
        check("/apis/g/v1", "other");
        check("/api/v1", "other");
        check("/apis/g/v1/", "other");
        check("//apis/g/v1/foos", "other");
        check("/apis/g/v1/foos", "g|v1|-|foos|-|-");
        check("/apis/g/v1/foos/", "g|v1|-|foos|-|-");
        check("/apis/g/v1/foos/a", "g|v1|-|foos|a|-");
        check("/apis/g/v1/foos/a/status", "g|v1|-|foos|a|status");
        check("/apis/g/v1/namespaces/n/foos", "g|v1|n|foos|-|-");
        check("/apis/g/v1/namespaces/n/foos/a%20b", "g|v1|n|foos|a b|-");
        check("/apis/g/v1/namespaces/n/foos/a%2Fb", "g|v1|n|foos|a|b");
        check("/apis/g/v1/namespaces/n/foos/a/status", "g|v1|n|foos|a|status");
        check("/apis/g/v1/namespaces/n/foos/a/status/x", "g|v1|n|foos|a|status /x");
        check("/apis/g/v1/namespaces/n/foos/a/proxy/x%2Fy/z/", "g|v1|n|foos|a|proxy /x/y/z/");
        check("/apis/g/v1/namespaces/n/foos/a/proxy//x", "g|v1|n|foos|a|proxy //x");
        check("/apis/g/v1/namespaces/n/foos/a/proxy/", "g|v1|n|foos|a|proxy");
        check("/apis/g/v1/watch/foos", "g|v1|-|foos|-|- watch");
        check("/apis/g/v1/watch/namespaces/n/foos/a", "g|v1|n|foos|a|- watch");
        check("/api/v1/namespaces", "|v1|-|namespaces|-|-");
        check("/api/v1/namespaces/n", "|v1|-|namespaces|n|-");
        check("/api/v1/namespaces/n/finalize", "|v1|-|namespaces|n|finalize");
        check("/api/v1/namespaces/n/pods", "|v1|n|pods|-|-");
    }
}
