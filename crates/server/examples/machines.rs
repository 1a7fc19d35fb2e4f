//! Machines, with what the pods of Kubernetes have beyond being stored: a status, a scale, a log that
//! can be followed, a console over a WebSocket, and time to end when they are deleted.
//!
//! `kubectl get --raw …/machines/NAME/log` shows the log of a machine; with `?follow=true` it goes on.

use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};
use kube::CustomResource;
use pintle::tokio_tungstenite::tungstenite::Message;
use pintle::{Answer, Call, Connecter, Connection, Hub, Kind, Server, Status, async_trait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

/// How often a machine has something to say.
const PULSE: Duration = Duration::from_secs(1);

/// A Machine does its work with so many hands.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "machines.example.com", version = "v1", kind = "Machine", namespaced)]
#[kube(shortname = "ma", category = "all", status = "MachineStatus", derive = "Default")]
#[kube(scale(spec_replicas_path = ".spec.hands", status_replicas_path = ".status.hands"))]
#[serde(default)]
struct MachineSpec {
    /// What it does.
    work: String,
    /// With how many hands.
    hands: i32,
    /// Parts that are built into it, by their names.
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"],
        "x-kubernetes-patch-strategy" = "merge",
        "x-kubernetes-patch-merge-key" = "name"
    ))]
    parts: Vec<Part>,
    /// How many seconds it needs to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_to_end: Option<u32>,
}

/// A Part of a machine.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Part {
    /// Its name.
    name: String,
    /// Its size.
    size: i32,
}

/// What a machine does.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct MachineStatus {
    /// How many hands are at work.
    hands: i32,
    /// What is known about it.
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    conditions: Vec<Condition>,
}

/// Something that is known about a machine.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Condition {
    /// What.
    r#type: String,
    /// Whether it is so.
    status: String,
}

impl Hub for Machine {
    fn counts_generation() -> bool {
        true
    }

    fn allows_unconditional_update() -> bool {
        true
    }

    fn grace_period_seconds(&self, asked: Option<u32>) -> Option<u32> {
        self.spec.seconds_to_end.map(|seconds| asked.unwrap_or(seconds))
    }
}

/// `GET …/log`: what the machine has done; with `follow`, what it does.
#[derive(Debug)]
struct Log;

#[async_trait]
impl Connecter for Log {
    type Kind = Machine;

    async fn connect(&self, call: Call<Machine>, at: Connection) -> Result<Answer, Status> {
        let line = format!("{} with {} hands\n", call.object.spec.work, call.object.spec.hands);
        if at.query("follow") != Some("true") {
            return Ok(Answer::text(line));
        }
        let lines = stream::unfold(false, move |wait| {
            let line = Bytes::from(line.clone());
            async move {
                if wait {
                    tokio::time::sleep(PULSE).await;
                }
                Some((Ok::<_, Infallible>(line), true))
            }
        });
        Ok(Answer::stream("text/plain", lines))
    }
}

/// `GET …/console`: a WebSocket on which the machine repeats what it is told.
#[derive(Debug)]
struct Console;

#[async_trait]
impl Connecter for Console {
    type Kind = Machine;

    async fn connect(&self, _: Call<Machine>, at: Connection) -> Result<Answer, Status> {
        at.websocket(&[], |mut socket| async move {
            while let Some(Ok(message)) = socket.next().await {
                let is_said = matches!(message, Message::Text(_) | Message::Binary(_));
                if is_said && socket.send(message).await.is_err() {
                    break;
                }
            }
        })
    }
}

fn main() -> ExitCode {
    let machines = Kind::<Machine>::new().status().connect("log", Log).connect("console", Console);
    Server::new("machines-apiserver").about("Machines that do their work").kind(machines).run()
}
