//! Entity tags: how a client that has a document learns that it is still the current one.
//!
//! Kubernetes tags documents with the SHA-512 of their JSON. See
//! [RFC 9110, section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2).

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};
use std::fmt::Write;

/// The tag of a document.
#[derive(Clone, Debug)]
pub(crate) struct ETag {
    quoted: HeaderValue,
    hash: String,
}

impl ETag {
    /// The tag of a document with this JSON; every format of the document has the same one.
    pub(crate) fn of(json: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA512, json);
        let mut hash = String::with_capacity(2 * digest.as_ref().len());
        for byte in digest.as_ref() {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02X}");
        }
        let quoted = HeaderValue::try_from(format!("\"{hash}\""));
        Self { quoted: quoted.unwrap_or(HeaderValue::from_static("\"\"")), hash }
    }

    /// The hash in upper-case hexadecimal digits.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// The value of the `ETag` header: the hash in quotes.
    pub(crate) fn header(&self) -> HeaderValue {
        self.quoted.clone()
    }

    /// Whether `If-None-Match` says that the client has this document.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        headers.get_all(IF_NONE_MATCH).iter().any(|value| {
            value
                .to_str()
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || self.quoted == tag.strip_prefix("W/").unwrap_or(tag))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known() {
        let tag = ETag::of(b"{}");
        assert!(tag.hash().starts_with("27C74670ADB75075") && tag.hash().len() == 128);
        let quoted = format!("\"{}\"", tag.hash());
        let check = |given: &str, want: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, given.parse().unwrap());
            assert_eq!(tag.is_known(&headers), want, "{given}");
        };
        check(&quoted, true);
        check(&format!("\"A\", W/{quoted}"), true);
        check("*", true);
        check("\"A\"", false);
        check(tag.hash(), false);
        check("", false);
        assert!(!tag.is_known(&HeaderMap::new()));
    }
}
