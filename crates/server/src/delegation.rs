//! The cluster that decides in this server's place: who a user is, and what they may do.

use crate::options::DelegationOptions;
use crate::upstream::Upstream;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Whom to ask; nobody where this server decides itself.
#[derive(Debug, Default)]
pub(crate) struct Delegation {
    pub authentication: Option<Arc<Upstream>>,
    pub authorization: Option<Arc<Upstream>>,
}

impl Delegation {
    /// Finds the clusters that the flags name, without asking them anything.
    ///
    /// # Errors
    /// With one line: a kubeconfig that cannot be used, or none where this is no pod.
    pub(crate) async fn of(flags: &DelegationOptions) -> io::Result<Self> {
        let authentication = cluster("authentication", &flags.authentication_kubeconfig, flags);
        let authorization = cluster("authorization", &flags.authorization_kubeconfig, flags);
        Ok(Self { authentication: authentication.await?, authorization: authorization.await? })
    }
}

async fn cluster(
    what: &str,
    own: &Option<PathBuf>,
    flags: &DelegationOptions,
) -> io::Result<Option<Arc<Upstream>>> {
    let found = match own.as_ref().or(flags.kubeconfig.as_ref().filter(|_| flags.enable_auth)) {
        Some(path) => Upstream::from_kubeconfig(path).await,
        None if flags.enable_auth => Upstream::in_cluster(),
        None => return Ok(None),
    };
    let found = found.map_err(|error| {
        let message = format!("failed to get delegated {what} kubeconfig: {error}");
        io::Error::new(error.kind(), message)
    })?;
    Ok(Some(Arc::new(found)))
}
