//! The command line.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::apply::ApplyOptions;
use crate::failure::Failure;
use crate::floor::FloorOptions;
use crate::scenario::{SCENARIOS, Scenario};

/// The most objects that a server is filled with.
const OBJECTS_LIMIT: u64 = 5_000_000;
/// The most connections and streams of each.
const CONNECTIONS_LIMIT: u64 = 1_000;
/// The most watchers.
const WATCHERS_LIMIT: u64 = 20_000;
/// The most events that each of them waits for.
const EVENTS_LIMIT: u64 = 1_000_000;
/// The longest measurement of one scenario.
const SECONDS_LIMIT: f64 = 3_600.0;
/// The largest object, below what etcd stores.
const OBJECT_BYTES_LIMIT: u64 = 1_000_000;
/// The most times that `compare` measures a server.
const ROUNDS_LIMIT: u64 = 50;

/// Drives Kubernetes-style API servers that serve foos of hello.zeng.dev, and prints rates, latencies, CPU time
/// and memory.
#[derive(Debug, Parser)]
#[command(name = "pintle-bench", version)]
pub(crate) struct Options {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fill a running server with objects, measure it, and remove the objects again
    Run(RunOptions),
    /// Start two servers in turn, measure both and print the ratios a/b
    Compare(Box<CompareOptions>),
    /// Answer everything with the same bytes, with nothing but hyper and rustls
    Floor(FloorOptions),
    /// Start a server on stores in SQLite, one with few objects and one with many, and measure its starts, its
    /// memory and its reads
    Scale(ScaleOptions),
    /// Apply one object with many items to a server that serves the example machines
    ApplyLarge(ApplyOptions),
}

/// Options of `scale`; `--objects` is the greater number.
#[derive(Debug, Args)]
#[command(
    after_help = "The command runs in a shell; in it {port} stands for a free port and {data} for the folder of the \
    data, in which the store is objects.db."
)]
pub(crate) struct ScaleOptions {
    /// The command that starts the server
    #[arg(
        long,
        value_name = "COMMAND",
        default_value = "hello-apiserver --insecure-allow-all --secure-port {port} --data-dir {data}"
    )]
    pub(crate) command: String,
    /// Objects of the small store
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=OBJECTS_LIMIT))]
    pub(crate) few: u64,
    /// Watchers that wait, over so many connections as --connections says, and then each on its own
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=WATCHERS_LIMIT))]
    pub(crate) idle: u64,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The server, as https://host:port (or http:// for HTTP/2 in the clear)
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    /// The server's process, whose CPU time and memory are read [default: the one that listens on the port]
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// The URL of the etcd that the server stores in, as http://host:port: puts into it are measured too
    #[arg(long, value_name = "URL")]
    pub(crate) etcd: Option<String>,
    /// Leave the objects in the server at the end
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Options of `compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "In commands and URLs, {port}, {port2} and {port3} stand for free ports and {dir} for \
    a new folder, which is removed at the end. Commands run in a shell, in a process group of their own."
)]
pub(crate) struct CompareOptions {
    /// The command that starts server a
    #[arg(long, value_name = "COMMAND")]
    pub(crate) a: String,
    /// Where server a answers
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:{port}")]
    pub(crate) a_url: String,
    /// A command that server a needs beside it, as a store: it is up when {port2} takes connections
    #[arg(long, value_name = "COMMAND")]
    pub(crate) a_with: Option<String>,
    /// The etcd that server a stores in: puts into it are measured too
    #[arg(long, value_name = "URL")]
    pub(crate) a_etcd: Option<String>,
    /// What the tables call server a
    #[arg(long, value_name = "NAME", default_value = "a")]
    pub(crate) a_name: String,
    /// The command that starts server b
    #[arg(long, value_name = "COMMAND")]
    pub(crate) b: String,
    /// Where server b answers
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:{port}")]
    pub(crate) b_url: String,
    /// A command that server b needs beside it
    #[arg(long, value_name = "COMMAND")]
    pub(crate) b_with: Option<String>,
    /// The etcd that server b stores in
    #[arg(long, value_name = "URL")]
    pub(crate) b_etcd: Option<String>,
    /// What the tables call server b
    #[arg(long, value_name = "NAME", default_value = "b")]
    pub(crate) b_name: String,
    /// How often both are started and measured, in turn; medians are printed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=ROUNDS_LIMIT))]
    pub(crate) rounds: u64,
    /// Measure the reads of server a again with its bytes sent by nothing but hyper and rustls
    #[arg(long)]
    pub(crate) floor: bool,
    /// Write the ratios as a chart to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What is measured, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// A bearer token
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,
    /// A file with a bearer token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Objects that the server is filled with
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=OBJECTS_LIMIT))]
    pub(crate) objects: u64,
    /// Bytes of an object's JSON as the server answers it
    #[arg(long, value_name = "BYTES", default_value_t = 824,
        value_parser = clap::value_parser!(u64).range(1..=OBJECT_BYTES_LIMIT))]
    pub(crate) object_bytes: u64,
    /// How long each scenario is measured
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// How long each scenario runs before it is measured
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub(crate) warm_up: Duration,
    /// Connections
    #[arg(long, short = 'c', default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_LIMIT))]
    pub(crate) connections: u64,
    /// Requests in flight on each connection; with --http1, as many connections for each
    #[arg(long, short = 'm', default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_LIMIT))]
    pub(crate) streams: u64,
    /// Threads of this program
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) threads: u64,
    /// Use HTTP/1.1
    #[arg(long)]
    pub(crate) http1: bool,
    /// Watchers of the scenario "watch"
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=WATCHERS_LIMIT))]
    pub(crate) watchers: u64,
    /// Objects that are created for them to see
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=EVENTS_LIMIT))]
    pub(crate) events: u64,
    /// Measure only these scenarios (can be given several times, or with commas)
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = scenario_names())]
    pub(crate) only: Vec<String>,
    /// Write the raw figures to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Settings {
    /// The token, from wherever it is.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(crate) fn bearer(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::caused(format!("read {}", path.display()), &error))?;
        Ok(Some(text.trim().to_owned()))
    }

    /// Requests in flight at any time.
    pub(crate) fn concurrency(&self) -> usize {
        usize::try_from(self.connections * self.streams).unwrap_or(usize::MAX)
    }

    /// The scenarios that are measured, in their order.
    pub(crate) fn scenarios(&self) -> impl Iterator<Item = &'static Scenario> {
        SCENARIOS.iter().filter(|scenario| {
            self.only.is_empty() || self.only.iter().any(|name| name == scenario.name)
        })
    }
}

fn scenario_names() -> PossibleValuesParser {
    SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().into()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.0..=SECONDS_LIMIT).contains(&seconds) {
        return Err(format!("must be between 0 and {SECONDS_LIMIT}"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let check = |line: &str, want: Result<usize, &str>| {
            let words = line.split(' ').filter(|word| !word.is_empty());
            let got = Options::try_parse_from(std::iter::once("pintle-bench").chain(words));
            match (got.map(|options| options.command), want) {
                (Ok(Command::Run(run)), Ok(count)) => {
                    assert_eq!(run.settings.scenarios().count(), count, "{line}");
                }
                (Ok(Command::Compare(both)), Ok(count)) => {
                    assert_eq!(both.settings.scenarios().count(), count, "{line}");
                }
                (Ok(Command::Scale(scale)), Ok(count)) => {
                    assert_eq!(scale.settings.scenarios().count(), count, "{line}");
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{line}: {error}");
                }
                (got, want) => panic!("{line}: {got:?}, want {want:?}"),
            }
        };
        check("run --server https://h", Ok(SCENARIOS.len()));
        check("run --server https://h --only create,watch --only get-rv0", Ok(3));
        check("compare --a x --b y --seconds 0.5 -c 2 -m 3", Ok(SCENARIOS.len()));
        check("scale --few 10 --objects 100 --idle 5", Ok(SCENARIOS.len()));
        check("scale --idle 0", Err("not in 1..=20000"));
        check("run", Err("--server <URL>"));
        check("run --server https://h --only nothing", Err("possible values: get-consistent"));
        check("run --server https://h --seconds 1e9", Err("between 0 and 3600"));
        check("run --server https://h --seconds NaN", Err("between 0 and 3600"));
        check("run --server https://h --objects 0", Err("not in 1..=5000000"));
        check("run --server https://h --token x --token-file y", Err("cannot be used with"));
    }
}
