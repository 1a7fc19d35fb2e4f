//! The flags by which a cluster is asked who a user is and what they may do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::deadline::go_duration;

/// What is left to a cluster to decide.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Delegation to a cluster")]
#[non_exhaustive]
pub struct DelegationOptions {
    /// Let a cluster decide who a user is and what they may do: that of --kubeconfig, or the one in
    /// which this server runs as a pod
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub enable_auth: bool,

    /// The kubeconfig of the cluster [default: that of the pod]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The kubeconfig with which tokens are reviewed, if it is another one
    #[arg(long, value_name = "FILE")]
    pub authentication_kubeconfig: Option<PathBuf>,

    /// Do not ask the cluster for its authorities and how its aggregator is known
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub authentication_skip_lookup: bool,

    /// Start also where the cluster does not tell these; requests may then count as anonymous
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub authentication_tolerate_lookup_failure: bool,

    /// How long the review of a token is remembered
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub authentication_token_webhook_cache_ttl: Duration,

    /// The kubeconfig with which accesses are reviewed, if it is another one
    #[arg(long, value_name = "FILE")]
    pub authorization_kubeconfig: Option<PathBuf>,

    /// How long it is remembered that an access is allowed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub authorization_webhook_cache_authorized_ttl: Duration,

    /// How long it is remembered that an access is not allowed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub authorization_webhook_cache_unauthorized_ttl: Duration,
}

impl Default for DelegationOptions {
    /// What an empty command line means.
    fn default() -> Self {
        let ttl = Duration::from_secs(10);
        Self {
            enable_auth: false,
            kubeconfig: None,
            authentication_kubeconfig: None,
            authentication_skip_lookup: false,
            authentication_tolerate_lookup_failure: false,
            authentication_token_webhook_cache_ttl: ttl,
            authorization_kubeconfig: None,
            authorization_webhook_cache_authorized_ttl: ttl,
            authorization_webhook_cache_unauthorized_ttl: ttl,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    go_duration(text).ok_or_else(|| "not a duration like 10s or 1m30s".to_owned())
}
