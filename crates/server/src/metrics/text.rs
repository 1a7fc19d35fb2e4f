//! What was counted, as text.

use super::{FieldValidation, Filter, Histogram, Kind, Metrics, Series, Watched};
use super::{events, process, write_times};
use crate::cache::{self, Cache};
use crate::version;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// So many of the bounds of durations are left out where what matters is whether a request was slow.
const FINE_DURATIONS: usize = 2;

type All = BTreeMap<Kind, Arc<Series>>;

impl Metrics {
    /// Forgets what was counted of requests. A watch under way is not counted again.
    pub(crate) fn reset(&self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Everything as text, with what others have counted.
    pub(crate) fn text(
        &self,
        caches: &[Arc<Cache>],
        watched: &[Watched<'_>],
        more: impl FnOnce(&mut String),
    ) -> String {
        let mut out = String::new();
        self.requests(&mut out);
        events::write(&mut out, watched);
        self.steps(&mut out);
        head(&mut out, "apiserver_current_inflight_requests", "gauge", "Requests under way.");
        for (kind, counter) in [("mutating", &self.mutating), ("readOnly", &self.reading)] {
            let count = counter.load(Ordering::Relaxed);
            line(&mut out, "apiserver_current_inflight_requests", &[("request_kind", kind)], count);
        }
        cache::write_metrics(&mut out, caches);
        more(&mut out);
        self.build(&mut out);
        process::write(&mut out, self.started);
        out
    }

    fn steps(&self, out: &mut String) {
        let name = "apiserver_request_filter_duration_seconds";
        head(out, name, "histogram", "How long what comes before the answer took.");
        for (filter, times) in Filter::ALL.iter().zip(&self.filters) {
            times.write(out, name, &[("filter", filter)]);
        }
        let name = "field_validation_request_duration_seconds";
        head(out, name, "histogram", "How long requests took, by what they say of unknown fields.");
        for (said, times) in FieldValidation::ALL.iter().zip(&self.field_validations) {
            times.write_coarsely(FINE_DURATIONS, out, name, &[("field_validation", said)]);
        }
    }

    /// What else was counted of requests and connections, and what the program is.
    fn build(&self, out: &mut String) {
        let names = ["authorization_attempts_total", "authorization_duration_seconds"];
        let help =
            ["Requests by what the authorization found.", "How long the authorization took."];
        let results = ["allowed", "no-opinion", "error"].map(|result| vec![("result", result)]);
        write_times(out, names, help, results.into_iter().zip(&self.authorized));
        let name = "apiserver_tls_handshake_errors_total";
        head(out, name, "counter", "Handshakes that failed.");
        line(out, name, &[], self.handshakes.load(Ordering::Relaxed));
        let name = "kubernetes_build_info";
        head(out, name, "gauge", "What the program is.");
        let platform = version::platform();
        let labels = [
            ("compiler", "rustc"),
            ("git_version", version::GIT_VERSION),
            ("major", version::MAJOR),
            ("minor", version::MINOR),
            ("platform", &platform),
        ];
        line(out, name, &labels, 1);
    }

    fn requests(&self, out: &mut String) {
        let all = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        write_codes(out, &all);
        write_durations(out, &all);
        write_bodies(out, &all);
        let name = "apiserver_response_sizes";
        head(out, name, "histogram", "Bytes of answers to requests that read.");
        for (kind, series) in &all {
            series.sizes.write(out, name, &kind.labels());
        }
        let name = "apiserver_longrunning_requests";
        head(out, name, "gauge", "Watches under way.");
        for (kind, series) in all.iter().filter(|(kind, _)| kind.verb == "WATCH") {
            line(out, name, &kind.labels(), series.going_on.load(Ordering::Relaxed));
        }
    }
}

fn write_codes(out: &mut String, all: &All) {
    let name = "apiserver_request_total";
    head(out, name, "counter", "Requests answered.");
    for (kind, series) in all {
        let codes = series.codes.lock().unwrap_or_else(PoisonError::into_inner);
        for ((dry_run, code), count) in &*codes {
            let code = code.to_string();
            let labels = [&kind.labels_of(*dry_run)[..], &[("code", &code)]].concat();
            line(out, name, &labels, *count);
        }
    }
    let name = "apiserver_request_terminations_total";
    head(out, name, "counter", "Requests that were given up, or not let in.");
    for (kind, series) in all {
        let terminated = series.terminated.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, count) in &*terminated {
            let code = code.to_string();
            line(out, name, &[&kind.labels()[..], &[("code", &code)]].concat(), *count);
        }
    }
}

fn write_durations(out: &mut String, all: &All) {
    let name = "apiserver_request_duration_seconds";
    head(out, name, "histogram", "How long requests took.");
    for (kind, series) in all {
        for (dry_run, times) in [false, true].into_iter().zip(&series.times) {
            times.write(out, name, &kind.labels_of(dry_run));
        }
    }
    let name = "apiserver_request_sli_duration_seconds";
    head(out, name, "histogram", "The same without watches and dry runs: nobody is waited for.");
    for (kind, series) in all.iter().filter(|(kind, _)| kind.verb != "WATCH") {
        series.times[0].write_coarsely(FINE_DURATIONS, out, name, &kind.labels());
    }
}

/// The bodies of requests, whatever the version and whatever below an object they were for.
fn write_bodies(out: &mut String, all: &All) {
    let name = "apiserver_request_body_size_bytes";
    head(out, name, "histogram", "Bytes of the bodies of requests.");
    let mut bodies: BTreeMap<[&str; 3], Histogram> = BTreeMap::new();
    for (kind, series) in all {
        let labels = [kind.group.as_str(), kind.resource.as_str(), kind.body_verb()];
        let sum = bodies.entry(labels).or_insert_with(|| series.bodies.same());
        sum.add_all(&series.bodies);
    }
    for ([group, resource, verb], sizes) in bodies {
        sizes.write(out, name, &[("group", group), ("resource", resource), ("verb", verb)]);
    }
}

impl Kind {
    /// The verb, as it is called for the body of a request.
    fn body_verb(&self) -> &'static str {
        match (self.verb, self.scope) {
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH" | "APPLY", _) => "patch",
            ("DELETE", "resource") => "delete",
            ("DELETE", _) => "delete_collection",
            (other, _) => other,
        }
    }

    fn labels(&self) -> [(&'static str, &str); 7] {
        [
            ("component", if self.resource.is_empty() { "" } else { "apiserver" }),
            ("group", &self.group),
            ("resource", &self.resource),
            ("scope", self.scope),
            ("subresource", &self.subresource),
            ("verb", self.verb),
            ("version", &self.version),
        ]
    }

    fn labels_of(&self, dry_run: bool) -> Vec<(&'static str, &str)> {
        let mut labels = self.labels().to_vec();
        labels.insert(1, ("dry_run", if dry_run { "All" } else { "" }));
        labels
    }
}

/// Writes the lines of one series of a histogram.
pub(super) fn histogram<'a>(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    buckets: impl Iterator<Item = (&'a f64, u64)>,
    (sum, count): (f64, u64),
) {
    let mut below = 0;
    for (bound, more) in buckets {
        below += more;
        let bound = bound.to_string();
        let labels = [labels, &[("le", bound.as_str())]].concat();
        line(out, &format!("{name}_bucket"), &labels, below);
    }
    line(out, &format!("{name}_bucket"), &[labels, &[("le", "+Inf")]].concat(), count);
    line(out, &format!("{name}_sum"), labels, sum);
    line(out, &format!("{name}_count"), labels, count);
}

/// Writes what precedes the lines of a metric.
pub(crate) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Writes one line. Label values are names of resources and the like: there is nothing to escape.
pub(crate) fn line(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    value: impl std::fmt::Display,
) {
    let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
    let _ = match labels.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
    };
}
