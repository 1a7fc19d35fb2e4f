//! Flags of Kubernetes that are taken so that a command line made for a server in Go works here, and
//! that change nothing. Where a value would have to change something, it is refused with a word.
//!
//! `docs/flags.md` says of each why that is so.

use super::duration;
use clap::{ArgAction, Args};
use std::time::Duration;

/// Flags that change nothing.
#[derive(Args, Clone, Debug, Default)]
#[command(about = None, long_about = None)]
#[non_exhaustive]
pub struct AcceptedOptions {
    /// Addresses may always be shared in this way
    #[arg(long, hide = true, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", default_value_t = false)]
    permit_address_sharing: bool,

    /// Nothing is kept by a lease
    #[arg(long, hide = true, value_name = "SECONDS", default_value = "60")]
    lease_reuse_duration_seconds: Option<u32>,

    /// Only true: reads are always answered from the watch cache
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = only_true, default_missing_value = "true", default_value = "true")]
    watch_cache: Option<bool>,

    /// Sizes are found by the cache itself; 0 is refused, as it would turn the cache off
    #[arg(long, hide = true, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    watch_cache_sizes: Vec<String>,

    /// The cache finds its size itself
    #[arg(long, hide = true, value_name = "COUNT", default_value = "100")]
    default_watch_cache_size: Option<u32>,

    /// There is no priority and fairness; there are limits of requests in flight
    #[arg(long, hide = true, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", default_value = "true")]
    enable_priority_and_fairness: Option<bool>,

    /// A server is ready when its storage is, however long that takes
    #[arg(long, hide = true, value_name = "DURATION", value_parser = duration::parse)]
    #[arg(default_value = "1m0s")]
    storage_initialization_timeout: Option<Duration>,

    /// There is one log for all levels
    #[arg(long, hide = true, value_name = "SEVERITY", default_value = "2")]
    stderrthreshold: Option<String>,

    /// The same
    #[arg(long, hide = true, value_name = "SEVERITY")]
    alsologtostderrthreshold: Option<String>,

    /// The same
    #[arg(long = "legacy_stderr_threshold_behavior", hide = true, value_name = "BOOL")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", default_value = "true")]
    legacy_stderr_threshold_behavior: Option<bool>,

    /// The same
    #[arg(long = "one_output", hide = true, value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(default_value_t = false)]
    one_output: bool,

    /// A log has no header of its own
    #[arg(long = "skip_log_headers", hide = true, value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(default_value_t = false)]
    skip_log_headers: bool,

    /// A file is not put aside: that is for others to do
    #[arg(long = "log_file_max_size", hide = true, value_name = "MEGABYTES")]
    #[arg(default_value = "1800")]
    log_file_max_size: Option<u64>,
}

fn only_true(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        _ => Err("only true can be had here".to_owned()),
    }
}

fn size(text: &str) -> Result<String, String> {
    match text.split_once('#').map(|(_, size)| size.parse::<u32>()) {
        Some(Ok(0)) => Err("the watch cache cannot be turned off".to_owned()),
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(format!("invalid watch cache size {text}: expected resource[.group]#size")),
    }
}
