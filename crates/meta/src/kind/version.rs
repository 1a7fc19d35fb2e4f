//! A version of a kind with its type out of view.

use super::declared::{declared_schema, has_status, scale, schema, selectable};
use super::{Hub, Version, of};
use crate::decode::{self, Decoded};
use crate::encode::{self, Encoded};
use crate::object::{Object, Served};
use crate::protobuf::LazyCodec;
use crate::scale::ScalePaths;
use crate::schema::Rules;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion;
use kube_core::CustomResourceExt;
use serde_json::Value;
use std::sync::Arc;

/// One version of a kind with its type out of view.
#[derive(Clone, Debug)]
pub struct VersionInfo {
    /// For example `v1`.
    pub version: String,
    /// For example `hello.zeng.dev/v1`.
    pub api_version: String,
    /// Whether the type has a `status` subresource.
    pub has_status: bool,
    /// Where the numbers of the `scale` subresource are, if the type has one.
    pub scale: Option<ScalePaths>,
    /// What the schema asks for beyond the types of fields, if anything.
    pub rules: Option<Arc<Rules>>,
    /// The fields that a field selector may name beside those of the metadata, `spec.color`.
    pub selectable: Vec<String>,
    /// An object of this version as a hub object, with defaults.
    pub decode: fn(Value) -> Result<Decoded, decode::Error>,
    /// The same, of JSON as [`encode`](Self::encode) writes it; `None` where it is not quite that.
    pub read: fn(&[u8]) -> Option<Box<dyn Object>>,
    /// An object of this version as a hub object, as it is: without defaults.
    pub convert: fn(Value) -> Result<Box<dyn Object>, decode::Error>,
    /// A hub object in this version, with its resource version.
    pub encode: fn(&dyn Object, Option<u64>) -> Result<Encoded, encode::Error>,
    /// A hub object in this version, without its managed fields.
    pub encode_bare: fn(&dyn Object) -> Result<Encoded, encode::Error>,
    /// An object of this version with nothing set, as JSON.
    pub zero: fn() -> Value,
    /// The schema of this version, as `schemars` makes it for OpenAPI 3.0.
    pub schema: fn() -> Value,
    /// This version in protocol buffers, where the author offers them.
    pub protobuf: LazyCodec,
}

pub(super) fn hub_version<K: Hub>(declared: &[CustomResourceDefinitionVersion]) -> VersionInfo {
    VersionInfo {
        version: K::version(&()).into_owned(),
        api_version: K::api_version(&()).into_owned(),
        has_status: has_status(declared),
        scale: scale(declared),
        rules: None,
        selectable: selectable(declared),
        decode: |value| {
            let (mut object, unknown) = decode::typed::<K>(value)?;
            object.set_defaults();
            Ok(Decoded { object: Box::new(object), unknown })
        },
        read: |text| {
            let mut object = serde_json::from_slice::<K>(text).ok()?;
            object.set_defaults();
            Some(Box::new(object))
        },
        convert: |value| Ok(Box::new(decode::typed::<K>(value)?.0)),
        encode: |object, revision| {
            encode::encode(of::<K>(object), &K::kind(&()), &K::api_version(&()), revision)
        },
        encode_bare: |object| {
            encode::encode_bare(of::<K>(object), &K::kind(&()), &K::api_version(&()))
        },
        zero: zero::<K>,
        schema: schema::<K>,
        protobuf: LazyCodec::of::<K>(),
    }
}

/// An object of an older version as one of the hub, both with their defaults.
fn raised<V: Version>(mut object: V) -> V::Hub {
    object.set_defaults();
    let mut hub = object.up();
    hub.set_defaults();
    hub
}

pub(super) fn older_version<V: Version + CustomResourceExt>(
    declared: &[CustomResourceDefinitionVersion],
) -> VersionInfo {
    VersionInfo {
        version: V::version(&()).into_owned(),
        api_version: V::api_version(&()).into_owned(),
        has_status: has_status(declared),
        scale: scale(declared),
        rules: None,
        selectable: selectable(declared),
        decode: |value| {
            let (object, unknown) = decode::typed::<V>(value)?;
            Ok(Decoded { object: Box::new(raised(object)), unknown })
        },
        read: |text| Some(Box::new(raised(serde_json::from_slice::<V>(text).ok()?))),
        convert: |value| Ok(Box::new(decode::typed::<V>(value)?.0.up())),
        encode: |object, revision| {
            let object = V::down(of::<V::Hub>(object).clone());
            encode::encode(&object, &V::kind(&()), &V::api_version(&()), revision)
        },
        encode_bare: |object| {
            let object = V::down(of::<V::Hub>(object).clone());
            encode::encode_bare(&object, &V::kind(&()), &V::api_version(&()))
        },
        zero: zero::<V>,
        schema: declared_schema::<V>,
        protobuf: LazyCodec::of::<V>(),
    }
}

/// An object of a type with nothing set, as JSON: what a write is compared with that creates one.
#[must_use]
pub fn zero<T: Served>() -> Value {
    let object = decode::typed::<T>(Value::Object(serde_json::Map::new()));
    let zero = object.ok().and_then(|(object, _)| serde_json::to_value(object).ok());
    zero.unwrap_or_default()
}
