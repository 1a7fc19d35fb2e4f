//! Users who are named by an aggregator, in headers that it adds to the requests it passes on.
//!
//! They count only on a connection whose client certificate is the aggregator's: signed by an
//! authority that signs nobody else's, and by a name on the list, if there is one. See
//! [Authenticating proxy](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy).

use super::known;
use super::x509::{Authorities, PeerCertificates};
use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use pintle_meta::User;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How an aggregator is known and where it names users; nothing until that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct FrontProxy(pub Arc<ArcSwapOption<Settings>>);

/// How an aggregator is known and where it names users.
#[derive(Debug)]
pub(crate) struct Settings {
    pub authorities: Arc<Authorities>,
    /// The common names of its certificate; none for any.
    pub allowed_names: Vec<String>,
    pub headers: HeaderNames,
}

/// The headers that name a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderNames {
    pub username: Vec<HeaderName>,
    pub uid: Vec<HeaderName>,
    pub group: Vec<HeaderName>,
    /// In lower case.
    pub extra_prefixes: Vec<String>,
}

impl HeaderNames {
    /// Checks names that an operator or a cluster gives.
    pub(crate) fn new(
        [username, uid, group, extra_prefixes]: [&[String]; 4],
    ) -> Result<Self, String> {
        let names = |texts: &[String]| {
            let parse = |text: &String| {
                text.trim().parse().map_err(|_| format!("{text:?} is no name of a header"))
            };
            texts.iter().map(parse).collect::<Result<Vec<HeaderName>, String>>()
        };
        if extra_prefixes.iter().any(|prefix| prefix.trim().is_empty()) {
            return Err("empty value in \"requestheader-extra-headers-prefix\"".to_owned());
        }
        Ok(Self {
            username: names(username)?,
            uid: names(uid)?,
            group: names(group)?,
            extra_prefixes: extra_prefixes.iter().map(|it| it.trim().to_lowercase()).collect(),
        })
    }
}

impl FrontProxy {
    /// The user whom the aggregator names. The headers of others are no credential, and mean
    /// nothing.
    pub(super) fn authenticate(
        &self,
        headers: &HeaderMap,
        certificates: &PeerCertificates,
        now: Timestamp,
    ) -> Result<Option<Arc<User>>, String> {
        let Some(settings) = self.0.load_full() else { return Ok(None) };
        certificates.verify(&settings.authorities, now)?;
        let name = certificates.common_name()?;
        let allowed = &settings.allowed_names;
        if !allowed.is_empty() && !allowed.iter().any(|it| it == name) {
            return Err(format!("x509: subject with cn={name} is not in the allowed list"));
        }
        Ok(settings.headers.user(headers))
    }
}

impl HeaderNames {
    fn user(&self, headers: &HeaderMap) -> Option<Arc<User>> {
        let values = |names: &[HeaderName]| -> Vec<String> {
            let all = names.iter().flat_map(|name| headers.get_all(name));
            let texts = all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            texts.filter(|text| !text.is_empty()).collect()
        };
        let name = values(&self.username).into_iter().next()?;
        let uid = values(&self.uid).into_iter().next().unwrap_or_default();
        let groups = values(&self.group);
        let mut extra = BTreeMap::<String, Vec<String>>::new();
        for (header, value) in headers {
            let key = |prefix: &String| header.as_str().strip_prefix(prefix.as_str());
            if let Some(key) = self.extra_prefixes.iter().find_map(key) {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                extra.entry(unescaped(key)).or_default().push(value);
            }
        }
        Some(known(User { name, uid, groups, extra }))
    }

    fn has(&self, name: &HeaderName) -> bool {
        let listed = |names: &[HeaderName]| names.contains(name);
        listed(&self.username)
            || listed(&self.uid)
            || listed(&self.group)
            || self.extra_prefixes.iter().any(|prefix| name.as_str().starts_with(prefix))
    }
}

/// A key is lower case, and what a header's name cannot say is written with percent signs.
fn unescaped(key: &str) -> String {
    let decoded = percent_decode_str(key).decode_utf8();
    decoded.map_or_else(|_| key.to_owned(), Cow::into_owned)
}

/// Takes out the headers that name a user, whether they were believed or not: nothing behind here is
/// to be tempted to look at them.
pub(super) fn strip(headers: &mut HeaderMap, proxy: Option<&FrontProxy>) {
    let settings = proxy.and_then(|proxy| proxy.0.load_full());
    let named = |name: &HeaderName| {
        name.as_str().starts_with("x-remote-")
            && (matches!(name.as_str(), "x-remote-user" | "x-remote-uid" | "x-remote-group")
                || name.as_str().starts_with("x-remote-extra-"))
            || settings.as_ref().is_some_and(|settings| settings.headers.has(name))
    };
    if headers.keys().any(named) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| named(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}
