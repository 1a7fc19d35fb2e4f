//! What idle watches cost a server, connections and TLS included.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams, WatchParams};
use kube::{Client, Config};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// How many watches are opened before it is looked at what the server takes, and between two looks.
const WATCHES: usize = 150;
/// How much a watch on a connection of its own may take of this build, which is not optimized.
const WATCH_KIB_MAX: u64 = 28;

struct Served {
    process: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(folder: &std::path::Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hello-apiserver"))
            .args(["--secure-port=0", "--insecure-allow-all", "--storage=memory", "--data-dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = format!("https://{}", line.trim().rsplit_once("https://").unwrap().1);
        Self { process, url }
    }

    /// A client with connections of its own.
    fn foos(&self) -> Api<DynamicObject> {
        let mut config = Config::new(self.url.parse().unwrap());
        config.accept_invalid_certs = true;
        Api::namespaced_with(Client::try_from(config).unwrap(), "default", &resource())
    }

    /// The memory that is its own.
    fn kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("hello.zeng.dev", "v2", "Foo");
    ApiResource::from_gvk_with_plural(&kind, "foos")
}

#[tokio::test]
async fn idle_watches_cost_little() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let foos = served.foos();
    let (mut watches, mut kib) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        for _ in 0..WATCHES {
            let watch = foos.watch(&WatchParams::default(), "0").await.unwrap();
            watches.push(watch.boxed());
        }
        kib.push(served.kib());
    }
    let open = fs::read_dir(format!("/proc/{}/fd", served.process.id())).unwrap().count();
    assert!(open > 3 * WATCHES, "each has a connection of its own: {open}");
    // The first ones pay for what all share.
    let each = (kib[2] - kib[0]) / (2 * WATCHES as u64);
    eprintln!("{each} KiB for an idle watch on a connection of its own, in a build for tests");
    assert!(each <= WATCH_KIB_MAX, "{kib:?}");

    // They are watches: each is told of what happens, and none costs more for having waited.
    let spec = json!({"image": "busybox", "config": {"msg": "hello"}});
    let foo = DynamicObject::new("one", &resource()).data(json!({"spec": spec}));
    foos.create(&PostParams::default(), &foo).await.unwrap();
    for watch in &mut watches {
        assert!(watch.try_next().await.unwrap().is_some());
    }
}
