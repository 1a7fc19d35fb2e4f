//! The flags of authorization.

use clap::{Args, ValueEnum};

/// The flags that say who may do what.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authorization")]
#[non_exhaustive]
pub struct AuthorizationOptions {
    /// Who decides, beside members of system:masters, who may do everything; asked in this order
    /// [default: RBAC, with roles and bindings that this server serves]
    #[arg(long = "authorization-mode", value_name = "MODES", value_delimiter = ',')]
    pub mode: Vec<AuthorizationMode>,

    /// Paths that everybody may see; one that ends in * stands for all that begin like it.
    /// Resources are never meant
    #[arg(long = "authorization-always-allow-paths", value_name = "PATHS", value_delimiter = ',')]
    #[arg(default_values_t = AuthorizationOptions::default().always_allow_paths)]
    pub always_allow_paths: Vec<String>,
}

/// One way to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum AuthorizationMode {
    /// Everybody may do everything.
    #[value(name = "AlwaysAllow")]
    AlwaysAllow,
    /// Nobody may do anything.
    #[value(name = "AlwaysDeny")]
    AlwaysDeny,
    /// Roles and their bindings decide, which the server serves in `rbac.authorization.k8s.io`.
    #[value(name = "RBAC")]
    Rbac,
}

impl Default for AuthorizationOptions {
    /// What an empty command line means.
    fn default() -> Self {
        let paths = ["/healthz", "/readyz", "/livez"];
        Self { mode: Vec::new(), always_allow_paths: paths.map(str::to_owned).to_vec() }
    }
}
