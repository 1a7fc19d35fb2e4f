//! The kind that objects are of here: every sort of field, one version.

use kube::CustomResource;
use pintle_meta::managed::{self, TypeSchema};
use pintle_meta::protobuf::{Codec, learn};
use pintle_meta::{Columns, Hub, KindInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The version of the kind.
pub(super) const API_VERSION: &str = "fuzz.example/v1";

/// The kind.
pub(super) static KIND: LazyLock<KindInfo> = LazyLock::new(KindInfo::of::<Thing>);

/// Its schema.
pub(super) static SCHEMA: LazyLock<TypeSchema> =
    LazyLock::new(|| TypeSchema::from_json_schema(&(KIND.hub().schema)()));

/// Its form in protocol buffers.
pub(super) static CODEC: LazyLock<Codec> =
    LazyLock::new(|| learn::<Thing>().expect("a thing has a form in protocol buffers"));

/// An object of it in which nothing is set.
static EMPTY: LazyLock<Value> = LazyLock::new(|| (KIND.hub().zero)());

/// A kind of which there is one version.
#[derive(Debug)]
pub(super) struct Versions;

impl managed::Versions for Versions {
    fn schema(&self, api_version: &str) -> Option<&TypeSchema> {
        (api_version == API_VERSION).then_some(&*SCHEMA)
    }

    fn convert(&self, object: &Value, _: &str) -> Result<Value, String> {
        Ok(object.clone())
    }

    fn empty(&self, _: &str) -> Option<&Value> {
        Some(&EMPTY)
    }
}

#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "fuzz.example", version = "v1", kind = "Thing", namespaced)]
#[kube(status = "Status", derive = "Default")]
#[serde(default)]
struct ThingSpec {
    image: String,
    config: Config,
    #[schemars(extend("x-kubernetes-patch-merge-key" = "name"))]
    #[schemars(extend("x-kubernetes-patch-strategy" = "merge"))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    env: Vec<Env>,
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    #[schemars(extend("x-kubernetes-patch-strategy" = "merge"))]
    tags: Vec<String>,
    args: Vec<String>,
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    choice: BTreeMap<String, String>,
    options: BTreeMap<String, i64>,
    free: BTreeMap<String, Value>,
    replicas: Option<u32>,
    ratio: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Config {
    msg: String,
    msg1: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Env {
    name: String,
    value: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Status {
    phase: String,
}

impl Hub for Thing {
    fn columns(table: &mut Columns<Self>) {
        table.age();
        table.column("Image", |thing| (&thing.spec.image).into());
    }
}
