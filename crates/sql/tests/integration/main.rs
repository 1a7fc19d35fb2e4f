//! The databases, each by the suite of every backend and by what is asked of it beyond that.
//!
//! PostgreSQL and MariaDB are started here, each in a folder of its own and behind a Unix socket.
//! Where one of them is not installed its tests say so and do nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod mariadb;
mod postgres;
mod program;
mod shared;
mod sqlite;
