//! Whole servers over real TLS, as their clients see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod audit;
mod auth;
mod bad_input;
mod broken;
mod cbor;
mod cluster;
mod connect;
mod core_group;
mod delegation;
mod deletion;
mod flags;
mod frames;
mod harness;
mod impersonate;
mod kinds;
mod kube_rs;
mod kube_rs_restart;
mod lifecycle;
mod limits;
mod matrix;
mod metrics;
mod outside;
mod panic;
mod plugin;
#[cfg(all(unix, feature = "profiling"))]
mod profile;
mod protobuf;
mod rbac;
mod reload;
mod rest;
mod rules;
mod scale;
mod signer;
mod status;
mod storage;
mod versions;
mod watch;
mod writes;
mod written;
