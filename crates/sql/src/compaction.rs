//! Compaction in the background: the past is kept for a while, and then forgotten.
//!
//! As [Kubernetes has etcd compacted](https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/)
//! (`--etcd-compaction-interval`): at each interval, up to the revision of the interval before. So
//! what happened is kept for one to two intervals.

use crate::log::Shared;
use pintle_storage::{Error, Result, Revision};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The interval where an address names none; that of Kubernetes.
const INTERVAL: Duration = Duration::from_secs(300);

/// What the interval is called in an address.
const PARAMETER: &str = "compaction-seconds=";

/// How long to rest between two steps of cleaning, so that others get their turn.
const CLEAN_PAUSE: Duration = Duration::from_millis(2);

/// Takes the interval out of the query of an address; zero means never.
///
/// # Errors
/// Where it is not a number of seconds.
pub(crate) fn interval(address: &str) -> io::Result<(String, Duration)> {
    let Some((before, query)) = address.rsplit_once('?') else {
        return Ok((address.to_owned(), INTERVAL));
    };
    let (mut rest, mut interval) = (Vec::new(), INTERVAL);
    for parameter in query.split('&') {
        let Some(seconds) = parameter.strip_prefix(PARAMETER) else {
            rest.push(parameter);
            continue;
        };
        let seconds = seconds.parse().map_err(|_| {
            let why = format!("{PARAMETER}{seconds} is not a number of seconds");
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })?;
        interval = Duration::from_secs(seconds);
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{before}{query}"), interval))
}

/// Forgets the states before a revision, and removes what only they needed.
pub(crate) async fn compact(shared: &Shared, revision: Revision) -> Result<()> {
    shared.database.compact(revision).await?;
    // Where the caller goes away in the middle, the next compaction removes the rest.
    while !shared.database.clean().await? {
        sleep(CLEAN_PAUSE).await;
    }
    Ok(())
}

/// Compacts again and again, until the task is aborted.
pub(crate) async fn run(shared: Arc<Shared>, interval: Duration) {
    let mut previous = None;
    loop {
        sleep(interval).await;
        let Ok(now) = shared.current_revision().await else { continue };
        if let Some(revision) = previous.replace(now) {
            match compact(&shared, revision).await {
                Ok(()) => tracing::debug!(revision, "compacted"),
                // Nothing was written since, or another server was faster.
                Err(Error::Compacted { .. }) => {}
                Err(error) => tracing::warn!(%error, revision, "the log cannot be compacted"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_the_interval() {
        for (address, rest, seconds) in [
            ("sqlite:/a", "sqlite:/a", 300),
            ("sqlite:/a?compaction-seconds=0", "sqlite:/a", 0),
            ("sqlite:/a?b", "sqlite:/a?b", 300),
            ("mysql://h/d?socket=/s&compaction-seconds=7&b=c", "mysql://h/d?socket=/s&b=c", 7),
        ] {
            let expected = (rest.to_owned(), Duration::from_secs(seconds));
            assert_eq!(interval(address).unwrap(), expected, "{address}");
        }
        let refused = interval("sqlite:/a?compaction-seconds=5m").unwrap_err().to_string();
        assert_eq!(refused, "compaction-seconds=5m is not a number of seconds");
    }
}
