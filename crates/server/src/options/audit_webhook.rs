//! The flags of the audit's webhook.

use super::audit::VERSION;
use super::duration;
use crate::audit::{AuditFormat, AuditMode, Batching, Settings, Truncate};
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args};
use std::path::PathBuf;
use std::time::Duration;

/// The server that is told of requests.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Audit")]
#[non_exhaustive]
pub struct AuditWebhookOptions {
    /// The kubeconfig of a server that is told of audit events, by POST to its URL
    #[arg(long, value_name = "FILE")]
    pub audit_webhook_config_file: Option<PathBuf>,

    /// How long to wait before events are sent again that could not be sent; it grows
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s")]
    pub audit_webhook_initial_backoff: Duration,

    /// The old name of --audit-webhook-initial-backoff
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, hide = true)]
    pub audit_webhook_batch_initial_backoff: Option<Duration>,

    /// The version of the events
    #[arg(long, value_name = "VERSION", value_parser = PossibleValuesParser::new([VERSION]))]
    #[arg(default_value = VERSION)]
    pub audit_webhook_version: String,

    /// Whether a request waits until its event is sent, as for --audit-log-mode
    #[arg(long, value_name = "MODE", value_enum, default_value_t = AuditMode::Batch)]
    pub audit_webhook_mode: AuditMode,

    /// Events that wait to be sent before others are dropped or wait
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_batch_buffer_size)]
    pub audit_webhook_batch_buffer_size: usize,

    /// Events that are sent together, in batch mode
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_batch_max_size)]
    pub audit_webhook_batch_max_size: usize,

    /// How long an event waits for others to be sent with, in batch mode
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    pub audit_webhook_batch_max_wait: Duration,

    /// Limit how many batches are sent a second, in batch mode
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_batch_throttle_enable)]
    pub audit_webhook_batch_throttle_enable: bool,

    /// How many batches a second
    #[arg(long, value_name = "RATE")]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_batch_throttle_qps)]
    pub audit_webhook_batch_throttle_qps: f32,

    /// How many batches at once, where there were fewer before
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_batch_throttle_burst)]
    pub audit_webhook_batch_throttle_burst: u32,

    /// Whether an event that is too large is sent without its objects
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub audit_webhook_truncate_enabled: bool,

    /// Bytes over which a batch is split
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_truncate_max_batch_size)]
    pub audit_webhook_truncate_max_batch_size: usize,

    /// Bytes from which an event is too large
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = AuditWebhookOptions::default().audit_webhook_truncate_max_event_size)]
    pub audit_webhook_truncate_max_event_size: usize,
}

impl Default for AuditWebhookOptions {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            audit_webhook_config_file: None,
            audit_webhook_initial_backoff: Duration::from_secs(10),
            audit_webhook_batch_initial_backoff: None,
            audit_webhook_version: VERSION.to_owned(),
            audit_webhook_mode: AuditMode::Batch,
            audit_webhook_batch_buffer_size: 10_000,
            audit_webhook_batch_max_size: 400,
            audit_webhook_batch_max_wait: Duration::from_secs(30),
            audit_webhook_batch_throttle_enable: true,
            audit_webhook_batch_throttle_qps: 10.0,
            audit_webhook_batch_throttle_burst: 15,
            audit_webhook_truncate_enabled: false,
            audit_webhook_truncate_max_batch_size: 10 << 20,
            audit_webhook_truncate_max_event_size: 102_400,
        }
    }
}

impl AuditWebhookOptions {
    pub(super) fn backoff(&self) -> Duration {
        self.audit_webhook_batch_initial_backoff.unwrap_or(self.audit_webhook_initial_backoff)
    }

    /// How events are sent.
    pub(super) fn settings(&self) -> Settings {
        let throttle =
            (self.audit_webhook_batch_throttle_qps, self.audit_webhook_batch_throttle_burst);
        Settings {
            plugin: "webhook",
            mode: self.audit_webhook_mode,
            format: AuditFormat::Json,
            batch: Batching {
                buffer_max: self.audit_webhook_batch_buffer_size,
                events_max: self.audit_webhook_batch_max_size,
                wait_max: self.audit_webhook_batch_max_wait,
                throttle: self.audit_webhook_batch_throttle_enable.then_some(throttle),
            },
            truncate: self.audit_webhook_truncate_enabled.then_some(Truncate {
                event_bytes_max: self.audit_webhook_truncate_max_event_size,
                batch_bytes_max: self.audit_webhook_truncate_max_batch_size,
            }),
        }
    }
}
