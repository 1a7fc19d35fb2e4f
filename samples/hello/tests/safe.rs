//! The sample without a flag is safe: nothing is open that the operator has not opened. (One flag it
//! has: any free port, as the usual one may be taken on the machine of the test.)

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The program, with a home of its own; it is ended whatever happens.
struct Program {
    child: Child,
    address: SocketAddr,
    home: TempDir,
}

impl Program {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut Command)) -> Self {
        let home = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hello-apiserver"));
        command
            .arg("--secure-port=0")
            .env("HOME", home.path())
            .env_remove("XDG_DATA_HOME")
            .stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit_once("https://").unwrap().1;
        Self { child, address: url.parse().unwrap(), home }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join(".local/share/hello-apiserver")
    }

    /// A client with the administrator's token, without one, or with another.
    async fn client(&self, token: Option<&str>) -> Client {
        let file = Kubeconfig::read_from(self.data().join("admin.kubeconfig")).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
        match token {
            Some("own") => {}
            Some(other) => config.auth_info.token = Some(other.to_owned().into()),
            None => config.auth_info = kube::config::AuthInfo::default(),
        }
        config.try_into().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn get(client: &Client, path: &str) -> u16 {
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    match client.request_text(request).await {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(other) => panic!("{path}: {other}"),
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn whoever_starts_it_is_told_when_it_is_ready() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let program = Program::start_with(|command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let mut said = [0; 64];
    let length = socket.recv(&mut said).unwrap();
    assert_eq!(&said[..length], b"READY=1\n");
    TcpStream::connect(program.address).unwrap();
}

#[tokio::test]
async fn without_a_flag_nothing_is_open() {
    let program = Program::start();
    let (own, nobody, wrong) = (
        program.client(Some("own")).await,
        program.client(None).await,
        program.client(Some("wrong")).await,
    );
    for _ in 0..1_000 {
        if get(&own, "/readyz").await == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let foos = "/apis/hello.zeng.dev/v2/foos";
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    for (path, by_nobody) in [
        ("/healthz", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/version", 200),
        ("/", 403),
        ("/apis", 403),
        ("/openapi/v2", 403),
        ("/metrics", 403),
        ("/debug/pprof/", 403),
        ("/nothing", 403),
        (foos, 403),
        (roles, 403),
    ] {
        assert_eq!(get(&nobody, path).await, by_nobody, "nobody: {path}");
        assert_eq!(get(&wrong, path).await, 401, "a wrong token: {path}");
    }
    for path in ["/healthz", "/apis", "/metrics", foos, roles] {
        assert_eq!(get(&own, path).await, 200, "the administrator: {path}");
    }

    // It listens on this machine's own address and on no other.
    assert_eq!(program.address.ip(), IpAddr::from([127, 0, 0, 1]));
    let other = SocketAddr::from(([127, 0, 0, 2], program.address.port()));
    assert!(TcpStream::connect(other).is_err(), "it listens on {other} too");
    // And it speaks nothing but TLS.
    let mut plain = TcpStream::connect(program.address).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");

    // What it keeps is its owner's only.
    let files = files(program.home.path());
    assert!(files.len() > 3, "{files:?}");
    for path in files.iter().filter(|path| path.extension().is_none_or(|it| it != "crt")) {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}
