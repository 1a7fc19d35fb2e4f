//! SQLite: the suite of every backend, and what is asked of a file beyond it.

use pintle_sql::Sql;
use pintle_storage::{Backend as _, Storage, suite};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn open(path: &Path) -> std::io::Result<Arc<dyn Storage>> {
    Sql.open(&format!("sqlite:{}", path.display())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suite_passes() {
    let folder = tempfile::tempdir().unwrap();
    let stores = AtomicUsize::new(0);
    suite::run(|| async {
        let name = format!("{}.db", stores.fetch_add(1, Ordering::Relaxed));
        open(&folder.path().join(name)).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/objects.db");
    let store = open(&path).await.unwrap();
    let first = store.create("/a", "one".into()).await.unwrap();
    let second = store.update("/a", "two".into(), first).await.unwrap();
    let other = store.create("/b", "gone".into()).await.unwrap();
    let last = store.delete("/b", other).await.unwrap();
    store.compact(last).await.unwrap();
    drop(store);

    let store = open(&path).await.unwrap();
    assert_eq!(store.current_revision().await.unwrap(), last, "not even of a key that is gone");
    let got = store.get("/a").await.unwrap().item.unwrap();
    assert_eq!((got.value.as_ref(), got.revision), (&b"two"[..], second));
    assert!(store.get("/b").await.unwrap().item.is_none());
    assert!(store.watch("/", last - 1).await.is_err(), "compactions are remembered");
    assert_eq!(store.create("/b", "three".into()).await.unwrap(), last + 1);
}

#[tokio::test]
async fn one_process_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("objects.db");
    let store = open(&path).await.unwrap();
    let refused = open(&path).await.unwrap_err();
    assert_eq!(refused.to_string(), "another process uses it");
    drop(store);
    open(&path).await.unwrap();
}

/// What cannot be used is refused with one line, and left as it is.
#[tokio::test]
async fn files_that_are_not_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |name: &str, content: Vec<u8>, why: &str| {
        let path = folder.path().join(name);
        fs::write(&path, &content).unwrap();
        let refused = open(&path).await.unwrap_err().to_string();
        assert!(refused.starts_with(why) && !refused.contains('\n'), "{name}: {refused}");
        assert!(fs::read(&path).unwrap() == content, "{name} was changed");
    };
    let good = folder.path().join("good.db");
    let store = open(&good).await.unwrap();
    let value = vec![7; 100_000];
    store.create("/a", value.into()).await.unwrap();
    drop(store);
    // Opened again, because the last one to close a file brings it up to date.
    drop(open(&good).await.unwrap());
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let good = fs::read(&good).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut content = good.clone();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    let noise = vec![0xa5; 8192];
    check("text.db", b"hello".to_vec(), "it is not a SQLite database").await;
    check("noise.db", noise.clone(), "it is not a SQLite database").await;
    check("other.db", with(68, &[0; 4]), "it is a database of another program").await;
    check("newer.db", with(60, &[0, 0, 0, 9]), "it was written by a newer version").await;
    check("short.db", good[..4096].to_vec(), "it is damaged").await;
    check("broken.db", with(4096, &noise), "it is damaged").await;
    let refused = Sql.open("sqlite::memory:").await.unwrap_err().to_string();
    assert!(refused.starts_with("it has to name a file"), "{refused}");
}
