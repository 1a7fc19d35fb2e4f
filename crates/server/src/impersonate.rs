//! Impersonation: acting as somebody else, where that is allowed.
//!
//! See [user impersonation](https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/).
//! [`wanted`] reads whom a client asks for. [`Impersonation`] tries the modes in which that may be
//! allowed, those that allow less before the one that Kubernetes has always had.

mod extra;
mod mode;

use crate::audit::Record;
use crate::authz::{Attributes, Authorizers};
use crate::metrics::{FAST, Histogram, write_times};
use http::{HeaderMap, HeaderName, HeaderValue};
use mode::Mode;
use percent_encoding::percent_decode_str;
use pintle_meta::json::quote;
use pintle_meta::{Status, User};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const PREFIX: &str = "impersonate-";
const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// Users, groups and values that one request may ask for; each costs a decision.
const WANTED_MAX: usize = 1_000;

/// Users of whom it is known which mode they use.
const REMEMBERED_MAX: usize = 10_000;

/// Decides who may act as whom.
#[derive(Debug, Default)]
pub(crate) struct Impersonation {
    last: Last,
    /// How long it took, by mode and decision.
    attempts: Mutex<BTreeMap<[&'static str; 2], Arc<Histogram>>>,
}

/// The mode in which each user was last allowed to act as somebody. It is tried first, so that who
/// always uses one pays for one; nothing but the order depends on it. Names are hashed: what is kept
/// is small, and two with the same hash do no harm.
#[derive(Default)]
struct Last {
    hasher: RandomState,
    modes: Mutex<HashMap<u64, Mode>>,
}

/// Takes the headers that ask for another user out of a request; `None` where there are none.
///
/// The user has what the headers say, and nothing that comes with it.
///
/// # Errors
/// 400 where the client does not say which user, or asks for too much.
pub(crate) fn wanted(headers: &mut HeaderMap) -> Result<Option<User>, Status> {
    // Other headers are on every request; the first letters tell them apart.
    if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(None);
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let first = |name| headers.get(name).map(text).unwrap_or_default();
    let mut user = User { name: first(USER), uid: first(UID), ..User::default() };
    user.groups = headers.get_all(GROUP).iter().map(text).collect();
    let mut count = user.groups.len();
    let mut asks = count > 0 || !user.uid.is_empty();
    for (name, value) in &*headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            user.extra.entry(key).or_default().push(text(value));
            (asks, count) = (true, count + 1);
        }
    }
    if user.name.is_empty() && asks {
        let user = in_go(&user);
        let why = format!("requested {user} without impersonating a user name");
        return Err(Status::bad_request(why));
    }
    if count >= WANTED_MAX {
        let why = format!("at most {WANTED_MAX} users, groups and values can be impersonated");
        return Err(Status::bad_request(why));
    }
    if user.name.is_empty() {
        return Ok(None);
    }
    strip(headers);
    Ok(Some(user))
}

/// Nobody behind this is to know of it.
fn strip(headers: &mut HeaderMap) {
    let named = |name: &&HeaderName| {
        let name = name.as_str();
        matches!(name, USER | GROUP | UID) || name.starts_with(EXTRA)
    };
    let names: Vec<HeaderName> = headers.keys().filter(named).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

impl Impersonation {
    /// The user as whom a request is answered that asks for one; it is told to the audit.
    ///
    /// # Errors
    /// What was wrong with the headers. 403 where the client may not act as that user, in the words
    /// of the mode that was tried first.
    pub(crate) async fn user(
        &self,
        authorizers: &Authorizers,
        wanted: Result<Option<User>, Status>,
        asked: &Attributes<'_>,
        record: &mut Option<Record>,
    ) -> Result<Option<User>, Status> {
        let Some(wanted) = wanted? else { return Ok(None) };
        let begun = Instant::now();
        let mode = self.mode(authorizers, &wanted, asked).await;
        self.count(mode.as_ref().ok(), begun.elapsed());
        let mode = mode?;
        let user = mode.complete(wanted);
        if let Some(record) = record {
            record.impersonated(&user, mode.constraint());
        }
        Ok(Some(user))
    }

    fn count(&self, mode: Option<&Mode>, time: Duration) {
        let series = mode.map_or(["", "denied"], |mode| [mode.name(), "allowed"]);
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.entry(series).or_insert_with(|| Arc::new(Histogram::new(FAST))).add_time(time);
    }

    /// Writes what was counted.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let series = attempts.iter().map(|([mode, decision], times)| {
            (vec![("decision", *decision), ("mode", *mode)], &**times)
        });
        let names = [
            "apiserver_impersonation_attempts_total",
            "apiserver_impersonation_attempts_duration_seconds",
        ];
        let help = [
            "Requests to act as somebody else, by the mode that allowed it.",
            "How long they took.",
        ];
        if !attempts.is_empty() {
            write_times(out, names, help, series);
        }
    }

    /// The first mode that allows it.
    async fn mode(
        &self,
        authorizers: &Authorizers,
        wanted: &User,
        asked: &Attributes<'_>,
    ) -> Result<Mode, Status> {
        let who = &asked.user.name;
        let last = self.last.get(who);
        let others = Mode::ALL.into_iter().filter(|mode| Some(*mode) != last);
        let mut refusal = None;
        for mode in last.into_iter().chain(others).filter(|mode| mode.suits(wanted, asked.user)) {
            match mode.allow(authorizers, wanted, asked).await {
                Ok(()) => {
                    self.last.set(who, mode);
                    return Ok(mode);
                }
                Err(status) => refusal = refusal.or(Some(status)),
            }
        }
        // There is at least the mode that suits everybody.
        Err(refusal.unwrap_or_else(|| Status::internal("all impersonation modes failed")))
    }
}

impl Last {
    fn get(&self, user: &str) -> Option<Mode> {
        let modes = self.modes.lock().unwrap_or_else(PoisonError::into_inner);
        modes.get(&self.hasher.hash_one(user)).copied()
    }

    fn set(&self, user: &str, mode: Mode) {
        let mut modes = self.modes.lock().unwrap_or_else(PoisonError::into_inner);
        let user = self.hasher.hash_one(user);
        if modes.len() >= REMEMBERED_MAX && !modes.contains_key(&user) {
            modes.clear();
        }
        modes.insert(user, mode);
    }
}

impl fmt::Debug for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Last").finish_non_exhaustive()
    }
}

/// As Go prints a user.
fn in_go(user: &User) -> String {
    let list = |values: &[String]| {
        let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
        format!("[]string{{{}}}", values.join(", "))
    };
    let groups = if user.groups.is_empty() { "[]string(nil)".into() } else { list(&user.groups) };
    let extra: Vec<String> =
        user.extra.iter().map(|(key, values)| format!("{}:{}", quote(key), list(values))).collect();
    let extra = match extra.is_empty() {
        true => "(nil)".to_owned(),
        false => format!("{{{}}}", extra.join(", ")),
    };
    format!(
        "&user.DefaultInfo{{Name:{}, UID:{}, Groups:{groups}, Extra:map[string][]string{extra}}}",
        quote(&user.name),
        quote(&user.uid),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], want: &str) {
        let mut headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap())
            })
            .collect();
        let got = match wanted(&mut headers) {
            Ok(None) => "nobody".to_owned(),
            Ok(Some(user)) => {
                assert!(headers.is_empty(), "{headers:?}");
                let user = Mode::Legacy.complete(user);
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
        check(
            &[(USER, "system:serviceaccount:N:a")],
            r#"system:serviceaccount:N:a  ["system:authenticated"] {}"#,
        );
        check(
            &[(USER, crate::authn::ANONYMOUS)],
            r#"system:anonymous  ["system:unauthenticated"] {}"#,
        );
        check(
            &[(USER, "x"), (GROUP, "system:unauthenticated")],
            r#"x  ["system:unauthenticated"] {}"#,
        );
        check(
            &[(GROUP, "system:masters")],
            r#"400 requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)} without impersonating a user name"#,
        );
        check(
            &[(UID, "7"), ("impersonate-extra-k", "v")],
            r#"400 requested &user.DefaultInfo{Name:"", UID:"7", Groups:[]string(nil), Extra:map[string][]string{"k":[]string{"v"}}} without impersonating a user name"#,
        );
        let many = vec![(GROUP, "g"); WANTED_MAX];
        let why = "400 at most 1000 users, groups and values can be impersonated";
        check(&[&[(USER, "jane")], &many[..]].concat(), why);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let last = Last::default();
        for user in 0..=REMEMBERED_MAX {
            last.set(&user.to_string(), Mode::Legacy);
        }
        last.set("jane", Mode::UserInfo);
        assert_eq!(last.get("jane"), Some(Mode::UserInfo));
        assert_eq!(last.get("joe"), None);
        assert!(last.modes.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
