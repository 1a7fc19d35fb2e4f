//! The flags of requests and of the end: how many, how long, and how a server goes away.

use super::duration;
use crate::serve::Manner;
use clap::{ArgAction, Args};
use std::path::PathBuf;
use std::time::Duration;

/// How many requests are answered at a time, how long they may take, and how the server ends.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Requests and lifecycle")]
#[non_exhaustive]
pub struct LifecycleOptions {
    /// Requests that only read that are answered at a time; what is over that is told to come
    /// again. Members of system:masters are not limited. 0 for any number
    #[arg(long, value_name = "COUNT", default_value_t = LifecycleOptions::default().max_requests_inflight)]
    pub max_requests_inflight: usize,

    /// The same for requests that change something
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = LifecycleOptions::default().max_mutating_requests_inflight)]
    pub max_mutating_requests_inflight: usize,

    /// How long a request may take that is not a watch
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "1m0s")]
    pub request_timeout: Duration,

    /// Seconds after which a watch ends that does not say how long it wants to last; it lasts up to
    /// twice this, so that not all end at a time
    #[arg(long, value_name = "SECONDS", default_value_t = LifecycleOptions::default().min_request_timeout)]
    pub min_request_timeout: u32,

    /// How long to go on as before when the end begins, with /readyz failing, so that nobody sends
    /// new clients here
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    pub shutdown_delay_duration: Duration,

    /// Tell new requests to come again (429, Retry-After) when the end begins, while those under way
    /// finish, and listen until then
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub shutdown_send_retry_after: bool,

    /// Over how long the ends of watches are spread when the server ends, so that not all their
    /// clients come back at once; at least 200 end in a second
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    pub shutdown_watch_termination_grace_period: Duration,

    /// How long after the start /livez does not fail for what is not done yet
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    pub livez_grace_period: Duration,

    /// Directives of a Strict-Transport-Security header on every answer: max-age=SECONDS,
    /// includeSubDomains, preload
    #[arg(long, value_name = "DIRECTIVES", value_delimiter = ',', value_parser = directive)]
    pub strict_transport_security_directives: Vec<String>,

    /// The origins whose pages may use this server in a browser, as regular expressions that say
    /// where a host begins (^ or //) and ends ($ or :)
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    pub cors_allowed_origins: Vec<String>,

    /// A file with a TracingConfiguration of Kubernetes: which part of the requests a collector of
    /// OpenTelemetry is told of (OTLP over HTTP), and where it is
    #[arg(long, value_name = "FILE")]
    pub tracing_config_file: Option<PathBuf>,
}

impl Default for LifecycleOptions {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            max_requests_inflight: 400,
            max_mutating_requests_inflight: 200,
            request_timeout: Duration::from_secs(60),
            min_request_timeout: 1800,
            shutdown_delay_duration: Duration::ZERO,
            shutdown_send_retry_after: false,
            shutdown_watch_termination_grace_period: Duration::ZERO,
            livez_grace_period: Duration::ZERO,
            strict_transport_security_directives: Vec::new(),
            cors_allowed_origins: Vec::new(),
            tracing_config_file: None,
        }
    }
}

impl LifecycleOptions {
    /// How the server goes away.
    pub(crate) fn manner(&self) -> Manner {
        Manner {
            delay: self.shutdown_delay_duration,
            watch_grace: self.shutdown_watch_termination_grace_period,
            turning_away: self.shutdown_send_retry_after.then_some(self.request_timeout),
        }
    }
}

fn directive(text: &str) -> Result<String, String> {
    let max_age = |text: &str| {
        text.strip_prefix("max-age=").is_some_and(|seconds| seconds.parse::<u64>().is_ok())
    };
    match text {
        "includeSubDomains" | "preload" => Ok(text.to_owned()),
        text if max_age(text) => Ok(text.to_owned()),
        _ => Err("allowed values: max-age=expireTime, includeSubDomains, preload".to_owned()),
    }
}
