//! A version is given to a kind that is not its hub.

use kube::CustomResource;
use pintle::{Hub, Kind, Server, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v2", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

impl Hub for Greeting {}

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v2", kind = "Farewell", namespaced)]
struct FarewellSpec {
    to: String,
}

impl Hub for Farewell {}

mod v1 {
    use super::*;

    #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
    pub struct GreetingSpec {
        to: String,
    }

    impl Version for Greeting {
        type Hub = super::Greeting;

        fn up(self) -> super::Greeting {
            unreachable!()
        }

        fn down(_: super::Greeting) -> Self {
            unreachable!()
        }
    }
}

fn main() {
    let _ = Server::new("greeter").kind(Kind::<Farewell>::new().version::<v1::Greeting>());
}
