//! Tests of managed fields and server-side apply.

#![allow(clippy::needless_pass_by_value, reason = "a table reads best with its values in place")]

mod applying;
mod fixture;
mod laws;
mod replay;
mod schemas;
mod sets;
mod updating;
