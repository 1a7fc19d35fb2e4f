//! The columns that kube-derive's `printcolumn` describes, as a cluster shows them of a custom resource.
//!
//! See [additional printer columns](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns).

use super::path::JsonPath;
use super::{Columns, Definition, Source};
use crate::object::Served;
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;
use serde_json::Value;

/// The types that a column can have.
const TYPES: [&str; 5] = ["string", "integer", "number", "boolean", "date"];

/// A column whose cells are found by a path.
#[derive(Debug)]
pub(super) struct Printed {
    path: JsonPath,
    type_: &'static str,
}

/// What stands in a cell.
pub(super) enum Cell {
    Value(Value),
    /// How long ago this was.
    Age(Timestamp),
}

impl<K: Served> Columns<K> {
    /// Shows these columns instead of those that are there.
    ///
    /// # Panics
    /// Where a column has a path or a type that Kubernetes would refuse: the author sees it at the
    /// start.
    pub(crate) fn print(&mut self, columns: &[CustomResourceColumnDefinition]) {
        *self = Self::new();
        for column in columns {
            let path = JsonPath::parse(&column.json_path);
            let path = path.unwrap_or_else(|why| panic!("printcolumn {}: {why}", column.name));
            let type_ = TYPES.into_iter().find(|name| *name == column.type_);
            let type_ = type_.unwrap_or_else(|| panic!("printcolumn {}: no type", column.name));
            let told = column.description.clone().filter(|text| !text.is_empty());
            self.definitions.push(Definition {
                name: column.name.clone(),
                type_,
                format: column.format.clone().unwrap_or_default(),
                description: told.unwrap_or_else(|| {
                    let path = &column.json_path;
                    format!("Custom resource definition column (in JSONPath format): {path}")
                }),
                priority: column.priority.unwrap_or_default(),
            });
            self.sources.push(Source::Printed(Printed { path, type_ }));
        }
    }
}

impl Printed {
    /// The cell of an object.
    pub(super) fn cell(&self, object: &Value) -> Cell {
        let value = self.path.first(object).unwrap_or(&Value::Null);
        Cell::Value(match (self.type_, value) {
            (_, Value::Null) => Value::Null,
            ("string", Value::String(_)) => value.clone(),
            ("string", other) => other.to_string().into(),
            #[expect(clippy::cast_possible_truncation, reason = "a fraction is cut, as in Go")]
            ("integer", Value::Number(number)) => match number.as_i64() {
                Some(whole) => whole.into(),
                None => (number.as_f64().unwrap_or_default() as i64).into(),
            },
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
            ("date", Value::String(text)) => match text.parse() {
                Ok(time) => return Cell::Age(time),
                Err(_) => "<invalid>".into(),
            },
            _ => Value::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::KindInfo;
    use crate::kind::Hub;
    use kube::CustomResource;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "Thing", namespaced)]
    #[kube(printcolumn = r#"{"name":"Image","type":"string","jsonPath":".spec.image"}"#)]
    #[kube(
        printcolumn = r#"{"name":"Size","type":"integer","jsonPath":".spec.size","priority":1,"description":"how large"}"#
    )]
    #[kube(printcolumn = r#"{"name":"Share","type":"number","jsonPath":".spec.share"}"#)]
    #[kube(printcolumn = r#"{"name":"On","type":"boolean","jsonPath":".spec.on"}"#)]
    #[kube(printcolumn = r#"{"name":"Since","type":"date","jsonPath":".spec.since"}"#)]
    #[kube(
        printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
    )]
    #[kube(printcolumn = r#"{"name":"None","type":"string","jsonPath":".spec.tags[3]"}"#)]
    #[kube(printcolumn = r#"{"name":"Tags","type":"string","jsonPath":".spec.tags"}"#)]
    #[serde(default)]
    struct ThingSpec {
        image: String,
        size: f64,
        share: f64,
        on: bool,
        since: String,
        tags: Vec<String>,
    }

    impl Hub for Thing {}

    #[test]
    fn cells_are_those_of_a_cluster() {
        let kind = KindInfo::of::<Thing>();
        let object = (kind.hub().decode)(json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"image": "nginx", "size": 3.9, "share": 0.5, "on": true,
                "since": "2026-01-01T00:00:30Z", "tags": ["a", "b"]},
        }));
        let mut out = Vec::new();
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        kind.table.row(object.unwrap().object.as_ref()).write(&mut out, None, now);
        let cells: Value = serde_json::from_slice(&out).unwrap();
        let want = json!(["a", "nginx", 3, 0.5, true, "30s", "60s", null, "[\"a\",\"b\"]"]);
        assert_eq!(cells, want);
        let size = &kind.table.definitions[2];
        assert_eq!((size.description.as_str(), size.priority), ("how large", 1));
        let want = "Custom resource definition column (in JSONPath format): .spec.image";
        assert_eq!(kind.table.definitions[1].description, want);
    }
}
