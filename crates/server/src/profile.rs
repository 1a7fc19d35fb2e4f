//! `/debug/pprof/`: where a server spends its time, in the form that `go tool pprof` reads.
//!
//! The paths and answers are those of [net/http/pprof](https://pkg.go.dev/net/http/pprof), which
//! Kubernetes serves with `--profiling`. There is a profile of processor time and no other: what Go's
//! others show, its runtime keeps. Samples are taken of the whole process, with signals, and only
//! while somebody asks. Without the feature `profiling` there are none, and `--profiling` is refused
//! at the start.

mod message;
#[cfg(all(unix, feature = "profiling"))]
mod sampler;
#[cfg(not(all(unix, feature = "profiling")))]
#[path = "profile/absent.rs"]
mod sampler;

use crate::body::Body;
use crate::request::{query_pairs, query_value};
use crate::respond;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};
use sampler::Sampler;
use std::io;
use std::time::Duration;

/// How long a profile takes where nobody says.
const SECONDS: u64 = 30;
/// The longest profile. There is one at a time.
const SECONDS_MAX: u64 = 300;

const PREFIX: &str = "/debug/pprof/";
const INDEX: &str = "<html><head><title>/debug/pprof/</title></head><body>\
    <p>/debug/pprof/</p><p><a href=\"profile\">profile</a>: processor time of 30 seconds, or of \
    <code>?seconds=</code>, for <code>go tool pprof</code></p></body></html>\n";

/// Whether a request is for a profile, which takes its time as a watch does.
pub(crate) fn is_profile(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Refuses to serve what nothing in this program makes.
///
/// # Errors
/// Where it has nothing that takes samples.
pub(crate) fn check() -> io::Result<()> {
    sampler::check()
}

/// Answers what is below `/debug/pprof`.
pub(crate) async fn answer(parts: &Parts) -> Option<Response<Body>> {
    let path = parts.uri.path();
    if path == PREFIX.trim_end_matches('/') {
        let mut response = respond::text(302, "");
        response.headers_mut().insert(LOCATION, HeaderValue::from_static(PREFIX));
        return Some(response);
    }
    Some(match path.strip_prefix(PREFIX)? {
        "" => {
            let mut response = respond::unsniffed(respond::text(200, INDEX));
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, html);
            response
        }
        "profile" => profile(seconds(parts)).await,
        _ => failed(404, "Unknown profile"),
    })
}

/// As in Go: what is no number of seconds is none.
fn seconds(parts: &Parts) -> u64 {
    let query = query_pairs(parts.uri.query());
    let said = query_value(&query, "seconds").and_then(|text| text.parse().ok());
    said.filter(|seconds| *seconds > 0).unwrap_or(SECONDS)
}

/// Takes samples for a while. A client that leaves ends it, as this is then dropped; over HTTP/1.1,
/// where a client may close its side and wait, that is not seen.
async fn profile(seconds: u64) -> Response<Body> {
    if seconds > SECONDS_MAX {
        return failed(400, &format!("profile duration exceeds {SECONDS_MAX} s"));
    }
    let time = Duration::from_secs(seconds);
    let taking = async {
        // Both look for names in the program's file, which takes a while.
        let sampler = aside(Sampler::start).await?;
        tokio::time::sleep(time).await;
        aside(move || sampler.finish(time)).await
    };
    match taking.await {
        Ok(document) => {
            let mut response = respond::unsniffed(respond::text(200, document));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            let name = HeaderValue::from_static("attachment; filename=\"profile\"");
            headers.insert(CONTENT_DISPOSITION, name);
            response
        }
        Err(why) => failed(500, &format!("Could not enable CPU profiling: {why}")),
    }
}

/// Does what takes long where no request waits for it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn failed(code: u16, why: &str) -> Response<Body> {
    let mut response = respond::unsniffed(respond::text(code, format!("{why}\n")));
    let name = HeaderName::from_static("x-go-pprof");
    response.headers_mut().insert(name, HeaderValue::from_static("1"));
    response
}
