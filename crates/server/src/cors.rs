//! Answers for pages of other origins, as `--cors-allowed-origins` says.
//!
//! See [CORS](https://fetch.spec.whatwg.org/#http-cors-protocol). A browser lets a page see an answer
//! only where its headers say so, and asks before it sends what a form could not.

use crate::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use regex::{Regex, RegexBuilder};

const METHODS: &str = "POST, GET, OPTIONS, PUT, DELETE, PATCH";
const HEADERS: &str = "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, \
                       X-Requested-With, If-Modified-Since";
/// The memory of one compiled pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The origins that are allowed.
#[derive(Debug)]
pub(crate) struct Cors(Vec<Regex>);

impl Cors {
    /// Nothing where no origin is allowed.
    ///
    /// # Errors
    /// Where a pattern cannot be read, or does not say where a host begins and ends: it would allow
    /// hosts that only contain the name that was meant.
    pub(crate) fn of(patterns: &[String]) -> Result<Option<Self>, String> {
        let all: Result<Vec<_>, _> = patterns.iter().map(|pattern| compile(pattern)).collect();
        let all = all.map_err(|why| {
            format!("--cors-allowed-origins has an invalid regular expression: {why}")
        })?;
        Ok(Some(Self(all)).filter(|cors| !cors.0.is_empty()))
    }

    /// The origin of a request, where it is allowed.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN).filter(|origin| !origin.is_empty())?;
        let text = origin.to_str().ok()?;
        self.0.iter().any(|pattern| pattern.is_match(text)).then(|| origin.clone())
    }
}

/// What a browser is told that asks before it sends a request.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::Full(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Lets pages of an origin see an answer.
pub(crate) fn allow(response: &mut Response<Body>, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
        (ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    let pattern_of = built.map_err(|error| {
        let text = error.to_string();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    })?;
    let has = |marks: [&str; 2]| marks.iter().any(|mark| pattern.contains(mark));
    match has(["^", "//"]) && has(["$", ":"]) {
        true => Ok(pattern_of),
        false => {
            Err("regular expression does not pin to start/end of host in the origin header"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let one = |pattern: &str| Cors::of(&[pattern.to_owned()]);
        for (pattern, origin, allowed) in [
            (r"^https://app\.example\.com$", "https://app.example.com", true),
            (r"^https://app\.example\.com$", "https://app.example.com.evil.org", false),
            (r"^https://app\.example\.com$", "http://app.example.com", false),
            (r"//localhost(:|$)", "http://localhost:8080", true),
            (r"//localhost(:|$)", "http://localhost", true),
            (r"//localhost(:|$)", "http://localhost.evil.org", false),
            (r"(?i)//\w+\.Example\.com(:|$)", "https://A.example.COM", true),
        ] {
            let cors = one(pattern).unwrap().unwrap();
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            assert_eq!(cors.origin(&headers).is_some(), allowed, "{pattern} {origin}");
            assert_eq!(cors.origin(&HeaderMap::new()), None);
        }
        assert!(Cors::of(&[]).unwrap().is_none());
        for (pattern, why) in [
            (r"app\.example\.com", "does not pin to start/end of host"),
            ("^https://app", ""),
            ("//x", "does not pin"),
            ("^(x$", "unclosed group"),
            (r"^(\w{1000}){1000}$", "exceeds size limit"),
        ] {
            match one(pattern) {
                Ok(_) => assert_eq!(why, "", "{pattern}"),
                Err(got) => {
                    assert!(!why.is_empty() && got.contains(why) && !got.contains('\n'), "{got}");
                }
            }
        }
    }
}
