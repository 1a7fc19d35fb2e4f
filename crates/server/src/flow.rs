//! Requests in flight: how many are answered at a time, reading and changing ones apart.
//!
//! What is over the limit is told to come again; `system:masters` is always answered, and watches do
//! not count. These are the limits of a Kubernetes server
//! [without priority and fairness](https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).

use crate::authz::MASTERS;
use crate::metrics;
use crate::options::LifecycleOptions;
use pintle_meta::User;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The limits of a server, and what is under way.
#[derive(Debug)]
pub(crate) struct Flow {
    reading: Gate,
    mutating: Gate,
}

/// So many at a time; zero for any number.
#[derive(Debug)]
struct Gate {
    max: usize,
    now: AtomicUsize,
    dropped: AtomicU64,
}

/// A request that is in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(Option<&'a Gate>);

/// There are too many requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.0 {
            gate.now.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Flow {
    /// The limits of the flags.
    pub(crate) fn of(options: &LifecycleOptions) -> Self {
        Self::new(options.max_requests_inflight, options.max_mutating_requests_inflight)
    }

    /// Limits for requests that read and for those that change something; zero for none.
    fn new(reading_max: usize, mutating_max: usize) -> Self {
        let gate = |max| Gate { max, now: AtomicUsize::new(0), dropped: AtomicU64::new(0) };
        Self { reading: gate(reading_max), mutating: gate(mutating_max) }
    }

    /// Lets a request in; the verb is that of the authorization. What goes on for long is not counted.
    pub(crate) fn admit(
        &self,
        user: &User,
        verb: &str,
        long_running: bool,
    ) -> Result<InFlight<'_>, TooMany> {
        if long_running || verb == "watch" {
            return Ok(InFlight(None));
        }
        let gate = if matches!(verb, "get" | "list") { &self.reading } else { &self.mutating };
        if gate.max == 0 {
            return Ok(InFlight(None));
        }
        let room = |now: usize| (now < gate.max).then_some(now + 1);
        if gate.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_ok() {
            return Ok(InFlight(Some(gate)));
        }
        if user.in_group(MASTERS) {
            return Ok(InFlight(None));
        }
        gate.dropped.fetch_add(1, Ordering::Relaxed);
        Err(TooMany)
    }

    /// Writes as metrics how many requests were told to come again.
    pub(crate) fn write(&self, out: &mut String) {
        let name = "apiserver_dropped_requests_total";
        metrics::head(out, name, "counter", "Requests over the limit of those in flight.");
        for (kind, gate) in [("mutating", &self.mutating), ("readOnly", &self.reading)] {
            let dropped = gate.dropped.load(Ordering::Relaxed);
            metrics::line(out, name, &[("request_kind", kind)], dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_refused() {
        let flow = Flow::new(2, 1);
        let jane = User::default();
        let admin = User { groups: vec![MASTERS.to_owned()], ..User::default() };
        let first = flow.admit(&jane, "get", false).unwrap();
        let _second = flow.admit(&jane, "list", false).unwrap();
        assert_eq!(flow.admit(&jane, "get", false).err(), Some(TooMany));
        let _watch = flow.admit(&jane, "watch", false).unwrap();
        let _log = flow.admit(&jane, "get", true).unwrap();
        let _master = flow.admit(&admin, "get", false).unwrap();
        let write = flow.admit(&jane, "create", false).unwrap();
        for verb in ["patch", "delete", "post", ""] {
            assert_eq!(flow.admit(&jane, verb, false).err(), Some(TooMany), "{verb}");
        }
        drop((first, write));
        assert!(flow.admit(&jane, "get", false).is_ok());
        assert!(flow.admit(&jane, "update", false).is_ok());
        let mut text = String::new();
        flow.write(&mut text);
        assert!(text.contains("{request_kind=\"mutating\"} 4\n"), "{text}");
        assert!(text.contains("{request_kind=\"readOnly\"} 1\n"), "{text}");
        let free = Flow::new(0, 0);
        let all: Vec<_> = (0..1_000).map(|_| free.admit(&jane, "create", false)).collect();
        assert!(all.iter().all(Result::is_ok));
    }
}
