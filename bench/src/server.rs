//! A server that is measured.

use std::sync::Arc;

use crate::client::Target;
use crate::failure::Failure;
use crate::options::Settings;
use crate::process::Process;
use crate::subject::Subject;

/// A server that is measured.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it answers.
    pub(crate) url: String,
    /// Its process, if it is known.
    pub(crate) process: Option<Process>,
    /// The URL of the etcd that it stores in, if raw puts into that are measured too.
    pub(crate) etcd: Option<String>,
}

impl From<&Subject> for Server {
    fn from(subject: &Subject) -> Self {
        let Subject { url, etcd, process, .. } = subject;
        Self { url: url.clone(), process: Some(*process), etcd: etcd.clone() }
    }
}

impl Server {
    /// Where requests go.
    ///
    /// # Errors
    /// When the URL is none, or a token cannot be read.
    pub(crate) fn target(&self, settings: &Settings) -> Result<Arc<Target>, Failure> {
        let token = settings.bearer()?;
        Target::new(&self.url, token.as_deref(), settings.http1).map(Arc::new)
    }
}

/// The process behind a URL, if it runs on this machine and this user may see it.
pub(crate) fn listening(target: &Target) -> Option<Process> {
    target.is_local().then(|| Process::listening_on(target.port())).flatten()
}
