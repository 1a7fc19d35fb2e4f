//! `/version`: which Kubernetes this server speaks like, and what it was built from.

use serde_json::json;

/// The version of the Kubernetes API conventions that this server follows.
const MAJOR: &str = "1";
const MINOR: &str = "37";

/// The answer, indented, as Go's is.
pub(crate) fn document() -> String {
    let version = json!({
        "major": MAJOR,
        "minor": MINOR,
        "gitVersion": concat!("v1.37.0+pintle-", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, go_architecture()),
    });
    format!("{version:#}")
}

/// The name that Go has for the processor.
fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
