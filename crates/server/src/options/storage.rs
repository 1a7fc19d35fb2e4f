//! The flags about what is stored, whatever the storage.

use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// The flags that say how objects are stored.
#[derive(Args, Clone, Debug, Default)]
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
}
