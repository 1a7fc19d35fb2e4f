//! What the field engines must know of a type, worked out when it is first asked for.

use crate::part::BodyKind;
use pintle_meta::VersionInfo;
use pintle_meta::managed::{FieldSet, PathElement, TypeSchema};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// The schema of a type, and an object of it with nothing set.
#[derive(Debug)]
pub(crate) struct Typing {
    pub schema: TypeSchema,
    /// What a new object is compared with.
    pub empty: Value,
    /// The status.
    pub status: FieldSet,
    /// Everything but the status and most of the metadata, in a version that has a status.
    pub all_but_status: Option<FieldSet>,
}

/// A [`Typing`] that is not worked out before it is needed.
pub(crate) type LazyTyping = OnceLock<Typing>;

impl Typing {
    /// The typing of a version of a kind.
    pub(crate) fn of_version(version: &VersionInfo) -> Self {
        let mut empty = (version.zero)();
        if let (true, Some(fields)) = (version.has_status, empty.as_object_mut()) {
            // Where there is a status it is there from the start, and nobody's.
            fields.entry("status").or_insert_with(|| Value::Object(Map::new()));
        }
        Self::new(&(version.schema)(), empty)
    }

    /// The typing of a subresource's body.
    pub(crate) fn of_body(body: &BodyKind) -> Self {
        Self::new(&(body.schema)(), (body.zero)())
    }

    fn new(schema: &Value, empty: Value) -> Self {
        let fields = schema["properties"].as_object().into_iter().flat_map(Map::keys);
        let mut all_but_status = FieldSet::new();
        for field in fields.filter(|field| !matches!(field.as_str(), "metadata" | "status")) {
            all_but_status.insert([PathElement::field(field)]);
        }
        for field in ["deletionTimestamp", "ownerReferences"] {
            all_but_status.insert([PathElement::field("metadata"), PathElement::field(field)]);
        }
        let mut status = FieldSet::new();
        status.insert([PathElement::field("status")]);
        let has_status = schema["properties"].get("status").is_some();
        let all_but_status = has_status.then_some(all_but_status);
        Self { schema: TypeSchema::from_json_schema(schema), empty, status, all_but_status }
    }
}
