//! Where a bearer token is ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)), and whose: each
//! issuer is asked in turn.

use super::jwt::Jwt;
use super::review::TokenReviews;
use super::token_file::TokenFile;
use super::{Issuers, ServiceAccounts};
use crate::memo::Memo;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use pintle_meta::User;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Longer tokens are refused unseen: nobody issues them, and each would be read several times.
const TOKEN_BYTES_MAX: usize = 32 << 10;
/// How many tokens that are signed are remembered, and for how long, so that a signature is not
/// checked for each request.
const SIGNED_MAX: usize = 8_192;
const SIGNED_TIME: Duration = Duration::from_secs(10);

const SPACE_WARNING: &str = "the provided Authorization header contains extra space before the \
     bearer token, and is ignored";

/// Who issues tokens, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub hasher: Arc<Hasher>,
    /// The administrator's token.
    pub admin: Option<(Digest, Arc<User>)>,
    pub file: Option<Arc<TokenFile>>,
    pub signed: Option<Signed>,
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
        now: Timestamp,
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
        let mut refused = Vec::new();
        if let Some(signed) = &self.signed {
            match signed.user(token, &digest, now).await {
                Ok(Some(user)) => return Ok(user),
                Ok(None) => {}
                Err(why) => refused.push(why),
            }
        }
        if let Some(cluster) = &self.cluster {
            match cluster.user(token, &digest).await {
                Ok(Some(user)) => return Ok(user),
                Ok(None) => {}
                Err(why) => refused.push(why),
            }
        }
        match refused.is_empty() {
            true => Err("invalid bearer token".to_owned()),
            false => Err(refused.join(", ")),
        }
    }
}

/// Who issues tokens that are signed, and what was found about some.
#[derive(Debug)]
pub(crate) struct Signed {
    accounts: Option<Arc<ServiceAccounts>>,
    issuers: Option<Arc<Issuers>>,
    found: Memo<Digest, Found>,
}

/// The user of a token; nobody where it is none of these issuers', or why it is refused.
type Found = Result<Option<Arc<User>>, String>;

impl Signed {
    /// Nothing where there is no issuer.
    pub(super) fn new(
        accounts: Option<Arc<ServiceAccounts>>,
        issuers: Option<Arc<Issuers>>,
    ) -> Option<Self> {
        let some = accounts.is_some() || issuers.is_some();
        some.then(|| Self { accounts, issuers, found: Memo::new(SIGNED_MAX) })
    }

    async fn user(&self, token: &str, digest: &Digest, now: Timestamp) -> Found {
        let keep = |found: &Found| if found.is_ok() { SIGNED_TIME } else { Duration::ZERO };
        self.found.get(digest, async || self.find(token, now).await, keep).await
    }

    async fn find(&self, token: &str, now: Timestamp) -> Found {
        let Some(jwt) = Jwt::parse(token) else { return Ok(None) };
        if let Some(accounts) = &self.accounts
            && let Some(user) = accounts.user(&jwt, now)?
        {
            return Ok(Some(user));
        }
        match &self.issuers {
            Some(issuers) => issuers.user(&jwt, now).await,
            None => Ok(None),
        }
    }
}

/// The token of an `Authorization: Bearer` header. What is no text in it is replaced, so that it is
/// nobody's token and not none at all.
pub(super) fn token(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let token = bearer(headers)?.split(|byte| *byte == b' ').next().unwrap_or_default();
    Some(String::from_utf8_lossy(token)).filter(|token| !token.is_empty())
}

/// What the client is to be told of how it sent its token.
pub(crate) fn warning(headers: &HeaderMap) -> Option<String> {
    bearer(headers)?.starts_with(b" ").then(|| SPACE_WARNING.to_owned())
}

/// What stands behind the word `Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes().trim_ascii();
    let (scheme, rest) = value.split_at_checked(6).filter(|(_, rest)| rest.starts_with(b" "))?;
    scheme.eq_ignore_ascii_case(b"bearer").then(|| &rest[1..])
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
