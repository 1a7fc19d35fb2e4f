//! What the default storage of the sample promises: a foo that was acknowledged is there after the
//! program was killed in the middle of writing others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How many clients write at a time.
const WRITERS: usize = 8;

/// How often the program is killed.
const ROUNDS: usize = 3;

/// How long the clients write before the program is killed.
const WRITE_TIME: Duration = Duration::from_millis(700);

fn start(folder: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hello-apiserver"))
        .args(["--secure-port=0", "--data-dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("hello-apiserver serves on https://"), "{line}");
    child
}

async fn foos(folder: &Path) -> Api<DynamicObject> {
    let kubeconfig = Kubeconfig::read_from(folder.join("admin.kubeconfig")).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    let client = Client::try_from(config).unwrap();
    Api::namespaced_with(client, "default", &resource())
}

fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("hello.zeng.dev", "v2", "Foo");
    ApiResource::from_gvk_with_plural(&kind, "foos")
}

/// Creates foos, each changed once, until the server is gone; returns the message and the
/// resource version of each that was acknowledged.
async fn write(foos: Api<DynamicObject>, name: String) -> BTreeMap<String, (String, String)> {
    let mut acknowledged = BTreeMap::new();
    for n in 0.. {
        let name = format!("{name}-{n}");
        let message = format!("message of {name} {}", "x".repeat(n % 1500));
        let spec = json!({"image": "busybox", "config": {"msg": message}});
        let foo = DynamicObject::new(&name, &resource()).data(json!({"spec": spec}));
        let Ok(mut foo) = foos.create(&PostParams::default(), &foo).await else { break };
        let version = foo.metadata.resource_version.clone().unwrap();
        acknowledged.insert(name.clone(), (message.clone(), version));
        let message = format!("second {message}");
        foo.data["spec"]["config"]["msg"] = json!(message);
        let Ok(foo) = foos.replace(&name, &PostParams::default(), &foo).await else { break };
        acknowledged.insert(name, (message, foo.metadata.resource_version.unwrap()));
    }
    acknowledged
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_has_lost_nothing_that_it_acknowledged() {
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join("durability"));
    let _ = fs::remove_dir_all(&folder.0);
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut program = start(&folder.0);
        let api = foos(&folder.0).await;
        let writer = |n| tokio::spawn(write(api.clone(), format!("foo-{round}-{n}")));
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        tokio::time::sleep(WRITE_TIME).await;
        program.kill().unwrap();
        program.wait().unwrap();
        let before = acknowledged.len();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        assert!(acknowledged.len() > before, "the clients wrote before the program was killed");
    }
    let mut program = start(&folder.0);
    let list = foos(&folder.0).await.list(&ListParams::default()).await;
    program.kill().unwrap();
    program.wait().unwrap();
    let mut found = BTreeMap::new();
    for foo in list.unwrap().items {
        let message = foo.data["spec"]["config"]["msg"].as_str().unwrap().to_owned();
        found.insert(foo.metadata.name.unwrap(), (message, foo.metadata.resource_version.unwrap()));
    }
    for (name, (message, version)) in &acknowledged {
        let (found_message, found_version) = found.get(name).unwrap_or_else(|| {
            panic!("{name} was acknowledged at {version} and is gone");
        });
        // A last write whose answer the client did not get may be there, but as a whole.
        let second = format!("second {message}");
        let whole = found_message == message || *found_message == second;
        assert!(whole, "{name} is neither what was written first nor second: {found_message}");
        if found_message == message {
            assert_eq!(found_version, version, "{name}");
        }
    }
    // What is there beyond that is the last write of a client, of which nobody was told.
    let unknown = found.keys().filter(|name| !acknowledged.contains_key(*name)).count();
    assert!(unknown <= WRITERS * ROUNDS, "{unknown} foos that nobody asked for");
    println!("{} foos were acknowledged, {} are there", acknowledged.len(), found.len());
}
