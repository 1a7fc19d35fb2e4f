//! Whole servers over real TLS, as their clients see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod audit;
mod auth;
mod bad_input;
mod broken;
mod cluster;
mod delegation;
mod harness;
mod kinds;
mod kube_rs;
mod panic;
mod protobuf;
mod rbac;
mod rest;
mod rules;
mod scale;
mod status;
mod versions;
mod watch;
