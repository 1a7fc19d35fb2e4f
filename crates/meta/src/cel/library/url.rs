//! URLs.
//!
//! See [URL library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library).

use super::{Args, failed, flag, global, member, opaque, string, text};
use crate::schema::Format;
use cel::common::types::{CelList, CelMap, CelMapKey, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use std::collections::HashMap;
use std::fmt::Write as _;

/// An absolute URI or an absolute path, taken apart as Go's `net/url` does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
}

opaque!(Url, "kubernetes.URL");

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    global(env, "isURL", &[STRING_TYPE], |args| Ok(flag(parse(text(&args, 0)?).is_ok())))?;
    global(env, "url", &[STRING_TYPE], |args| parse(text(&args, 0)?).map(CowVal::owned))?;
    let on: &Type = Url::cel_type();
    member(env, on, "getScheme", &[], |args| Ok(string(url(&args)?.scheme.as_str())))?;
    member(env, on, "getHost", &[], |args| Ok(string(url(&args)?.host.as_str())))?;
    member(env, on, "getHostname", &[], |args| {
        let name = parts(&url(&args)?.host).0.trim_matches(['[', ']']);
        Ok(string(name))
    })?;
    member(env, on, "getPort", &[], |args| Ok(string(parts(&url(&args)?.host).1)))?;
    member(env, on, "getEscapedPath", &[], |args| Ok(string(url(&args)?.path.as_str())))?;
    member(env, on, "getQuery", &[], |args| {
        let mut pairs: HashMap<String, Vec<Box<dyn Val>>> = HashMap::new();
        for pair in url(&args)?.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value: Box<dyn Val> = Box::new(CelString::from(decoded(value)));
            pairs.entry(decoded(name)).or_default().push(value);
        }
        let pairs = pairs.into_iter().map(|(name, values)| {
            (CelMapKey::from(name), Box::new(CelList::from(values)) as Box<dyn Val>)
        });
        Ok(CowVal::owned(CelMap::from(pairs.collect::<HashMap<_, _>>())))
    })
}

fn parse(source: &str) -> Result<Url, ExecutionError> {
    if !Format::Uri.fits(source) {
        return Err(failed(format!("URL parse error during conversion from string: {source:?}")));
    }
    let (scheme, rest) = match source.split_once(':').filter(|_| !source.starts_with('/')) {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), source),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    Ok(Url { scheme, host: host.to_owned(), path: escaped(path), query: query.to_owned() })
}

/// The name and the port of a host; an address of IPv6 stands in brackets.
fn parts(host: &str) -> (&str, &str) {
    match host.rfind(':').filter(|at| host.rfind(']').is_none_or(|end| end < *at)) {
        Some(at) => (&host[..at], &host[at + 1..]),
        None => (host, ""),
    }
}

/// A path as it may stand in a URL, with percent signs where something else stands in it.
fn escaped(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/[]%".contains(&b);
    if path.bytes().all(plain) {
        return path.to_owned();
    }
    let mut out = String::with_capacity(path.len());
    for byte in unescaped(path) {
        if byte.is_ascii_alphanumeric() || b"-._~$&+,;=:@/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A part of a query as it was meant.
fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&unescaped(&text.replace('+', " "))).into_owned()
}

/// A text without its percent signs.
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            at += 2;
        } else {
            out.push(bytes[at]);
        }
        at += 1;
    }
    out
}

fn url<'a>(args: &'a Args<'_, '_>) -> Result<&'a Url, ExecutionError> {
    let url = args.first().and_then(|arg| arg.downcast_ref::<Url>());
    url.ok_or_else(|| failed("no such overload"))
}
