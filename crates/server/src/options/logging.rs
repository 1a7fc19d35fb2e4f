//! The flags of the log, by the names that klog has for them.

use clap::{ArgAction, Args, ValueEnum};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

/// What is logged, and how.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None, next_help_heading = "Logging")]
#[non_exhaustive]
pub struct LoggingOptions {
    /// What a line looks like: text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LoggingFormat::Text)]
    pub logging_format: LoggingFormat,

    /// Modules that log at a level of their own, as MODULE=LEVEL, comma separated
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', value_parser = module)]
    pub vmodule: Vec<(String, u8)>,

    /// Log to standard error and not to a file
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = true)]
    pub logtostderr: bool,

    /// Log to standard error beside the file
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub alsologtostderr: bool,

    /// The file to log to, with --logtostderr=false
    #[arg(long = "log_file", value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Leave out time, level and module
    #[arg(long = "skip_headers", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub skip_headers: bool,

    /// Say the file and the line of the code that logs
    #[arg(long = "add_dir_header", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub add_dir_header: bool,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum LoggingFormat {
    /// For people.
    #[default]
    Text,
    /// An object of JSON.
    Json,
}

impl Default for LoggingOptions {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            logging_format: LoggingFormat::Text,
            vmodule: Vec::new(),
            logtostderr: true,
            alsologtostderr: false,
            log_file: None,
            skip_headers: false,
            add_dir_header: false,
        }
    }
}

impl LoggingOptions {
    /// Starts logging; a program that has set up its own logging keeps it.
    ///
    /// # Errors
    ///
    /// Fails when `RUST_LOG` is set and makes no sense, or the file cannot be written.
    pub(super) fn start(&self, verbosity: u8) -> io::Result<()> {
        let filter = match env::var("RUST_LOG") {
            Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).map_err(|error| {
                let message = format!("cannot follow RUST_LOG={text}: {error}");
                io::Error::new(io::ErrorKind::InvalidInput, message)
            })?,
            _ => EnvFilter::new(self.filter(verbosity)),
        };
        let (writer, ansi) = self.writer()?;
        let logger = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(ansi)
            .with_file(self.add_dir_header)
            .with_line_number(self.add_dir_header)
            .with_writer(writer);
        let _ = match (self.logging_format, self.skip_headers) {
            (LoggingFormat::Json, _) => logger.json().flatten_event(true).try_init(),
            (LoggingFormat::Text, false) => logger.try_init(),
            (LoggingFormat::Text, true) => {
                logger.without_time().with_level(false).with_target(false).try_init()
            }
        };
        Ok(())
    }

    /// Where to, and whether that is a terminal.
    fn writer(&self) -> io::Result<(BoxMakeWriter, bool)> {
        match &self.log_file {
            Some(path) if !self.logtostderr => {
                let file = Mutex::new(open(path)?);
                let both = self.alsologtostderr;
                Ok((
                    match both {
                        true => BoxMakeWriter::new(file.and(io::stderr)),
                        false => BoxMakeWriter::new(file),
                    },
                    false,
                ))
            }
            _ => Ok((BoxMakeWriter::new(io::stderr), io::stderr().is_terminal())),
        }
    }

    fn filter(&self, verbosity: u8) -> String {
        let modules = self.vmodule.iter().map(|(module, level)| {
            let level = filter(*level).split(',').next().unwrap_or_default();
            format!(",pintle::{module}={level}")
        });
        modules.fold(filter(verbosity).to_owned(), |all, module| all + &module)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot log to {}: {error}", path.display()))
    })
}

/// What is logged at a verbosity. The crates beneath are chatty and speak up only at the top.
fn filter(verbosity: u8) -> &'static str {
    match verbosity {
        0..=2 => "info",
        3 => "info,pintle::http=debug",
        4..=7 => "debug,h2=info,hyper=info,rustls=info,tokio_rustls=info",
        8..=9 => "trace,h2=info,hyper=info,rustls=info,tokio_rustls=info",
        _ => "trace",
    }
}

fn module(text: &str) -> Result<(String, u8), String> {
    let expected = || "syntax error: expect comma-separated list of MODULE=LEVEL".to_owned();
    let (module, level) = text.split_once('=').ok_or_else(expected)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let level = level.parse().map_err(|_| expected())?;
    match module.is_empty() || !module.chars().all(fits) {
        true => Err(expected()),
        false => Ok((module.to_owned(), level)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verbosity_has_a_filter() {
        for verbosity in 0..=10 {
            assert!(EnvFilter::try_new(filter(verbosity)).is_ok(), "{verbosity}");
        }
        let vmodule = ["audit=6", "cache::feed=0"].map(|text| module(text).unwrap()).to_vec();
        let options = LoggingOptions { vmodule, ..LoggingOptions::default() };
        let filter = options.filter(0);
        assert_eq!(filter, "info,pintle::audit=debug,pintle::cache::feed=info");
        assert!(EnvFilter::try_new(&filter).is_ok());
        for wrong in ["audit", "=1", "a*=1", "audit=x", "a,b=1"] {
            assert!(module(wrong).is_err(), "{wrong}");
        }
    }
}
