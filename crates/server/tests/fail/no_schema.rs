//! A kind is derived by hand, and its schema is forgotten.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use pintle::Hub;
use serde::{Deserialize, Serialize};

#[derive(Resource, Clone, Debug, Deserialize, Serialize)]
#[resource(inherit = Greeting)]
struct Card {
    metadata: ObjectMeta,
}

#[derive(kube::CustomResource, Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

impl Hub for Card {}

fn main() {}
