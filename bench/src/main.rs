//! `pintle-bench` drives any Kubernetes-style API server that serves foos of hello.zeng.dev, and tells what its answers
//! cost: rates, latencies, CPU time of the server and its memory.
//!
//! Read [`run`] first: it is the order of a run. [`scenario`] is the table of the work, [`load`] the loop that every
//! request goes through, [`compare`] the two servers in turn.

mod apply;
mod chart;
mod client;
mod compare;
mod etcd;
mod failure;
mod feed;
mod fill;
mod floor;
mod latency;
mod load;
mod median;
mod objects;
mod options;
mod probe;
mod process;
mod report;
mod run;
mod scale;
mod scenario;
mod sender;
mod sent;
mod server;
mod subject;
mod trust;
mod watchers;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::options::{Command, Options};
use crate::process::Process;
use crate::server::Server;

/// Something was measured with errors, or nothing could be.
const FAILED: u8 = 1;
/// As a shell tells of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let options = Options::parse();
    let threads = match &options.command {
        Command::Run(run) => run.settings.threads,
        Command::Compare(both) => both.settings.threads,
        // As many as a server has.
        Command::Floor(_) => std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
        Command::Scale(scale) => scale.settings.threads,
        Command::ApplyLarge(_) => 1,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::try_from(threads).unwrap_or(1))
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(until_interrupted(options.command)),
        Err(error) => Err(Failure::caused("start threads", &error)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("pintle-bench: {failure}");
            ExitCode::from(FAILED)
        }
    }
}

/// Does what was asked for; a signal drops it midway, and with it every server that it started.
async fn until_interrupted(command: Command) -> Result<u8, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::caused("listen for signals", &error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    tokio::select! {
        outcome = perform(command) => outcome,
        _ = interrupt.recv() => Ok(interrupted()),
        _ = terminate.recv() => Ok(interrupted()),
    }
}

fn interrupted() -> u8 {
    eprintln!(
        "pintle-bench: interrupted; a server that was already running keeps the objects it has"
    );
    INTERRUPTED
}

async fn perform(command: Command) -> Result<u8, Failure> {
    let failed = match command {
        Command::Run(options) => {
            let process = options.pid.map(Process::new).transpose()?;
            let server = Server { url: options.server, process, etcd: options.etcd };
            let report = run::run(&server, &options.settings, options.keep).await?;
            publish(&report.markdown(), &report, options.settings.json.as_deref())?;
            !report.error_lines().is_empty()
        }
        Command::Compare(options) => {
            let comparison = compare::compare(&options).await?;
            publish(&comparison.markdown(), &comparison, options.settings.json.as_deref())?;
            if let Some(path) = &options.svg {
                write(path, &chart::chart(&comparison))?;
            }
            comparison.has_errors()
        }
        Command::ApplyLarge(options) => {
            write_out(&apply::measure(&options).await?)?;
            false
        }
        Command::Floor(options) => {
            floor::serve(options).await?;
            false
        }
        Command::Scale(options) => {
            let sizes = scale::scale(&options).await?;
            publish(&scale::markdown(&sizes), &sizes, options.settings.json.as_deref())?;
            sizes.iter().any(|size| !size.run.error_lines().is_empty())
        }
    };
    Ok(if failed { FAILED } else { 0 })
}

fn write_out(text: &str) -> Result<(), Failure> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::caused("write to stdout", &error))
}

/// Writes the tables to stdout and the raw figures to a file, if there is to be one.
fn publish(tables: &str, figures: &impl Serialize, json: Option<&Path>) -> Result<(), Failure> {
    write_out(tables)?;
    let Some(path) = json else { return Ok(()) };
    let mut text = serde_json::to_string_pretty(figures)
        .map_err(|error| Failure::caused("encode the figures", &error))?;
    text.push('\n');
    write(path, &text)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::caused(format!("write {}", path.display()), &error))
}
