//! `/version`: which Kubernetes this server speaks like, and what it was built from.

use crate::negotiate;
use http::Method;
use http::request::Parts;
use jiff::Timestamp;
use pintle_meta::Status;
use serde_json::json;

/// The version of the Kubernetes API conventions that this server follows.
pub(crate) const MAJOR: &str = "1";
pub(crate) const MINOR: &str = "37";
pub(crate) const GIT_VERSION: &str = concat!("v1.37.0+pintle-", env!("CARGO_PKG_VERSION"));

/// The system and the processor, in Go's words.
pub(crate) fn platform() -> String {
    format!("{}/{}", std::env::consts::OS, go_architecture())
}

/// The answer to a request for the version.
///
/// # Errors
/// 405 for anything but a GET, 406 for a client that does not take JSON.
pub(crate) fn answer(request: &Parts) -> Result<String, Status> {
    if request.method != Method::GET {
        return Err(Status::method_not_allowed());
    }
    negotiate::route_json(&request.headers)?;
    Ok(document())
}

/// The document, indented, as Go's is.
fn document() -> String {
    let version = json!({
        "major": MAJOR,
        "minor": MINOR,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": platform(),
    });
    format!("{version:#}")
}

/// The text of `/statusz`: what runs here, since when, and where to look further.
pub(crate) fn status(started: Timestamp, now: Timestamp, paths: &[String]) -> String {
    let seconds = now.as_second() - started.as_second();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let shown: Vec<&str> = paths
        .iter()
        .map(String::as_str)
        .filter(|path| ["healthz", "livez", "readyz", "metrics"].contains(&&path[1..]))
        .collect();
    format!(
        "pintle statusz\n\
         Warning: This endpoint is not meant to be machine parseable, has no formatting \
         compatibility guarantees and is for debugging purposes only.\n\n\
         Started: {}\nUp: {hours} hr {minutes:02} min {seconds:02} sec\n\
         Binary version: {}\nEmulation version: {MAJOR}.{MINOR}\n\nPaths: {}\n",
        started.strftime("%a %b %e %H:%M:%S UTC %Y"),
        env!("CARGO_PKG_VERSION"),
        shown.join(" "),
    )
}

/// The name that Go has for the processor.
fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
