//! Files that are read again when they change, without a restart.
//!
//! Kubernetes asks the system to be told of changes, and looks once a minute besides. Here files
//! are looked at every second: it costs less than it sounds, it works on every file system, and it
//! sees through the swap of a symbolic link, by which a mounted secret changes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is read again, and when.
#[derive(Debug, Default)]
pub(crate) struct Reloads(Vec<Watched>);

/// Files that are read together.
struct Watched {
    /// What they are, for the log.
    what: &'static str,
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
    read: Box<dyn FnMut() -> io::Result<()> + Send>,
}

/// What tells a file from the one that was there before under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    /// The device and the number of the file on it, which a symbolic link leads to.
    identity: (u64, u64),
}

impl Reloads {
    /// Has files read again when one of them changes; they have been read just now.
    ///
    /// What cannot be read stays as it is, with a line in the log, until the files change again; where
    /// something else did not answer in time (`TimedOut`), reading them is tried again.
    pub(crate) fn watch(
        &mut self,
        what: &'static str,
        paths: Vec<PathBuf>,
        read: impl FnMut() -> io::Result<()> + Send + 'static,
    ) {
        let seen = stamps(&paths);
        self.0.push(Watched { what, paths, seen, read: Box::new(read) });
    }

    /// Looks at the files until it is dropped.
    pub(crate) async fn run(mut self) {
        if self.0.is_empty() {
            return;
        }
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Reading files blocks: it must not hold up the requests of this thread.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(reloads) => self = reloads,
                Err(error) => return tracing::error!("files are not read again: {error}"),
            }
        }
    }

    fn look(&mut self) {
        for watched in &mut self.0 {
            // Taken before the files are read: a change in between is seen the next time.
            let now = stamps(&watched.paths);
            if now == watched.seen {
                continue;
            }
            watched.seen = now;
            match (watched.read)() {
                Ok(()) => tracing::info!("{} changed and is in use", watched.what),
                Err(error) => {
                    tracing::error!("{} changed and is not in use: {error}", watched.what);
                    if error.kind() == io::ErrorKind::TimedOut {
                        watched.seen.clear();
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("what", &self.what).field("paths", &self.paths).finish()
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (found.dev(), found.ino())
        };
        #[cfg(not(unix))]
        let identity = (0, 0);
        Some(Stamp { modified: found.modified().ok(), bytes: found.len(), identity })
    };
    paths.iter().map(stamp).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::mpsc::{self, Receiver};
    use tempfile::TempDir;

    /// A link that another one takes the place of in one step, as in a mounted secret.
    fn swap(link: &Path, target: &str) {
        let draft = link.with_extension("draft");
        symlink(target, &draft).unwrap();
        fs::rename(&draft, link).unwrap();
    }

    fn watch(path: &Path) -> (Reloads, Receiver<String>) {
        let (sender, receiver) = mpsc::channel();
        let mut reloads = Reloads::default();
        let read = {
            let path = path.to_owned();
            move || {
                sender.send(fs::read_to_string(&path)?).map_err(io::Error::other)?;
                Ok(())
            }
        };
        reloads.watch("the file", vec![path.to_owned()], read);
        (reloads, receiver)
    }

    #[test]
    fn a_change_is_seen_once_and_through_links() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["one", "two"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("file"), version).unwrap();
        }
        swap(&at("data"), "one");
        swap(&at("file"), "data/file");
        let (mut reloads, seen) = watch(&at("file"));
        let mut check = |change: &dyn Fn(), want: &[&str]| {
            change();
            reloads.look();
            reloads.look();
            assert_eq!(seen.try_iter().collect::<Vec<_>>(), want);
        };
        check(&|| {}, &[]);
        check(&|| swap(&at("data"), "two"), &["two"]);
        check(&|| fs::write(at("two/file"), "three").unwrap(), &["three"]);
        check(&|| fs::remove_file(at("two/file")).unwrap(), &[]);
        check(&|| fs::write(at("two/file"), "four").unwrap(), &["four"]);
    }
}
