//! Who is told of requests: the audit, and a collector of spans.

use crate::audit::Audit;
use crate::clock::Clock;
use crate::options::Options;
use crate::spans::Spans;
use std::io;
use std::sync::Arc;

/// Who is told, where flags say so.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub audit: Option<Arc<Audit>>,
    pub spans: Option<Arc<Spans>>,
}

impl Told {
    /// Reads what the flags name.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) async fn of(options: &Options, name: &str, clock: &Clock) -> io::Result<Self> {
        let tracing = options.lifecycle.tracing_config_file.as_deref();
        let spans = Spans::of(tracing, name, clock)?;
        Ok(Self { audit: Audit::of(&options.audit, clock).await?, spans })
    }

    /// Waits until what was told is written, for a bounded time.
    pub(crate) async fn flush(&self) {
        if let Some(audit) = &self.audit {
            audit.flush().await;
        }
        if let Some(spans) = &self.spans {
            spans.flush().await;
        }
    }
}
