//! The suite that every storage passes, on every etcd that is found.

use crate::etcd::{Etcd, found, ready};
use pintle_etcd::Cluster;
use pintle_storage::{Range, Storage, suite};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn every_version_passes_the_suite() {
    for (version, path) in found() {
        eprintln!("etcd {version}");
        let etcd = Etcd::start(&path);
        ready(&etcd.address()).await;
        suite::run(async || {
            // No case hears of another: nothing is left of it but revisions.
            let cluster = Cluster::open(&etcd.address()).unwrap();
            empty(&cluster).await;
            Arc::new(cluster) as Arc<dyn Storage>
        })
        .await;
    }
}

async fn empty(storage: &dyn Storage) {
    loop {
        let items = storage.range(Range::default()).await.unwrap().items;
        if items.is_empty() {
            return;
        }
        for item in items {
            // A watch of the case before may still write to see how far it is.
            let _ = storage.delete(&item.key, item.revision).await;
        }
    }
}
