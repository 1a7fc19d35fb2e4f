//! The nouns of a Kubernetes-style API, without I/O and without `async`.
//!
//! What a kind is, how its versions convert, what a client may be told, and the rules that
//! Kubernetes has for names, labels, selectors, patches and formats. The crate `pintle` serves
//! them; most users depend on that one and find what they need re-exported there.

pub mod cbor;
#[cfg(feature = "cel")]
mod cel;
#[cfg(not(feature = "cel"))]
#[path = "no_cel.rs"]
mod cel;
pub mod columns;
pub mod continue_token;
pub mod decode;
pub mod encode;
pub mod field;
pub mod go;
pub mod json;
pub mod kind;
pub mod managed;
pub mod object;
pub mod options;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod rbac;
pub mod request;
pub mod reviews;
pub mod scale;
pub mod schema;
pub mod selector;
pub mod status;
pub mod validation;
pub mod yaml;

pub use cel::Expression;
pub use columns::{Cell, Columns};
pub use field::FieldErrors;
pub use kind::{Hub, KindInfo, Version, VersionInfo};
pub use object::{Object, Served};
pub use request::{Request, User};
pub use status::{GroupResource, Reason, Status};
