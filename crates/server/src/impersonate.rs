//! Impersonation: acting as somebody else, where that is allowed.
//!
//! See [user impersonation](https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/).
//! Each user, group, UID and extra value that a client asks for is authorized on its own.

use crate::authn::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED};
use crate::authz::{Attributes, Authorizers, Decision, On, OnResource};
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use pintle_meta::{Status, User};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Users, groups and values that one request may ask for; each costs a decision.
const WANTED_MAX: usize = 1_000;

/// Something of another user that a client wants to have.
#[derive(Debug)]
enum Wanted {
    User(String),
    ServiceAccount { namespace: String, name: String },
    Group(String),
    Uid(String),
    Extra { key: String, value: String },
}

/// Whom a request is to be answered as: `None` for who sent it.
///
/// # Errors
/// 403 where the client may not act as that user; 400 where it does not say which.
pub(crate) async fn user(
    authorizers: &Authorizers,
    user: &User,
    headers: &HeaderMap,
) -> Result<Option<User>, Status> {
    let wanted = wanted(headers)?;
    if wanted.is_empty() {
        return Ok(None);
    }
    for wanted in &wanted {
        let attributes = Attributes::new(user, "impersonate", On::Resource(wanted.resource()));
        let verdict = authorizers.decide(&attributes).await;
        if verdict.decision != Decision::Allow {
            return Err(attributes.forbidden(&verdict.reason));
        }
    }
    Ok(Some(become_user(wanted)))
}

/// What the headers ask for, in the order in which it is authorized.
fn wanted(headers: &HeaderMap) -> Result<Vec<Wanted>, Status> {
    let mut wanted = Vec::new();
    // Other headers are on every request; the first letters tell them apart.
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(wanted);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let first = |name| headers.get(name).map(text).filter(|value| !value.is_empty());
    let user = first(USER);
    wanted.extend(user.as_deref().map(Wanted::user));
    wanted.extend(headers.get_all(GROUP).iter().map(text).map(Wanted::Group));
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            wanted.push(Wanted::Extra { key, value: text(value) });
        }
    }
    wanted.extend(first(UID).map(Wanted::Uid));
    if wanted.len() > WANTED_MAX {
        let why = format!("at most {WANTED_MAX} users, groups and values can be impersonated");
        return Err(Status::bad_request(why));
    }
    if user.is_none() && !wanted.is_empty() {
        let list: Vec<String> = wanted.iter().map(Wanted::in_go).collect();
        let list = list.join(" ");
        let why = format!("requested [{list}] without impersonating a user");
        return Err(Status::bad_request(why));
    }
    Ok(wanted)
}

impl Wanted {
    fn user(name: &str) -> Self {
        let account = name.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
        match account {
            Some((namespace, account)) if !account.contains(':') => {
                let (namespace, name) = (namespace.to_owned(), account.to_owned());
                Self::ServiceAccount { namespace, name }
            }
            _ => Self::User(name.to_owned()),
        }
    }

    /// The resource that `impersonate` must be allowed on.
    fn resource(&self) -> OnResource<'_> {
        let on = |group, version, resource, name| OnResource::new(group, version, resource, name);
        const AUTHENTICATION: &str = "authentication.k8s.io";
        match self {
            Self::User(name) => on("", "", "users", name),
            Self::Group(name) => on("", "", "groups", name),
            Self::ServiceAccount { namespace, name } => {
                OnResource { namespace, ..on("", "v1", "serviceaccounts", name) }
            }
            Self::Uid(uid) => on(AUTHENTICATION, "v1", "uids", uid),
            Self::Extra { key, value } => {
                OnResource { subresource: key, ..on(AUTHENTICATION, "v1", "userextras", value) }
            }
        }
    }

    /// As Go prints the reference that stands for it in Kubernetes.
    fn in_go(&self) -> String {
        let version = "authentication.k8s.io/v1";
        match self {
            Self::User(name) => format!("{{User  {name}    }}"),
            Self::Group(name) => format!("{{Group  {name}    }}"),
            Self::ServiceAccount { namespace, name } => {
                format!("{{ServiceAccount {namespace} {name}    }}")
            }
            Self::Uid(uid) => format!("{{UID  {uid}  {version}  }}"),
            Self::Extra { key, value } => format!("{{UserExtra  {value}  {version}  {key}}}"),
        }
    }
}

/// The user that was asked for, in the groups that come with a name.
fn become_user(wanted: Vec<Wanted>) -> User {
    let mut user = User::default();
    let mut own_groups = Vec::new();
    for wanted in wanted {
        match wanted {
            Wanted::User(name) => user.name = name,
            Wanted::ServiceAccount { namespace, name } => {
                own_groups = vec![
                    "system:serviceaccounts".to_owned(),
                    format!("system:serviceaccounts:{namespace}"),
                ];
                user.name = format!("{SERVICE_ACCOUNT}{namespace}:{name}");
            }
            Wanted::Group(name) => user.groups.push(name),
            Wanted::Uid(uid) => user.uid = uid,
            Wanted::Extra { key, value } => user.extra.entry(key).or_default().push(value),
        }
    }
    if user.groups.is_empty() {
        user.groups = own_groups;
    }
    let anonymous = user.name == ANONYMOUS;
    let known = user.in_group(UNAUTHENTICATED) || (!anonymous && user.in_group(AUTHENTICATED));
    if !known {
        let group = if anonymous { UNAUTHENTICATED } else { AUTHENTICATED };
        user.groups.push(group.to_owned());
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], want: &str) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (http::HeaderName::from_static(name), value.parse::<http::HeaderValue>().unwrap())
            })
            .collect();
        let got = match wanted(&headers) {
            Ok(wanted) if wanted.is_empty() => "nobody".to_owned(),
            Ok(wanted) => {
                let user = become_user(wanted);
                format!("{} {} {:?} {:?}", user.name, user.uid, user.groups, user.extra)
            }
            Err(status) => format!("{} {}", status.code, status.message),
        };
        assert_eq!(got, want, "{headers:?}");
    }

    #[test]
    fn who_is_asked_for() {
        check(&[("accept", "*/*")], "nobody");
        check(&[("impersonate-other", "x"), ("impersonate-user", "")], "nobody");
        check(&[(USER, "jane")], r#"jane  ["system:authenticated"] {}"#);
        check(
            &[(USER, "jane"), (GROUP, "a"), (GROUP, "b"), (UID, "7")],
            r#"jane 7 ["a", "b", "system:authenticated"] {}"#,
        );
        check(
            &[(USER, "system:serviceaccount:n:a"), ("impersonate-extra-a%2fb", "c")],
            r#"system:serviceaccount:n:a  ["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"] {"a/b": ["c"]}"#,
        );
        check(
            &[(USER, "system:serviceaccount:n:a"), (GROUP, "g")],
            r#"system:serviceaccount:n:a  ["g", "system:authenticated"] {}"#,
        );
        check(&[(USER, ANONYMOUS)], r#"system:anonymous  ["system:unauthenticated"] {}"#);
        check(
            &[(USER, "x"), (GROUP, "system:unauthenticated")],
            r#"x  ["system:unauthenticated"] {}"#,
        );
        check(
            &[(GROUP, "system:masters")],
            "400 requested [{Group  system:masters    }] without impersonating a user",
        );
        check(
            &[(UID, "7"), ("impersonate-extra-k", "v")],
            "400 requested [{UserExtra  v  authentication.k8s.io/v1  k} {UID  7  \
             authentication.k8s.io/v1  }] without impersonating a user",
        );
        let many = vec![(GROUP, "g"); WANTED_MAX];
        let why = "400 at most 1000 users, groups and values can be impersonated";
        check(&[&[(USER, "jane")], &many[..]].concat(), why);
    }
}
