//! Tests of managed fields and server-side apply.

mod applying;
mod fixture;
mod laws;
mod replay;
mod schemas;
mod sets;
mod updating;
