//! Where a bearer token is ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)), and whose: each
//! issuer is asked in turn.

use super::review::TokenReviews;
use super::token_file::TokenFile;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use pintle_meta::User;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use std::fmt;
use std::sync::Arc;

/// Longer tokens are refused unseen: nobody issues them, and each would be read several times.
const TOKEN_BYTES_MAX: usize = 32 << 10;

const SPACE_WARNING: &str = "the provided Authorization header contains extra space before the \
     bearer token, and is ignored";

/// Who issues tokens, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub hasher: Arc<Hasher>,
    /// The administrator's token.
    pub admin: Option<(Digest, Arc<User>)>,
    pub file: Option<Arc<TokenFile>>,
    pub cluster: Option<TokenReviews>,
}

impl Tokens {
    /// The user of a token.
    ///
    /// # Errors
    /// With why there is none: nobody has issued it, or those who may have cannot be asked.
    pub(super) async fn authenticate(
        &self,
        token: &str,
        _now: Timestamp,
    ) -> Result<Arc<User>, String> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(format!("the token is longer than {TOKEN_BYTES_MAX} bytes"));
        }
        let digest = self.hasher.digest(token);
        if let Some((_, user)) = self.admin.as_ref().filter(|(admin, _)| *admin == digest) {
            return Ok(Arc::clone(user));
        }
        if let Some(user) = self.file.as_ref().and_then(|file| file.user(&digest)) {
            return Ok(user);
        }
        if let Some(cluster) = &self.cluster
            && let Some(user) = cluster.user(token, &digest).await?
        {
            return Ok(user);
        }
        Err("invalid bearer token".to_owned())
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let (_, token) = scheme_and_token(headers)?;
    Some(token.split(' ').next().unwrap_or_default()).filter(|token| !token.is_empty())
}

/// What the client is to be told of how it sent its token.
pub(crate) fn warning(headers: &HeaderMap) -> Option<&'static str> {
    let (_, token) = scheme_and_token(headers)?;
    token.starts_with(' ').then_some(SPACE_WARNING)
}

fn scheme_and_token(headers: &HeaderMap) -> Option<(&str, &str)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
}

/// What stands for a token in memory.
pub(crate) type Digest = [u8; 32];

/// Turns tokens into digests by a key that only this process has: comparing digests tells nobody how
/// much of a guess was right, and what is remembered of a token cannot be used as one.
pub(crate) struct Hasher(hmac::Key);

impl Hasher {
    /// # Panics
    /// Where the system has no randomness to give.
    pub(crate) fn new() -> Arc<Self> {
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new());
        Arc::new(Self(key.expect("the system gives randomness")))
    }

    pub(crate) fn digest(&self, token: &str) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.0, token.as_bytes()).as_ref());
        digest
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}
