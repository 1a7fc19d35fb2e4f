//! URIs as Go's `url.ParseRequestURI` takes them: with a scheme, or an absolute path.
//!
//! See [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986), which Go follows in its own way.

use super::is_digits;
use std::net::Ipv6Addr;

/// Whether a text is an absolute URI or an absolute path.
pub(crate) fn is_request_uri(text: &str) -> bool {
    if text.bytes().any(|b| b.is_ascii_control()) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = scheme(text) else { return false };
    let rest = rest.split('?').next().unwrap_or_default();
    let Some(path) = rest.strip_prefix('/') else { return !scheme.is_empty() };
    match path.strip_prefix('/').filter(|_| !scheme.is_empty()) {
        None => is_escaped(path, |_| true),
        Some(place) => {
            let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
            is_authority(scheme, authority) && is_escaped(path, |_| true)
        }
    }
}

/// The scheme, which may be none, and what is behind it.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
    match end.map(|end| (&text[..end], &text[end..])) {
        Some(("", rest)) if rest.starts_with(':') => None,
        Some((name, rest)) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Some(rest.strip_prefix(':').map_or(("", text), |rest| (name, rest)))
        }
        _ => Some(("", text)),
    }
}

fn is_authority(scheme: &str, text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').unwrap_or(("", text));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    user.chars().all(plain) && is_escaped(user, |_| true) && is_host(scheme, host)
}

fn is_host(scheme: &str, text: &str) -> bool {
    if let Some(at) = text.rfind('[') {
        let Some((inner, port)) = text[at + 1..].rsplit_once(']') else { return false };
        let (address, zone) = match inner.split_once("%25") {
            Some((address, zone)) => (address, Some(zone)),
            None => (inner, None),
        };
        let zoned = zone.is_none_or(|zone| !zone.is_empty() && is_zone(zone));
        return at == 0 && is_port(port) && zoned && address.parse::<Ipv6Addr>().is_ok();
    }
    // Of several colons the first begins the port with HTTP, the last with anything else.
    let scheme = scheme.to_ascii_lowercase();
    let web = scheme.strip_prefix("http").is_some_and(|rest| matches!(rest, "" | "s"));
    let colon = if web { text.find(':') } else { text.rfind(':') };
    let port = colon.map_or("", |colon| &text[colon..]);
    is_port(port)
        && text.chars().all(|c| c == '%' || is_host_character(c))
        && is_escaped(text, |b| !b.is_ascii() || b == b'%')
}

fn is_host_character(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:[]<>\"".contains(c)
}

fn is_zone(text: &str) -> bool {
    text.chars().all(|c| c == '%' || is_host_character(c))
        && is_escaped(text, |b| {
            matches!(b, b' ' | b'%') || (b.is_ascii() && is_host_character(b.into()))
        })
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.is_empty() || is_digits(port))
}

/// Whether each `%` begins the two digits of a byte that may be written so.
fn is_escaped(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.get(..2).filter(|digits| super::is_hex(digits));
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).is_some_and(&allowed)
    })
}
