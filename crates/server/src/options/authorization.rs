//! The flags of authorization.

use clap::Args;

/// The flags that say who may do what.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authorization")]
#[non_exhaustive]
pub struct AuthorizationOptions {
    /// Paths that everybody may see; one that ends in * stands for all that begin like it.
    /// Resources are never meant
    #[arg(long = "authorization-always-allow-paths", value_name = "PATHS", value_delimiter = ',')]
    #[arg(default_values_t = AuthorizationOptions::default().always_allow_paths)]
    pub always_allow_paths: Vec<String>,
}

impl Default for AuthorizationOptions {
    /// What an empty command line means.
    fn default() -> Self {
        let paths = ["/healthz", "/readyz", "/livez"];
        Self { always_allow_paths: paths.map(str::to_owned).to_vec() }
    }
}
