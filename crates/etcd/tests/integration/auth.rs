//! etcd's own users: a token is fetched, and again when it is not taken any more.

use crate::etcd::{Etcd, newest};
use pintle_etcd::Cluster;
use pintle_storage::{Error, Event, Storage};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_password() {
    let Some(program) = newest() else { return };
    let Some(etcdctl) = etcdctl() else {
        eprintln!("SKIPPED: no etcdctl is found");
        return;
    };
    // Tokens that nobody used for a second are not taken any more.
    let etcd = Etcd::start_with(&program, &["--auth-token-ttl", "1"]);
    crate::etcd::ready(&etcd.address()).await;
    let run = |words: &str| {
        let out = Command::new(&etcdctl)
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", etcd.url))
            .args(words.split(' '))
            .output()
            .unwrap();
        assert!(out.status.success(), "{words}: {}", String::from_utf8_lossy(&out.stderr));
    };
    run("user add root:secret");
    run("user grant-role root root");
    run("user add hello:pw");
    run("role add hello");
    run("role grant-permission hello --prefix=true readwrite /registry/");
    run("user grant-role hello hello");
    run("auth enable");

    let password = etcd.folder.with_extension("password");
    std::fs::write(&password, "pw\n").unwrap();
    let address = format!("{}&user=hello&password-file={}", etcd.address(), password.display());
    let cluster = Cluster::open(&address).unwrap();
    let created = cluster.create("/registry/foos/a", "one".into()).await.unwrap();
    let mut watch = cluster.watch("/registry/foos/", created).await.unwrap();
    // Long enough for the token to go out of use.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let updated = cluster.update("/registry/foos/a", "two".into(), created).await.unwrap();
    let events = tokio::time::timeout(Duration::from_secs(20), watch.next()).await.unwrap();
    assert!(matches!(&events.unwrap()[..], [Event::Put(item)] if item.revision == updated));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut late = cluster.watch("/registry/foos/", created).await.unwrap();
    let events = tokio::time::timeout(Duration::from_secs(20), late.next()).await.unwrap();
    assert!(matches!(&events.unwrap()[..], [Event::Put(item)] if item.revision == updated));

    let denied = cluster.get("/elsewhere").await.unwrap_err();
    assert!(
        matches!(&denied, Error::Internal(why) if why.to_string().contains("permission denied"))
    );
    let mut denied = cluster.watch("/elsewhere/", 0).await.unwrap();
    let denied = tokio::time::timeout(Duration::from_secs(20), denied.next()).await.unwrap();
    let denied = denied.unwrap_err().to_string();
    assert!(denied.contains("permission denied"), "{denied}");

    let wrong = format!("{}&user=hello&password=no", etcd.address());
    let refused = Cluster::open(&wrong).unwrap().current_revision().await.unwrap_err();
    assert!(refused.to_string().contains("authentication failed"), "{refused}");
    let nobody = Cluster::open(&etcd.address()).unwrap().get("/registry/foos/a").await.unwrap_err();
    assert!(nobody.to_string().contains("user name is empty"), "{nobody}");
}

/// An etcdctl beside an etcd that is found, or in the path.
fn etcdctl() -> Option<std::path::PathBuf> {
    let beside = crate::etcd::found().into_iter().map(|(_, path)| path.with_file_name("etcdctl"));
    beside.chain([Path::new("etcdctl").to_owned()]).find(|path| {
        Command::new(path).arg("version").output().is_ok_and(|out| out.status.success())
    })
}
