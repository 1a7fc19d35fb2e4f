//! Protocol buffers: the second form of objects, which Go clients ask for and Go servers store.
//!
//! A [`Codec`] turns JSON values into the bytes that Kubernetes' generated code writes, field by
//! field in the order of their numbers, and such bytes into JSON values. It works from a table: the
//! ones of `meta/v1` are in [`known`], that of an author's kind is learned from its schema and its
//! `Deserialize` by [`learn`]. Bytes of an object travel in an [`envelope`]. See
//! [Protobuf encoding in Kubernetes](https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding).

mod access;
pub mod envelope;
pub mod known;
mod lazy;
mod learn;
mod order;
mod read;
mod table;
mod wire;
mod write;

#[cfg(test)]
mod tests;

pub use lazy::LazyCodec;
pub use learn::learn;
pub use read::UNITS_MAX;
pub use table::{Codec, Field, Message, Shape, Type};
pub use wire::Error;

/// Messages may be nested this deep.
pub const MAX_DEPTH: usize = 127;
