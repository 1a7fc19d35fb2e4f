//! The admission plugin of the sample, in the program as its users start it, with the kubeconfig
//! that it writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program under test; it is ended, and its files are removed, whatever happens.
struct Program {
    child: Child,
    folder: PathBuf,
}

impl Program {
    /// Starts the program, and waits until it serves.
    fn start(folder: &str, flags: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        let _ = fs::remove_dir_all(&folder);
        let child = Command::new(env!("CARGO_BIN_EXE_hello-apiserver"))
            .args(["--secure-port=0", "--data-dir"])
            .arg(&folder)
            .args(flags)
            .stdout(Stdio::piped())
            .spawn();
        let mut program = Self { child: child.unwrap(), folder };
        let output = program.child.stdout.as_mut().unwrap();
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert!(line.starts_with("hello-apiserver serves on https://"), "{line}");
        program
    }

    async fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.folder.join("admin.kubeconfig")).unwrap();
        let options = KubeConfigOptions::default();
        Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap().try_into().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a foo, and returns the code and the message that it is answered.
async fn create(client: &Client, version: &str, namespace: &str) -> (u16, String) {
    let kind = GroupVersionKind::gvk("hello.zeng.dev", version, "Foo");
    let resource = ApiResource::from_gvk_with_plural(&kind, "foos");
    let foos: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let spec = match version {
        "v1" => json!({"msg": "hello"}),
        _ => json!({"image": "busybox", "config": {"msg": "hello"}}),
    };
    let foo = DynamicObject::new(&format!("foo-{version}"), &resource).data(json!({"spec": spec}));
    match foos.create(&PostParams::default(), &foo).await {
        Ok(_) => (201, String::new()),
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn foos_are_kept_out_of_kube_system_where_admission_is_on() {
    let refused = |version: &str| {
        let why = "namespace/kube-system is not permitted, please change the resource namespace";
        (403, format!("foos.hello.zeng.dev \"foo-{version}\" is forbidden: {why}"))
    };
    for (folder, flags, admission) in [
        ("admission-on", &["--enable-admission"][..], true),
        ("admission-off", &["--enable-admission=false"], false),
        ("admission-not-named", &[], false),
    ] {
        let program = Program::start(folder, flags);
        let client = program.client().await;
        for version in ["v1", "v2"] {
            let want = if admission { refused(version) } else { (201, String::new()) };
            assert_eq!(create(&client, version, "kube-system").await, want, "{folder} {version}");
            let want = (201, String::new());
            assert_eq!(create(&client, version, "default").await, want, "{folder} {version}");
        }
    }
}
