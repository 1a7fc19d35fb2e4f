//! What a write is answered with is what everybody reads from then on, now and after a restart: the
//! cache takes what was written here as it is, and decodes only what others wrote.

use crate::harness::Served;
use kube::CustomResource;
use pintle::{Hub, Kind, Request, Server};
use pintle_storage::Memory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Lamp always has a brightness, even where a hook has taken it away.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "test.example.com", version = "v1", kind = "Lamp")]
#[serde(default)]
struct LampSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    brightness: Option<u8>,
    /// Older programs wrote it; it is read and never written.
    #[serde(skip_serializing)]
    watts: Option<u8>,
}

impl Hub for Lamp {
    fn set_defaults(&mut self) {
        self.spec.brightness.get_or_insert(7);
    }

    fn prepare_create(&mut self, _: &Request) {
        self.spec.brightness = None;
    }

    fn prepare_update(&mut self, _: &Self, _: &Request) {
        self.spec.brightness = None;
    }
}

const LAMPS: &str = "/apis/test.example.com/v1/lamps";

fn server(storage: Memory) -> Server {
    Server::new("test").kind(Kind::<Lamp>::new()).storage(storage)
}

#[tokio::test]
async fn what_is_answered_is_what_is_read() {
    let storage = Memory::new();
    let served = Served::start(server(storage.clone())).await;
    let lamp = |watts: u8| {
        let (kind, version) = ("Lamp", "test.example.com/v1");
        let spec = serde_json::json!({"brightness": 3, "watts": watts});
        serde_json::json!({
            "apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec,
        })
        .to_string()
    };
    let patch = [("content-type", "application/merge-patch+json")];
    for (line, headers, body) in [
        (format!("POST {LAMPS}"), &[][..], lamp(40)),
        (format!("PATCH {LAMPS}/a"), &patch[..], r#"{"metadata":{"labels":{"a":"b"}}}"#.to_owned()),
        (format!("PATCH {LAMPS}/a"), &patch[..], r#"{"spec":{"brightness":9}}"#.to_owned()),
    ] {
        let answer = served.send_with(&line, headers, body).await;
        assert!(answer.code < 300, "{line}: {}", answer.text());
        assert_eq!(answer.json()["spec"], serde_json::json!({"brightness": 7}), "{line}");
        let read = served.send(&format!("GET {LAMPS}/a"), "").await;
        assert_eq!(read.json(), answer.json(), "{line}");
        let anew = Served::start(server(storage.clone())).await;
        let read = anew.send(&format!("GET {LAMPS}/a"), "").await;
        assert_eq!(read.json(), answer.json(), "{line}, by a server that has just begun");
        anew.stop().await;
    }
    served.stop().await;
}
