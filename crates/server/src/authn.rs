//! Authentication: from a request's credential to a user.
//!
//! So far there is the administrator's bearer token, and whoever shows nothing is
//! `system:anonymous`. Client certificates, token reviews and the rest have their place here.

use crate::authz::MASTERS;
use crate::kubeconfig::AdminToken;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use pintle_meta::{Status, User};
use std::collections::BTreeMap;

const AUTHENTICATED: &str = "system:authenticated";

/// Who may come in.
#[derive(Clone, Debug)]
pub(crate) enum Authenticator {
    /// Everybody, as a member of `system:masters`: for tests.
    Everybody,
    /// The bearer of the administrator's token; others are anonymous, if that is allowed.
    Token { admin: AdminToken, anonymous: bool },
}

impl Authenticator {
    /// Finds the user of a request.
    ///
    /// A credential that is wrong is refused: its bearer does not become anonymous.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<User, Status> {
        let Self::Token { admin, anonymous } = self else {
            return Ok(user("system:admin", &[MASTERS, AUTHENTICATED]));
        };
        match bearer(headers) {
            Some(token) if admin.matches(token) => {
                Ok(user("system:admin", &[MASTERS, AUTHENTICATED]))
            }
            Some(_) => Err(Status::unauthorized()),
            None if *anonymous => Ok(user("system:anonymous", &["system:unauthenticated"])),
            None => Err(Status::unauthorized()),
        }
    }
}

fn user(name: &str, groups: &[&str]) -> User {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    User { name: name.to_owned(), uid: String::new(), groups, extra: BTreeMap::new() }
}

/// The token of an `Authorization: Bearer` header, as [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750) has it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
