//! The `Accept` header as a list of clauses, the best one first.
//!
//! Discovery and OpenAPI have media types that no object has, so they look at the clauses
//! themselves. See [RFC 9110, section 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// More clauses than this are not looked at.
const CLAUSES_MAX: usize = 64;

/// A media type or a wildcard that a client takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clause<'a> {
    /// `application` or `*`.
    pub kind: &'a str,
    /// `json` or `*`.
    pub subtype: &'a str,
    parameters: &'a str,
    quality: f32,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = match media.trim() {
            "*" => ("*", "*"),
            media => media.split_once('/')?,
        };
        let mut clause = Self { kind, subtype, parameters, quality: 1.0 };
        clause.quality = clause.parameter("q").parse().unwrap_or(1.0);
        Some(clause)
    }

    /// Whether this media type satisfies the clause.
    pub(crate) fn takes(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == "*" || self.kind == kind) && (self.subtype == "*" || self.subtype == subtype)
    }

    /// A parameter of the clause; empty where it is missing.
    pub(crate) fn parameter(&self, name: &str) -> &'a str {
        self.parameters
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map_or("", |(_, value)| value.trim().trim_matches('"'))
    }
}

/// The clauses of a request in the order of the client's preference; without the header `*/*`.
pub(crate) fn clauses(headers: &HeaderMap) -> Vec<Clause<'_>> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accept = if accept.is_empty() { "*/*" } else { accept };
    let mut clauses: Vec<_> =
        accept.split(',').take(CLAUSES_MAX).filter_map(Clause::parse).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, want: &[(&str, &str, &str)]) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        let got: Vec<_> =
            clauses(&headers).iter().map(|c| (c.kind, c.subtype, c.parameter("v"))).collect();
        assert_eq!(got, want, "{accept}");
    }

    #[test]
    fn order_and_parameters() {
        check("", &[("*", "*", "")]);
        check("*", &[("*", "*", "")]);
        check("application/json", &[("application", "json", "")]);
        check("nonsense", &[]);
        check(
            "text/html, application/json;q=0.5;v=v1, */*;q=0.8",
            &[("text", "html", ""), ("*", "*", ""), ("application", "json", "v1")],
        );
        check("a/b; v=\"x\"; q=0.1,c/d;q=oops", &[("c", "d", ""), ("a", "b", "x")]);
    }
}
