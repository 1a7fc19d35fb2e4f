//! etcd as a sort of storage that a server offers.

use crate::Cluster;
use async_trait::async_trait;
use pintle_storage::{Backend, Storage};
use std::io;
use std::sync::Arc;

/// Offers etcd: `etcd:http://a:2379,http://b:2379`, with parameters after a question mark.
///
/// | parameter | what it is |
/// |---|---|
/// | `cafile` | the authority of etcd's certificates; needed for `https://` |
/// | `certfile`, `keyfile` | the client's certificate and its key |
/// | `user`; `password` or `password-file` | a user of etcd's own authentication |
/// | `compaction-seconds` | how often the past is forgotten: 300 where it is not said, 0 for never |
/// | `health-key` | a key that is read to ask for the newest revision: `/registry/health` |
///
/// Values are percent-encoded. The files are read again with each new connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Etcd;

#[async_trait]
impl Backend for Etcd {
    fn schemes(&self) -> &'static [&'static str] {
        &["etcd"]
    }

    async fn open(&self, address: &str) -> io::Result<Arc<dyn Storage>> {
        Ok(Arc::new(Cluster::open(address)?))
    }
}
