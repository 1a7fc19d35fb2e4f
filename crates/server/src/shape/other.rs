//! Documents that are no objects of the kind, such as its parts: their metadata, or a row of a table.

use super::{Include, Shape, type_meta};
use pintle_meta::columns::default_definitions;
use pintle_meta::json;
use serde_json::{Value, json};

/// How Kubernetes shows that something has no time of creation.
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Shape {
    /// The metadata of a document, on their own.
    pub(crate) fn metadata_of(&self, json: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.metadata_alone(&read(json), &mut out);
        out
    }

    /// The table that has a document as its only row, with the columns of what has none of its own.
    pub(crate) fn table_of(&self, json: &[u8]) -> Vec<u8> {
        let document = read(json);
        let metadata = &document["metadata"];
        let mut out = Vec::new();
        let of_table = match &metadata["resourceVersion"] {
            Value::Null => json!({}),
            revision => json!({ "resourceVersion": revision }),
        };
        self.table_head(of_table.to_string().as_bytes(), Some(&default_definitions()), &mut out);
        let name = metadata["name"].as_str().unwrap_or_default();
        let created = metadata["creationTimestamp"].as_str().unwrap_or(NEVER);
        let cells = json!([name, created]);
        out.extend_from_slice(format!(r#"{{"cells":{cells},"object":"#).as_bytes());
        match self.include {
            Include::Nothing => out.extend_from_slice(b"null"),
            Include::Metadata => self.metadata_alone(&document, &mut out),
            Include::Object => out.extend_from_slice(json),
        }
        out.extend_from_slice(b"}]}");
        out
    }

    fn metadata_alone(&self, document: &Value, out: &mut Vec<u8>) {
        type_meta("PartialObjectMetadata", self.meta_version(), out);
        out.extend_from_slice(br#","metadata":"#);
        // Metadata that were read from JSON can be written as JSON.
        let _ = json::write(out, &document["metadata"]);
        out.push(b'}');
    }
}

fn read(json: &[u8]) -> Value {
    // What was encoded here can be read.
    serde_json::from_slice(json).unwrap_or_default()
}
