//! Nothing that takes samples: this program was built without it.

use std::io;
use std::time::Duration;

const WHY: &str = "this program was built without the feature \"profiling\" of pintle";

/// Samples of the process; none can be taken.
#[derive(Debug)]
pub(super) enum Sampler {}

pub(super) fn check() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("--profiling: {WHY}")))
}

impl Sampler {
    pub(super) fn start() -> Result<Self, String> {
        Err(WHY.to_owned())
    }

    pub(super) fn finish(self, _: Duration) -> Result<Vec<u8>, String> {
        match self {}
    }
}
