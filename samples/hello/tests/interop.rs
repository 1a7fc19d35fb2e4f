//! A server in Go and this one on one etcd: each reads what the other stored, plain and sealed.
//!
//! Runs where `make -C conformance` has built `bin/etcd` and `bin/reference`; says so where it has
//! not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch,
    PatchParams, PostParams,
};
use kube::{Client, Config};
use pintle::storage::Storage;
use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "the tests of the server need more of it")]
#[path = "../../../crates/server/tests/integration/plugin.rs"]
mod plugin;

/// How long a server may take to be ready.
const START_TIME: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(program: &Path, log: &Path, words: &str) -> Self {
        let log = std::fs::File::create(log).unwrap();
        let mut command = Command::new(program);
        command
            .args(words.split_whitespace())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An etcd, and both servers on it.
struct Both {
    _processes: Vec<Process>,
    etcd: String,
    go: Client,
    ours: Client,
    /// Both programs with their flags.
    servers: [(PathBuf, String); 2],
    folder: PathBuf,
}

impl Both {
    /// Starts all three; `None` where there is no Go server.
    async fn start(folder: &Path, flags: &[&str]) -> Option<Self> {
        let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/bin");
        let mut names = std::fs::read_dir(&bin).into_iter().flatten().filter_map(Result::ok);
        let reference = names.find(|it| it.file_name().to_string_lossy().starts_with("reference"));
        let (Some(reference), true) = (reference, bin.join("etcd").exists()) else {
            eprintln!(
                "SKIPPED: there is no conformance/bin/reference or no etcd; make -C conformance"
            );
            return None;
        };
        let etcd = format!("http://127.0.0.1:{}", free_port());
        let peer = format!("http://127.0.0.1:{}", free_port());
        let data = folder.join("etcd").display().to_string();
        let words = format!(
            "--data-dir {data} --log-level error --listen-client-urls {etcd} \
             --advertise-client-urls {etcd} --listen-peer-urls {peer} \
             --initial-advertise-peer-urls {peer} --initial-cluster default={peer}"
        );
        let store = Process::start(&bin.join("etcd"), &folder.join("etcd.log"), &words);
        let more = format!("--enable-etcd-storage --etcd-servers {etcd} {}", flags.join(" "));
        let go = format!("--bind-address 127.0.0.1 --cert-dir {{data}} {more}");
        let ours = format!("--data-dir {{data}} --insecure-allow-all {more}");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_hello-apiserver"));
        let servers = [(reference.path(), go), (program, ours)];
        let [(go_process, go), (our_process, ours)] = start_each(&servers, folder).await;
        let _processes = vec![go_process, our_process, store];
        Some(Self { _processes, etcd, go, ours, servers, folder: folder.to_owned() })
    }

    /// What both show that are started now: all of it was there before them.
    async fn shown_anew(&self) -> [Vec<DynamicObject>; 2] {
        let [(_go, go), (_ours, ours)] = start_each(&self.servers, &self.folder).await;
        let [go, ours] = [go, ours].map(|client| foos(&client, "v2"));
        let all = ListParams::default();
        [go.list(&all).await.unwrap().items, ours.list(&all).await.unwrap().items]
    }

    /// What is stored for a foo.
    async fn stored(&self, name: &str) -> Vec<u8> {
        let etcd = pintle_etcd::Cluster::open(&format!("etcd:{}?compaction-seconds=0", self.etcd));
        let key = format!("/registry/hello.zeng.dev/foos/default/{name}");
        etcd.unwrap().get(&key).await.unwrap().item.unwrap().value.to_vec()
    }
}

/// Starts programs, and waits until they list their foos.
async fn start_each(servers: &[(PathBuf, String); 2], folder: &Path) -> [(Process, Client); 2] {
    let started = servers.each_ref().map(|(program, words)| {
        let port = free_port();
        let data = folder.join(port.to_string()).display().to_string();
        let words = format!("--secure-port {port} {}", words.replace("{data}", &data));
        let log = folder.join(format!("{port}.log"));
        (Process::start(program, &log, &words), connect(port))
    });
    for (_, client) in &started {
        let start = Instant::now();
        while client.list_api_groups().await.is_err()
            || foos(client, "v2").list(&ListParams::default()).await.is_err()
        {
            assert!(
                start.elapsed() < START_TIME,
                "a server is not ready; see {}",
                folder.display()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    started
}

fn connect(port: u16) -> Client {
    let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
    config.accept_invalid_certs = true;
    Client::try_from(config).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn resource(version: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk("hello.zeng.dev", version, "Foo");
    ApiResource::from_gvk_with_plural(&kind, "foos")
}

fn foos(client: &Client, version: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "default", &resource(version))
}

/// One server writes, the other reads the same, changes it, and takes over; what neither changes
/// is not written: so their bytes are equal.
async fn take_turns(both: &Both, media: &str, sealed: Option<&str>) {
    let servers = [("go", &both.go, "ours", &both.ours), ("ours", &both.ours, "go", &both.go)];
    for (writer, first, reader, second) in servers {
        for version in ["v1", "v2"] {
            let what = format!("{writer} to {reader}, {version}, {media}, {sealed:?}");
            let name = format!("{writer}-{version}");
            let spec = match version {
                "v1" => json!({"msg": "hello <&>", "msg1": "été"}),
                _ => json!({"image": "busybox", "config": {"msg": "hello <&>", "msg1": "été"}}),
            };
            let foo = DynamicObject::new(&name, &resource(version)).data(json!({"spec": spec}));
            let made = foos(first, version).create(&PostParams::default(), &foo).await.unwrap();
            let value = both.stored(&name).await;
            match sealed {
                Some(prefix) => assert!(value.starts_with(prefix.as_bytes()), "{what}"),
                None if media.contains("protobuf") => {
                    assert!(value.starts_with(b"k8s\0"), "{what}");
                }
                None => assert!(
                    value.starts_with(b"{\"kind\":\"Foo\"")
                        || value.starts_with(b"{\"apiVersion\""),
                    "{what}"
                ),
            }
            for version in ["v1", "v2"] {
                let [a, b] = [first, second].map(|it| foos(it, version));
                let (a, b) = (a.get(&name).await.unwrap(), b.get(&name).await.unwrap());
                assert_eq!(b, a, "{what}: read as {version}");
            }
            // What does not change is not written, by either of them.
            let mut same = foos(second, "v2").get(&name).await.unwrap();
            for client in [second, first] {
                same =
                    foos(client, "v2").replace(&name, &PostParams::default(), &same).await.unwrap();
                let (want, got) =
                    (&made.metadata.resource_version, &same.metadata.resource_version);
                assert_eq!(got, want, "{what}: a write without a change is none");
            }
            assert_eq!(both.stored(&name).await, value, "{what}");
            let patch = Patch::Merge(json!({"metadata": {"labels": {"by": reader}}}));
            let patched =
                foos(second, version).patch(&name, &PatchParams::default(), &patch).await.unwrap();
            let seen = foos(first, version).get(&name).await.unwrap();
            assert_eq!(seen, patched, "{what}: after a patch");
        }
    }
    let [go, ours] = [&both.go, &both.ours].map(|it| foos(it, "v2"));
    let everything = ListParams::default();
    let (go_list, our_list) =
        (go.list(&everything).await.unwrap(), ours.list(&everything).await.unwrap());
    assert_eq!(our_list.items, go_list.items);
    assert_eq!(our_list.metadata, go_list.metadata);
    assert_eq!(go_list.items.len(), 4);
    for shown in both.shown_anew().await {
        assert_eq!(shown, go_list.items, "a server that takes over, {media}, {sealed:?}");
    }
    for foo in go_list.items {
        let name = foo.metadata.name.unwrap();
        let by = if name.starts_with("go") { &ours } else { &go };
        by.delete(&name, &DeleteParams::default()).await.unwrap();
    }
    assert!(go.list(&everything).await.unwrap().items.is_empty());
    assert!(ours.list(&everything).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn each_reads_what_the_other_stored() {
    for media in ["application/json", "application/vnd.kubernetes.protobuf"] {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--storage-media-type", media];
        let Some(both) = Both::start(folder.path(), &flags).await else { return };
        take_turns(&both, media, None).await;
    }
}

#[tokio::test]
async fn each_opens_what_the_other_sealed() {
    for provider in ["aescbc", "aesgcm", "secretbox"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encryption.yaml");
        let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let config = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n\
             - resources: [foos.hello.zeng.dev]\n  providers:\n\
             \x20 - {provider}: {{keys: [{{name: one, secret: {secret}}}]}}\n"
        );
        std::fs::write(&path, config).unwrap();
        let flags = ["--encryption-provider-config", path.to_str().unwrap()];
        let Some(both) = Both::start(folder.path(), &flags).await else { return };
        let prefix = format!("k8s:enc:{provider}:v1:one:");
        take_turns(&both, "application/json", Some(&prefix)).await;
    }
}

/// With the help of one plugin too; both say the same of it in their health.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_opens_what_the_other_sealed_with_a_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("kms.sock");
    let plugin = plugin::Plugin::start(&socket);
    let path = folder.path().join("encryption.yaml");
    let config = format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n\
         - resources: [foos.hello.zeng.dev]\n  providers:\n\
         \x20 - kms: {{apiVersion: v2, name: one, endpoint: 'unix://{}'}}\n",
        socket.display()
    );
    std::fs::write(&path, config).unwrap();
    let flags = ["--encryption-provider-config", path.to_str().unwrap()];
    let Some(both) = Both::start(folder.path(), &flags).await else { return };
    take_turns(&both, "application/json", Some("k8s:enc:kms:v2:one:")).await;
    assert!(plugin.asked("Decrypt") >= 2, "each asks for the other's seed");
    assert!(plugin.asked("Encrypt") <= 4, "{}: not for each value", plugin.asked("Encrypt"));
    for (client, name) in [(&both.go, "go"), (&both.ours, "ours")] {
        for (path, has) in [("healthz", true), ("livez", false), ("readyz", true)] {
            let request = http::Request::get(format!("/{path}?verbose")).body(Vec::new()).unwrap();
            let text = client.request_text(request).await.unwrap();
            assert_eq!(text.contains("[+]kms-providers ok\n"), has, "{name}: {text}");
        }
    }
}
