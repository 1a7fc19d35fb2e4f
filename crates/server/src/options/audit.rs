//! The flags of the audit.

use crate::audit::{AuditMode, LogFile, Settings};
use clap::{ArgAction, Args};
use std::path::PathBuf;
use std::time::Duration;

/// What is written down of requests, and where.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Audit")]
#[non_exhaustive]
pub struct AuditOptions {
    /// The policy that says which requests are written down; without one none is
    #[arg(long, value_name = "FILE")]
    pub audit_policy_file: Option<PathBuf>,

    /// The log of audit events, one line of JSON each; - for standard output
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

    /// Whether a request waits until its event is written: batch (no), blocking (yes), or
    /// blocking-strict (and is refused where that fails)
    #[arg(long, value_name = "MODE", value_enum, default_value_t = AuditMode::Blocking)]
    pub audit_log_mode: AuditMode,

    /// Events that wait to be written before others are dropped or wait
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = AuditOptions::default().audit_log_batch_buffer_size)]
    pub audit_log_batch_buffer_size: usize,

    /// Whether an event that is too large is written without its objects
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub audit_log_truncate_enabled: bool,

    /// Bytes from which an event is too large
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = AuditOptions::default().audit_log_truncate_max_event_size)]
    pub audit_log_truncate_max_event_size: usize,
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
            audit_log_mode: AuditMode::Blocking,
            audit_log_batch_buffer_size: 10_000,
            audit_log_truncate_enabled: false,
            audit_log_truncate_max_event_size: 102_400,
        }
    }
}

impl AuditOptions {
    /// The log, where there is one.
    pub(crate) fn log(&self) -> Option<LogFile> {
        let path = self.audit_log_path.clone()?;
        Some(LogFile {
            path: (path.as_os_str() != "-").then_some(path),
            bytes_max: u64::from(self.audit_log_maxsize) << 20,
            backups_max: self.audit_log_maxbackup,
            age_max: Duration::from_secs(u64::from(self.audit_log_maxage) * 24 * 60 * 60),
        })
    }

    /// How events are written.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            mode: self.audit_log_mode,
            buffer_max: self.audit_log_batch_buffer_size,
            event_bytes_max: self
                .audit_log_truncate_enabled
                .then_some(self.audit_log_truncate_max_event_size),
        }
    }
}
