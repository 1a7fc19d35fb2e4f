//! The server side of kube-rs: a library for building Kubernetes-style API servers.
//!
//! Define a type as for a custom resource with kube-rs; Pintle serves it. kubectl, client-go,
//! kube-rs and every other client of Kubernetes work against it, alone on a laptop or behind a
//! cluster's kube-apiserver.
//!
//! ```no_run
//! use kube::CustomResource;
//! use pintle::{Hub, Kind, Server};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// A Greeting is said to somebody.
//! #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
//! #[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
//! struct GreetingSpec {
//!     /// Who is greeted.
//!     to: String,
//! }
//!
//! impl Hub for Greeting {}
//!
//! fn main() -> std::process::ExitCode {
//!     Server::new("greeter").kind(Kind::<Greeting>::new()).run()
//! }
//! ```
//!
//! What a kind does beyond being stored is said by the methods of [`Hub`]; older versions are
//! [`Version`]s of it; subresources, admission plugins and kinds with storage of their own are
//! given to [`Kind`] and [`Server`].

mod access_log;
mod admission;
mod at_rest;
mod audit;
mod authn;
mod authz;
mod body;
mod cache;
mod catalog;
mod clock;
mod compress;
mod connect;
mod cors;
mod deadline;
mod delegation;
mod discovery;
mod flow;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod health;
mod impersonate;
mod index;
mod kinds;
mod kubeconfig;
mod memo;
mod metrics;
mod names;
mod negotiate;
mod openapi;
mod options;
mod other;
mod part;
mod pipeline;
mod pretty;
mod profile;
mod registry;
mod reload;
mod reply;
mod request;
mod respond;
mod rest;
mod running;
mod serve;
mod server;
mod shape;
mod shared;
mod sizes;
mod spans;
mod storages;
mod store;
mod tls;
mod told;
mod turning_away;
mod typing;
mod upstream;
mod verbs;
mod version;
mod websocket;

pub use admission::Admission;
pub use admission::Attributes;
pub use admission::Operation;
pub use async_trait::async_trait;
pub use audit::AuditFormat;
pub use audit::AuditMode;
pub use connect::Answer;
pub use connect::Connecter;
pub use connect::Connection;
pub use connect::WebSocket;
pub use k8s_openapi;
pub use kinds::Kind;
pub use kinds::Registration;
pub use kube_core;
pub use options::AcceptedOptions;
pub use options::AuditOptions;
pub use options::AuditWebhookOptions;
pub use options::AuthenticationOptions;
pub use options::AuthorizationMode;
pub use options::AuthorizationOptions;
pub use options::DelegationOptions;
pub use options::EtcdOptions;
pub use options::FeatureGate;
pub use options::FeatureOptions;
pub use options::LifecycleOptions;
pub use options::LoggingFormat;
pub use options::LoggingOptions;
pub use options::Options;
pub use options::ServingOptions;
pub use options::StorageMediaType;
pub use options::StorageOptions;
pub use part::Call;
pub use pintle_meta::Cell;
pub use pintle_meta::Columns;
pub use pintle_meta::FieldErrors;
pub use pintle_meta::GroupResource;
pub use pintle_meta::Hub;
pub use pintle_meta::Object;
pub use pintle_meta::Reason;
pub use pintle_meta::Request;
pub use pintle_meta::Served;
pub use pintle_meta::Status;
pub use pintle_meta::User;
pub use pintle_meta::Version;
pub use pintle_meta::kind::GarbageCollectionPolicy;
pub use pintle_meta::validation::NameRule;
pub use pintle_storage as storage;
pub use rest::Rest;
pub use rest::WatchEvent;
pub use rest::WatchStream;
pub use running::Running;
pub use schemars;
pub use server::Server;
pub use tls::CipherSuite;
pub use tls::Curve;
pub use tls::SniCertKey;
pub use tls::TlsVersion;
pub use tokio_tungstenite;

/// See the feature `mimalloc`. With the system's allocator on Linux the same objects take twice the
/// memory: what stays lies between what requests needed for a moment.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
