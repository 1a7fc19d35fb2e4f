//! `/healthz`, `/livez` and `/readyz`: whether the server is well, alive, and to be asked.
//!
//! See [API health endpoints](https://kubernetes.io/docs/reference/using-api/health-checks/). Why a
//! check fails is for the log, not for the client.

use crate::at_rest::AtRest;
use crate::authz::Rbac;
use crate::body::Body;
use crate::cache::Cache;
use crate::request::query_pairs;
use crate::serve::Shutdown;
use crate::{metrics, respond};
use http::Response;
use pintle_storage::Storage;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The checks of a server.
#[derive(Debug)]
pub(crate) struct Health {
    pub storage: Arc<dyn Storage>,
    /// The storages of single resources.
    pub overrides: Vec<Arc<dyn Storage>>,
    pub caches: Vec<Arc<Cache>>,
    pub shutdown: Shutdown,
    /// How long the storage may take to answer a check, and the check whether the server is ready.
    pub healthcheck_time: Duration,
    pub readycheck_time: Duration,
    /// What is sealed, where a plugin may be needed for it.
    pub at_rest: Option<Arc<AtRest>>,
    /// Where roles decide, their defaults must be there before the server is ready.
    pub rbac: Option<Arc<Rbac>>,
    /// Until then `/livez` does not fail for what is done after the start.
    pub livez_from: std::time::Instant,
}

/// One check, by the name under which Kubernetes has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Ping,
    Log,
    /// The storage answers.
    Storage,
    /// The storage answers, and the caches have been loaded from it.
    StorageReadiness,
    /// The storage of single resources answers.
    Override(usize),
    OverrideReadiness(usize),
    /// The plugins that keep keys are well.
    Plugins,
    /// Something that is done before the server is reached at all.
    Started(&'static str),
    /// The default roles are there.
    Roles,
    Shutdown,
}

const STARTED: [Check; 2] = [
    Check::Started("poststarthook/max-in-flight-filter"),
    Check::Started("poststarthook/storage-object-count-tracker-hook"),
];

const ENDPOINTS: [&str; 3] = ["healthz", "livez", "readyz"];

impl Check {
    fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Ping => "ping",
            Self::Log => "log",
            // The name of the check in Kubernetes, whatever the storage is.
            Self::Storage => "etcd",
            Self::StorageReadiness => "etcd-readiness",
            Self::Override(n) => return format!("etcd-override-{n}").into(),
            Self::OverrideReadiness(n) => return format!("etcd-override-readiness-{n}").into(),
            Self::Plugins => "kms-providers",
            Self::Started(name) => name,
            Self::Roles => "poststarthook/rbac/bootstrap-roles",
            Self::Shutdown => "shutdown",
        })
    }
}

impl Health {
    /// The checks of an endpoint, in order.
    fn checks(&self, endpoint: &str) -> Vec<Check> {
        let mut checks = vec![Check::Ping, Check::Log, Check::Storage];
        if endpoint == "readyz" {
            checks.push(Check::StorageReadiness);
        }
        for n in 0..self.overrides.len() {
            checks.push(Check::Override(n));
            checks.extend((endpoint == "readyz").then_some(Check::OverrideReadiness(n)));
        }
        let has_plugins = self.at_rest.as_ref().is_some_and(|at_rest| at_rest.has_plugins());
        if endpoint != "livez" && has_plugins {
            checks.push(Check::Plugins);
        }
        checks.extend(STARTED);
        checks.extend(self.rbac.iter().map(|_| Check::Roles));
        if endpoint == "readyz" {
            checks.push(Check::Shutdown);
        }
        checks
    }

    /// Whether a path is that of all checks of an endpoint.
    pub(crate) fn is_endpoint(path: &str) -> bool {
        path.strip_prefix('/').is_some_and(|name| ENDPOINTS.contains(&name))
    }

    /// The paths of all endpoints and checks.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for endpoint in ENDPOINTS {
            paths.push(format!("/{endpoint}"));
            paths.extend(self.checks(endpoint).iter().map(|c| format!("/{endpoint}/{}", c.name())));
        }
        paths
    }

    /// Answers, if the path is one of health.
    pub(crate) async fn answer(&self, path: &str, query: Option<&str>) -> Option<Response<Body>> {
        let mut parts = path.trim_matches('/').splitn(2, '/');
        let endpoint = parts.next()?;
        if !ENDPOINTS.contains(&endpoint) {
            return None;
        }
        let checks = self.checks(endpoint);
        if let Some(name) = parts.next() {
            let check = checks.into_iter().find(|check| check.name() == name)?;
            return Some(match self.run_for(endpoint, check).await {
                Ok(()) => respond::text(200, "ok"),
                Err(why) => {
                    tracing::warn!(check = name, endpoint, why, "a health check failed");
                    failed(endpoint, &format!("[-]{name} failed: reason withheld\n"))
                }
            });
        }
        Some(self.all(endpoint, &checks, query).await)
    }

    async fn all(&self, endpoint: &str, checks: &[Check], query: Option<&str>) -> Response<Body> {
        let pairs = query_pairs(query);
        let verbose = pairs.iter().any(|(key, _)| key == "verbose");
        let excluded = |name: &str| pairs.iter().any(|(k, v)| k == "exclude" && v == name);
        let mut text = String::new();
        let mut well = true;
        for check in checks {
            let name = check.name();
            // Writing to a string does not fail.
            let _ = match excluded(&name) {
                true => writeln!(text, "[+]{name} excluded: ok"),
                false => match self.run_for(endpoint, *check).await {
                    Ok(()) => writeln!(text, "[+]{name} ok"),
                    Err(why) => {
                        tracing::warn!(check = %name, endpoint, why, "a health check failed");
                        well = false;
                        writeln!(text, "[-]{name} failed: reason withheld")
                    }
                },
            };
        }
        let unknown: Vec<String> = pairs
            .iter()
            .filter(|(key, name)| key == "exclude" && !checks.iter().any(|c| c.name() == **name))
            .map(|(_, name)| format!("{name:?}"))
            .collect();
        if !unknown.is_empty() {
            let _ = writeln!(
                text,
                "warn: some health checks cannot be excluded: no matches for {}",
                unknown.join(", ")
            );
        }
        match (well, verbose) {
            (false, _) => failed(endpoint, &text),
            (true, true) => {
                respond::unsniffed(respond::text(200, format!("{text}{endpoint} check passed\n")))
            }
            (true, false) => respond::unsniffed(respond::text(200, "ok")),
        }
    }

    /// The state of every check as metrics.
    pub(crate) async fn indicators(&self) -> String {
        let name = "kubernetes_healthcheck";
        let mut out = String::new();
        metrics::head(&mut out, name, "gauge", "Whether a health check succeeds.");
        for endpoint in ["healthz", "livez", "readyz"] {
            for check in self.checks(endpoint) {
                let name_of = check.name();
                let labels = [("name", &*name_of), ("type", endpoint)];
                let well = u8::from(self.run(check).await.is_ok());
                metrics::line(&mut out, name, &labels, well);
            }
        }
        out
    }

    /// Runs a check of an endpoint.
    async fn run_for(&self, endpoint: &str, check: Check) -> Result<(), &'static str> {
        let early = std::time::Instant::now() < self.livez_from;
        if endpoint == "livez" && check == Check::Roles && early {
            return Ok(());
        }
        self.run(check).await
    }

    async fn run(&self, check: Check) -> Result<(), &'static str> {
        match check {
            Check::Ping | Check::Log | Check::Started(_) => Ok(()),
            Check::Storage => answers(&self.storage, self.healthcheck_time).await,
            Check::StorageReadiness if self.are_caches_ready() => {
                answers(&self.storage, self.readycheck_time).await
            }
            Check::Override(n) => answers(&self.overrides[n], self.healthcheck_time).await,
            Check::OverrideReadiness(n) => answers(&self.overrides[n], self.readycheck_time).await,
            Check::StorageReadiness => Err("the objects have not been loaded yet"),
            Check::Plugins => match &self.at_rest {
                Some(at_rest) if !at_rest.is_well().await => Err("a KMS plugin is not well"),
                _ => Ok(()),
            },
            Check::Roles if self.rbac.as_ref().is_none_or(|rbac| rbac.is_bootstrapped()) => Ok(()),
            Check::Roles => Err("the default roles have not been made yet"),
            Check::Shutdown if self.shutdown.is_started() => Err("process is shutting down"),
            Check::Shutdown => Ok(()),
        }
    }

    fn are_caches_ready(&self) -> bool {
        self.caches.iter().all(|cache| cache.is_as_ready_as_it_must_be())
    }
}

async fn answers(storage: &Arc<dyn Storage>, time: Duration) -> Result<(), &'static str> {
    match tokio::time::timeout(time, storage.current_revision()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err("the storage cannot be reached"),
        Err(_) => Err("the storage does not answer in time"),
    }
}

fn failed(endpoint: &str, text: &str) -> Response<Body> {
    respond::unsniffed(respond::text(500, format!("{text}{endpoint} check failed\n")))
}
