//! Users who are named by the JSON Web Tokens of an issuer, as of an OpenID Connect provider.
//!
//! An issuer says where its keys are, at `/.well-known/openid-configuration`
//! ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html)). They are
//! fetched when a token needs one that is not there, and not often.

use super::claims::Claims;
use super::configuration;
use super::jwt::{Jwk, Jwt, PublicKey};
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use pintle_meta::User;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Clocks may differ by this at the beginning of a token's time, as in Kubernetes.
const LEEWAY: SignedDuration = SignedDuration::from_secs(5 * 60);
/// The keys of an issuer are not fetched again within this.
const FETCH_PAUSE: Duration = Duration::from_secs(10);
/// How many keys of an issuer are looked at.
const KEYS_MAX: usize = 100;

/// The issuers that are believed at present.
#[derive(Debug, Default)]
pub(crate) struct Issuers(ArcSwap<Vec<Arc<Issuer>>>);

/// An issuer, and what its tokens mean.
#[derive(Debug)]
struct Issuer {
    rules: configuration::Jwt,
    claims: Claims,
    keys: ArcSwap<Vec<(String, PublicKey)>>,
    /// When the keys were fetched last, well or not; held by who fetches them.
    fetched: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

impl Issuers {
    /// Believes other issuers from now on. Keys are kept of those whose rules stay the same.
    pub(super) fn replace(&self, all: &[configuration::Jwt]) {
        let issuer = |rules: &configuration::Jwt| {
            let same = |it: &&Arc<Issuer>| format!("{:?}", it.rules) == format!("{rules:?}");
            self.0.load().iter().find(same).cloned().or_else(|| Issuer::new(rules).map(Arc::new))
        };
        self.0.store(Arc::new(all.iter().filter_map(issuer).collect()));
    }

    /// The user of a token; nothing where none of the issuers has issued it.
    pub(super) async fn user(
        &self,
        jwt: &Jwt<'_>,
        now: Timestamp,
    ) -> Result<Option<Arc<User>>, String> {
        let issuers = self.0.load_full();
        let of = |issuer: &&Arc<Issuer>| jwt.text("iss") == Some(&issuer.rules.issuer.url);
        let Some(issuer) = issuers.iter().find(of) else { return Ok(None) };
        let user = issuer.user(jwt, now).await;
        user.map(Some).map_err(|why| format!("oidc: {why}"))
    }
}

impl Issuer {
    /// Nothing where the rules make no sense, which has been said when they were read.
    fn new(rules: &configuration::Jwt) -> Option<Self> {
        let claims = Claims::of(rules, "", &mut Vec::new())?;
        let rules = rules.clone();
        Some(Self { rules, claims, keys: ArcSwap::default(), fetched: Mutex::default() })
    }

    async fn user(&self, jwt: &Jwt<'_>, now: Timestamp) -> Result<Arc<User>, String> {
        if !jwt.is_for(&self.rules.issuer.audiences) {
            return Err("the token is for another audience".to_owned());
        }
        jwt.check_time(now, LEEWAY)?;
        if !self.is_signed(jwt).await? {
            return Err("failed to verify signature".to_owned());
        }
        self.claims.user(jwt)
    }

    /// Whether one of the issuer's keys has signed the token; they are fetched where none has.
    async fn is_signed(&self, jwt: &Jwt<'_>) -> Result<bool, String> {
        let by_known = || {
            let keys = self.keys.load();
            let fits = |id: &String| jwt.header.kid.is_empty() || *id == jwt.header.kid;
            keys.iter().any(|(id, key)| fits(id) && jwt.verify(key))
        };
        if by_known() {
            return Ok(true);
        }
        // Others who need the keys wait here, and then find them.
        let mut fetched = self.fetched.lock().await;
        if by_known() {
            return Ok(true);
        }
        if fetched.is_some_and(|time| time.elapsed() < FETCH_PAUSE) {
            return Ok(false);
        }
        *fetched = Some(Instant::now());
        let keys = self.fetch().await.map_err(|why| {
            tracing::warn!("cannot fetch the keys of {}: {why}", self.rules.issuer.url);
            why
        })?;
        self.keys.store(Arc::new(keys));
        Ok(by_known())
    }

    async fn fetch(&self) -> Result<Vec<(String, PublicKey)>, String> {
        let issuer = &self.rules.issuer;
        let discovery = match issuer.discovery_url.as_str() {
            "" => format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/')),
            url => url.to_owned(),
        };
        let found: Discovery = decode(&self.get(&discovery).await?)?;
        if found.issuer != issuer.url {
            return Err(format!(
                "issuer URL ({}) did not match the issuer it was found by",
                found.issuer
            ));
        }
        let set: Keys = decode(&self.get(&found.jwks_uri).await?)?;
        // Keys of kinds that are not known are for others.
        let key = |value: Value| {
            let jwk: Jwk = serde_json::from_value(value).ok()?;
            PublicKey::of_jwk(&jwk).map(|key| (jwk.kid, key))
        };
        Ok(set.keys.into_iter().take(KEYS_MAX).filter_map(key).collect())
    }

    async fn get(&self, url: &str) -> Result<Bytes, String> {
        let invalid = || format!("invalid URL {url:?}");
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"));
        let origin = format!("https://{}", authority.ok_or_else(invalid)?);
        let text = &self.rules.issuer.certificate_authority;
        let authorities = Some(text.as_str()).filter(|text| !text.is_empty());
        let server = Upstream::of_origin(&origin, authorities)?;
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        server.get(path).await.map_err(|failure| format!("{url}: {failure}"))
    }
}

fn decode<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer makes no sense: {error}"))
}
