//! A server that this program starts, and that does not outlive it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::time::{Instant, sleep};

use crate::client::Target;
use crate::failure::Failure;
use crate::process::Process;

/// A server that is not ready after this long has failed to start.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How often it is asked whether it is ready: this bounds the error of the time to ready.
const READY_PAUSE: Duration = Duration::from_millis(1);
/// A server that still runs this long after SIGTERM gets SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const STOP_PAUSE: Duration = Duration::from_millis(10);
/// As much of the end of a server's log is read to say why it failed.
const LOG_TAIL_BYTES: u64 = 4_096;
/// Shells end with this status when there is no such command.
const NO_SUCH_COMMAND: i32 = 127;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recipe {
    /// What messages call it.
    pub(crate) name: String,
    /// The command, with placeholders.
    pub(crate) command: String,
    /// The URL, with placeholders.
    pub(crate) url: String,
    /// A command that it needs beside it, with placeholders.
    pub(crate) with: Option<String>,
    /// The URL of the etcd that it stores in, with placeholders.
    pub(crate) etcd: Option<String>,
}

/// A server that is ready. Dropping it stops every process of it and removes its folder.
pub(crate) struct Subject {
    /// Its URL.
    pub(crate) url: String,
    /// The URL of the etcd that it stores in.
    pub(crate) etcd: Option<String>,
    /// The process that listens.
    pub(crate) process: Process,
    /// From the start of its process until `/readyz` answered 200.
    pub(crate) ready_after: Duration,
    // Dropped in this order: the server goes before what it needs, and both before their folder.
    _server: Group,
    _with: Option<Group>,
    _folder: Folder,
}

impl Subject {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// In one line: when its port is taken, there is no such command, or it ends or is not ready in time.
    pub(crate) async fn start(recipe: &Recipe, token: Option<&str>) -> Result<Self, Failure> {
        let folder = Folder::new()?;
        let places = Places::new(&folder.0)?;
        let url = places.fill(&recipe.url);
        let target = Target::new(&url, token, false)?;
        for port in [target.port(), places.ports[1]] {
            must_be_free(&recipe.name, port)?;
        }
        let with = match &recipe.with {
            Some(command) => Some(start_beside(recipe, command, &places, &folder).await?),
            None => None,
        };
        let log = folder.0.join("server.log");
        let began = Instant::now();
        let mut server = Group::start(&recipe.name, &places.fill(&recipe.command), &log)?;
        let template = target.template(hyper::Method::GET, "/readyz", &[])?;
        loop {
            server.must_run()?;
            if let Ok(mut sender) = target.connect().await
                && let Ok(answer) = sender.call(&template).await
                && answer.status.is_success()
            {
                break;
            }
            if began.elapsed() > READY_LIMIT {
                let line = format!("{} was not ready after {READY_LIMIT:?}", recipe.name);
                return Err(Failure::new(line + &last_line(&log)));
            }
            sleep(READY_PAUSE).await;
        }
        let ready_after = began.elapsed();
        // A command may start the server as a child of its own.
        let process =
            Process::listening_on(target.port()).unwrap_or(Process { pid: server.child.id() });
        let etcd = recipe.etcd.as_deref().map(|url| places.fill(url));
        Ok(Self { url, etcd, process, ready_after, _server: server, _with: with, _folder: folder })
    }
}

/// Starts what a server needs and waits until it takes connections on `{port2}`.
async fn start_beside(
    recipe: &Recipe,
    command: &str,
    places: &Places,
    folder: &Folder,
) -> Result<Group, Failure> {
    let name = format!("what {} needs", recipe.name);
    let log = folder.0.join("with.log");
    let mut group = Group::start(&name, &places.fill(command), &log)?;
    let began = Instant::now();
    while !is_open(places.ports[1]) {
        group.must_run()?;
        if began.elapsed() > READY_LIMIT {
            let line = format!("{name} took no connection on {{port2}} for {READY_LIMIT:?}");
            return Err(Failure::new(line + &last_line(&log)));
        }
        sleep(READY_PAUSE).await;
    }
    Ok(group)
}

/// What the placeholders stand for.
struct Places {
    folder: String,
    ports: [u16; 3],
}

impl Places {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        // All are held at once, so that they differ.
        let free_ports = || -> std::io::Result<[u16; 3]> {
            let held = [bind()?, bind()?, bind()?];
            let mut ports = [0; 3];
            for (port, listener) in ports.iter_mut().zip(&held) {
                *port = listener.local_addr()?.port();
            }
            Ok(ports)
        };
        let ports = free_ports().map_err(|error| Failure::caused("find free ports", &error))?;
        Ok(Self { folder: folder.display().to_string(), ports })
    }

    fn fill(&self, text: &str) -> String {
        let [port, port2, port3] = self.ports.map(|port| port.to_string());
        text.replace("{dir}", &self.folder)
            .replace("{port}", &port)
            .replace("{port2}", &port2)
            .replace("{port3}", &port3)
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn must_be_free(name: &str, port: u16) -> Result<(), Failure> {
    if !is_open(port) {
        return Ok(());
    }
    let by = Process::listening_on(port).map(|process| format!(" by process {}", process.pid));
    let by = by.unwrap_or_default();
    Err(Failure::new(format!("cannot start {name}: port {port} is in use{by}")))
}

/// A folder of this run, removed when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// A new folder among the temporary ones.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new() -> Result<Self, Failure> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pintle-bench-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)
            .map_err(|error| Failure::caused(format!("make {}", path.display()), &error))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("pintle-bench: cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A command and all its children, as a process group. Dropping it ends them all.
struct Group {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Group {
    fn start(name: &str, command: &str, log: &Path) -> Result<Self, Failure> {
        let attempt = |error: std::io::Error| Failure::caused(format!("start {name}"), &error);
        let out = File::create(log).map_err(attempt)?;
        let err = out.try_clone().map_err(attempt)?;
        let child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(attempt)?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Fails when the command has ended.
    fn must_run(&mut self) -> Result<(), Failure> {
        let Self { name, child, log } = self;
        match child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(ended(name, status, log)),
            Err(error) => Err(Failure::caused(format!("wait for {name}"), &error)),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        // The group may be gone already: then there is nothing to do.
        kill_process_group(group, Signal::TERM).ok();
        let rounds = STOP_LIMIT.as_millis() / STOP_PAUSE.as_millis();
        for _ in 0..rounds {
            // The child is reaped here; the group lives on while any process of it does.
            self.child.try_wait().ok();
            if test_kill_process_group(group).is_err() {
                return;
            }
            std::thread::sleep(STOP_PAUSE);
        }
        eprintln!("pintle-bench: {} did not stop within {STOP_LIMIT:?} and is killed", self.name);
        kill_process_group(group, Signal::KILL).ok();
        self.child.wait().ok();
    }
}

fn ended(name: &str, status: ExitStatus, log: &Path) -> Failure {
    if status.code() == Some(NO_SUCH_COMMAND) {
        return Failure::new(format!("cannot start {name}: no such command{}", last_line(log)));
    }
    Failure::new(format!("{name} ended before it was ready ({status}){}", last_line(log)))
}

/// The last line that a server wrote, after a colon; nothing if it wrote none.
fn last_line(log: &Path) -> String {
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut tail = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut tail)?;
        Ok(tail)
    };
    let tail = tail().unwrap_or_default();
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.map(|line| format!(": {line}")).unwrap_or_default()
}
