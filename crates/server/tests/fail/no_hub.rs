//! A kind that says nothing about itself.

use kube::CustomResource;
use pintle::{Kind, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

fn main() {
    let _ = Server::new("greeter").kind(Kind::<Greeting>::new());
}
