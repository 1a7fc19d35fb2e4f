//! Two servers in turn, on one machine and in one run: what counts are the ratios.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;
use crate::options::{CompareOptions, Settings};
use crate::report::{Measured, RunReport, mib, micros, notes, rate};
use crate::run;
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
    /// What was measured.
    pub(crate) run: RunReport,
}

/// Both servers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    /// The first.
    pub(crate) a: Side,
    /// The second.
    pub(crate) b: Side,
}

/// Starts and measures the two servers, one after the other.
///
/// # Errors
/// When a server does not start, or cannot be filled. Everything that was started is stopped then.
pub(crate) async fn compare(options: &CompareOptions) -> Result<Comparison, Failure> {
    let CompareOptions { a, a_url, a_with, a_name, .. } = options;
    let a = Recipe {
        name: a_name.clone(),
        command: a.clone(),
        url: a_url.clone(),
        with: a_with.clone(),
    };
    let CompareOptions { b, b_url, b_with, b_name, .. } = options;
    let b = Recipe {
        name: b_name.clone(),
        command: b.clone(),
        url: b_url.clone(),
        with: b_with.clone(),
    };
    Ok(Comparison {
        a: side(&a, options.starts, &options.settings).await?,
        b: side(&b, options.starts, &options.settings).await?,
    })
}

async fn side(recipe: &Recipe, starts: u64, settings: &Settings) -> Result<Side, Failure> {
    let token = settings.bearer()?;
    let mut ready = Vec::new();
    for _ in 1..starts {
        eprintln!("pintle-bench: starting {}", recipe.name);
        let subject = Subject::start(recipe, token.as_deref()).await?;
        ready.push(subject.ready_after);
    }
    eprintln!("pintle-bench: starting and measuring {}", recipe.name);
    let subject = Subject::start(recipe, token.as_deref()).await?;
    ready.push(subject.ready_after);
    // The server goes away with its folder: there is no need to remove the objects one by one.
    let run = run::run(&subject.url, settings, Some(subject.process), true).await?;
    ready.sort();
    Ok(Side {
        name: recipe.name.clone(),
        command: recipe.command.clone(),
        ready_ms: ready.iter().map(Duration::as_secs_f64).map(|seconds| seconds * 1e3).collect(),
        run,
    })
}

impl Side {
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
            "| work | rate {an} | {bn} | {an}/{bn} | server CPU each {an} | {bn} | {an}/{bn} | p99 {an} | {bn} |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        );
        for (of_a, of_b) in a.run.scenarios.iter().zip(&b.run.scenarios) {
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
        text.push_str(&notes(&[(an, &a.run), (bn, &b.run)]));
        text
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
        "| {}{flag} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        a.what,
        rate_of(a),
        rate_of(b),
        ratio(number(a), number(b)),
        micros(a.server_cpu_us),
        micros(b.server_cpu_us),
        ratio(a.server_cpu_us, b.server_cpu_us),
        micros(a.p99_us),
        micros(b.p99_us),
    )
}

/// a/b, with about three digits; a dash when either is not known.
fn ratio(a: Option<f64>, b: Option<f64>) -> String {
    match a.zip(b) {
        Some((a, b)) if b > 0.0 && a / b >= 10.0 => format!("{:.1}×", a / b),
        Some((a, b)) if b > 0.0 && a / b >= 0.1 => format!("{:.2}×", a / b),
        Some((a, b)) if b > 0.0 => format!("{:.3}×", a / b),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let mut comparison = Comparison { a: a_side("ours", 4.0), b: a_side("go", 1.0) };
        let text = comparison.markdown();
        for part in [
            "| GET one, consistent | 4,000/s | 1,000/s | 4.00× | 25.0 µs | 100 µs | 0.25× | – | – |",
            "| GET one, resourceVersion=0 | skipped | skipped | – |",
            "| start to ready | 5.00 ms | 20.00 ms | 0.25× |",
            "| memory, idle | 2.0 MiB | 8.0 MiB | 0.25× |",
            "| … added since idle | 14.0 MiB | 8.0 MiB | 1.75× |",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!comparison.has_errors());
        comparison.b.run.errors.insert("HTTP 500".to_owned(), 2);
        assert!(comparison.has_errors());
        let text = comparison.markdown();
        assert!(text.contains("Errors of go:\n- fill and cleaning: 2 × HTTP 500\n"), "{text}");
    }
}
