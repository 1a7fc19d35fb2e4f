//! The rules that Kubernetes has for names, labels and metadata, whatever the kind.
//!
//! Names are checked by functions that give the list of what is wrong, in apimachinery's words, so
//! that the caller decides about which field it is said. Metadata is checked as a whole.

mod names;
mod object_meta;
mod options;

pub use names::DNS1035_LABEL_MAX_BYTES;
pub use names::DNS1123_LABEL_MAX_BYTES;
pub use names::DNS1123_SUBDOMAIN_MAX_BYTES;
pub use names::LABEL_VALUE_MAX_BYTES;
pub use names::NameRule;
pub use names::QUALIFIED_NAME_MAX_BYTES;
pub use names::is_dns1035_label;
pub use names::is_dns1123_label;
pub use names::is_dns1123_subdomain;
pub use names::is_path_segment_name;
pub use names::is_path_segment_prefix;
pub use names::is_qualified_name;
pub use names::is_valid_label_value;
pub use object_meta::ANNOTATIONS_MAX_BYTES;
pub use object_meta::SUBRESOURCE_NAME_MAX_BYTES;
pub use object_meta::validate_annotations;
pub use object_meta::validate_labels;
pub use object_meta::validate_managed_fields;
pub use object_meta::validate_object_meta;
pub use object_meta::validate_object_meta_update;
pub use options::FIELD_MANAGER_MAX_BYTES;
pub use options::is_printable;
pub use options::validate_field_manager;

pub(crate) use options::validate_dry_run;
pub(crate) use options::validate_field_validation;
pub(crate) use options::validate_list;
pub(crate) use options::validate_watch;

#[cfg(test)]
mod tests;
