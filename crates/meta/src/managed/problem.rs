//! What is wrong with a value under a schema, and where.

use super::element::PathElement;
use std::fmt;

/// One finding about one place in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Filled from the inside out, as the walk returns.
    path: String,
    message: String,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }

    pub(super) fn too_deep() -> Self {
        Self::new(format!("nested deeper than {}", super::MAX_DEPTH))
    }

    /// The same finding, seen from the container.
    pub(super) fn below(mut self, element: &PathElement) -> Self {
        self.path.insert_str(0, &element.to_string());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Findings as Go joins them: one as it is, several on lines of their own.
pub(super) fn join(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => many.iter().fold("errors:".to_owned(), |text, p| format!("{text}\n  {p}")),
    }
}
