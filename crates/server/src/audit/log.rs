//! The log of events: a file with a line for each, or standard output.
//!
//! A thread of its own writes, so that no request of others waits for a disk. A file that has become
//! too large is put aside under its name with a date, and old ones go.

use jiff::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Where the log is and what is kept of it.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    /// `None` for standard output.
    pub path: Option<PathBuf>,
    /// A file is put aside before it grows over this; zero for never.
    pub bytes_max: u64,
    /// So many files that were put aside are kept, for so long; zero for all and for ever.
    pub backups_max: usize,
    pub age_max: Duration,
}

/// A line, and who waits for it to be written.
pub(super) struct Line {
    pub text: Vec<u8>,
    pub time: Timestamp,
    pub written: Option<oneshot::Sender<bool>>,
}

impl LogFile {
    /// Opens the log, and starts the thread that writes it.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(super) fn start(self, lines_max: usize) -> io::Result<mpsc::Sender<Line>> {
        let mut writer = Writer::open(self)?;
        let (sender, mut lines) = mpsc::channel::<Line>(lines_max.max(1));
        std::thread::Builder::new().name("audit-log".to_owned()).spawn(move || {
            while let Some(line) = lines.blocking_recv() {
                let result = writer.write(&line.text, line.time);
                if let Err(error) = &result {
                    tracing::error!("the audit log cannot be written: {error}");
                }
                if let Some(waiting) = line.written {
                    // Whoever gave up does not want to know.
                    let _ = waiting.send(result.is_ok());
                }
            }
        })?;
        Ok(sender)
    }
}

struct Writer {
    file: LogFile,
    out: Option<File>,
    size: u64,
}

impl Writer {
    fn open(file: LogFile) -> io::Result<Self> {
        let mut writer = Self { file, out: None, size: 0 };
        writer.reopen()?;
        Ok(writer)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let Some(path) = &self.file.path else { return Ok(()) };
        let opened = open_append(path);
        let out = opened.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot open {}: {error}", path.display()))
        })?;
        self.size = out.metadata()?.len();
        self.out = Some(out);
        Ok(())
    }

    fn write(&mut self, line: &[u8], now: Timestamp) -> io::Result<()> {
        if self.file.path.is_none() {
            let mut out = io::stdout().lock();
            return out.write_all(line).and_then(|()| out.flush());
        }
        let length = line.len() as u64;
        let over = self.file.bytes_max > 0 && self.size + length > self.file.bytes_max;
        if over && self.size > 0 {
            self.put_aside(now)?;
        }
        if self.out.is_none() {
            self.reopen()?;
        }
        if let Some(out) = &mut self.out {
            out.write_all(line)?;
            self.size += length;
        }
        Ok(())
    }

    /// Renames the file, begins a new one, and removes what is too old or too many.
    fn put_aside(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(path) = self.file.path.clone() else { return Ok(()) };
        self.out = None;
        fs::rename(&path, aside(&path, now))?;
        self.reopen()?;
        for old in self.too_old(&path, now)? {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    fn too_old(&self, path: &Path, now: Timestamp) -> io::Result<Vec<PathBuf>> {
        let (stem, extension) = names(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut aside = Vec::new();
        for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let date = name.strip_prefix(&format!("{stem}-"));
            let date = date.and_then(|rest| rest.strip_suffix(&extension));
            let time = date.and_then(|date| {
                jiff::civil::DateTime::strptime(DATE, date)
                    .ok()?
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .ok()
            });
            aside.extend(time.map(|time| (time.timestamp(), entry.path())));
        }
        // The newest first.
        aside.sort_by(|a, b| b.cmp(a));
        let kept = if self.file.backups_max == 0 { usize::MAX } else { self.file.backups_max };
        let age = |time: Timestamp| Duration::try_from(now - time).unwrap_or_default();
        let forever = self.file.age_max.is_zero();
        let gone = aside
            .into_iter()
            .enumerate()
            .filter(|(i, (time, _))| *i >= kept || (!forever && age(*time) > self.file.age_max));
        Ok(gone.map(|(_, (_, path))| path).collect())
    }
}

/// When a file was put aside, as its name has it: that of lumberjack, which Kubernetes uses.
const DATE: &str = "%Y-%m-%dT%H-%M-%S.%3f";

fn names(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let extension = path.extension().map(|it| format!(".{}", it.to_string_lossy()));
    (text(path.file_stem()), extension.unwrap_or_default())
}

fn aside(path: &Path, now: Timestamp) -> PathBuf {
    let (stem, extension) = names(path);
    path.with_file_name(format!("{stem}-{}{extension}", now.strftime(DATE)))
}

/// A log tells who did what: it is its owner's only.
fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_too_large_is_put_aside_and_old_ones_go() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("audit.log");
        let file = LogFile {
            path: Some(path.clone()),
            bytes_max: 10,
            backups_max: 2,
            age_max: Duration::from_secs(100),
        };
        let mut writer = Writer::open(file).unwrap();
        let listed = || {
            let mut names: Vec<String> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        writer.write(b"one\n", at(0)).unwrap();
        writer.write(b"two\n", at(1)).unwrap();
        assert_eq!(listed(), ["audit.log"]);
        writer.write(b"three\n", at(2)).unwrap();
        assert_eq!(listed(), ["audit-1970-01-01T00-00-02.000.log", "audit.log"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        fs::write(folder.path().join("audit-other.log"), "").unwrap();
        for second in 3..6 {
            writer.write(b"a longer line\n", at(second)).unwrap();
        }
        assert_eq!(
            listed(),
            [
                "audit-1970-01-01T00-00-04.000.log",
                "audit-1970-01-01T00-00-05.000.log",
                "audit-other.log",
                "audit.log",
            ]
        );
        writer.write(b"a longer line\n", at(200)).unwrap();
        let kept = ["audit-1970-01-01T00-03-20.000.log", "audit-other.log", "audit.log"];
        assert_eq!(listed(), kept);
    }
}
