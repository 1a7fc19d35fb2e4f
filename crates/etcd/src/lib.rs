//! Keeps the objects of a Pintle server in [etcd v3](https://etcd.io/docs/v3.6/learning/api/), as a Go
//! server keeps them: many servers share one etcd, and servers of both languages share its data.
//!
//! [`Etcd`] is what a program offers with `Server::backend`; [`Cluster`] is the storage behind an
//! address. Every write is a transaction in one of the few shapes that etcd's stand-ins (kine among
//! them) know too. etcd 3.4, 3.5 and 3.6 are known to work.

mod address;
mod backend;
mod client;
mod cluster;
mod compactor;
mod failure;
mod fence;
mod keys;
mod link;
mod newest;
mod proto;
mod token;
mod version;
mod watch;

pub use backend::Etcd;
pub use cluster::Cluster;
