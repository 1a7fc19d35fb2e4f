//! Actions that take or give something else, or are not async.

use kube::CustomResource;
use pintle::{Call, Hub, Kind, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
struct GreetingSpec {
    to: String,
}

impl Hub for Greeting {}

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Echo", namespaced)]
struct EchoSpec {
    times: u8,
}

async fn without_object(echo: Echo) -> Result<Echo, Status> {
    Ok(echo)
}

async fn with_a_bare_object(_: Greeting, echo: Echo) -> Result<Echo, Status> {
    Ok(echo)
}

async fn another_answer(_: Call<Greeting>, _: Echo) -> Result<String, Status> {
    Ok(String::new())
}

fn not_async(_: Call<Greeting>, echo: Echo) -> Result<Echo, Status> {
    Ok(echo)
}

fn main() {
    let _ = Kind::<Greeting>::new().action("echo", without_object);
    let _ = Kind::<Greeting>::new().action("echo", with_a_bare_object);
    let _ = Kind::<Greeting>::new().action("echo", another_answer);
    let _ = Kind::<Greeting>::new().action("echo", not_async);
}
