//! Samples of the process, taken by the crate `pprof` with the signal `SIGPROF`.

use super::message::{Frame, Profile, Symbol};
use flate2::Compression;
use flate2::write::GzEncoder;
use pprof::{ProfilerGuard, ProfilerGuardBuilder, UnresolvedReport};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

/// Samples in a second of processor time, as in Go.
const SAMPLES_PER_SECOND: i32 = 100;
const PERIOD: Duration = Duration::from_millis(10);

/// The function of `pprof` that a signal calls. It and what called it, which is the kernel, are no
/// part of the program that is looked at.
const HANDLER: &str = "perf_signal_handler";

/// Samples of the process, until this is dropped.
pub(super) struct Sampler(ProfilerGuard<'static>);

pub(super) fn check() -> io::Result<()> {
    Ok(())
}

impl Sampler {
    /// Begins to take samples.
    ///
    /// # Errors
    /// Where somebody else does so already, or there is no folder for temporary files.
    pub(super) fn start() -> Result<Self, String> {
        // What the kernel lends a process cannot be walked through everywhere.
        let builder =
            ProfilerGuardBuilder::default().frequency(SAMPLES_PER_SECOND).blocklist(&["vdso"]);
        builder.build().map(Self).map_err(|error| match error {
            pprof::Error::Running => "cpu profiling already in use".to_owned(),
            error => error.to_string(),
        })
    }

    /// The profile, compressed, of the time since the start.
    ///
    /// # Errors
    /// Where the samples cannot be read back.
    pub(super) fn finish(self, time: Duration) -> Result<Vec<u8>, String> {
        let report = self.0.report().build_unresolved().map_err(|error| error.to_string())?;
        drop(self);
        let mut profile = Profile::new(time, PERIOD);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        profile.map(&maps);
        add(&mut profile, &report);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&profile.encode_to_vec()).map_err(|error| error.to_string())?;
        packed.finish().map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sampler")
    }
}

/// Adds each stack; the names behind an address are looked up once.
fn add(profile: &mut Profile, report: &UnresolvedReport) {
    let mut known = HashMap::<usize, Vec<Symbol>>::new();
    for (stack, count) in &report.data {
        let mut frames = Vec::new();
        let mut places = stack.frames.iter();
        while let Some(place) = places.next() {
            let address = place.ip() as usize;
            // The end of a stack.
            if address == 0 {
                continue;
            }
            let symbols = known.entry(address).or_insert_with(|| {
                let mut symbols = Vec::new();
                backtrace::resolve_frame(place, |symbol| symbols.push(shown(symbol)));
                symbols
            });
            if symbols.iter().any(|symbol| symbol.name.ends_with(HANDLER)) {
                frames.clear();
                places.next();
                continue;
            }
            frames.push(Frame { address: address as u64, symbols: symbols.clone() });
        }
        profile.add(&frames, *count as i64);
    }
}

fn shown(symbol: &backtrace::Symbol) -> Symbol {
    Symbol {
        // In this form the name has no hash behind it.
        name: symbol.name().map(|name| format!("{name:#}")).unwrap_or_default(),
        linked: symbol.name().and_then(|name| name.as_str()).unwrap_or_default().to_owned(),
        file: symbol.filename().map(|file| file.display().to_string()).unwrap_or_default(),
        line: symbol.lineno().unwrap_or_default().into(),
    }
}
