//! The action `base64`: a foo, or a field of it, in another alphabet.

use crate::v2;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::CustomResource;
use pintle::{Call, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to encode.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "transformation.zeng.dev", version = "v1beta1", kind = "Base64", namespaced)]
#[kube(status = "Base64Status")]
#[serde(default, rename_all = "camelCase")]
pub struct Base64Spec {
    /// The field to encode, for example spec.image; everything where it is empty
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field_path: String,
}

/// What came out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Base64Status {
    /// The JSON of the field in base64
    pub output: String,
}

/// Encodes the foo as the request's version shows it.
pub async fn base64(call: Call<v2::Foo>, mut body: Base64) -> Result<Base64, Status> {
    let path = &body.spec.field_path;
    let whole = path.is_empty().then_some(&call.json);
    let field = whole.or_else(|| path.split('.').try_fold(&call.json, |at, name| at.get(name)));
    let unknown = || Status::bad_request(format!("undefined field path {path}"));
    // A whole object ends in a line feed, as everywhere.
    let end = if whole.is_some() { "\n" } else { "" };
    let text = format!("{}{end}", field.ok_or_else(unknown)?);
    body.status = Some(Base64Status { output: BASE64_STANDARD.encode(text) });
    Ok(body)
}
