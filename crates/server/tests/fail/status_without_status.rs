//! A kind without a status is to serve one.

use kube::CustomResource;
use pintle::{Hub, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

impl Hub for Greeting {}

fn main() {
    let _ = Kind::<Greeting>::new().status();
}
