//! How long a request may take.

use crate::request::query_value;
use pintle_meta::Status;
use std::time::Duration;

/// How long a request may take: what it asks for itself, but not more than the server allows.
pub(crate) fn of(query: &[(String, String)], max: Duration) -> Result<Duration, Status> {
    let Some(text) = query_value(query, "timeout").filter(|text| !text.is_empty()) else {
        return Ok(max);
    };
    let malformed = || {
        Status::bad_request(format!(
            "invalid timeout specified in the request URL - time: invalid duration {text:?}"
        ))
    };
    let time = go_duration(text).ok_or_else(malformed)?;
    Ok(if time.is_zero() { max } else { time.min(max) })
}

/// Gives up on an answer that takes longer.
///
/// # Errors
/// 504 where it does.
pub(crate) async fn keep<T>(time: Duration, answer: impl Future<Output = T>) -> Result<T, Status> {
    let why = "request did not complete within the allotted timeout";
    tokio::time::timeout(time, answer).await.map_err(|_| Status::timeout(why))
}

/// A duration as Go writes it: `1m30s`, `500ms`.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number * seconds;
        rest = &rest[unit..];
    }
    // A time before now is no limit at all.
    Duration::try_from_secs_f64(if negative { 0.0 } else { total }).ok()
}
