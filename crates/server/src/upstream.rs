//! Other servers that are asked: a cluster for its judgement, an issuer for its keys.
//!
//! The client is that of kube-rs, which knows kubeconfigs and what a pod is told of its cluster; its
//! types stay in here. Without the feature `client` there is none, and a server says so when it is
//! asked to use one.
#![cfg_attr(not(feature = "client"), allow(dead_code, reason = "nobody can be asked then"))]

#[cfg(not(feature = "client"))]
#[path = "upstream/absent.rs"]
mod client;
#[cfg(feature = "client")]
#[path = "upstream/client.rs"]
mod client;

use std::fmt;
use std::time::Duration;

pub(crate) use client::Upstream;

/// How long one request may take.
const ASK_TIME: Duration = Duration::from_secs(10);
/// How long all tries of a request together may take.
const ASK_TIME_MAX: Duration = Duration::from_secs(30);
/// How often a request is sent where the other server asks to try again; and the waits in between,
/// which grow and vary a little.
const TRIES_MAX: u32 = 5;
const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_FACTOR: f64 = 1.5;
const WAIT_JITTER: f64 = 0.2;
/// The longest answer that is read, and the longest event of a watch.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The status of the answer, where there was one.
    pub code: Option<u16>,
    /// What the other server said, or what happened on the way.
    pub message: String,
    /// Whether it may go better in a moment.
    pub transient: bool,
}

impl Failure {
    fn lost(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into(), transient: false }
    }

    /// What an answer that is no success says: the message of its `Status`, or its text.
    fn of_answer(code: u16, told_to_wait: bool, body: &[u8]) -> Self {
        let status = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        let message = match status["message"].as_str() {
            Some(message) if !message.is_empty() => message.to_owned(),
            _ => {
                let text: String = String::from_utf8_lossy(body).chars().take(512).collect();
                format!("the server answered {code}: {}", text.trim())
            }
        };
        let transient = told_to_wait || matches!(code, 429 | 500 | 504);
        Self { code: Some(code), message, transient }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
