//! `pintle-fuzz [--seconds N] [--seed N] [--input HEX] [--last FILE] [TARGET...]`
//!
//! Feeds targets with inputs that are the same on every run with the same seed, each target for
//! some seconds, and prints the first input that breaks one. It knows nothing of coverage, so it
//! finds what is near the seeds; cargo-fuzz goes further.

use pintle_fuzz::{Corpus, Random, TARGETS, Target};
use std::collections::VecDeque;
use std::fs;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;
/// The stack of a worker thread of the server: what recursion must do with.
const STACK_BYTES: usize = 2 << 20;
/// An input that takes longer than this is a finding too; the debug build on a busy machine is slow.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Arguments {
    /// For how long each target runs.
    seconds: u64,
    seed: u64,
    /// One input instead of many.
    input: Option<Vec<u8>>,
    /// Where each input is written before it is run: what is left after a stack overflow, which no
    /// program survives.
    last: Option<PathBuf>,
    targets: Vec<Target>,
}

/// What the last panic said: printed where it is a finding, since some are caught on purpose, as those
/// of the YAML parser.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    let arguments = match arguments(std::env::args().skip(1).collect()) {
        Ok(arguments) => arguments,
        Err(why) => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("pintle-fuzz: {why}\ntargets: {}", names.join(" "));
            return USAGE.into();
        }
    };
    let mut sound = true;
    for target in arguments.targets.clone() {
        sound &= run(target, &arguments);
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments(words: Vec<String>) -> Result<Arguments, String> {
    let mut words = VecDeque::from(words);
    let mut arguments =
        Arguments { seconds: 5, seed: 1, input: None, last: None, targets: Vec::new() };
    while let Some(word) = words.pop_front() {
        let mut value = || words.pop_front().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--seconds" => arguments.seconds = number(&value()?)?,
            "--seed" => arguments.seed = number(&value()?)?,
            "--input" => arguments.input = Some(from_hex(&value()?)?),
            "--last" => arguments.last = Some(value()?.into()),
            name => {
                let target = TARGETS.iter().find(|target| target.name == name);
                arguments.targets.push(*target.ok_or(format!("there is no target {name}"))?);
            }
        }
    }
    if arguments.targets.is_empty() {
        arguments.targets = TARGETS.to_vec();
    }
    Ok(arguments)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// Runs one target; whether nothing was found.
fn run(target: Target, arguments: &Arguments) -> bool {
    let corpus = Corpus::new(target.seeds);
    let first = match &arguments.input {
        Some(input) => vec![input.clone()],
        None => corpus.seeds().to_vec(),
    };
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let only = arguments.input.is_some();
    let (seed, last) = (arguments.seed, arguments.last.clone());
    let work = move || {
        let mut run =
            Run { target, corpus, random: Random::new(seed), last, count: 0, sensible: 0 };
        let mut sound = first.into_iter().all(|input| run.one(input));
        while sound && !only && Instant::now() < until {
            sound = run.next();
        }
        (sound, run.count, run.sensible)
    };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
    let (sound, count, sensible) = match thread.map(thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        _ => (false, 0, 0),
    };
    let result = if sound { "ok" } else { "FAILED" };
    eprintln!("{:16} {result:6} {count:9} inputs, {sensible} of which made sense", target.name);
    sound
}

#[derive(Debug)]
struct Run {
    target: Target,
    corpus: Corpus,
    random: Random,
    last: Option<PathBuf>,
    count: u64,
    sensible: u64,
}

impl Run {
    fn next(&mut self) -> bool {
        let input = self.corpus.next(&mut self.random);
        self.one(input)
    }

    fn one(&mut self, input: Vec<u8>) -> bool {
        if let Some(file) = &self.last
            && let Err(error) = fs::write(file, hex(&input))
        {
            eprintln!("{}: {error}", file.display());
            return false;
        }
        let start = Instant::now();
        let run = self.target.run;
        let result = panic::catch_unwind(|| run(&input));
        let took = start.elapsed();
        self.count += 1;
        match result {
            Ok(_) if took > INPUT_TIME_MAX => self.report(&input, &format!("took {took:?}")),
            Ok(made_sense) => {
                if made_sense {
                    self.sensible += 1;
                    self.corpus.keep(input, &mut self.random);
                }
                true
            }
            Err(_) => {
                let said = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone();
                self.report(&input, &said)
            }
        }
    }

    fn report(&self, input: &[u8], what: &str) -> bool {
        let name = self.target.name;
        eprintln!("{name}: {what}\nthe input: {:?}", String::from_utf8_lossy(input));
        eprintln!("to see it again: cargo run -p pintle-fuzz -- --input {} {name}", hex(input));
        false
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16);
    pairs.map(byte).collect::<Result<_, _>>().map_err(|_| "not hexadecimal".to_owned())
}
