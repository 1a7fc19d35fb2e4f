//! Several runs as one: the median of each figure.

use crate::load::count_error;
use crate::report::{Measured, Memory, RunReport};

/// The medians of runs of the same scenarios; counts and errors are added up. There must be at least one run.
pub(crate) fn of(runs: &[RunReport]) -> RunReport {
    let Some(first) = runs.first() else { return RunReport::default() };
    let mut report = RunReport { errors: Default::default(), ..first.clone() };
    report.filled_per_second = float(runs, |run| Some(run.filled_per_second)).unwrap_or_default();
    report.memory = memory(runs);
    for run in runs {
        for (line, times) in &run.errors {
            count_error(&mut report.errors, line.clone(), *times);
        }
    }
    for (index, measured) in report.scenarios.iter_mut().enumerate() {
        let all: Vec<&Measured> = runs.iter().filter_map(|run| run.scenarios.get(index)).collect();
        *measured = scenario(&all, measured);
    }
    report
}

fn scenario(all: &[&Measured], first: &Measured) -> Measured {
    let float = |figure: fn(&Measured) -> Option<f64>| float(all, |measured| figure(measured));
    let rss = |figure: fn(&Measured) -> Option<u64>| middle(all.iter().filter_map(|m| figure(m)));
    let mut measured = Measured {
        count: all.iter().map(|measured| measured.count).sum(),
        seconds: all.iter().map(|measured| measured.seconds).sum(),
        per_second: float(|m| Some(m.per_second)).unwrap_or_default(),
        p50_us: float(|m| m.p50_us),
        p99_us: float(|m| m.p99_us),
        max_us: float(|m| m.max_us),
        bytes_per_second: float(|m| Some(m.bytes_per_second)).unwrap_or_default(),
        server_cpu_us: float(|m| m.server_cpu_us),
        generator_cpu_us: float(|m| m.generator_cpu_us),
        generator_busy: float(|m| Some(m.generator_busy)).unwrap_or_default(),
        rss_before_kib: rss(|m| m.rss_before_kib),
        rss_after_kib: rss(|m| m.rss_after_kib),
        errors: Default::default(),
        ..first.clone()
    };
    for (line, times) in all.iter().flat_map(|measured| &measured.errors) {
        count_error(&mut measured.errors, line.clone(), *times);
    }
    measured
}

fn memory(runs: &[RunReport]) -> Memory {
    let kib = |figure: fn(&Memory) -> Option<u64>| {
        middle(runs.iter().filter_map(|run| figure(&run.memory)))
    };
    Memory {
        idle_kib: kib(|memory| memory.idle_kib),
        filled_kib: kib(|memory| memory.filled_kib),
        read_kib: kib(|memory| memory.read_kib),
        end_kib: kib(|memory| memory.end_kib),
        peak_kib: kib(|memory| memory.peak_kib),
    }
}

fn float<T>(all: &[T], figure: impl Fn(&T) -> Option<f64>) -> Option<f64> {
    let mut figures: Vec<f64> = all.iter().filter_map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn middle(figures: impl Iterator<Item = u64>) -> Option<u64> {
    let mut figures: Vec<u64> = figures.collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Errors;
    use crate::scenario::SCENARIOS;

    #[test]
    fn medians() {
        let run = |rate: f64, cpu: Option<f64>, kib: u64| {
            let errors = Errors::from([("HTTP 500".to_owned(), 1)]);
            let measured = Measured {
                count: 2,
                per_second: rate,
                server_cpu_us: cpu,
                errors: errors.clone(),
                ..Measured::empty(&SCENARIOS[0])
            };
            let memory = Memory { idle_kib: Some(kib), ..Memory::default() };
            RunReport { scenarios: vec![measured], memory, errors, ..RunReport::default() }
        };
        let runs = [run(9.0, Some(1.0), 30), run(1.0, None, 10), run(5.0, Some(3.0), 20)];
        let report = of(&runs);
        let measured = &report.scenarios[0];
        assert_eq!((measured.per_second, measured.server_cpu_us), (5.0, Some(3.0)));
        assert_eq!((measured.count, measured.errors["HTTP 500"]), (6, 3));
        assert_eq!((report.memory.idle_kib, report.memory.end_kib), (Some(20), None));
        assert_eq!(report.errors["HTTP 500"], 3);
        assert_eq!(of(&runs[..1]), runs[0]);
    }
}
