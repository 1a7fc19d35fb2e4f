//! The file that says what is sealed and how: `EncryptionConfiguration` of
//! [apiserver.config.k8s.io/v1](https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/).

mod kms;

use super::Rules;
use super::chain::{Chain, Keys, Provider};
use super::cipher::{Algorithm, Cipher};
use super::counts::Counts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::KmsConfiguration;
use pintle_meta::{FieldErrors, yaml};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The longest file that is read.
const FILE_BYTES_MAX: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EncryptionConfiguration {
    api_version: String,
    kind: String,
    #[serde(default)]
    resources: Vec<ResourceConfiguration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceConfiguration {
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    providers: Vec<ProviderConfiguration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderConfiguration {
    aesgcm: Option<KeysConfiguration>,
    aescbc: Option<KeysConfiguration>,
    secretbox: Option<KeysConfiguration>,
    kms: Option<KmsConfiguration>,
    identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysConfiguration {
    #[serde(default)]
    keys: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: String,
}

/// Reads the rules of a file.
///
/// # Errors
/// Where it cannot be read, is no such configuration, or breaks a rule.
pub(super) fn read(path: &Path, counts: &Arc<Counts>) -> io::Result<Rules> {
    let shown = path.display();
    let failed = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let text = std::fs::read(path).map_err(|error| {
        let why =
            format!("error reading encryption provider configuration file \"{shown}\": {error}");
        io::Error::new(error.kind(), why)
    })?;
    if text.is_empty() {
        return Err(failed(format!("encryption provider configuration file \"{shown}\" is empty")));
    }
    if text.len() > FILE_BYTES_MAX {
        return Err(failed(format!("\"{shown}\" has more than {FILE_BYTES_MAX} bytes")));
    }
    parse(&text, counts).map_err(|why| {
        failed(format!("error in encryption provider configuration file \"{shown}\": {why}"))
    })
}

pub(super) fn parse(text: &[u8], counts: &Arc<Counts>) -> Result<Rules, String> {
    let value = yaml::decode(text).map_err(|error| error.to_string())?.value;
    let config: EncryptionConfiguration =
        serde_json::from_value(value).map_err(|error| error.to_string())?;
    let (version, kind) = (config.api_version, config.kind);
    if version != "apiserver.config.k8s.io/v1" || kind != "EncryptionConfiguration" {
        return Err(format!("no kind \"{kind}\" is registered for version \"{version}\""));
    }
    let mut errors = FieldErrors::new();
    if config.resources.is_empty() {
        errors.required_because("resources", "at least one resources is required");
    }
    let mut rules: BTreeMap<(String, String), Vec<Provider>> = BTreeMap::new();
    let mut plugins = Vec::new();
    let mut names = BTreeSet::new();
    for (n, resource) in config.resources.into_iter().enumerate() {
        let path = format!("resources[{n}]");
        check_resources(&path, &resource.resources, &mut errors);
        if resource.providers.is_empty() {
            let why = format!("at least one {path}.providers is required");
            errors.required_because(format!("{path}.providers"), why);
        }
        for name in &resource.resources {
            let rule = parsed(name);
            for masking in [(rule.0.clone(), "*".to_owned()), ("*".to_owned(), "*".to_owned())] {
                if rules.contains_key(&masking) {
                    let by = shown(&masking);
                    return Err(format!("resource \"{name}\" is masked by earlier rule \"{by}\""));
                }
            }
        }
        let providers = providers(&path, &resource.providers, &mut names, counts, &mut errors);
        plugins.extend(providers.iter().filter_map(|provider| match provider {
            Provider::Kms(kms) => Some(Arc::clone(kms)),
            _ => None,
        }));
        for name in &resource.resources {
            rules.entry(parsed(name)).or_default().extend(providers.clone());
        }
        if !errors.is_empty() {
            return Err(errors.to_string());
        }
    }
    match errors.is_empty() {
        true => {
            let chains = rules.into_iter().map(|(rule, it)| (rule, Arc::new(Chain(it))));
            Ok(Rules { chains: chains.collect(), plugins })
        }
        false => Err(errors.to_string()),
    }
}

/// The group and the name of a resource: `foos.hello.zeng.dev`, `*.hello.zeng.dev`, `*.`, `*.*`.
fn parsed(name: &str) -> (String, String) {
    let (resource, group) = name.split_once('.').unwrap_or((name, ""));
    (group.to_owned(), resource.to_owned())
}

fn shown((group, resource): &(String, String)) -> String {
    match group.is_empty() && resource != "*" {
        true => resource.clone(),
        false => format!("{resource}.{group}"),
    }
}

fn check_resources(path: &str, names: &[String], errors: &mut FieldErrors) {
    let list = format!("{path}.resources");
    if names.is_empty() {
        errors.required_because(&list, format!("at least one {list} is required"));
    }
    let all = serde_json::Value::from(names.to_vec());
    let rules: Vec<_> = names.iter().map(|name| parsed(name)).collect();
    let pairs = || {
        let others = |n: usize| rules.iter().skip(n + 1);
        rules.iter().enumerate().flat_map(move |(n, a)| others(n).map(move |b| (a, b)))
    };
    if pairs().any(|(a, b)| a == b) {
        errors.invalid(&list, &all, "the same resource cannot be specified multiple times");
    }
    let everything = |(group, name): &(String, String)| group == "*" && name == "*";
    let overlap = |(a, b): (&(String, String), &(String, String))| {
        let masked = a.0 == b.0 && (a.1 == "*" || b.1 == "*");
        a != b && (everything(a) || everything(b) || masked)
    };
    if pairs().any(overlap) {
        let why = "using overlapping resources such as 'secrets' and '*.' in the same resource list \
                   is not allowed as they will be masked";
        errors.invalid(&list, &all, why);
    }
    for (n, name) in names.iter().enumerate() {
        let (group, resource) = parsed(name);
        let why = if name.to_lowercase() != *name {
            "resource name should not contain capital letters"
        } else if name == "*" {
            "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
        } else if group == "*" && resource != "*" {
            "encrypting the same resource across groups is not supported"
        } else {
            continue;
        };
        errors.invalid(format!("{list}[{n}]"), name, why);
    }
}

fn providers(
    path: &str,
    configured: &[ProviderConfiguration],
    names: &mut BTreeSet<String>,
    counts: &Arc<Counts>,
    errors: &mut FieldErrors,
) -> Vec<Provider> {
    let mut providers = Vec::new();
    for (n, provider) in configured.iter().enumerate() {
        let path = format!("{path}.providers[{n}]");
        check_one(&path, provider, errors);
        if let Some(configured) = &provider.kms {
            let plugin = kms::plugin(&format!("{path}.kms"), configured, names, counts, errors);
            providers.extend(plugin.map(Provider::Kms));
        }
        let sorts = [
            ("aesgcm", "k8s:enc:aesgcm:v1:", "AES", Algorithm::AesGcm, &provider.aesgcm),
            ("aescbc", "k8s:enc:aescbc:v1:", "AES", Algorithm::AesCbc, &provider.aescbc),
            (
                "secretbox",
                "k8s:enc:secretbox:v1:",
                "Secretbox",
                Algorithm::Secretbox,
                &provider.secretbox,
            ),
        ];
        for (field, prefix, called, algorithm, configured) in sorts {
            if let Some(configured) = configured {
                let keys = keys(&format!("{path}.{field}.keys"), algorithm, configured, errors);
                providers.push(Provider::Keys(Arc::new(Keys { prefix, called, keys })));
            }
        }
        if provider.identity.is_some() {
            providers.push(Provider::Identity);
        }
    }
    providers
}

fn check_one(path: &str, provider: &ProviderConfiguration, errors: &mut FieldErrors) {
    let given = [
        provider.aesgcm.is_some(),
        provider.aescbc.is_some(),
        provider.secretbox.is_some(),
        provider.kms.is_some(),
        provider.identity.is_some(),
    ];
    let why = match given.into_iter().filter(|given| *given).count() {
        0 => {
            "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, \
             Secretbox, Identity"
        }
        1 => return,
        _ => {
            "more than one provider specified in a single element, should split into different \
             list elements"
        }
    };
    errors.invalid(path, "", why);
}

fn keys(
    path: &str,
    algorithm: Algorithm,
    configured: &KeysConfiguration,
    errors: &mut FieldErrors,
) -> Vec<(String, Cipher)> {
    if configured.keys.is_empty() {
        errors.required_because(path, "at least one keys is required");
    }
    let mut keys = Vec::new();
    for (n, key) in configured.keys.iter().enumerate() {
        let path = format!("{path}[{n}]");
        if key.name.is_empty() {
            errors.required_because(format!("{path}.name"), "name is a mandatory field for a key");
        }
        let field = format!("{path}.secret");
        if key.secret.is_empty() {
            errors.required_because(field, "secret is a mandatory field for a key");
            continue;
        }
        let Ok(secret) = STANDARD.decode(key.secret.replace(['\n', '\r'], "")) else {
            errors.invalid(field, "REDACTED", "secrets must be base64 encoded");
            continue;
        };
        let size = secret.len();
        match Cipher::new(algorithm, secret) {
            Some(cipher) => keys.push((key.name.clone(), cipher)),
            None => {
                let sizes: Vec<String> =
                    algorithm.key_sizes().iter().map(ToString::to_string).collect();
                let sizes = sizes.join(" ");
                let why = format!(
                    "secret is not of the expected length, got {size}, expected one of [{sizes}]"
                );
                errors.invalid(field, "REDACTED", why);
            }
        }
    }
    keys
}
