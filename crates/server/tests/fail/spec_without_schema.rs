//! The derive of the schema is forgotten on the spec.

use kube::CustomResource;
use pintle::{Hub, Kind, Server};
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

impl Hub for Greeting {}

fn main() {
    let _ = Server::new("greeter").kind(Kind::<Greeting>::new());
}
