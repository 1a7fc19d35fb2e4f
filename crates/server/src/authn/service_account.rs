//! Tokens of service accounts, signed by keys that the operator names.
//!
//! They look like those of Kubernetes' token requests, and whoever has the private key may issue
//! them; no service account has to be there as an object. See
//! [Service account tokens](https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens).

use super::jwt::{Jwt, PublicKey};
use super::known;
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use pintle_meta::User;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

const PREFIX: &str = "authentication.kubernetes.io/";
/// The largest file of keys.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Whose service accounts are believed.
#[derive(Debug)]
pub(crate) struct ServiceAccounts {
    issuers: Vec<String>,
    audiences: Vec<String>,
    paths: Vec<PathBuf>,
    keys: ArcSwap<Vec<PublicKey>>,
}

impl ServiceAccounts {
    /// Reads the keys.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn read(
        issuers: &[String],
        audiences: &[String],
        paths: &[PathBuf],
    ) -> io::Result<Arc<Self>> {
        // Without audiences of its own a server is known by its issuers.
        let audiences = if audiences.is_empty() { issuers } else { audiences };
        Ok(Arc::new(Self {
            issuers: issuers.to_vec(),
            audiences: audiences.to_vec(),
            paths: paths.to_vec(),
            keys: ArcSwap::from_pointee(load(paths)?),
        }))
    }

    /// Reads the keys again; if a file cannot be used, what was there stays.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn reload(&self) -> io::Result<()> {
        self.keys.store(Arc::new(load(&self.paths)?));
        Ok(())
    }

    /// The service account of a token; nothing where somebody else has issued it.
    pub(super) fn user(&self, jwt: &Jwt<'_>, now: Timestamp) -> Result<Option<Arc<User>>, String> {
        if !jwt.text("iss").is_some_and(|issuer| self.issuers.iter().any(|it| it == issuer)) {
            return Ok(None);
        }
        if !self.keys.load().iter().any(|key| jwt.verify(key)) {
            return Err("the token of a service account is not signed by a known key".to_owned());
        }
        jwt.check_time(now, SignedDuration::ZERO)?;
        if !jwt.is_for(&self.audiences) {
            return Err("the token of a service account is for another audience".to_owned());
        }
        account(jwt).map(Some)
    }
}

fn account(jwt: &Jwt<'_>) -> Result<Arc<User>, String> {
    let said = jwt.claims.get("kubernetes.io").unwrap_or(&Value::Null);
    let text = |pointer: &str| said.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/namespace"), text("/serviceaccount/name"));
    let full = format!("system:serviceaccount:{namespace}:{name}");
    if namespace.is_empty() || name.is_empty() || jwt.text("sub") != Some(full.as_str()) {
        return Err("the claims of a service account do not fit together".to_owned());
    }
    let id = jwt.text("jti").map(|id| format!("JTI={id}")).unwrap_or_default();
    let extra = [
        ("credential-id", id.as_str()),
        ("pod-name", text("/pod/name")),
        ("pod-uid", text("/pod/uid")),
        ("node-name", text("/node/name")),
        ("node-uid", text("/node/uid")),
    ];
    let extra = extra.into_iter().filter(|(_, value)| !value.is_empty());
    let extra: BTreeMap<_, _> =
        extra.map(|(key, value)| (format!("{PREFIX}{key}"), vec![value.to_owned()])).collect();
    let all = "system:serviceaccounts";
    Ok(known(User {
        name: full,
        uid: text("/serviceaccount/uid").to_owned(),
        groups: vec![all.to_owned(), format!("{all}:{namespace}")],
        extra,
    }))
}

fn load(paths: &[PathBuf]) -> io::Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for path in paths {
        let about = |error: &dyn std::fmt::Display| {
            format!("cannot use the keys of service accounts in {}: {error}", path.display())
        };
        let text = super::read_file(path, FILE_BYTES_MAX)
            .map_err(|error| io::Error::new(error.kind(), about(&error)))?;
        let found = PublicKey::of_pem(&text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, about(&error)))?;
        keys.extend(found);
    }
    Ok(keys)
}
