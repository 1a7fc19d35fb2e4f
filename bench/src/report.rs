//! What was measured: the raw figures, as they are written as JSON, and the tables made from them.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;
use crate::load::{Errors, Outcome};
use crate::scenario::Scenario;

/// Above this share of its threads' time the generator, not the server, may have set the rate.
const BUSY_SHARE: f64 = 0.9;

/// One scenario on one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Measured {
    /// The scenario.
    pub(crate) name: &'static str,
    /// The same in words.
    pub(crate) what: &'static str,
    /// What is counted: requests or events.
    pub(crate) unit: &'static str,
    /// Good answers within the time.
    pub(crate) count: u64,
    /// The time.
    pub(crate) seconds: f64,
    /// Answers per second.
    pub(crate) per_second: f64,
    /// Median latency.
    pub(crate) p50_us: Option<f64>,
    /// What one answer in a hundred exceeds.
    pub(crate) p99_us: Option<f64>,
    /// The slowest answer.
    pub(crate) max_us: Option<f64>,
    /// Bytes of bodies per second.
    pub(crate) bytes_per_second: f64,
    /// CPU time of the server per answer.
    pub(crate) server_cpu_us: Option<f64>,
    /// CPU time of the load generator per answer.
    pub(crate) generator_cpu_us: Option<f64>,
    /// Share of its threads' time that the load generator used.
    pub(crate) generator_busy: f64,
    /// Resident memory of the server before.
    pub(crate) rss_before_kib: Option<u64>,
    /// And after.
    pub(crate) rss_after_kib: Option<u64>,
    /// Why it was left out, if it was.
    pub(crate) skipped: Option<String>,
    /// What went wrong.
    pub(crate) errors: Errors,
}

impl Measured {
    /// A scenario that nothing is known of yet.
    pub(crate) fn empty(scenario: &Scenario) -> Self {
        let Scenario { name, what, .. } = *scenario;
        Self { name, what, unit: scenario.unit(), ..Self::default() }
    }

    /// A scenario that failed before it could be measured.
    pub(crate) fn failed(scenario: &Scenario, failure: &Failure) -> Self {
        let errors = Errors::from([(failure.to_string(), 1)]);
        Self { errors, ..Self::empty(scenario) }
    }

    /// A scenario that the server does not offer.
    pub(crate) fn skipped(scenario: &Scenario, why: String) -> Self {
        Self { skipped: Some(why), ..Self::empty(scenario) }
    }

    /// The figures of an outcome that a generator with some threads had.
    pub(crate) fn of(scenario: &Scenario, outcome: Outcome, threads: u64) -> Self {
        let seconds = outcome.elapsed.as_secs_f64();
        let per = |total: f64, by: f64| if by > 0.0 { total / by } else { 0.0 };
        let each = |cpu: Duration| {
            (outcome.requests > 0).then(|| cpu.as_secs_f64() * 1e6 / outcome.requests as f64)
        };
        Self {
            count: outcome.requests,
            seconds,
            per_second: per(outcome.requests as f64, seconds),
            p50_us: outcome.latencies.quantile_us(0.5),
            p99_us: outcome.latencies.quantile_us(0.99),
            max_us: outcome.latencies.max_us(),
            bytes_per_second: per(outcome.bytes as f64, seconds),
            server_cpu_us: outcome.server_cpu.and_then(each),
            generator_cpu_us: each(outcome.own_cpu),
            generator_busy: per(outcome.own_cpu.as_secs_f64(), seconds * threads as f64),
            errors: outcome.errors,
            ..Self::empty(scenario)
        }
    }
}

/// Resident memory of the server at points of a run, in KiB.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Memory {
    /// Before the first request.
    pub(crate) idle_kib: Option<u64>,
    /// With all objects in it.
    pub(crate) filled_kib: Option<u64>,
    /// After all reads.
    pub(crate) read_kib: Option<u64>,
    /// At the end of all scenarios.
    pub(crate) end_kib: Option<u64>,
    /// The most that there ever was.
    pub(crate) peak_kib: Option<u64>,
}

/// A whole run on one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct RunReport {
    /// The server's URL.
    pub(crate) server: String,
    /// The protocol.
    pub(crate) protocol: String,
    /// The server's process, if it is known.
    pub(crate) pid: Option<u32>,
    /// Requests in flight.
    pub(crate) concurrency: usize,
    /// Objects in the server.
    pub(crate) objects: u64,
    /// Bytes of one of them.
    pub(crate) object_bytes: usize,
    /// How many of them were created per second.
    pub(crate) filled_per_second: f64,
    /// What went wrong outside of the scenarios.
    pub(crate) errors: Errors,
    /// The server's memory.
    pub(crate) memory: Memory,
    /// The scenarios.
    pub(crate) scenarios: Vec<Measured>,
}

impl RunReport {
    /// Everything that went wrong, one line for each kind.
    pub(crate) fn error_lines(&self) -> Vec<String> {
        let of = |name: &str, errors: &Errors| -> Vec<String> {
            errors.iter().map(|(line, times)| format!("{name}: {times} × {line}")).collect()
        };
        let mut lines = of("fill and cleaning", &self.errors);
        lines
            .extend(self.scenarios.iter().flat_map(|measured| of(measured.name, &measured.errors)));
        lines
    }

    /// The run as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{} ({}), {} objects of {} bytes, {} requests in flight\n\n",
            self.server, self.protocol, self.objects, self.object_bytes, self.concurrency
        );
        text.push_str(
            "| work | rate | p50 | p99 | max | body bytes | server CPU each | memory before → after | generator busy |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for measured in &self.scenarios {
            text.push_str(&row(measured));
        }
        let Memory { idle_kib, filled_kib, read_kib, end_kib, peak_kib } = self.memory;
        let _ = write!(
            text,
            "\nResident memory: idle {}, filled {}, after reads {}, at the end {}, at most {}\n",
            mib(idle_kib),
            mib(filled_kib),
            mib(read_kib),
            mib(end_kib),
            mib(peak_kib)
        );
        text.push_str(&notes(&[("", self)]));
        text
    }

    /// The rate of creates as a share of that of other work.
    fn create_as_share_of(&self, other: &str) -> Option<f64> {
        let rate = |name| {
            let mut all = self.scenarios.iter();
            all.find(|measured| measured.name == name && measured.count > 0).map(|m| m.per_second)
        };
        Some(rate("create")? / rate(other)?)
    }
}

fn row(measured: &Measured) -> String {
    if let Some(why) = &measured.skipped {
        return format!("| {} | skipped: {why} | | | | | | | |\n", measured.what);
    }
    let flag = if measured.errors.is_empty() { "" } else { " **with errors**" };
    format!(
        "| {}{flag} | {} | {} | {} | {} | {}/s | {} | {} → {} | {:.0} % |\n",
        measured.what,
        rate(measured),
        micros(measured.p50_us),
        micros(measured.p99_us),
        micros(measured.max_us),
        bytes(measured.bytes_per_second),
        micros(measured.server_cpu_us),
        mib(measured.rss_before_kib),
        mib(measured.rss_after_kib),
        measured.generator_busy * 100.0,
    )
}

/// What a reader must know to judge the tables: errors, a generator that was too slow, figures that are missing.
pub(crate) fn notes(runs: &[(&str, &RunReport)]) -> String {
    let mut text = String::new();
    for (name, run) in runs {
        let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
        let busy: Vec<&str> = run
            .scenarios
            .iter()
            .filter(|measured| measured.generator_busy > BUSY_SHARE)
            .map(|measured| measured.name)
            .collect();
        if !busy.is_empty() {
            let names = busy.join(", ");
            let _ = write!(text, "\nThe load generator may have set these rates{of}: {names}\n");
        }
        for (name, what) in [("etcd-put", "raw puts into"), ("etcd-txn", "raw creates in")] {
            if let Some(share) = run.create_as_share_of(name) {
                let share = share * 100.0;
                let _ =
                    write!(text, "\nThe rate of CREATE{of} is {share:.0} % of {what} its etcd\n");
            }
        }
        if run.pid.is_none() {
            let _ =
                write!(text, "\nNo CPU time and memory{of}: its process is not known, use --pid\n");
        }
        let lines = run.error_lines();
        if !lines.is_empty() {
            let _ = write!(text, "\nErrors{of}:\n");
            for line in lines {
                let _ = writeln!(text, "- {line}");
            }
        }
    }
    text
}

/// A rate with its unit, if that is not requests.
pub(crate) fn rate(measured: &Measured) -> String {
    let number = measured.per_second;
    let text = if number < 100.0 { format!("{number:.1}") } else { grouped(number) };
    if measured.unit == "event" { format!("{text} events/s") } else { format!("{text}/s") }
}

/// Microseconds in a unit that leaves three digits or so.
pub(crate) fn micros(micros: Option<f64>) -> String {
    match micros {
        None => "–".to_owned(),
        Some(micros) if micros < 100.0 => format!("{micros:.1} µs"),
        Some(micros) if micros < 1e3 => format!("{micros:.0} µs"),
        Some(micros) if micros < 1e5 => format!("{:.2} ms", micros / 1e3),
        Some(micros) if micros < 1e6 => format!("{:.0} ms", micros / 1e3),
        Some(micros) => format!("{:.2} s", micros / 1e6),
    }
}

/// KiB as MiB.
pub(crate) fn mib(kib: Option<u64>) -> String {
    kib.map_or_else(|| "–".to_owned(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0))
}

fn bytes(number: f64) -> String {
    if number < 1e6 { format!("{:.1} kB", number / 1e3) } else { format!("{:.1} MB", number / 1e6) }
}

/// A whole number with commas between groups of three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn numbers() {
        let check = |got: String, want: &str| assert_eq!(got, want);
        check(grouped(7.0), "7");
        check(grouped(1234.4), "1,234");
        check(grouped(1_234_567.0), "1,234,567");
        check(micros(None), "–");
        check(micros(Some(12.34)), "12.3 µs");
        check(micros(Some(196.0)), "196 µs");
        check(micros(Some(5650.0)), "5.65 ms");
        check(micros(Some(210_000.0)), "210 ms");
        check(micros(Some(2.5e6)), "2.50 s");
        check(mib(Some(1536)), "1.5 MiB");
        check(bytes(8.2e6), "8.2 MB");
        check(bytes(824.0), "0.8 kB");
    }

    #[test]
    fn tables_tell_of_errors_and_skips() {
        let scenario = &SCENARIOS[0];
        let errors = Errors::from([("HTTP 500".to_owned(), 3)]);
        let outcome = Outcome {
            requests: 10,
            elapsed: Duration::from_secs(2),
            server_cpu: Some(Duration::from_millis(1)),
            own_cpu: Duration::from_secs(2),
            errors,
            ..Outcome::default()
        };
        let run = RunReport {
            scenarios: vec![
                Measured::of(scenario, outcome, 1),
                Measured::skipped(&SCENARIOS[1], "HTTP 406".to_owned()),
                Measured::failed(&SCENARIOS[2], &Failure::new("no page")),
            ],
            ..RunReport::default()
        };
        let text = run.markdown();
        for part in [
            "| GET one, consistent **with errors** | 5.0/s | – |",
            "| 100 µs | – → – | 100 % |",
            "| GET one, resourceVersion=0 | skipped: HTTP 406 |",
            "may have set these rates: get-consistent\n",
            "its process is not known, use --pid",
            "- get-consistent: 3 × HTTP 500\n- list-500: 1 × no page\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
