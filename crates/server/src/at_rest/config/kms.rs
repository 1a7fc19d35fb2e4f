//! Plugins in an `EncryptionConfiguration`.

use super::super::counts::Counts;
use super::super::kms::Kms;
use crate::options::duration;
use percent_encoding::percent_decode_str;
use pintle_meta::FieldErrors;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a plugin may take to answer, unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct KmsConfiguration {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    endpoint: String,
    timeout: Option<String>,
    #[serde(rename = "cachesize")]
    cache_size: Option<i32>,
}

/// The plugin that is configured; `None` where there are errors.
pub(super) fn plugin(
    path: &str,
    configured: &KmsConfiguration,
    names: &mut BTreeSet<String>,
    counts: &Arc<Counts>,
    errors: &mut FieldErrors,
) -> Option<Arc<Kms>> {
    let name = configured.name.as_str();
    let mut is_well = check_name(path, name, names, errors);
    let timeout = match configured.timeout.as_deref().map(duration::parse) {
        None => Some(TIMEOUT),
        Some(Ok(time)) if !time.is_zero() => Some(time),
        Some(given) => {
            let why =
                given.err().unwrap_or_else(|| "timeout should be a positive value".to_owned());
            let shown = configured.timeout.as_deref().unwrap_or_default();
            errors.invalid(format!("{path}.timeout"), shown, why);
            None
        }
    };
    let socket = socket(&configured.endpoint).map_err(|why| {
        errors.invalid(format!("{path}.endpoint"), &configured.endpoint, why);
    });
    // In Kubernetes an empty version is the first one.
    let version = match configured.api_version.as_str() {
        "" => "v1",
        version => version,
    };
    if let Some(size) = configured.cache_size.filter(|_| version != "v1") {
        errors.invalid(format!("{path}.cachesize"), size, "cachesize is not supported in v2");
        is_well = false;
    }
    let why = match version {
        "v2" => None,
        "v1" => Some(
            "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 \
             instead.",
        ),
        _ => {
            Some("unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported")
        }
    };
    if let Some(why) = why {
        errors.invalid(format!("{path}.apiVersion"), version, why);
        is_well = false;
    }
    let (socket, timeout) = socket.ok().zip(timeout).filter(|_| is_well)?;
    Some(Arc::new(Kms::new(name, socket, timeout, Arc::clone(counts))))
}

fn check_name(
    path: &str,
    name: &str,
    names: &mut BTreeSet<String>,
    errors: &mut FieldErrors,
) -> bool {
    let path = format!("{path}.name");
    if name.is_empty() {
        errors.required_because(path, "name is a mandatory field for a provider");
        return false;
    }
    if name.contains(':') {
        let why = format!("invalid KMS provider name {name}, must not contain ':'");
        errors.invalid(path, name, why);
        return false;
    }
    if !names.insert(name.to_owned()) {
        let why = format!("duplicate KMS provider name {name}, names must be unique");
        errors.invalid(path, name, why);
        return false;
    }
    true
}

/// The socket of an endpoint, `unix:///path`; `unix:///@name` has a name and no file.
///
/// # Errors
/// Where it is none.
fn socket(endpoint: &str) -> Result<PathBuf, String> {
    if endpoint.is_empty() {
        return Err("endpoint is a mandatory field for a kms".to_owned());
    }
    let (scheme, rest) = endpoint.split_once(':').unwrap_or(("", endpoint));
    if scheme != "unix" {
        return Err(format!(
            "unsupported scheme \"{scheme}\" for KMS provider, only unix is supported"
        ));
    }
    // An authority is no part of the path.
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => rest,
    };
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|error| format!("invalid endpoint for kms provider, error: {error}"))?;
    match path.strip_prefix("/@") {
        Some(name) => Ok(format!("\0{name}").into()),
        None if path.starts_with('/') => Ok(path.into_owned().into()),
        None => Err("invalid endpoint for kms provider, error: it has no path".to_owned()),
    }
}
