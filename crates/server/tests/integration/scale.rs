//! The scale of an object, and the counting of its generations.

use crate::harness::{Answer, Served};
use kube::CustomResource;
use pintle::{Hub, Kind, Server, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A Fleet has ships.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "sea.example.com", version = "v2", kind = "Fleet", namespaced)]
#[kube(status = "FleetStatus", derive = "Default")]
#[kube(scale(
    spec_replicas_path = ".spec.ships.count",
    status_replicas_path = ".status.ships",
    label_selector_path = ".status.selector"
))]
#[serde(default)]
pub(crate) struct FleetSpec {
    /// Its ships.
    pub ships: Ships,
    /// Where it is.
    pub port: String,
}

/// The ships of a fleet.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Ships {
    /// How many there shall be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
}

/// What there is of a fleet.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct FleetStatus {
    /// How many ships there are.
    pub ships: i32,
    /// What selects them.
    pub selector: String,
}

impl Hub for Fleet {
    fn counts_generation() -> bool {
        true
    }

    fn allows_unconditional_update() -> bool {
        true
    }
}

mod v1 {
    use super::*;

    /// A Fleet, as it was before it had a port.
    #[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "sea.example.com", version = "v1", kind = "Fleet", namespaced)]
    #[kube(derive = "Default")]
    #[serde(default)]
    pub(crate) struct FleetSpec {
        /// How many ships there shall be.
        pub count: i32,
    }

    impl Version for Fleet {
        type Hub = super::Fleet;

        fn up(self) -> super::Fleet {
            let ships = Ships { count: Some(self.spec.count) };
            let spec = super::FleetSpec { ships, ..Default::default() };
            super::Fleet { metadata: self.metadata, spec, status: None }
        }

        fn down(hub: super::Fleet) -> Self {
            let count = hub.spec.ships.count.unwrap_or_default();
            Self { metadata: hub.metadata, spec: FleetSpec { count } }
        }
    }
}

const FLEETS: &str = "/apis/sea.example.com/v2/namespaces/default/fleets";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";

async fn served() -> Served {
    let fleets = Kind::<Fleet>::new().version::<v1::Fleet>().status();
    Served::start(Server::new("sea").kind(fleets)).await
}

/// Sends a value; a PATCH is of the type, and every write is by the manager `test`.
async fn send(served: &Served, line: &str, media: &str, body: &Value) -> Answer {
    let headers = [("content-type", media), ("user-agent", "test/1")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    served.send_with(line, &headers, body).await
}

async fn check(
    served: &Served,
    (line, media): (&str, &str),
    body: Value,
    code: u16,
    wants: &[(&str, &str)],
) -> Answer {
    let answer = send(served, line, media, &body).await;
    assert_eq!(answer.code, code, "{line} {body}: {}", answer.text());
    for (pointer, want) in wants {
        assert_eq!(answer.at(pointer), *want, "{line} {body} {pointer}: {}", answer.text());
    }
    answer
}

fn fleet(count: Option<i32>) -> Value {
    let ships = count.map_or(json!({}), |count| json!({"count": count}));
    json!({
        "apiVersion": "sea.example.com/v2", "kind": "Fleet", "metadata": {"name": "one"},
        "spec": {"ships": ships},
    })
}

fn scale(replicas: Option<i32>) -> Value {
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "one"},
        "spec": replicas.map_or(json!({}), |replicas| json!({"replicas": replicas})),
    })
}

/// The owners of a fleet's fields: `manager operation subresource fields`.
async fn owners(served: &Served) -> Vec<String> {
    let read = send(served, &format!("GET {FLEETS}/one"), "", &Value::Null).await.json();
    let entries = read["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let shown = entries.iter().map(|entry| {
        let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        let (manager, operation) = (text("manager"), text("operation"));
        format!("{manager} {operation} {} {}", text("subresource"), entry["fieldsV1"])
    });
    shown.collect()
}

#[tokio::test]
async fn a_scale_is_read_and_written() {
    let served = &served().await;
    let at = &format!("{FLEETS}/one/scale");
    let (get, put) = (format!("GET {at}"), format!("PUT {at}"));
    let json = "application/json";
    let missing = [("/message", "fleets.sea.example.com \"one\" not found")];
    check(served, (&get, json), Value::Null, 404, &missing).await;
    check(served, (&format!("POST {FLEETS}"), json), fleet(Some(3)), 201, &[]).await;
    let status = json!({"status": {"ships": 2, "selector": "fleet=one"}});
    check(served, (&format!("PATCH {FLEETS}/one/status"), MERGE), status, 200, &[]).await;

    let read = send(served, &get, json, &Value::Null).await.json();
    assert_eq!((&read["kind"], &read["apiVersion"]), (&json!("Scale"), &json!("autoscaling/v1")));
    assert_eq!(read["spec"], json!({"replicas": 3}));
    assert_eq!(read["status"], json!({"replicas": 2, "selector": "fleet=one"}));
    assert_eq!(read["metadata"]["name"], "one");
    let kept = ["creationTimestamp", "name", "namespace", "resourceVersion", "uid"];
    let names: Vec<&String> = read["metadata"].as_object().unwrap().keys().collect();
    assert!(names.iter().all(|name| kept.contains(&name.as_str())), "{names:?}");

    let wants = [("/spec/replicas", "5"), ("/status/replicas", "2")];
    check(served, (&put, json), scale(Some(5)), 200, &wants).await;
    let wants = [("/spec/ships/count", "5"), ("/status/ships", "2"), ("/metadata/generation", "2")];
    check(served, (&format!("GET {FLEETS}/one"), json), Value::Null, 200, &wants).await;
    let seven = json!({"spec": {"replicas": 7}});
    check(served, (&format!("PATCH {at}"), MERGE), seven, 200, &[("/spec/replicas", "7")]).await;
    let owned = owners(served).await;
    let of_scale = "test Update scale {\"f:spec\":{\"f:ships\":{\"f:count\":{}}}}";
    assert!(owned.iter().any(|owner| owner == of_scale), "{owned:?}");

    // A resource version is a precondition here too, and not needed.
    let mut old = scale(Some(9));
    old["metadata"]["resourceVersion"] = read["metadata"]["resourceVersion"].clone();
    check(served, (&put, json), old, 409, &[("/reason", "Conflict")]).await;
    // Nothing said is a zero, which is left out.
    let zero = check(served, (&put, json), scale(None), 200, &[("/spec", "{}")]).await;
    assert_eq!(zero.at("/spec/replicas"), "");
    let bad = "spec.ships.count: Invalid value: -1: should be a non-negative integer";
    let refused = check(served, (&put, json), scale(Some(-1)), 422, &[]).await;
    assert!(refused.at("/message").contains(bad), "{}", refused.text());
    // As in Kubernetes, the UID of a scale is of no account.
    let uid = json!({"metadata": {"uid": "x"}, "spec": {"replicas": 7}});
    check(served, (&format!("PATCH {at}"), MERGE), uid, 200, &[("/spec/replicas", "7")]).await;
    // The older version declares no scale.
    let older = at.replace("/v2/", "/v1/");
    check(served, (&format!("GET {older}"), json), Value::Null, 404, &[]).await;
    check(served, (&format!("DELETE {at}"), json), Value::Null, 405, &[]).await;
}

#[tokio::test]
async fn a_scale_is_shown_as_a_table() {
    let served = &served().await;
    let json = "application/json";
    check(served, (&format!("POST {FLEETS}"), json), fleet(Some(3)), 201, &[]).await;
    let get = format!("GET {FLEETS}/one/scale");
    let scale = send(served, &get, json, &Value::Null).await.json();
    let (metadata, version) = (&scale["metadata"], "meta.k8s.io/v1");
    for (include, object) in [
        ("None", Value::Null),
        ("Object", scale.clone()),
        (
            "Metadata",
            json!({"kind": "PartialObjectMetadata", "apiVersion": version, "metadata": metadata}),
        ),
    ] {
        let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
        let table = served.send_with(&format!("{get}?includeObject={include}"), &accept, "").await;
        let table = table.json();
        assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!(version)));
        let revision = &metadata["resourceVersion"];
        assert_eq!(table["metadata"], json!({ "resourceVersion": revision }), "{include}");
        let columns = table["columnDefinitions"].as_array().unwrap();
        let names: Vec<&Value> = columns.iter().map(|column| &column["name"]).collect();
        assert_eq!(names, ["Name", "Created At"]);
        let cells = json!(["one", metadata["creationTimestamp"]]);
        assert_eq!(table["rows"], json!([{ "cells": cells, "object": object }]), "{include}");
    }
}

#[tokio::test]
async fn a_fleet_that_says_no_number_has_no_scale_to_show() {
    let served = &served().await;
    let json = "application/json";
    check(served, (&format!("POST {FLEETS}"), json), fleet(None), 201, &[]).await;
    let at = &format!("{FLEETS}/one/scale");
    let why = "the spec replicas field \".spec.ships.count\" does not exist";
    let answer = check(served, (&format!("GET {at}"), json), Value::Null, 500, &[]).await;
    assert!(answer.at("/message").contains(why), "{}", answer.text());
    let why = [("/message", "the spec replicas field \".spec.ships.count\" cannot be empty")];
    check(served, (&format!("PATCH {at}"), MERGE), json!({}), 400, &why).await;
    let four = json!({"spec": {"replicas": 4}});
    check(served, (&format!("PATCH {at}"), MERGE), four, 200, &[("/spec/replicas", "4")]).await;
}

#[tokio::test]
async fn a_scale_is_applied_to_its_object() {
    let served = &served().await;
    let json = "application/json";
    check(served, (&format!("POST {FLEETS}"), json), fleet(Some(3)), 201, &[]).await;
    let apply = |who: &str, force: bool| {
        format!("PATCH {FLEETS}/one/scale?fieldManager={who}&force={force}")
    };
    let conflict = check(served, (&apply("hpa", false), APPLY), scale(Some(4)), 409, &[]).await;
    assert_eq!(conflict.at("/details/causes/0/reason"), "FieldManagerConflict");
    assert_eq!(conflict.at("/details/causes/0/field"), ".spec.replicas");
    let by = "conflict with \"test\" using autoscaling/v1: .spec.replicas";
    assert!(conflict.at("/message").ends_with(by), "{}", conflict.text());
    // A configuration is one of a scale, and of this one.
    let with = |pointer: &str, value: Value| {
        let mut scale = scale(Some(4));
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        scale.pointer_mut(parent).unwrap()[name] = value;
        scale
    };
    for (sent, code, why) in [
        (with("/spec/x", 1.into()), 500, ".spec.x: field not declared in schema"),
        (
            with("/spec/replicas", "3".into()),
            500,
            "failed to create typed patch object (/one; autoscaling/v1, Kind=Scale): \
             .spec.replicas: expected numeric (int or float), got string",
        ),
        (with("/kind", "Fleet".into()), 400, "invalid object type: autoscaling/v1, Kind=Fleet"),
        (
            with("/metadata/name", "zz".into()),
            400,
            "the name of the object (zz) does not match the name on the URL (one)",
        ),
    ] {
        let refused = check(served, (&apply("hpa", true), APPLY), sent, code, &[]).await;
        assert!(refused.at("/message").contains(why), "{}", refused.text());
    }
    let wants = [("/spec/replicas", "4")];
    check(served, (&apply("hpa", true), APPLY), scale(Some(4)), 200, &wants).await;
    let owned = owners(served).await;
    let of_scale = "hpa Apply scale {\"f:spec\":{\"f:ships\":{\"f:count\":{}}}}";
    assert!(owned.iter().any(|owner| owner == of_scale), "{owned:?}");
    let mut other = scale(Some(4));
    other["apiVersion"] = "autoscaling/v2".into();
    check(served, (&apply("hpa", true), APPLY), other, 400, &[]).await;
    // Who applies the object meets who applied the scale.
    let mine = format!("PATCH {FLEETS}/one?fieldManager=me");
    check(served, (&mine, APPLY), fleet(Some(9)), 409, &[("/reason", "Conflict")]).await;
}

#[tokio::test]
async fn generations_count_what_is_wanted() {
    let served = &served().await;
    let json = "application/json";
    let one = &format!("{FLEETS}/one");
    let (patch, status) = (format!("PATCH {one}"), format!("PATCH {one}/status"));
    let is = |generation: &'static str| [("/metadata/generation", generation)];
    let mut sent = fleet(Some(1));
    sent["metadata"]["generation"] = 7.into();
    sent["metadata"]["finalizers"] = json!(["example.com/hold"]);
    check(served, (&format!("POST {FLEETS}"), json), sent.clone(), 201, &is("1")).await;
    let label = json!({"metadata": {"labels": {"a": "b"}, "generation": 9}});
    check(served, (&patch, MERGE), label, 200, &is("1")).await;
    check(served, (&status, MERGE), json!({"status": {"ships": 1}}), 200, &is("1")).await;
    check(served, (&patch, MERGE), json!({"status": {"ships": 2}}), 200, &is("1")).await;
    check(served, (&patch, MERGE), json!({"spec": {"port": "Kiel"}}), 200, &is("2")).await;
    check(served, (&patch, MERGE), json!({"spec": {"port": "Kiel"}}), 200, &is("2")).await;
    sent["spec"]["port"] = "Bergen".into();
    check(served, (&format!("PUT {one}"), json), sent, 200, &is("3")).await;
    let apply = format!("PATCH {one}?fieldManager=me&force=true");
    check(served, (&apply, APPLY), fleet(Some(8)), 200, &is("4")).await;
    check(served, (&format!("DELETE {one}"), json), Value::Null, 200, &is("5")).await;
    check(served, (&format!("DELETE {one}"), json), Value::Null, 200, &is("5")).await;
}

#[tokio::test]
async fn discovery_names_the_kind_of_a_scale() {
    let served = &served().await;
    let list = served.send("GET /apis/sea.example.com/v2", "").await.json();
    let all = list["resources"].as_array().unwrap();
    let scale = all.iter().find(|resource| resource["name"] == "fleets/scale").unwrap();
    assert_eq!(
        scale,
        &json!({
            "name": "fleets/scale", "singularName": "", "namespaced": true,
            "group": "autoscaling", "version": "v1", "kind": "Scale",
            "verbs": ["get", "patch", "update"],
        })
    );
    let openapi = served.send("GET /openapi/v3/apis/sea.example.com/v2", "").await.json();
    let path = "/apis/sea.example.com/v2/namespaces/{namespace}/fleets/{name}/scale";
    let answer = &openapi["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(
        answer["schema"]["$ref"], "#/components/schemas/io.k8s.api.autoscaling.v1.Scale",
        "{}",
        openapi["paths"][path]
    );
}
