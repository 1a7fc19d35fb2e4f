//! Continue tokens: where the next page of a list starts, and at which revision.
//!
//! The form is that of apiserver's `storage/continue.go`, so that a client may change in the
//! middle of a list between a Go server and this one: base64, in the URL alphabet and without
//! padding, of `{"v":"meta.k8s.io/v1","rv":16,"start":"/b\u0000"}`. The token is the client's to
//! keep and to forge, so the start never leaves the collection that is listed.

use crate::json;
use base64::DecodeError;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// The longest token that is read, in bytes; it comes in a URI, and URIs end here.
pub const MAX_CONTINUE_TOKEN_BYTES: usize = 64 << 10;

const VERSION: &str = "meta.k8s.io/v1";

/// Go's `base64.RawURLEncoding`, which does not mind what is in the last, unused bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Where a list goes on.
///
/// ```
/// use pintle_meta::continue_token::ContinueToken;
///
/// let token = ContinueToken::after(16, "b");
/// let sent = token.encode();
/// assert_eq!(sent, "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTYsInN0YXJ0IjoiL2JcdTAwMDAifQ");
/// assert_eq!(ContinueToken::decode(&sent), Ok(token));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueToken {
    /// The revision that all pages show; `None` goes on with the newest state (`rv` −1), which
    /// makes the list as a whole inconsistent.
    pub revision: Option<u64>,
    /// The first key of the page, relative to the key of the collection that is listed: `b\0` in a
    /// namespace, `default/b\0` in all of them. Never begins with a slash.
    pub start: String,
}

#[derive(Serialize)]
struct Wire<'a> {
    v: &'a str,
    rv: i64,
    start: &'a str,
}

impl ContinueToken {
    /// The page behind the object whose key, relative to the collection, is `last`.
    #[must_use]
    pub fn after(revision: u64, last: &str) -> Self {
        let last = last.strip_prefix('/').unwrap_or(last);
        Self { revision: Some(revision), start: format!("{last}\0") }
    }

    /// The same place in the newest state: what a client is offered whose revision is compacted.
    #[must_use]
    pub fn inconsistent(self) -> Self {
        Self { revision: None, ..self }
    }

    /// The token for `metadata.continue`.
    #[must_use]
    pub fn encode(&self) -> String {
        let rv = match self.revision {
            Some(revision) => i64::try_from(revision).unwrap_or(i64::MAX),
            None => -1,
        };
        // The watch cache of Go counts the slash behind the collection to the start; etcd's own
        // list does not. Both are read by both.
        let start = format!("/{}", self.start);
        let wire = Wire { v: VERSION, rv, start: &start };
        // Strings and a number always serialize.
        BASE64.encode(json::to_vec(&wire).unwrap_or_default())
    }

    /// Reads the query parameter `continue`.
    ///
    /// # Errors
    /// `continue key is not valid: …`, which the server answers as 400 behind
    /// `invalid continue token: `.
    pub fn decode(token: &str) -> Result<Self, String> {
        if token.len() > MAX_CONTINUE_TOKEN_BYTES {
            return Err(invalid(format_args!(
                "may not be more than {MAX_CONTINUE_TOKEN_BYTES} bytes"
            )));
        }
        // Go skips line breaks, which a token copied out of a file may have.
        let token: Cow<'_, str> = if token.contains(['\r', '\n']) {
            token.replace(['\r', '\n'], "").into()
        } else {
            token.into()
        };
        let data = BASE64.decode(token.as_bytes()).map_err(|error| {
            let at = broken_at(&error, &token);
            invalid(format_args!("illegal base64 data at input byte {at}"))
        })?;
        let wire = json::parse(&data).map_err(invalid)?.value;
        let text = |name| wire.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("v") != VERSION {
            let why = "server does not recognize this encoded version";
            return Err(invalid(format_args!("{why} {}", text("v"))));
        }
        let rv = wire.get("rv").and_then(Value::as_i64).unwrap_or_default();
        if rv == 0 {
            let why = "incorrect encoded start resourceVersion (version meta.k8s.io/v1)";
            return Err(invalid(why));
        }
        if text("start").is_empty() {
            return Err(invalid("encoded start key empty (version meta.k8s.io/v1)"));
        }
        let start = text("start").strip_prefix('/').unwrap_or(text("start"));
        if !is_clean(start) {
            return Err(invalid(text("start")));
        }
        Ok(Self { revision: u64::try_from(rv).ok(), start: start.to_owned() })
    }
}

/// Whether a relative key stays below its collection: Go's `path.Clean` would not change it.
fn is_clean(start: &str) -> bool {
    start.is_empty() || start.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// The byte at which Go sees what is wrong.
fn broken_at(error: &DecodeError, token: &str) -> usize {
    match *error {
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
        DecodeError::InvalidLength(length) => length.saturating_sub(1),
        DecodeError::InvalidPadding => token.find('=').unwrap_or(token.len()),
    }
}

fn invalid(why: impl std::fmt::Display) -> String {
    format!("continue key is not valid: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(json: &str) -> String {
        BASE64.encode(json)
    }

    #[test]
    fn tokens() {
        let check = |start: &str, want: Option<&str>| {
            let json = format!(r#"{{"v":"meta.k8s.io/v1","rv":5,"start":"{start}"}}"#);
            let want = match want {
                Some(start) => Ok(ContinueToken { revision: Some(5), start: start.to_owned() }),
                None => Err(format!("continue key is not valid: {start}")),
            };
            assert_eq!(ContinueToken::decode(&token(&json)), want);
        };
        check(r"b\u0000", Some("b\0"));
        check(r"/b\u0000", Some("b\0"));
        check(r"/ns/b\u0000", Some("ns/b\0"));
        check("/", Some(""));
        check(r"..\u0000", Some("..\0"));
        check("../other", None);
        check("/../other", None);
        check("a/../../b", None);
        check("a//b", None);
        check("//", None);
        check("a/", None);
        check("./a", None);
        check("..", None);
    }

    #[test]
    fn tokens_that_are_wrong() {
        let check = |token: &str, want: &str| {
            let want = Err(format!("continue key is not valid: {want}"));
            assert_eq!(ContinueToken::decode(token), want);
        };
        check("!!!!", "illegal base64 data at input byte 0");
        check("A", "illegal base64 data at input byte 0");
        check("AAAAA", "illegal base64 data at input byte 4");
        check("AAA=", "illegal base64 data at input byte 3");
        check("A+/B", "illegal base64 data at input byte 1");
        check("AAAA", "invalid character '\\x00' looking for beginning of value");
        check("", "unexpected end of JSON input");
        check(&token("{}"), "server does not recognize this encoded version ");
        check(&token("[]"), "server does not recognize this encoded version ");
        check(
            &token(r#"{"v":"meta.k8s.io/v2","rv":1,"start":"a"}"#),
            "server does not recognize this encoded version meta.k8s.io/v2",
        );
        check(
            &token(r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        );
        check(
            &token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":""}"#),
            "encoded start key empty (version meta.k8s.io/v1)",
        );
        let long = "A".repeat(MAX_CONTINUE_TOKEN_BYTES + 1);
        check(&long, "may not be more than 65536 bytes");
    }

    #[test]
    fn line_breaks_do_not_matter() {
        let sent = ContinueToken::after(16, "b").encode();
        let broken = format!("{}\r\n{}\n", &sent[..9], &sent[9..]);
        assert_eq!(ContinueToken::decode(&broken), ContinueToken::decode(&sent));
    }

    #[test]
    fn inconsistent_tokens() {
        let sent = ContinueToken::after(16, "/default/b").inconsistent().encode();
        let json = BASE64.decode(&sent).unwrap();
        assert_eq!(json, br#"{"v":"meta.k8s.io/v1","rv":-1,"start":"/default/b\u0000"}"#);
        let token = ContinueToken { revision: None, start: "default/b\0".to_owned() };
        assert_eq!(ContinueToken::decode(&sent), Ok(token));
    }

    proptest! {
        #[test]
        fn what_is_sent_comes_back(
            revision in 1..=i64::MAX.unsigned_abs(),
            last in "[^/.]{1,9}(/[^/.]{1,9})?",
        ) {
            let token = ContinueToken::after(revision, &last);
            prop_assert_eq!(ContinueToken::decode(&token.encode()), Ok(token));
        }

        #[test]
        fn no_token_leads_out(start in "[a/.\0]{1,9}", rv in any::<i64>()) {
            let sent = serde_json::json!({"v": VERSION, "rv": rv, "start": start}).to_string();
            if let Ok(token) = ContinueToken::decode(&BASE64.encode(sent)) {
                prop_assert!(!token.start.starts_with('/'));
                let mut segments = token.start.split('/');
                prop_assert!(segments.all(|segment| segment != ".." && segment != "."));
            }
        }

        #[test]
        fn decoding_never_panics(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = ContinueToken::decode(&text);
            let _ = ContinueToken::decode(&BASE64.encode(bytes));
        }
    }
}
