//! A kind that keeps its objects itself.

use crate::harness::Served;
use kube::CustomResource;
use pintle::{Columns, Hub, Kind, Reason, Request, Rest, Server, Status, async_trait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// A Slot holds a number.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "rest.example.com", version = "v1", kind = "Slot", namespaced)]
struct SlotSpec {
    /// What is in it.
    #[serde(default)]
    number: i64,
}

impl Hub for Slot {
    fn columns(table: &mut Columns<Self>) {
        table.integer("Number", |slot| slot.spec.number.into());
    }
}

/// A Reading can only be read.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "rest.example.com", version = "v1", kind = "Reading")]
struct ReadingSpec {}

impl Hub for Reading {}

#[derive(Debug, Default)]
struct Slots(Mutex<BTreeMap<(String, String), Slot>>);

fn key(request: &Request) -> (String, String) {
    (request.namespace.clone(), request.name.clone())
}

impl Slots {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(String, String), Slot>> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Rest for Slots {
    type Kind = Slot;

    fn verbs(&self) -> &'static [&'static str] {
        &["create", "delete", "get", "list", "update"]
    }

    async fn list(&self, request: &Request) -> Result<Vec<Slot>, Status> {
        let within =
            |namespace: &str| request.namespace.is_empty() || namespace == request.namespace;
        let all = self.all();
        Ok(all.iter().filter(|(key, _)| within(&key.0)).map(|(_, slot)| slot.clone()).collect())
    }

    async fn create(&self, request: &Request, slot: Slot) -> Result<Option<Slot>, Status> {
        if slot.spec.number == 13 {
            return Err(Status::bad_request("not this one"));
        }
        let name = slot.metadata.name.clone().unwrap_or_default();
        self.all().insert((request.namespace.clone(), name), slot.clone());
        Ok(Some(slot))
    }

    async fn update(&self, request: &Request, slot: Slot) -> Result<Option<Slot>, Status> {
        match self.all().get_mut(&key(request)) {
            Some(stored) => *stored = slot.clone(),
            None => return Ok(None),
        }
        Ok(Some(slot))
    }

    async fn delete(&self, request: &Request) -> Result<Option<Slot>, Status> {
        Ok(self.all().remove(&key(request)))
    }
}

#[derive(Debug)]
struct Readings;

#[async_trait]
impl Rest for Readings {
    type Kind = Reading;

    async fn list(&self, _: &Request) -> Result<Vec<Reading>, Status> {
        let mut low = Reading::new("low", ReadingSpec {});
        low.metadata.labels = Some([("level".to_owned(), "low".to_owned())].into());
        Ok(vec![Reading::new("high", ReadingSpec {}), low])
    }
}

fn server() -> Server {
    let slots = Kind::rest(Slots::default());
    Server::new("rest-apiserver").kind(slots).kind(Kind::rest(Readings))
}

const SLOTS: &str = "/apis/rest.example.com/v1/namespaces/default/slots";
const READINGS: &str = "/apis/rest.example.com/v1/readings";

fn slot(name: &str, number: i64) -> String {
    format!(
        r#"{{"apiVersion":"rest.example.com/v1","kind":"Slot","metadata":{{"name":"{name}"}},"spec":{{"number":{number}}}}}"#
    )
}

async fn check(served: &Served, line: &str, body: String, code: u16, pointer: &str, want: &str) {
    let answer = served.send(line, body).await;
    assert_eq!(answer.code, code, "{line}: {}", answer.text());
    assert_eq!(answer.at(pointer), want, "{line} {pointer}: {}", answer.text());
}

#[tokio::test]
async fn its_author_answers() {
    let served = &Served::start(server()).await;
    let none = String::new;
    let a = &format!("{SLOTS}/a");
    let reason = "/reason";
    check(served, &format!("GET {SLOTS}"), none(), 200, "/kind", "SlotList").await;
    check(served, &format!("GET {a}"), none(), 404, reason, "NotFound").await;
    check(served, &format!("POST {SLOTS}"), slot("a", 1), 201, "/metadata/namespace", "default")
        .await;
    check(served, &format!("POST {SLOTS}"), slot("b", 13), 400, "/message", "not this one").await;
    check(served, &format!("GET {a}"), none(), 200, "/spec/number", "1").await;
    check(served, &format!("PUT {a}"), slot("a", 2), 200, "/spec/number", "2").await;
    check(served, &format!("PUT {a}"), slot("b", 2), 400, reason, "BadRequest").await;
    check(served, &format!("GET {SLOTS}"), none(), 200, "/items/0/spec/number", "2").await;
    let everywhere = "GET /apis/rest.example.com/v1/slots";
    check(served, everywhere, none(), 200, "/items/0/metadata/name", "a").await;
    let elsewhere = "GET /apis/rest.example.com/v1/namespaces/other/slots";
    check(served, elsewhere, none(), 200, "/items", "[]").await;
    check(served, &format!("DELETE {a}"), none(), 200, "/metadata/name", "a").await;
    check(served, &format!("DELETE {a}"), none(), 404, reason, "NotFound").await;
    // Verbs that it does not list do not exist.
    check(served, &format!("GET {SLOTS}?watch=true"), none(), 405, reason, "MethodNotAllowed")
        .await;
    check(served, &format!("PATCH {a}"), none(), 405, reason, "MethodNotAllowed").await;
    check(served, &format!("DELETE {SLOTS}"), none(), 405, reason, "MethodNotAllowed").await;
    check(served, &format!("POST {READINGS}"), none(), 405, reason, "MethodNotAllowed").await;
    check(served, &format!("DELETE {READINGS}/low"), none(), 405, reason, "MethodNotAllowed").await;
    assert_eq!(Status::method_not_allowed().reason, Some(Reason::MethodNotAllowed));
}

#[tokio::test]
async fn the_server_selects_and_draws_tables() {
    let served = &Served::start(server()).await;
    let none = String::new;
    check(served, &format!("GET {READINGS}"), none(), 200, "/items/1/metadata/name", "low").await;
    check(served, &format!("GET {READINGS}/low"), none(), 200, "/kind", "Reading").await;
    let low = format!("GET {READINGS}?labelSelector=level%3Dlow");
    check(served, &low, none(), 200, "/items/0/metadata/name", "low").await;
    let high = format!("GET {READINGS}?fieldSelector=metadata.name%3Dhigh");
    check(served, &high, none(), 200, "/items/0/metadata/name", "high").await;
    check(served, &high, none(), 200, "/items/1", "").await;
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    served.send(&format!("POST {SLOTS}"), slot("a", 7)).await;
    let table = served.send_with(&format!("GET {SLOTS}"), &accept, "").await;
    assert_eq!(table.at("/columnDefinitions/1/name"), "Number");
    assert_eq!(table.at("/rows/0/cells"), r#"["a",7]"#);
}

#[tokio::test]
async fn discovery_lists_its_verbs() {
    let served = &Served::start(server()).await;
    let answer = served.send("GET /apis/rest.example.com/v1", "").await;
    let resources = answer.json()["resources"].clone();
    let verbs = |name: &str| {
        let all = resources.as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["verbs"].to_string()
    };
    assert_eq!(verbs("slots"), r#"["create","delete","get","list","update"]"#);
    assert_eq!(verbs("readings"), r#"["get","list"]"#);
}
