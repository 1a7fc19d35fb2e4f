//! A server under way: where it is, and how it ends.

use crate::kubeconfig::AdminToken;
use crate::serve::Trigger;
use crate::told::Told;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::task::JoinHandle;

/// A server that runs.
///
/// Dropping it leaves the server running until the runtime ends; [`shutdown`](Running::shutdown)
/// ends it in order.
#[derive(Debug)]
pub struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) trigger: Trigger,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) authority_pem: String,
    pub(crate) token: AdminToken,
    pub(crate) serving: JoinHandle<io::Result<()>>,
    /// The feeds, what reads files again, and what follows a cluster's configuration.
    pub(crate) tasks: Vec<JoinHandle<()>>,
    pub(crate) told: Told,
}

impl Running {
    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for a client on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("https://{address}")
    }

    /// The kubeconfig of the administrator; none is written where a cluster says who is who, unless
    /// it was asked for.
    #[must_use]
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// The certificates by which a client knows the server, in PEM form.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The bearer token of the administrator; where a cluster says who is who, one that nobody else
    /// knows and that ends with the server.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_str()
    }

    /// Ends the server: requests under way are finished, watches end, and then this returns.
    ///
    /// # Errors
    /// Where the server had failed before.
    pub async fn shutdown(self) -> io::Result<()> {
        self.trigger.start();
        self.finished().await
    }

    /// Waits until the server has ended.
    pub(crate) async fn finished(self) -> io::Result<()> {
        let result = self.serving.await.map_err(io::Error::other)?;
        self.tasks.iter().for_each(JoinHandle::abort);
        self.told.flush().await;
        result
    }
}
