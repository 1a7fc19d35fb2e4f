//! Compaction by several servers: once in a round.

use crate::etcd::{Etcd, newest, ready};
use pintle_storage::{Error, Range, Storage};
use std::time::Duration;

/// Two servers with an interval of a second forget the past, and the key by which they agree has
/// been raised once in a round, as a Go server would.
#[tokio::test(flavor = "multi_thread")]
async fn servers_share_the_rounds() {
    let Some(program) = newest() else { return };
    let etcd = Etcd::start(&program);
    let plain = ready(&etcd.address()).await;
    let address = format!("etcd:{}?compaction-seconds=1", etcd.url);
    let servers = [ready(&address).await, ready(&address).await];
    let first = plain.create("/c/a", "one".into()).await.unwrap();
    let second = plain.update("/c/a", "two".into(), first).await.unwrap();
    let oldest = loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let past = plain.range(Range { revision: first, ..Range::default() }).await;
        match past {
            Ok(_) => {}
            Err(Error::Compacted { oldest }) => break oldest,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(oldest >= second, "compacted to {oldest}");
    let agreed = plain.get("compact_rev_key").await.unwrap().item.unwrap();
    let said: u64 = String::from_utf8(agreed.value.to_vec()).unwrap().parse().unwrap();
    assert_eq!(said, oldest, "the key has the revision that was compacted");
    drop(servers);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let later = plain.get("compact_rev_key").await.unwrap().item.unwrap();
    assert_eq!(later, agreed, "servers that are gone do not compact");
}
