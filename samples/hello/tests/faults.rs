//! Two servers on one storage with faults, while clients write to both and watch both: no
//! acknowledged write is lost, watches go on without a gap, and what is refused can be tried again.
//!
//! Runs where etcd, PostgreSQL and MariaDB are found; says so where they are not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use database::Database;
use etcd::Etcd;
use futures::StreamExt;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::{Client, Config};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

#[path = "faults/database.rs"]
mod database;
#[allow(dead_code, reason = "the tests of the storage need more of it")]
#[path = "../../../crates/etcd/tests/integration/etcd.rs"]
mod etcd;
#[allow(dead_code, reason = "the tests of the storage need more of it")]
#[path = "../../../crates/sql/tests/integration/program.rs"]
mod program;

/// How long a server, or a watch, may take to be well again.
const RECOVERY_TIME: Duration = Duration::from_secs(60);
/// How long clients write before and after a fault.
const CALM: Duration = Duration::from_millis(1500);
/// How many clients write to each server at a time.
const WRITERS: usize = 4;

/// A server that ends with the test.
struct Served {
    process: Child,
    client: Client,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    /// Starts a server, behind what a shell has to do before.
    async fn start(folder: &Path, before: &str, flags: &[&str]) -> Self {
        let port = etcd::free_port().to_string();
        let data = folder.join(format!("data-{port}"));
        let log = std::fs::File::create(folder.join(format!("{port}.log"))).unwrap();
        let data = if flags.is_empty() { folder.to_owned() } else { data };
        let process = Command::new("sh")
            .args(["-c", &format!("{before} exec \"$@\""), "sh"])
            .arg(env!("CARGO_BIN_EXE_hello-apiserver"))
            .args(["--secure-port", &port, "--insecure-allow-all", "--data-dir"])
            .arg(data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
        config.accept_invalid_certs = true;
        // What is tried again must be seen here: whether the first try was a write is unknown.
        config.default_retry = false;
        let served = Self { process, client: Client::try_from(config).unwrap() };
        served.ready().await;
        served
    }

    async fn ready(&self) {
        let begun = Instant::now();
        while !self.is_ready().await {
            assert!(begun.elapsed() < RECOVERY_TIME, "a server is not ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
        self.client.request_text(request).await.is_ok()
    }

    fn foos(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), "default", &resource())
    }
}

fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("hello.zeng.dev", "v2", "Foo");
    ApiResource::from_gvk_with_plural(&kind, "foos")
}

fn foo(name: &str, message: &str) -> DynamicObject {
    let spec = json!({"image": "busybox", "config": {"msg": message}});
    DynamicObject::new(name, &resource()).data(json!({"spec": spec}))
}

/// A foo's revision, its name, and what it says.
fn shown(foo: &DynamicObject) -> (u64, (String, String)) {
    let metadata = &foo.metadata;
    let revision = metadata.resource_version.as_deref().unwrap().parse().unwrap();
    let message = foo.data["spec"]["config"]["msg"].as_str().unwrap().to_owned();
    (revision, (metadata.name.clone().unwrap(), message))
}

/// Clients that write to servers and watch them.
struct Load {
    servers: Vec<Served>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Written>>,
    watchers: Vec<JoinHandle<Watched>>,
}

#[derive(Default)]
struct Written {
    /// What was acknowledged, by its revision.
    acknowledged: BTreeMap<u64, (String, String)>,
    refused: usize,
    longest_pause: Duration,
}

struct Watched {
    events: Vec<(u64, (String, String))>,
    begun: usize,
}

impl Load {
    async fn start(servers: Vec<Served>) -> Self {
        let list = servers[0].foos().list(&ListParams::default()).await.unwrap();
        let start = list.metadata.resource_version.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (mut writers, mut watchers) = (Vec::new(), Vec::new());
        for (n, server) in servers.iter().enumerate() {
            for w in 0..WRITERS {
                let name = format!("foo-{n}-{w}");
                writers.push(tokio::spawn(write(server.foos(), name, Arc::clone(&stop))));
            }
            watchers.push(tokio::spawn(watch(server.foos(), start.clone())));
        }
        Self { servers, stop, writers, watchers }
    }

    /// Ends the writers, and checks that all is there and was seen by all.
    async fn finish(self, what: &str) {
        for server in &self.servers {
            server.ready().await;
        }
        tokio::time::sleep(CALM).await;
        self.stop.store(true, Ordering::Relaxed);
        let (mut acknowledged, mut refused, mut longest) = (BTreeMap::new(), 0, Duration::ZERO);
        for writer in self.writers {
            let written = writer.await.unwrap();
            acknowledged.extend(written.acknowledged);
            refused += written.refused;
            longest = longest.max(written.longest_pause);
        }
        assert!(acknowledged.len() > 100, "{what}: only {} writes", acknowledged.len());
        let foos = self.servers[0].foos();
        foos.create(&PostParams::default(), &foo("end", "end")).await.unwrap();

        let latest: BTreeMap<_, _> = acknowledged
            .iter()
            .map(|(revision, (name, message))| (name, (revision, message)))
            .collect();
        for server in &self.servers {
            let list = server.foos().list(&ListParams::default()).await.unwrap();
            let found: BTreeMap<_, _> = list
                .items
                .iter()
                .map(shown)
                .map(|(at, (name, message))| (name, (at, message)))
                .collect();
            for (name, (revision, message)) in &latest {
                let Some((at, found)) = found.get(*name) else {
                    panic!("{what}: {name} was acknowledged at {revision} and is gone");
                };
                // A write of which nobody was told may have come after.
                assert!(at >= revision, "{what}: {name} lost {revision}");
                assert!(at > revision || found == *message, "{what}: {name}");
            }
        }
        let mut begun = 0;
        for watcher in self.watchers {
            let watched = tokio::time::timeout(RECOVERY_TIME, watcher).await;
            let watched = watched.unwrap_or_else(|_| panic!("{what}: a watch has no end")).unwrap();
            begun += watched.begun;
            let ordered = watched.events.is_sorted_by(|(a, _), (b, _)| a < b);
            assert!(ordered, "{what}: each event once, in order");
            let seen: BTreeMap<_, _> = watched.events.into_iter().collect();
            for (revision, written) in &acknowledged {
                assert_eq!(seen.get(revision), Some(written), "{what}: missed {revision}");
            }
        }
        eprintln!(
            "{what}: {} writes acknowledged, {refused} refused, longest pause {longest:?}, {begun} \
             watches for {} watchers; none lost, none watched twice",
            acknowledged.len(),
            self.servers.len(),
        );
    }
}

/// Creates foos and changes each once, until it is enough.
async fn write(foos: Api<DynamicObject>, name: String, stop: Arc<AtomicBool>) -> Written {
    let mut written = Written::default();
    let mut last = Instant::now();
    let parameters = PostParams::default();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{name}-{n}");
        let mut next = Some(foo(&name, "one"));
        for message in ["two", ""] {
            let Some(wanted) = next.take() else { break };
            let answer = match message {
                "two" => foos.create(&parameters, &wanted).await,
                _ => foos.replace(&name, &parameters, &wanted).await,
            };
            match answer {
                Ok(mut made) => {
                    written.longest_pause = written.longest_pause.max(last.elapsed());
                    last = Instant::now();
                    let (revision, shown) = shown(&made);
                    written.acknowledged.insert(revision, shown);
                    made.data["spec"]["config"]["msg"] = json!(message);
                    next = Some(made);
                }
                Err(error) => {
                    check_refusal(&name, &error);
                    written.refused += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    written
}

/// What a client is told while a storage is away must be what it tries again after.
fn check_refusal(what: &str, error: &kube::Error) {
    let retryable = match error {
        kube::Error::Api(status) => matches!(
            (status.code, status.reason.as_str()),
            (500, "ServerTimeout") | (504, "Timeout") | (429, "TooManyRequests")
        ),
        _ => false,
    };
    assert!(retryable, "{what}: not an error after which a client tries again: {error:?}");
}

/// Watches from a version on, again and again from where it was, until the mark comes.
async fn watch(foos: Api<DynamicObject>, start: String) -> Watched {
    let mut watched = Watched { events: Vec::new(), begun: 0 };
    let mut version = start;
    loop {
        watched.begun += 1;
        let events = match foos.watch(&WatchParams::default(), &version).await {
            Ok(events) => events,
            Err(error) => {
                check_refusal("a watch", &error);
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let mut events = std::pin::pin!(events);
        while let Some(Ok(event)) = events.next().await {
            match event {
                WatchEvent::Added(foo) | WatchEvent::Modified(foo) => {
                    if foo.metadata.name.as_deref() == Some("end") {
                        return watched;
                    }
                    version = foo.metadata.resource_version.clone().unwrap();
                    watched.events.push(shown(&foo));
                }
                WatchEvent::Bookmark(mark) => version = mark.metadata.resource_version,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_an_etcd_whose_members_fail() {
    let Some(program) = etcd::newest() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut members = Etcd::start_many(&program, 3, &[]);
    let address = etcd::address(&members);
    etcd::ready(&address).await;
    let flags = ["--storage", &address];
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(Served::start(folder.path(), "", &flags).await);
    }
    let load = Load::start(servers).await;
    tokio::time::sleep(CALM).await;
    members[0].kill();
    tokio::time::sleep(CALM * 2).await;
    members[0].restart();
    tokio::time::sleep(CALM * 2).await;
    // To everybody else it is a member behind a cable that was cut.
    members[1].signal("STOP");
    tokio::time::sleep(CALM * 4).await;
    members[1].signal("CONT");
    tokio::time::sleep(CALM).await;
    members.iter_mut().for_each(Etcd::kill);
    tokio::time::sleep(CALM).await;
    members.iter_mut().for_each(Etcd::restart);
    etcd::ready(&address).await;
    load.finish(
        "two servers on three members of etcd: kill -9 of one, SIGSTOP of one, kill -9 of all",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_a_postgresql_that_goes_and_comes() {
    if let Some(database) = Database::postgresql() {
        goes_and_comes(database, "PostgreSQL").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_a_mariadb_that_goes_and_comes() {
    if let Some(database) = Database::mariadb() {
        goes_and_comes(database, "MariaDB").await;
    }
}

async fn goes_and_comes(database: Database, name: &str) {
    let mut database = database;
    database.start().await;
    let folder = tempfile::tempdir().unwrap();
    let address = database.address.clone();
    let flags = ["--storage", &address];
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(Served::start(folder.path(), "", &flags).await);
    }
    let load = Load::start(servers).await;
    for _ in 0..2 {
        tokio::time::sleep(CALM).await;
        database.crash();
        tokio::time::sleep(CALM).await;
        assert!(!load.servers[0].is_ready().await, "a server without its database is not ready");
        database.start().await;
    }
    load.finish(&format!("two servers on one {name}, which crashed twice")).await;
}

/// A disk that is full: writes are refused, reads go on, and when there is room again everything that
/// was acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full() {
    const ENOUGH: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    // No file may grow over 4 MiB (8192 × 512 bytes), and a write beyond that is an error and no
    // signal.
    let served = Served::start(folder.path(), "trap '' XFSZ; ulimit -f 8192;", &[]).await;
    let message = "x".repeat(4_000);
    let (mut acknowledged, mut refusals) = (Vec::new(), 0);
    for n in 0..ENOUGH {
        let name = format!("foo-{n}");
        match served.foos().create(&PostParams::default(), &foo(&name, &message)).await {
            Ok(made) => acknowledged.push(shown(&made)),
            Err(error) => {
                check_refusal(&name, &error);
                refusals += 1;
                if refusals == 20 {
                    break;
                }
            }
        }
    }
    assert_eq!(refusals, 20, "{} foos fit", acknowledged.len());
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    let list = served.foos().list(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), acknowledged.len(), "reads go on");
    drop(served);

    let served = Served::start(folder.path(), "", &[]).await;
    let list = served.foos().list(&ListParams::default()).await.unwrap();
    let found: BTreeMap<_, _> = list.items.iter().map(shown).collect();
    for (revision, foo) in &acknowledged {
        assert_eq!(found.get(revision), Some(foo), "{revision}");
    }
    assert!(found.len() <= acknowledged.len() + refusals);
    served.foos().create(&PostParams::default(), &foo("new", "there is room")).await.unwrap();
    eprintln!("a full disk: {} foos acknowledged, {refusals} refused", acknowledged.len());
}
