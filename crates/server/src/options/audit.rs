//! The flags of the audit and of its log.

use super::audit_webhook::AuditWebhookOptions;
use super::duration;
use crate::audit::{AuditFormat, AuditMode, Batching, LogFile, Settings, Truncate};
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The one version of events that there is.
pub(super) const VERSION: &str = "audit.k8s.io/v1";

/// What is written down of requests, and where.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Audit")]
#[non_exhaustive]
pub struct AuditOptions {
    /// The policy that says which requests are written down; without one none is
    #[arg(long, value_name = "FILE")]
    pub audit_policy_file: Option<PathBuf>,

    /// The log of audit events, a line for each; - for standard output
    #[arg(long, value_name = "FILE")]
    pub audit_log_path: Option<PathBuf>,

    /// Days for which a log is kept that was put aside; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = AuditOptions::default().audit_log_maxage)]
    pub audit_log_maxage: u32,

    /// How many logs are kept that were put aside; 0 for all
    #[arg(long, value_name = "COUNT", default_value_t = AuditOptions::default().audit_log_maxbackup)]
    pub audit_log_maxbackup: usize,

    /// Megabytes after which a log is put aside; 0 for never
    #[arg(long, value_name = "MEGABYTES", default_value_t = AuditOptions::default().audit_log_maxsize)]
    pub audit_log_maxsize: u32,

    /// Compress a log that is put aside, by gzip
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub audit_log_compress: bool,

    /// What a line looks like: json (an event of audit.k8s.io) or legacy (text)
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = AuditFormat::Json)]
    pub audit_log_format: AuditFormat,

    /// The version of the events
    #[arg(long, value_name = "VERSION", value_parser = PossibleValuesParser::new([VERSION]))]
    #[arg(default_value = VERSION)]
    pub audit_log_version: String,

    /// Whether a request waits until its event is written: batch (no), blocking (yes), or
    /// blocking-strict (and is refused where that fails)
    #[arg(long, value_name = "MODE", value_enum, default_value_t = AuditMode::Blocking)]
    pub audit_log_mode: AuditMode,

    /// Events that wait to be written before others are dropped or wait
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditOptions::default().audit_log_batch_buffer_size)]
    pub audit_log_batch_buffer_size: usize,

    /// Events that are written together, in batch mode
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditOptions::default().audit_log_batch_max_size)]
    pub audit_log_batch_max_size: usize,

    /// How long an event waits for others to be written with, in batch mode
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    pub audit_log_batch_max_wait: Duration,

    /// Limit how many batches are written a second, in batch mode
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub audit_log_batch_throttle_enable: bool,

    /// How many batches a second
    #[arg(long, value_name = "RATE")]
    #[arg(default_value_t = AuditOptions::default().audit_log_batch_throttle_qps)]
    pub audit_log_batch_throttle_qps: f32,

    /// How many batches at once, where there were fewer before
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditOptions::default().audit_log_batch_throttle_burst)]
    pub audit_log_batch_throttle_burst: u32,

    /// Whether an event that is too large is written without its objects
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub audit_log_truncate_enabled: bool,

    /// Bytes over which a batch is split
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = AuditOptions::default().audit_log_truncate_max_batch_size)]
    pub audit_log_truncate_max_batch_size: usize,

    /// Bytes from which an event is too large
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = AuditOptions::default().audit_log_truncate_max_event_size)]
    pub audit_log_truncate_max_event_size: usize,

    /// Who else is told.
    #[command(flatten)]
    pub webhook: AuditWebhookOptions,
}

impl Default for AuditOptions {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            audit_policy_file: None,
            audit_log_path: None,
            audit_log_maxage: 366,
            audit_log_maxbackup: 100,
            audit_log_maxsize: 100,
            audit_log_compress: false,
            audit_log_format: AuditFormat::Json,
            audit_log_version: VERSION.to_owned(),
            audit_log_mode: AuditMode::Blocking,
            audit_log_batch_buffer_size: 10_000,
            audit_log_batch_max_size: 1,
            audit_log_batch_max_wait: Duration::ZERO,
            audit_log_batch_throttle_enable: false,
            audit_log_batch_throttle_qps: 0.0,
            audit_log_batch_throttle_burst: 0,
            audit_log_truncate_enabled: false,
            audit_log_truncate_max_batch_size: 10 << 20,
            audit_log_truncate_max_event_size: 102_400,
            webhook: AuditWebhookOptions::default(),
        }
    }
}

impl AuditOptions {
    /// Whether the flags make sense, in the words of Kubernetes.
    ///
    /// # Errors
    /// Where a number must not be zero.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.audit_log_path.is_some() {
            check(&self.log_settings(), self.audit_log_batch_throttle_enable)?;
        }
        if self.webhook.audit_webhook_config_file.is_some() {
            let settings = self.webhook.settings();
            check(&settings, self.webhook.audit_webhook_batch_throttle_enable)?;
        }
        Ok(())
    }

    /// The log, where there is one, and how events are written to it.
    pub(crate) fn log(&self) -> Option<(LogFile, Settings)> {
        let path = self.audit_log_path.clone()?;
        let file = LogFile {
            path: (path.as_os_str() != "-").then_some(path),
            bytes_max: u64::from(self.audit_log_maxsize) << 20,
            backups_max: self.audit_log_maxbackup,
            age_max: Duration::from_secs(u64::from(self.audit_log_maxage) * 24 * 60 * 60),
            compress: self.audit_log_compress,
        };
        Some((file, self.log_settings()))
    }

    /// The kubeconfig of the webhook, where there is one, the wait before it is tried again, and how
    /// events are sent.
    pub(crate) fn webhook(&self) -> Option<(&Path, Duration, Settings)> {
        let webhook = &self.webhook;
        let file = webhook.audit_webhook_config_file.as_deref()?;
        Some((file, webhook.backoff(), webhook.settings()))
    }

    fn log_settings(&self) -> Settings {
        let throttle = (self.audit_log_batch_throttle_qps, self.audit_log_batch_throttle_burst);
        Settings {
            plugin: "log",
            mode: self.audit_log_mode,
            format: self.audit_log_format,
            batch: Batching {
                buffer_max: self.audit_log_batch_buffer_size,
                events_max: self.audit_log_batch_max_size,
                wait_max: self.audit_log_batch_max_wait,
                throttle: self.audit_log_batch_throttle_enable.then_some(throttle),
            },
            truncate: self.audit_log_truncate_enabled.then_some(Truncate {
                event_bytes_max: self.audit_log_truncate_max_event_size,
                batch_bytes_max: self.audit_log_truncate_max_batch_size,
            }),
        }
    }
}

fn check(settings: &Settings, throttles: bool) -> io::Result<()> {
    if settings.mode != AuditMode::Batch {
        return Ok(());
    }
    let batch = &settings.batch;
    let (per_second, burst) = batch.throttle.unwrap_or((1.0, 1));
    let bad = [
        ("buffer size", batch.buffer_max == 0, batch.buffer_max.to_string()),
        ("max batch size", batch.events_max == 0, batch.events_max.to_string()),
        ("throttle QPS", throttles && per_second <= 0.0, per_second.to_string()),
        ("throttle burst", throttles && burst == 0, burst.to_string()),
    ];
    match bad.into_iter().find(|(_, bad, _)| *bad) {
        None => Ok(()),
        Some((what, _, value)) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "invalid audit batch {} {what} {value}, must be a positive number",
                settings.plugin
            ),
        )),
    }
}
