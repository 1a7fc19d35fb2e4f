//! The same metrics in the format of [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/),
//! for whoever asks for it.

use std::fmt::Write;

/// The media type that is asked for.
pub(crate) const MEDIA: &str = "application/openmetrics-text";
/// The one of the answer.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Rewrites the text format of Prometheus: a counter is called without `_total` and its value with
/// it, bounds of buckets are fractions, and the end is said.
pub(crate) fn open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut counter = "";
    let counters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    for line in text.lines() {
        // Writing to a string does not fail.
        let _ = match line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) {
            Some((word, rest)) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                counter = if counters.contains(&name) { name } else { "" };
                let family = match counter {
                    "" => name,
                    counter => counter.strip_suffix("_total").unwrap_or(counter),
                };
                writeln!(out, "# {word} {family} {rest}")
            }
            None if !counter.is_empty() && !counter.ends_with("_total") => {
                writeln!(out, "{counter}_total{}", &line[counter.len()..])
            }
            None => writeln!(out, "{}", with_fraction(line)),
        };
    }
    out.push_str("# EOF\n");
    out
}

/// `le="5"` becomes `le="5.0"`.
fn with_fraction(line: &str) -> String {
    let Some((before, rest)) = line.split_once("le=\"") else { return line.to_owned() };
    let Some((bound, after)) = rest.split_once('"') else { return line.to_owned() };
    let whole = !bound.is_empty() && bound.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = if whole { ".0" } else { "" };
    format!("{before}le=\"{bound}{fraction}\"{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_buckets_and_the_end() {
        let text = "\
# HELP a_total What.
# TYPE a_total counter
a_total{x=\"1\"} 1
# HELP attempts How often.
# TYPE attempts counter
attempts{result=\"error\"} 2
# HELP g A gauge.
# TYPE g gauge
g 3
# HELP h_seconds How long.
# TYPE h_seconds histogram
h_seconds_bucket{le=\"0.5\"} 1
h_seconds_bucket{le=\"5\"} 1
h_seconds_bucket{le=\"+Inf\"} 1
h_seconds_sum 0.1
h_seconds_count 1
";
        let want = "\
# HELP a What.
# TYPE a counter
a_total{x=\"1\"} 1
# HELP attempts How often.
# TYPE attempts counter
attempts_total{result=\"error\"} 2
# HELP g A gauge.
# TYPE g gauge
g 3
# HELP h_seconds How long.
# TYPE h_seconds histogram
h_seconds_bucket{le=\"0.5\"} 1
h_seconds_bucket{le=\"5.0\"} 1
h_seconds_bucket{le=\"+Inf\"} 1
h_seconds_sum 0.1
h_seconds_count 1
# EOF
";
        assert_eq!(open_metrics(text), want);
    }
}
