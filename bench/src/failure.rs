//! The one error of this program: a line for a person to read.

use std::error::Error;
use std::fmt;

/// What was attempted and why it failed, in one line without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure with a line of its own.
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }

    /// "cannot `attempt`: cause: deeper cause", because hyper's own text names only the outermost layer.
    pub(crate) fn caused(attempt: impl fmt::Display, cause: &dyn Error) -> Self {
        Self(format!("cannot {attempt}: {}", chain(cause)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}

/// An error and everything below it, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    /// Causes beyond this depth are left out.
    const DEPTH_LIMIT: usize = 8;
    let mut line = error.to_string();
    let mut cause = error.source();
    for _ in 0..DEPTH_LIMIT {
        let Some(deeper) = cause else { break };
        let text = deeper.to_string();
        // Many layers repeat the text of the one below.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = deeper.source();
    }
    line
}
