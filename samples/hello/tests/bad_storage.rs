//! What a program says of a storage that it cannot use: one line and a code at the start, or, where
//! the storage may still come or one value is wrong, a line in the log while it serves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::{Client, Config};
use serde_json::json;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn program(folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hello-apiserver"));
    command.args(["--insecure-allow-all", "--data-dir"]).arg(folder).args(flags);
    command.stdin(Stdio::null());
    command
}

/// Runs a program that must end by itself.
fn refused(folder: &Path, flags: &[&str]) -> Output {
    let mut command = program(folder, flags);
    let mut child = command
        .args(["--secure-port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{flags:?}: it runs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_storage_that_makes_no_sense_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text.db"), "this is no database, whatever its name says".repeat(100)).unwrap();
    fs::create_dir(at("folder.db")).unwrap();
    fs::write(at("encryption.yaml"), "kind: Config\napiVersion: v1\n").unwrap();
    let shown = |name: &str| at(name).display().to_string();
    let sqlite = |name: &str| format!("--storage=sqlite:{}", shown(name));
    let encryption = |name: &str| format!("--encryption-provider-config={}", shown(name));
    for (flags, want) in [
        (
            vec!["--storage=elsewhere:x".to_owned()],
            "invalid value 'elsewhere:x' for --storage: known",
        ),
        (vec!["--storage=etcd:ftp://h:1".into()], "is neither http://, https:// nor unix://"),
        (vec!["--storage=etcd:https://h:1".into()], "needs cafile=FILE"),
        (vec!["--storage=etcd:http://h:1?colour=red".into()], "\"colour\" is none of"),
        (vec!["--storage=etcd:https://h:1?cafile=/nowhere".into()], "/nowhere"),
        (
            vec!["--storage=postgres://u:secret@h:port/d".into()],
            "--storage=postgres://u:***@h:port/d",
        ),
        (
            vec!["--storage=mysql://u:secret@h/d?ssl-mode=maybe".into()],
            "--storage=mysql://u:***@h/d",
        ),
        (vec!["--storage=sqlite:".into()], "it has to name a file"),
        (vec![sqlite("text.db")], "text.db: "),
        // A folder in which nothing can be made, whoever the user is.
        (vec!["--storage=sqlite:/proc/objects.db".into()], "/proc/objects.db: "),
        (vec!["--storage=sqlite:/proc/none/objects.db".into()], "/proc/none/objects.db: "),
        (vec![sqlite("folder.db")], "folder.db: "),
        (vec!["--etcd-servers=h:1".into(), "--storage=memory".into()], "name two storages"),
        (vec!["--enable-etcd-storage".into()], "--etcd-servers must be specified"),
        (vec!["--etcd-servers-overrides=foos".into()], "must be of format: group/resource#servers"),
        (vec!["--watch-cache-sizes=foos#0".into()], "the watch cache cannot be turned off"),
        (vec![encryption("none.yaml")], "error reading encryption provider configuration file"),
        (
            vec![encryption("encryption.yaml")],
            "no kind \"Config\" is registered for version \"v1\"",
        ),
        (
            vec!["--encryption-provider-config-automatic-reload".into()],
            "must be set with --encryption-provider-config",
        ),
    ] {
        let words: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = refused(folder.path(), &words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{flags:?}: {text}");
        let last = text.trim_end().lines().last().unwrap_or_default();
        assert!(last.starts_with("hello-apiserver: ") && last.contains(want), "{flags:?}: {text}");
        assert!(!text.contains("secret") && !text.contains("panicked"), "{flags:?}: {text}");
    }
    let left = fs::read_to_string(at("text.db")).unwrap();
    assert!(left.starts_with("this is no database"), "what is not ours is left alone");
}

/// A program that serves, its log, and a client.
struct Served {
    process: Child,
    log: PathBuf,
    client: Client,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(folder: &Path, flags: &[&str]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let log = folder.join("log");
        let file = fs::File::create(&log).unwrap();
        let mut command = program(folder, flags);
        let command = command.args(["--secure-port", &port.to_string()]);
        let process = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
        config.accept_invalid_certs = true;
        config.default_retry = false;
        Self { process, log, client: Client::try_from(config).unwrap() }
    }

    /// Waits until a path is answered so.
    async fn answers(&self, path: &str, want: &str) {
        let begun = Instant::now();
        loop {
            let request = http::Request::get(path).body(Vec::new()).unwrap();
            let text = match self.client.request_text(request).await {
                Ok(text) => text,
                Err(error) => error.to_string(),
            };
            if text.contains(want) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn foos(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), "default", &resource())
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("hello.zeng.dev", "v2", "Foo");
    ApiResource::from_gvk_with_plural(&kind, "foos")
}

fn foo(name: &str) -> DynamicObject {
    let spec = json!({"image": "busybox", "config": {"msg": "hello"}});
    DynamicObject::new(name, &resource()).data(json!({"spec": spec}))
}

/// An etcd that cannot be reached is waited for, and so is a database.
#[tokio::test]
async fn a_storage_that_cannot_be_reached_is_waited_for() {
    for (address, why) in [
        ("etcd:http://127.0.0.1:1", "http://127.0.0.1:1: Connection refused"),
        ("postgres://u:secret@127.0.0.1:1/d", "127.0.0.1:1: Connection refused"),
        ("mysql://u:secret@127.0.0.1:1/d", "127.0.0.1:1: Connection refused"),
        ("etcd:http://nowhere.invalid:1", "http://nowhere.invalid:1: failed to lookup address"),
        ("postgres://u:secret@nowhere.invalid/d", "nowhere.invalid:5432: failed to lookup address"),
        ("mysql://u:secret@nowhere.invalid/d", "nowhere.invalid:3306: failed to lookup address"),
        ("postgres://u@h/d?host=/nowhere", "/nowhere/.s.PGSQL.5432: No such file or directory"),
        ("mysql://u@h/d?socket=/nowhere/s", "/nowhere/s: No such file or directory"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut served = Served::start(folder.path(), &["--storage", address]);
        served.answers("/readyz", "[-]etcd failed: reason withheld").await;
        served.answers("/readyz", "[-]etcd-readiness failed: reason withheld").await;
        let error = served.foos().get("a").await.unwrap_err();
        assert!(
            matches!(&error, kube::Error::Api(it) if it.reason == "ServerTimeout"),
            "{error:?}"
        );
        assert!(served.process.try_wait().unwrap().is_none(), "{address}: {}", served.log());
        let lines =
            ["etcd does not answer; it is asked again", "cannot be reached yet and is waited for"];
        // One line has both: what the matter is, and that it is waited for.
        let tells = |line: &str| lines.iter().any(|it| line.contains(it)) && line.contains(why);
        let says = |log: &str| log.lines().any(tells);
        let begun = Instant::now();
        while !says(&served.log()) {
            assert!(begun.elapsed() < PATIENCE, "{address}: {}", served.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!served.log().contains("secret"), "{address}: {}", served.log());
    }
}

/// A key that is gone: its objects cannot be read, and the error, the log and the metrics say so; the
/// others are served.
#[tokio::test]
async fn an_encryption_key_that_is_missing() {
    const ONE: &str = "one, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "two, secret: a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encryption.yaml");
    let flags = ["--encryption-provider-config", path.to_str().unwrap()];
    let config = |key: &str| {
        let text = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n\
             - resources: [foos.hello.zeng.dev]\n  providers: [{{aesgcm: {{keys: [{{name: {key}}}]}}}}]\n"
        );
        fs::write(&path, text).unwrap();
    };
    config(ONE);
    let served = Served::start(folder.path(), &flags);
    served.answers("/readyz", "ok").await;
    served.foos().create(&PostParams::default(), &foo("sealed")).await.unwrap();
    drop(served);

    config(TWO);
    let served = Served::start(folder.path(), &flags);
    served.answers("/readyz", "ok").await;
    served.foos().create(&PostParams::default(), &foo("well")).await.unwrap();
    served.foos().get("well").await.unwrap();
    let key = "/registry/hello.zeng.dev/foos/default/sealed";
    let why = "no matching key was found for the provided AES transformer";
    let error = served.foos().get("sealed").await.unwrap_err().to_string();
    assert!(error.contains(key) && error.contains(why), "{error}");
    let error = served.foos().list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&error, kube::Error::Api(it) if it.reason == "StorageReadError"), "{error:?}");
    let log = served.log();
    let line = log.lines().find(|line| line.contains("a stored value cannot be decoded"));
    assert!(line.is_some_and(|line| line.contains(key) && line.contains(why)), "{log}");
    let labels = "{group=\"hello.zeng.dev\",resource=\"foos\"} 1";
    served.answers("/metrics", &format!("apiserver_storage_decode_errors_total{labels}")).await;
    drop(served);

    config(&format!("{TWO}}}, {{name: {ONE}"));
    let served = Served::start(folder.path(), &flags);
    served.answers("/readyz", "ok").await;
    served.foos().get("sealed").await.unwrap();
}
