//! The cluster that decides in this server's place: who a user is, and what they may do.

use crate::options::{DelegationOptions, Options};
use crate::upstream::Upstream;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Whom to ask; nobody where this server decides itself.
#[derive(Debug, Default)]
pub(crate) struct Delegation {
    pub authentication: Option<Arc<Upstream>>,
    pub authorization: Option<Arc<Upstream>>,
    /// Whose namespaces objects are made in.
    pub namespaces: Option<Arc<Upstream>>,
}

impl Delegation {
    /// Finds the clusters that the flags name, without asking them anything.
    ///
    /// # Errors
    /// With one line: a kubeconfig that cannot be used, or none where this is no pod.
    pub(crate) async fn of(options: &Options) -> io::Result<Self> {
        let flags = &options.delegation;
        let authentication = cluster("authentication", &flags.authentication_kubeconfig, flags);
        let authorization = cluster("authorization", &flags.authorization_kubeconfig, flags);
        Ok(Self {
            authentication: authentication.await?,
            authorization: authorization.await?,
            namespaces: namespaces(options).await?,
        })
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

/// The cluster that this server extends, where admission is to know its namespaces. Whoever names
/// the clusters for reviews alone may well not extend one.
async fn namespaces(options: &Options) -> io::Result<Option<Arc<Upstream>>> {
    let flags = &options.delegation;
    let reviews_elsewhere =
        flags.authentication_kubeconfig.is_some() || flags.authorization_kubeconfig.is_some();
    let found = match &flags.kubeconfig {
        _ if !options.enable_admission => return Ok(None),
        Some(path) => Upstream::from_kubeconfig(path).await,
        None if flags.enable_auth && !reviews_elsewhere => Upstream::in_cluster(),
        None => return Ok(None),
    };
    found.map(|cluster| Some(Arc::new(cluster)))
}
