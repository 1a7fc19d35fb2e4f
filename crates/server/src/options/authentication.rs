//! The flags of authentication.

use std::path::PathBuf;

use clap::Args;

/// The flags that say how a user can be known.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Authentication")]
#[non_exhaustive]
pub struct AuthenticationOptions {
    /// The authorities whose client certificates name users, in PEM form: the common name is the
    /// user, the organizations are the groups
    #[arg(long, value_name = "FILE")]
    pub client_ca_file: Option<PathBuf>,

    /// Tokens with their users: a file of lines "token,user,uid,"group1,group2""
    #[arg(long, value_name = "FILE")]
    pub token_auth_file: Option<PathBuf>,

    /// Issuers of tokens (OpenID Connect), and who may be anonymous: a file with an
    /// AuthenticationConfiguration of Kubernetes
    #[arg(long, value_name = "FILE")]
    pub authentication_config: Option<PathBuf>,

    /// Who issues the tokens of service accounts; may be given several times
    #[arg(long, value_name = "ISSUER")]
    pub service_account_issuer: Vec<String>,

    /// The public keys that verify the tokens of service accounts, in PEM form; may be given several
    /// times
    #[arg(long, value_name = "FILE")]
    pub service_account_key_file: Vec<PathBuf>,

    /// For whom the tokens of service accounts must be [default: their issuers]
    #[arg(long, value_name = "AUDIENCES", value_delimiter = ',')]
    pub api_audiences: Vec<String>,

    /// The authorities of an aggregator, whose headers name users; they should sign nobody else
    #[arg(long, value_name = "FILE")]
    pub requestheader_client_ca_file: Option<PathBuf>,

    /// The common names of the aggregator's certificate [default: any]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub requestheader_allowed_names: Vec<String>,

    /// The headers that name the user
    #[arg(long, value_name = "HEADERS", value_delimiter = ',')]
    #[arg(default_values_t = AuthenticationOptions::default().requestheader_username_headers)]
    pub requestheader_username_headers: Vec<String>,

    /// The headers that name the user's UID [default: none]
    #[arg(long, value_name = "HEADERS", value_delimiter = ',')]
    pub requestheader_uid_headers: Vec<String>,

    /// The headers that name the user's groups
    #[arg(long, value_name = "HEADERS", value_delimiter = ',')]
    #[arg(default_values_t = AuthenticationOptions::default().requestheader_group_headers)]
    pub requestheader_group_headers: Vec<String>,

    /// How the headers begin that say more about the user
    #[arg(long, value_name = "PREFIXES", value_delimiter = ',')]
    #[arg(default_values_t = AuthenticationOptions::default().requestheader_extra_headers_prefix)]
    pub requestheader_extra_headers_prefix: Vec<String>,
}

impl Default for AuthenticationOptions {
    /// What an empty command line means.
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            client_ca_file: None,
            token_auth_file: None,
            authentication_config: None,
            service_account_issuer: Vec::new(),
            service_account_key_file: Vec::new(),
            api_audiences: Vec::new(),
            requestheader_client_ca_file: None,
            requestheader_allowed_names: Vec::new(),
            requestheader_username_headers: one("x-remote-user"),
            requestheader_uid_headers: Vec::new(),
            requestheader_group_headers: one("x-remote-group"),
            requestheader_extra_headers_prefix: one("x-remote-extra-"),
        }
    }
}

impl AuthenticationOptions {
    /// The headers by which an aggregator names users: username, UID, groups, prefixes of more.
    pub(crate) fn headers(&self) -> [&[String]; 4] {
        [
            &self.requestheader_username_headers,
            &self.requestheader_uid_headers,
            &self.requestheader_group_headers,
            &self.requestheader_extra_headers_prefix,
        ]
    }
}
