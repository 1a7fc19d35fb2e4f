//! The spec is taken for the kind.

use kube::CustomResource;
use pintle::Hub;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

impl Hub for GreetingSpec {}

fn main() {}
