//! A database server that a test starts, stops and starts again.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A server of either database.
#[async_trait::async_trait]
pub(crate) trait Program: Send {
    /// Starts it, where it was stopped, and waits until it takes connections.
    async fn start(&mut self);

    /// Ends it as a crash would.
    async fn stop(&mut self);

    /// Makes an empty database and returns its address.
    async fn database(&mut self) -> String;

    /// An address that names a database that is not there.
    fn nowhere(&self) -> String;

    /// Executes a statement in a database.
    async fn execute(&self, address: &str, statement: &'static str);

    /// The statement that breaks every link but the one that it comes by.
    fn break_links(&self) -> &'static str;
}

/// The user that a server runs as where the tests run as root, which servers refuse to.
#[derive(Clone, Copy)]
pub(crate) struct User(pub u32, pub u32);

impl User {
    /// The user of a name, where the tests run as root and there is one.
    pub(crate) fn instead_of_root(name: &str) -> Option<Self> {
        let number = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().ok()?;
            String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
        };
        if number(&["-u"]) != Some(0) {
            return None;
        }
        Some(Self(number(&["-u", name])?, number(&["-g", name])?))
    }
}

/// A folder, and the processes that use it.
pub(crate) struct Home {
    pub folder: TempDir,
    user: Option<User>,
    child: Option<Child>,
}

impl Home {
    pub(crate) fn new(user: Option<User>) -> Self {
        let folder = tempfile::Builder::new().prefix("pintle").tempdir_in("/tmp").unwrap();
        if let Some(User(user, group)) = user {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        Self { folder, user, child: None }
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        let log = self.folder.path().join("log");
        let log = fs::File::options().create(true).append(true).open(log).unwrap();
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        if let Some(User(user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    pub(crate) fn run(&self, program: &Path, arguments: &[&str]) {
        let status = self.command(program, arguments).status().unwrap();
        assert!(status.success(), "{}: {}", program.display(), self.log());
    }

    pub(crate) fn start(&mut self, program: &Path, arguments: &[&str]) {
        self.child = Some(self.command(program, arguments).spawn().unwrap());
    }

    /// Sends a signal to the server and waits for its end.
    pub(crate) fn end(&mut self, signal: &str) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.end("-QUIT");
    }
}

/// Finds a program in the path, and in folders besides.
pub(crate) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&path));
    all.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Says that tests are left out, past the capture of output.
pub(crate) fn skipped(what: &str) {
    let _ =
        writeln!(std::io::stderr(), "SKIPPED: the tests of {what}, which is not installed here");
}
