//! The flags about what is stored, whatever the storage.

use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// The flags that say how objects are stored.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
#[non_exhaustive]
pub struct StorageOptions {
    /// The format that objects are stored in. Whatever is stored is read in the format that it is in.
    /// Kinds without protobuf are stored as JSON
    #[arg(long = "storage-media-type", value_name = "TYPE", value_enum)]
    #[arg(default_value_t = StorageMediaType::default())]
    pub media_type: StorageMediaType,

    /// The file that says what is sealed at rest and how: an EncryptionConfiguration of Kubernetes
    #[arg(long = "encryption-provider-config", value_name = "FILE")]
    pub encryption_config: Option<PathBuf>,

    /// Read --encryption-provider-config again when it changes
    #[arg(long = "encryption-provider-config-automatic-reload", value_name = "BOOL")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", default_value_t = false, hide_possible_values = true)]
    pub reload_encryption_config: bool,

    /// How many bytes of earlier states the watch cache of a kind remembers, for watches and lists
    /// that start in the past. The newest state of every object is there besides
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = StorageOptions::default().watch_cache_history_bytes)]
    pub watch_cache_history_bytes: usize,

    /// How many bytes of earlier states the watch caches of all kinds remember together. Over it the
    /// longest memories are shortened, until each kind has an equal share
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = StorageOptions::default().watch_caches_history_bytes)]
    pub watch_caches_history_bytes: usize,

    /// How many objects are deleted at a time where a collection is deleted
    #[arg(long, value_name = "COUNT")]
    #[arg(default_value_t = StorageOptions::default().delete_collection_workers)]
    pub delete_collection_workers: usize,

    /// Let an object that is to be deleted wait for a garbage collector where a client asks for that,
    /// by the propagation policies Foreground and Orphan; without one it would wait for ever
    #[arg(long = "enable-garbage-collector", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(default_value_t = StorageOptions::default().collects_garbage)]
    #[arg(hide_possible_values = true)]
    pub collects_garbage: bool,
}

impl Default for StorageOptions {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            media_type: StorageMediaType::default(),
            encryption_config: None,
            reload_encryption_config: false,
            watch_cache_history_bytes: 16 << 20,
            watch_caches_history_bytes: 256 << 20,
            delete_collection_workers: 1,
            collects_garbage: true,
        }
    }
}

/// The format that objects are stored in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum StorageMediaType {
    /// JSON, which the watch cache can share with the storage.
    #[default]
    #[value(name = "application/json")]
    Json,
    /// YAML.
    #[value(name = "application/yaml")]
    Yaml,
    /// Protocol buffers in the envelope of Kubernetes.
    #[value(name = "application/vnd.kubernetes.protobuf")]
    Protobuf,
    /// CBOR, with the feature `CBORServingAndStorage`.
    #[value(name = "application/cbor")]
    Cbor,
}
