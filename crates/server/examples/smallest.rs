//! The smallest server there is: greetings, with everything that `kubectl` can do to them.

use kube::CustomResource;
use pintle::{Hub, Kind, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Greeting is said to somebody.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    /// Who is greeted.
    to: String,
}

impl Hub for Greeting {}

fn main() -> std::process::ExitCode {
    Server::new("greeter").kind(Kind::<Greeting>::new()).run()
}
