//! Two servers in turn, on one machine and in one run: what counts are the ratios.

use std::fmt::Write as _;

use serde::Serialize;

use crate::failure::Failure;
use crate::floor;
use crate::median;
use crate::options::{CompareOptions, Settings};
use crate::report::{Measured, RunReport, mib, micros, notes, rate};
use crate::run;
use crate::server::Server;
use crate::subject::{Recipe, Subject};

/// One of the two servers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Side {
    /// What the tables call it.
    pub(crate) name: String,
    /// The command that started it.
    pub(crate) command: String,
    /// From start to ready, for each start, in milliseconds and in ascending order.
    pub(crate) ready_ms: Vec<f64>,
    /// The medians of all runs.
    pub(crate) run: RunReport,
    /// What was measured, each time that it was.
    pub(crate) runs: Vec<RunReport>,
}

/// Both servers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    /// The first.
    pub(crate) a: Side,
    /// The second.
    pub(crate) b: Side,
    /// The reads of the first, with its bytes sent by nothing but hyper and rustls.
    pub(crate) floor: Option<RunReport>,
}

/// Starts and measures the two servers in turn, as often as there are rounds.
///
/// # Errors
/// When a server does not start, or cannot be filled. Everything that was started is stopped then.
pub(crate) async fn compare(options: &CompareOptions) -> Result<Comparison, Failure> {
    let CompareOptions { a, a_url, a_with, a_etcd, a_name, settings, .. } = options;
    let a = Recipe {
        name: a_name.clone(),
        command: a.clone(),
        url: a_url.clone(),
        with: a_with.clone(),
        etcd: a_etcd.clone(),
    };
    let CompareOptions { b, b_url, b_with, b_etcd, b_name, .. } = options;
    let b = Recipe {
        name: b_name.clone(),
        command: b.clone(),
        url: b_url.clone(),
        with: b_with.clone(),
        etcd: b_etcd.clone(),
    };
    let mut sides = [Side::new(&a), Side::new(&b)];
    for round in 1..=options.rounds {
        for (side, recipe) in sides.iter_mut().zip([&a, &b]) {
            eprintln!("pintle-bench: {}, round {round} of {}", recipe.name, options.rounds);
            side.measure(recipe, settings).await?;
        }
    }
    let floor = match options.floor {
        true => Some(floor::measure(&a, &floor::command()?, settings).await?),
        false => None,
    };
    let [a, b] = sides.map(Side::summed_up);
    Ok(Comparison { a, b, floor })
}

impl Side {
    fn new(recipe: &Recipe) -> Self {
        let Recipe { name, command, .. } = recipe.clone();
        Self { name, command, ready_ms: Vec::new(), run: RunReport::default(), runs: Vec::new() }
    }

    async fn measure(&mut self, recipe: &Recipe, settings: &Settings) -> Result<(), Failure> {
        let subject = Subject::start(recipe, settings.bearer()?.as_deref()).await?;
        self.ready_ms.push(subject.ready_after.as_secs_f64() * 1e3);
        // The server goes away with its folder: there is no need to remove the objects one by one.
        self.runs.push(run::run(&Server::from(&subject), settings, true).await?);
        Ok(())
    }

    fn summed_up(mut self) -> Self {
        self.ready_ms.sort_by(f64::total_cmp);
        self.run = median::of(&self.runs);
        self
    }

    fn ready_us(&self) -> Option<f64> {
        self.ready_ms.get(self.ready_ms.len() / 2).map(|millis| millis * 1e3)
    }
}

impl Comparison {
    /// Whether anything went wrong on either side.
    pub(crate) fn has_errors(&self) -> bool {
        [&self.a, &self.b].iter().any(|side| !side.run.error_lines().is_empty())
    }

    /// The comparison as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let (a, b) = (&self.a, &self.b);
        let RunReport { protocol, objects, concurrency, .. } = &a.run;
        let mut text = format!(
            "{} ({} bytes an object) and {} ({} bytes), {protocol}, {objects} objects, {concurrency} requests in flight\n\n",
            a.name, a.run.object_bytes, b.name, b.run.object_bytes
        );
        let (an, bn) = (&a.name, &b.name);
        let _ = write!(
            text,
            "| work | rate {an} | {bn} | {an}/{bn} | server CPU each {an} | {bn} | {an}/{bn} | p50 {an} | {bn} | p99 {an} | {bn} |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        );
        for (of_a, of_b) in self.pairs() {
            text.push_str(&row(of_a, of_b));
        }
        let _ = write!(text, "\n| | {an} | {bn} | {an}/{bn} |\n|---|--:|--:|--:|\n");
        let (ready_a, ready_b) = (a.ready_us(), b.ready_us());
        let (ready_a_text, ready_b_text) = (micros(ready_a), micros(ready_b));
        let _ = writeln!(
            text,
            "| start to ready | {ready_a_text} | {ready_b_text} | {} |",
            ratio(ready_a, ready_b)
        );
        for (what, kib_a, kib_b) in self.memory() {
            let as_f64 = |kib: Option<u64>| kib.map(|kib| kib as f64);
            let quotient = ratio(as_f64(kib_a), as_f64(kib_b));
            let _ = writeln!(text, "| {what} | {} | {} | {quotient} |", mib(kib_a), mib(kib_b));
        }
        if let Some(floor) = &self.floor {
            text.push_str(&against_floor(&a.name, &a.run, floor));
        }
        text.push_str(&notes(&[(an, &a.run), (bn, &b.run)]));
        text
    }

    /// What was measured of both, scenario by scenario.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Measured, &Measured)> {
        self.a.run.scenarios.iter().zip(&self.b.run.scenarios)
    }

    fn memory(&self) -> [(&'static str, Option<u64>, Option<u64>); 6] {
        let (a, b) = (&self.a.run.memory, &self.b.run.memory);
        let added = |later: Option<u64>, idle: Option<u64>| {
            later.zip(idle).map(|(later, idle)| later.saturating_sub(idle))
        };
        [
            ("memory, idle", a.idle_kib, b.idle_kib),
            ("memory, filled", a.filled_kib, b.filled_kib),
            ("memory, after reads", a.read_kib, b.read_kib),
            ("… added since idle", added(a.read_kib, a.idle_kib), added(b.read_kib, b.idle_kib)),
            ("memory, at the end", a.end_kib, b.end_kib),
            ("memory, at most", a.peak_kib, b.peak_kib),
        ]
    }
}

/// A server beside the floor of each read.
fn against_floor(name: &str, run: &RunReport, floor: &RunReport) -> String {
    let mut text = format!(
        "\nThe floor is hyper and rustls with nothing above them, sending the bytes of {name}.\n\n\
         | work | rate floor | {name}/floor | server CPU each floor | {name}/floor |\n\
         |---|--:|--:|--:|--:|\n"
    );
    for least in &floor.scenarios {
        let Some(measured) = run.scenarios.iter().find(|measured| measured.name == least.name)
        else {
            continue;
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            least.what,
            rate(least),
            ratio(Some(measured.per_second), Some(least.per_second)),
            micros(least.server_cpu_us),
            ratio(measured.server_cpu_us, least.server_cpu_us),
        );
    }
    text
}

fn row(a: &Measured, b: &Measured) -> String {
    let rate_of = |measured: &Measured| match (&measured.skipped, measured.count) {
        (Some(_), _) => "skipped".to_owned(),
        (None, 0) => "–".to_owned(),
        (None, _) => rate(measured),
    };
    let number = |measured: &Measured| (measured.count > 0).then_some(measured.per_second);
    let good = a.errors.is_empty() && b.errors.is_empty();
    let flag = if good { "" } else { " **with errors**" };
    format!(
        "| {}{flag} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        a.what,
        rate_of(a),
        rate_of(b),
        ratio(number(a), number(b)),
        micros(a.server_cpu_us),
        micros(b.server_cpu_us),
        ratio(a.server_cpu_us, b.server_cpu_us),
        micros(a.p50_us),
        micros(b.p50_us),
        micros(a.p99_us),
        micros(b.p99_us),
    )
}

/// a/b, where both are known and neither is nothing.
pub(crate) fn quotient(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).filter(|(a, b)| *a > 0.0 && *b > 0.0).map(|(a, b)| a / b)
}

/// a/b, with about three digits; a dash when either is not known.
fn ratio(a: Option<f64>, b: Option<f64>) -> String {
    match quotient(a, b) {
        Some(times) if times >= 10.0 => format!("{times:.1}×"),
        Some(times) if times >= 0.1 => format!("{times:.2}×"),
        Some(times) => format!("{times:.3}×"),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::chart;
    use crate::report::Memory;
    use crate::scenario::SCENARIOS;

    fn a_side(name: &str, times: f64) -> Side {
        let scenarios = vec![
            Measured {
                count: 9,
                per_second: 1000.0 * times,
                server_cpu_us: Some(100.0 / times),
                ..Measured::empty(&SCENARIOS[0])
            },
            Measured::skipped(&SCENARIOS[1], "HTTP 406".to_owned()),
        ];
        let memory = Memory {
            idle_kib: Some((8192.0 / times) as u64),
            read_kib: Some(16_384),
            ..Memory::default()
        };
        Side {
            name: name.to_owned(),
            command: String::new(),
            ready_ms: vec![1.0, 20.0 / times, 900.0],
            run: RunReport { pid: Some(1), scenarios, memory, ..RunReport::default() },
            runs: Vec::new(),
        }
    }

    #[test]
    fn ratios() {
        let check = |a: Option<f64>, b: Option<f64>, want: &str| assert_eq!(ratio(a, b), want);
        check(Some(50.0), Some(2.0), "25.0×");
        check(Some(5.0), Some(2.0), "2.50×");
        check(Some(1.0), Some(18.0), "0.056×");
        check(Some(1.0), Some(0.0), "–");
        check(None, Some(1.0), "–");
    }

    #[test]
    fn tables() {
        let mut comparison =
            Comparison { a: a_side("ours", 4.0), b: a_side("go", 1.0), floor: None };
        comparison.floor = Some(a_side("floor", 8.0).run);
        let text = comparison.markdown();
        for part in [
            "| GET one, consistent | 4,000/s | 1,000/s | 4.00× | 25.0 µs | 100 µs | 0.25× | – | – | – | – |",
            "| GET one, resourceVersion=0 | skipped | skipped | – |",
            "| start to ready | 5.00 ms | 20.00 ms | 0.25× |",
            "| memory, idle | 2.0 MiB | 8.0 MiB | 0.25× |",
            "| GET one, consistent | 8,000/s | 0.50× | 12.5 µs | 2.00× |",
            "| … added since idle | 14.0 MiB | 8.0 MiB | 1.75× |",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        let svg = chart(&comparison);
        assert!(svg.contains("ours, times as good as go") && svg.contains(">4.0</text>"), "{svg}");
        assert_eq!(svg.matches("GET one").count(), 1, "what was skipped is not shown: {svg}");
        assert!(!comparison.has_errors());
        comparison.b.run.errors.insert("HTTP 500".to_owned(), 2);
        assert!(comparison.has_errors());
        let text = comparison.markdown();
        assert!(text.contains("Errors of go:\n- fill and cleaning: 2 × HTTP 500\n"), "{text}");
    }
}
