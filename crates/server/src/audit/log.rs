//! The log of events: a file with a line for each, or standard output.
//!
//! It is written where blocking is no harm, so that no request of others waits for a disk. A file that
//! has become too large is put aside under its name with a date, and old ones go.

use super::outlet::{Errors, Written};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    /// Whether what was put aside is packed by gzip.
    pub compress: bool,
}

/// The log, open.
pub(super) struct Log(Writer);

impl Log {
    /// # Errors
    /// With one line that names the file.
    pub(super) fn open(file: LogFile) -> io::Result<Self> {
        Writer::open(file).map(Self)
    }

    /// Writes events, each in a line. The disk may be slow, so that happens elsewhere; nothing comes
    /// back where that broke.
    pub(super) async fn write(self, events: Vec<Written>, errors: &Arc<Errors>) -> Option<Self> {
        if events.is_empty() {
            return Some(self);
        }
        let (Self(mut writer), errors) = (self, Arc::clone(errors));
        let written = tokio::task::spawn_blocking(move || {
            for event in events {
                let result = writer.write(&event.text, event.time);
                if let Err(error) = &result {
                    tracing::error!("the audit log cannot be written: {error}");
                    errors.failed(1);
                }
                event.tell(result.is_ok());
            }
            writer
        });
        written.await.ok().map(Self)
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

    /// Writes a text and ends its line.
    fn write(&mut self, text: &[u8], now: Timestamp) -> io::Result<()> {
        // In one piece: where several write to one file their lines stay whole.
        let line = [text, b"\n"].concat();
        if self.file.path.is_none() {
            let mut out = io::stdout().lock();
            return out.write_all(&line).and_then(|()| out.flush());
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
            out.write_all(&line)?;
            self.size += length;
        }
        Ok(())
    }

    /// Renames the file, begins a new one, and removes what is too old or too many.
    fn put_aside(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(path) = self.file.path.clone() else { return Ok(()) };
        self.out = None;
        let put = aside(&path, now);
        fs::rename(&path, &put)?;
        self.reopen()?;
        if self.file.compress {
            std::thread::Builder::new().name("audit-gzip".to_owned()).spawn(move || {
                if let Err(error) = pack(&put) {
                    tracing::error!("cannot compress {}: {error}", put.display());
                }
            })?;
        }
        for old in self.too_old(&path, now)? {
            match fs::remove_file(old) {
                // It has just been packed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
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
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            let date = plain.strip_prefix(&format!("{stem}-"));
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

/// Packs a file into another with `.gz` behind its name, and removes it.
fn pack(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    let mut packed = GzEncoder::new(open_append(Path::new(&name))?, Compression::default());
    io::copy(&mut File::open(path)?, &mut packed)?;
    packed.finish()?;
    fs::remove_file(path)
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
            compress: false,
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
        writer.write(b"one", at(0)).unwrap();
        writer.write(b"two", at(1)).unwrap();
        assert_eq!(listed(), ["audit.log"]);
        writer.write(b"three", at(2)).unwrap();
        assert_eq!(listed(), ["audit-1970-01-01T00-00-02.000.log", "audit.log"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        fs::write(folder.path().join("audit-other.log"), "").unwrap();
        for second in 3..6 {
            writer.write(b"a longer line", at(second)).unwrap();
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
        writer.write(b"a longer line", at(200)).unwrap();
        let kept = ["audit-1970-01-01T00-03-20.000.log", "audit-other.log", "audit.log"];
        assert_eq!(listed(), kept);
    }

    #[test]
    fn what_is_put_aside_is_packed() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("audit.log");
        let file = LogFile {
            path: Some(path),
            bytes_max: 10,
            backups_max: 1,
            age_max: Duration::ZERO,
            compress: true,
        };
        let mut writer = Writer::open(file).unwrap();
        for second in 0..3 {
            writer.write(b"a longer line", Timestamp::from_second(second).unwrap()).unwrap();
        }
        let packed = folder.path().join("audit-1970-01-01T00-00-02.000.log.gz");
        let begun = std::time::Instant::now();
        while packed.with_extension("").exists() || !packed.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is packed in time");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(File::open(&packed).unwrap());
        io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
        assert_eq!(text, "a longer line\n");
    }
}
