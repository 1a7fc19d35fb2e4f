//! Why a value cannot be opened.

/// Why a value cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What a client is told.
    pub why: String,
    /// What it is called in metrics: the code of gRPC, where a plugin was asked.
    pub code: &'static str,
    /// Whether the same value may be opened a little later.
    pub is_passing: bool,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, code: "unknown-non-grpc", is_passing: false }
    }
}

/// Several failures as one, as Kubernetes puts them together: each once.
pub(super) fn together(failures: Vec<Failure>) -> Option<Failure> {
    let mut once: Vec<String> = Vec::new();
    let is_passing = failures.iter().any(|failure| failure.is_passing);
    let code = failures.first()?.code;
    for failure in failures {
        if !once.contains(&failure.why) {
            once.push(failure.why);
        }
    }
    let why = match once.len() {
        1 => once.concat(),
        _ => format!("[{}]", once.join(", ")),
    };
    Some(Failure { why, code, is_passing })
}
