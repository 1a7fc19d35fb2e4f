//! The file of `--authentication-config`: issuers of JSON Web Tokens, and who may be anonymous.
//!
//! It is Kubernetes'
//! [`AuthenticationConfiguration`](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration);
//! what it says of claims is read in [`Claims`].

use super::anonymous::Allowed;
use super::claims::Claims;
use pintle_meta::yaml;
use serde::Deserialize;
use std::io;
use std::path::Path;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How many issuers there may be, as in Kubernetes.
const ISSUERS_MAX: usize = 64;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Configuration {
    api_version: String,
    kind: String,
    #[serde(default)]
    pub jwt: Vec<Jwt>,
    anonymous: Option<Anonymous>,
}

/// One issuer, and what its tokens mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Jwt {
    pub issuer: Issuer,
    #[serde(default)]
    pub claim_validation_rules: Vec<ClaimRule>,
    pub claim_mappings: Mappings,
    #[serde(default)]
    pub user_validation_rules: Vec<UserRule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Issuer {
    pub url: String,
    #[serde(default, rename = "discoveryURL")]
    pub discovery_url: String,
    #[serde(default)]
    pub certificate_authority: String,
    #[serde(default)]
    pub audiences: Vec<String>,
    #[serde(default)]
    audience_match_policy: String,
    #[serde(default)]
    egress_selector_type: String,
}

/// A claim that a token must have, to the letter, or what must hold of its claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClaimRule {
    #[serde(default)]
    pub claim: String,
    #[serde(default)]
    pub required_value: String,
    #[serde(default)]
    pub expression: String,
    #[serde(default)]
    pub message: String,
}

/// What must hold of the user whom the claims make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserRule {
    pub expression: String,
    #[serde(default)]
    pub message: String,
}

/// More about a user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Extra {
    pub key: String,
    pub value_expression: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mappings {
    pub username: Mapping,
    #[serde(default)]
    pub groups: Mapping,
    #[serde(default)]
    pub uid: Mapping,
    #[serde(default)]
    pub extra: Vec<Extra>,
}

/// Where something of a user is, and what is put before it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    #[serde(default)]
    pub claim: String,
    pub prefix: Option<String>,
    #[serde(default)]
    pub expression: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Anonymous {
    enabled: bool,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    path: String,
}

impl Configuration {
    /// Reads the file and checks it.
    ///
    /// # Errors
    /// With one line that names the file and has all that is wrong with what it says.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let about = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = super::read_file(path, FILE_BYTES_MAX)
            .map_err(|error| io::Error::new(error.kind(), about(&error)))?;
        Self::parse(&text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, about(&error)))
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let value = yaml::decode(text).map_err(|error| error.to_string())?.value;
        let parsed: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let wrong = parsed.wrong();
        if wrong.is_empty() { Ok(parsed) } else { Err(wrong.join("; ")) }
    }

    /// Where it may be anonymous, if the file says so.
    pub(super) fn anonymous(&self) -> Option<Allowed> {
        let anonymous = self.anonymous.as_ref()?;
        Some(match (anonymous.enabled, anonymous.conditions.is_empty()) {
            (false, _) => Allowed::On(Vec::new()),
            (true, true) => Allowed::Everywhere,
            (true, false) => {
                Allowed::On(anonymous.conditions.iter().map(|it| it.path.clone()).collect())
            }
        })
    }

    /// All that is wrong.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let versions =
            ["v1", "v1beta1", "v1alpha1"].map(|it| format!("apiserver.config.k8s.io/{it}"));
        if !versions.contains(&self.api_version) || self.kind != "AuthenticationConfiguration" {
            wrong.push(
                "it is no AuthenticationConfiguration of apiserver.config.k8s.io/v1".to_owned(),
            );
        }
        if self.jwt.len() > ISSUERS_MAX {
            wrong.push(format!(
                "jwt: Too many: {}: must have at most {ISSUERS_MAX} items",
                self.jwt.len()
            ));
        }
        for (index, jwt) in self.jwt.iter().enumerate() {
            let at = format!("jwt[{index}]");
            let url = &jwt.issuer.url;
            if self.jwt[..index].iter().any(|other| other.issuer.url == *url) {
                wrong.push(format!("{at}.issuer.url: Duplicate value: {url:?}"));
            }
            jwt.wrong(&at, &mut wrong);
        }
        match &self.anonymous {
            Some(Anonymous { enabled: false, conditions }) if !conditions.is_empty() => {
                wrong.push("anonymous.conditions: may not be set while disabled".to_owned());
            }
            _ => {}
        }
        wrong
    }
}

impl Jwt {
    fn wrong(&self, at: &str, wrong: &mut Vec<String>) {
        let Issuer { url, discovery_url, audiences, audience_match_policy, .. } = &self.issuer;
        let mut add = |place: &str, what: &str| wrong.push(format!("{at}.{place}: {what}"));
        if !url.starts_with("https://") {
            add("issuer.url", "URL scheme must be https");
        }
        if !discovery_url.is_empty() && !discovery_url.starts_with("https://") {
            add("issuer.discoveryURL", "URL scheme must be https");
        }
        if audiences.iter().all(String::is_empty) {
            add("issuer.audiences", "Required value: at least one audience is required");
        }
        match (audience_match_policy.as_str(), audiences.len()) {
            ("" | "MatchAny", 0 | 1) | ("MatchAny", _) => {}
            _ => add("issuer.audienceMatchPolicy", "must be MatchAny for multiple audiences"),
        }
        if !matches!(self.issuer.egress_selector_type.as_str(), "" | "cluster" | "controlplane") {
            add("issuer.egressSelectorType", "Unsupported value");
        }
        // What is wrong is said; what comes out is made again where it is used.
        drop(Claims::of(self, at, wrong));
    }
}
