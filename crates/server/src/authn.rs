//! Authentication: from what a client shows to a user.
//!
//! The methods are asked in the order of Kubernetes' delegated authentication: the headers of an
//! aggregator, a client certificate, a bearer token, a token among the protocols of a WebSocket.
//! The first that knows the user has decided. A credential that nobody accepts is refused; only who
//! shows none at all is anonymous. See
//! [Authenticating](https://kubernetes.io/docs/reference/access-authn-authz/authentication/).

mod anonymous;
mod claims;
mod configuration;
mod issuers;
mod jwt;
mod lookup;
mod metrics;
mod request_header;
mod review;
mod service_account;
mod setup;
mod token_file;
mod tokens;
mod websocket;
mod x509;

#[cfg(test)]
mod tests;

use crate::authz::MASTERS;
use crate::delegation::Delegation;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use pintle_meta::{Status, User};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub(crate) use setup::set_up;
pub(crate) use tokens::warning;
pub(crate) use x509::PeerCertificates;

use anonymous::Anonymous;
use issuers::Issuers;
use metrics::Attempts;
use request_header::FrontProxy;
use service_account::ServiceAccounts;
use token_file::TokenFile;
use tokens::{Hasher, Tokens};
use x509::{Authorities, Trusted};

/// The user and the group of whoever has shown no credential.
pub(crate) const ANONYMOUS: &str = "system:anonymous";
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of everybody who has shown one.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";

/// The ways in which a user can be known.
#[derive(Debug)]
pub(crate) struct Authenticator {
    /// Who everybody is taken for, whatever they show: for tests.
    pub everybody: Option<Arc<User>>,
    /// The aggregator whose word is taken.
    pub front_proxy: Option<FrontProxy>,
    /// The authorities whose certificates name users.
    pub client_authorities: Option<Trusted>,
    pub tokens: Tokens,
    pub anonymous: Arc<Anonymous>,
    pub attempts: Attempts,
    /// The cluster that is asked, if there is one.
    pub delegation: Delegation,
}

impl Authenticator {
    /// Finds the user of a request, and takes the credentials out of its headers.
    ///
    /// A credential that is wrong is refused: its bearer does not become anonymous.
    pub(crate) async fn authenticate(
        &self,
        headers: &mut HeaderMap,
        certificates: &PeerCertificates,
        path: &str,
        now: Timestamp,
    ) -> Result<Arc<User>, Status> {
        let begun = Instant::now();
        let found = match &self.everybody {
            Some(user) => Ok(Some(Arc::clone(user))),
            None => self.find(headers, certificates, now).await,
        };
        let attempts = &self.attempts;
        let user = match found.map(|user| user.or_else(|| self.anonymous.user(path))) {
            Ok(Some(user)) => user,
            Ok(None) => {
                attempts.failure.add_time(begun.elapsed());
                return Err(Status::unauthorized());
            }
            Err(why) => {
                attempts.error.add_time(begun.elapsed());
                tracing::debug!("unable to authenticate the request: {why}");
                return Err(Status::unauthorized());
            }
        };
        attempts.success.add_time(begun.elapsed());
        attempts.users[metrics::place(&user.name)].fetch_add(1, Ordering::Relaxed);
        headers.remove(AUTHORIZATION);
        let named = |name: &HeaderName| name.as_str().starts_with("x-remote-");
        if self.front_proxy.is_some() || headers.keys().any(named) {
            request_header::strip(headers, self.front_proxy.as_ref());
        }
        Ok(user)
    }

    /// Asks one method after the other. Nothing is found where nothing was shown; where something
    /// was shown and nobody accepts it, the error says why not.
    async fn find(
        &self,
        headers: &mut HeaderMap,
        certificates: &PeerCertificates,
        now: Timestamp,
    ) -> Result<Option<Arc<User>>, String> {
        let mut refused = Vec::new();
        if !certificates.is_empty() {
            if let Some(proxy) = &self.front_proxy {
                match proxy.authenticate(headers, certificates, now) {
                    Ok(None) => {}
                    Ok(found) => return Ok(found),
                    Err(why) => refused.push(why),
                }
            }
            if let Some(trusted) = &self.client_authorities {
                match certificates.user(trusted, now) {
                    Ok(None) => {}
                    Ok(found) => {
                        self.attempts.certificates.add(certificates.remaining(now));
                        return Ok(found);
                    }
                    Err(why) => refused.push(why),
                }
            }
        }
        if let Some(token) = tokens::token(headers) {
            match self.tokens.authenticate(&token, now).await {
                Ok(user) => return Ok(Some(user)),
                Err(why) => refused.push(why),
            }
        }
        if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            return if refused.is_empty() { Ok(None) } else { Err(refused.join(", ")) };
        }
        match websocket::token(headers) {
            Ok(None) => {}
            Ok(Some((token, others))) => match self.tokens.authenticate(&token, now).await {
                Ok(user) => {
                    websocket::strip(headers, &others);
                    return Ok(Some(user));
                }
                Err(why) => refused.push(why),
            },
            Err(why) => refused.push(why.to_owned()),
        }
        if refused.is_empty() { Ok(None) } else { Err(refused.join(", ")) }
    }
}

/// The content of a file, if it is not longer than that.
fn read_file(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut content)?;
    match u64::try_from(content.len()) {
        Ok(bytes) if bytes <= bytes_max => Ok(content),
        _ => Err(io::Error::other(format!("longer than {bytes_max} bytes"))),
    }
}

/// The user who may do everything.
pub(crate) fn administrator() -> Arc<User> {
    known(user("system:admin", &[MASTERS]))
}

/// Whether nobody is known to be behind a request.
pub(crate) fn is_anonymous(user: &User) -> bool {
    user.name == ANONYMOUS
}

fn user(name: &str, groups: &[&str]) -> User {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    User { name: name.to_owned(), groups, ..User::default() }
}

/// A user who was authenticated is in a group that says so.
fn known(mut user: User) -> Arc<User> {
    let told = |group: &String| matches!(group.as_str(), AUTHENTICATED | UNAUTHENTICATED);
    if user.name != ANONYMOUS && !user.groups.iter().any(told) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    Arc::new(user)
}

/// Whether a text is an `AuthenticationConfiguration`, for fuzzing.
#[cfg(feature = "fuzz")]
pub(crate) fn check_configuration(text: &[u8]) -> Result<(), String> {
    configuration::Configuration::parse(text).map(drop)
}

#[cfg(feature = "fuzz")]
pub(crate) use token_file::check as check_token_file;
