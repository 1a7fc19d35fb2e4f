//! A kind that keeps its objects itself.

use crate::harness::Served;
use futures::{StreamExt, stream};
use kube::CustomResource;
use pintle::{
    Admission, Attributes, Columns, GroupResource, Hub, Kind, Object, Reason, Request, Rest,
    Server, Status, WatchEvent, WatchStream, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::broadcast;

/// A Slot holds a number.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "rest.example.com", version = "v1", kind = "Slot", namespaced)]
#[kube(status = "SlotStatus")]
struct SlotSpec {
    /// What is in it.
    #[serde(default)]
    number: i64,
    /// What else is in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[schemars(extend(
        "x-kubernetes-patch-strategy" = "merge",
        "x-kubernetes-patch-merge-key" = "name"
    ))]
    parts: Vec<Part>,
}

/// A Part of what is in a slot.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
struct Part {
    /// What it is called.
    name: String,
    /// How large it is.
    #[serde(default)]
    size: i64,
}

/// How a slot is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
struct SlotStatus {
    /// In a word.
    #[serde(default)]
    phase: String,
}

/// The Number of a slot, on its own.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "rest.example.com", version = "v1", kind = "Number", namespaced)]
struct NumberSpec {
    /// The number.
    #[serde(default)]
    number: i64,
}

impl Hub for Slot {
    fn allows_unconditional_update() -> bool {
        true
    }

    fn columns(table: &mut Columns<Self>) {
        table.integer("Number", |slot| slot.spec.number.into());
    }
}

/// A Reading can only be read.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "rest.example.com", version = "v1", kind = "Reading")]
struct ReadingSpec {}

impl Hub for Reading {}

/// Slots in memory, and what happens to them.
#[derive(Debug)]
struct Slots(Mutex<State>, broadcast::Sender<(u64, WatchEvent<Slot>)>);

#[derive(Debug, Default)]
struct State {
    version: u64,
    slots: BTreeMap<(String, String), Slot>,
    /// How many updates somebody else is faster than.
    overtaken: u32,
}

fn key(request: &Request) -> (String, String) {
    (request.namespace.clone(), request.name.clone())
}

impl Slots {
    fn new() -> Self {
        Self(Mutex::default(), broadcast::channel(100).0)
    }

    fn all(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Keeps a slot at the next version.
    fn keep(&self, state: &mut State, at: (String, String), mut slot: Slot, dry: bool) -> Slot {
        if dry {
            return slot;
        }
        state.version += 1;
        slot.metadata.resource_version = Some(state.version.to_string());
        let event = match state.slots.insert(at, slot.clone()) {
            None => WatchEvent::Added(slot.clone()),
            Some(_) => WatchEvent::Modified(slot.clone()),
        };
        let _ = self.1.send((state.version, event));
        slot
    }
}

#[async_trait]
impl Rest for Slots {
    type Kind = Slot;

    fn verbs(&self) -> &'static [&'static str] {
        &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    }

    fn revision(&self) -> Option<u64> {
        Some(self.all().version)
    }

    async fn list(&self, request: &Request) -> Result<Vec<Slot>, Status> {
        let within =
            |namespace: &str| request.namespace.is_empty() || namespace == request.namespace;
        let all = self.all();
        let slots = all.slots.iter().filter(|(key, _)| within(&key.0));
        Ok(slots.map(|(_, slot)| slot.clone()).collect())
    }

    async fn watch(
        &self,
        request: &Request,
        from: Option<&str>,
    ) -> Result<WatchStream<Slot>, Status> {
        let later = self.1.subscribe();
        let from = from.map(str::parse::<u64>).transpose();
        let from = from.map_err(|_| Status::bad_request("this is no version"))?;
        if from.is_some_and(|from| from + 1 < self.all().version) {
            return Err(Status::expired("nothing is kept of the past"));
        }
        let there = if from.is_none() { self.list(request).await? } else { Vec::new() };
        let seen = self.all().version;
        let later = stream::unfold(later, move |mut later| async move {
            loop {
                let (version, event) = later.recv().await.ok()?;
                if version > seen {
                    return Some((Ok(event), later));
                }
            }
        });
        let there = stream::iter(there.into_iter().map(|slot| Ok(WatchEvent::Added(slot))));
        let bookmark = stream::iter([Ok(WatchEvent::Bookmark(seen))]);
        Ok(there.chain(bookmark).chain(later).boxed())
    }

    async fn create(&self, request: &Request, slot: Slot) -> Result<Option<Slot>, Status> {
        if slot.spec.number == 13 {
            return Err(Status::bad_request("not this one"));
        }
        let name = slot.metadata.name.clone().unwrap_or_default();
        let at = (request.namespace.clone(), name);
        Ok(Some(self.keep(&mut self.all(), at, slot, request.dry_run)))
    }

    async fn update(&self, request: &Request, slot: Slot) -> Result<Option<Slot>, Status> {
        let mut all = self.all();
        if all.overtaken > 0 {
            all.overtaken -= 1;
            let mut other = all.slots[&key(request)].clone();
            other.spec.number += 100;
            self.keep(&mut all, key(request), other, false);
        }
        let stored = &all.slots[&key(request)];
        if stored.metadata.resource_version != slot.metadata.resource_version {
            let on = GroupResource { group: request.group.clone(), resource: "slots".to_owned() };
            return Err(Status::modified(&on, &request.name));
        }
        if slot.spec.number == 77 {
            all.overtaken = 2;
        }
        if slot.spec.number == 78 {
            all.overtaken = 100;
        }
        Ok(Some(self.keep(&mut all, key(request), slot, request.dry_run)))
    }

    async fn delete(&self, request: &Request) -> Result<Option<Slot>, Status> {
        let mut all = self.all();
        if request.dry_run {
            return Ok(all.slots.get(&key(request)).cloned());
        }
        let last = all.slots.remove(&key(request));
        if let Some(last) = &last {
            all.version += 1;
            let _ = self.1.send((all.version, WatchEvent::Deleted(last.clone())));
        }
        Ok(last)
    }
}

/// Refuses the name that nobody may have.
#[derive(Debug)]
struct NotNobody;

#[async_trait]
impl Admission for NotNobody {
    async fn mutate(&self, at: &Attributes<'_>, object: &mut dyn Object) -> Result<(), Status> {
        let labels = object.meta_mut().labels.get_or_insert_default();
        labels.insert("seen".to_owned(), format!("{:?}", at.operation));
        Ok(())
    }

    async fn validate(&self, at: &Attributes<'_>, _: Option<&dyn Object>) -> Result<(), Status> {
        if at.name == "nobody" { Err(at.forbidden("nobody may")) } else { Ok(()) }
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
    let slots = Kind::rest(Slots::new()).status().part(
        "number",
        |slot: &Slot| Number::new("", NumberSpec { number: slot.spec.number }),
        |slot, number| slot.spec.number = number.spec.number,
    );
    Server::new("rest-apiserver").kind(slots).kind(Kind::rest(Readings)).admit(NotNobody)
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
    check(served, &format!("GET {READINGS}?watch=true"), none(), 405, reason, "MethodNotAllowed")
        .await;
    check(served, &format!("PATCH {READINGS}/low"), none(), 405, reason, "MethodNotAllowed").await;
    check(served, &format!("DELETE {READINGS}"), none(), 405, reason, "MethodNotAllowed").await;
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
    let all = r#"["create","delete","deletecollection","get","list","patch","update","watch"]"#;
    assert_eq!(verbs("slots"), all);
    assert_eq!(verbs("slots/status"), r#"["get","patch","update"]"#);
    assert_eq!(verbs("slots/number"), r#"["get","patch","update"]"#);
    assert_eq!(verbs("readings"), r#"["get","list"]"#);
}

async fn admitted() -> Served {
    Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.enable_admission = true;
    })
    .await
}

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

#[tokio::test]
async fn every_patch_is_applied_by_the_server() {
    let served = &admitted().await;
    served.send(&format!("POST {SLOTS}"), slot("a", 1)).await;
    let manager = "?fieldManager=me";
    for (media, query, patch, code, pointer, want) in [
        (MERGE_PATCH, "", r#"{"spec":{"number":2}}"#, 200, "/spec/number", "2"),
        (JSON_PATCH, "", r#"[{"op":"test","path":"/spec/number","value":3}]"#, 422, "/code", "422"),
        (
            JSON_PATCH,
            "",
            r#"[{"op":"add","path":"/spec/parts","value":[{"name":"x","size":1}]}]"#,
            200,
            "/spec/parts/0/size",
            "1",
        ),
        (
            STRATEGIC,
            "",
            r#"{"spec":{"parts":[{"name":"y","size":2}]}}"#,
            200,
            "/spec/parts",
            r#"[{"name":"y","size":2},{"name":"x","size":1}]"#,
        ),
        (
            APPLY,
            manager,
            r#"{"apiVersion":"rest.example.com/v1","kind":"Slot","metadata":{"name":"a"},"spec":{"parts":[{"name":"x","size":9}]}}"#,
            409,
            "/details/causes/0/field",
            r#".spec.parts[name="x"].size"#,
        ),
        (
            APPLY,
            "?fieldManager=me&force=true",
            r#"{"apiVersion":"rest.example.com/v1","kind":"Slot","metadata":{"name":"a"},"spec":{"parts":[{"name":"x","size":9}]}}"#,
            200,
            "/spec/parts/1/size",
            "9",
        ),
        (MERGE_PATCH, "", r#"{"metadata":{"resourceVersion":"1"}}"#, 409, "/reason", "Conflict"),
        (MERGE_PATCH, "?fieldValidation=Strict", r#"{"spec":{"nothing":1}}"#, 422, "/code", "422"),
        (MERGE_PATCH, "?dryRun=All", r#"{"spec":{"number":50}}"#, 200, "/spec/number", "50"),
        (MERGE_PATCH, "", r#"{"spec":{"number":3}}"#, 200, "/metadata/labels/seen", "Update"),
    ] {
        let headers = [("content-type", media)];
        let answer = served.send_with(&format!("PATCH {SLOTS}/a{query}"), &headers, patch).await;
        assert_eq!(answer.code, code, "{patch}: {}", answer.text());
        assert_eq!(answer.at(pointer), want, "{patch}: {}", answer.text());
    }
    // What is applied and not there is created.
    let config = r#"{"apiVersion":"rest.example.com/v1","kind":"Slot","metadata":{"name":"b"},"spec":{"number":4}}"#;
    let headers = [("content-type", APPLY)];
    let answer = served.send_with(&format!("PATCH {SLOTS}/b{manager}"), &headers, config).await;
    assert_eq!((answer.code, answer.at("/spec/number")), (201, "4".to_owned()));
    assert_eq!(answer.at("/metadata/managedFields/0/manager"), "me");
    let headers = [("content-type", MERGE_PATCH)];
    let answer = served.send_with(&format!("PATCH {SLOTS}/c"), &headers, "{}").await;
    assert_eq!(answer.code, 404);
}

#[tokio::test]
async fn a_patch_is_made_again_where_somebody_was_faster() {
    let served = &admitted().await;
    served.send(&format!("POST {SLOTS}"), slot("a", 1)).await;
    let merge = [("content-type", MERGE_PATCH)];
    let patch = |number: i64| format!(r#"{{"spec":{{"number":{number}}}}}"#);
    let line = format!("PATCH {SLOTS}/a");
    assert_eq!(served.send_with(&line, &merge, patch(77)).await.code, 200);
    let label = r#"{"metadata":{"labels":{"tried":"again"}}}"#;
    let answer = served.send_with(&line, &merge, label).await;
    assert_eq!((answer.code, answer.at("/spec/number")), (200, "277".to_owned()));
    assert_eq!(answer.at("/metadata/labels/tried"), "again");
    // Not for ever, and not for a client that has seen an object.
    assert_eq!(served.send_with(&line, &merge, patch(78)).await.code, 200);
    let answer = served.send_with(&line, &merge, label).await;
    assert_eq!((answer.code, answer.at("/reason").as_str()), (409, "Conflict"));
    let mut seen = served.send(&format!("GET {SLOTS}/a"), "").await.json();
    seen["spec"]["number"] = 5.into();
    let answer = served.send(&format!("PUT {SLOTS}/a"), seen.to_string()).await;
    assert_eq!((answer.code, answer.at("/reason").as_str()), (409, "Conflict"));
}

#[tokio::test]
async fn subresources_are_parts_of_the_authors_objects() {
    let served = &admitted().await;
    let none = String::new;
    served.send(&format!("POST {SLOTS}"), slot("a", 1)).await;
    let (status, number) = (format!("{SLOTS}/a/status"), format!("{SLOTS}/a/number"));
    let mut seen = served.send(&format!("GET {status}"), "").await.json();
    seen["spec"]["number"] = 9.into();
    seen["status"] = serde_json::json!({"phase": "Full"});
    let put = format!("PUT {status}");
    check(served, &put, seen.to_string(), 200, "/status/phase", "Full").await;
    check(served, &format!("GET {SLOTS}/a"), none(), 200, "/spec/number", "1").await;
    // A write to the object leaves the status as it is.
    let merge = [("content-type", MERGE_PATCH)];
    let patch = r#"{"spec":{"number":6},"status":{"phase":"Empty"}}"#;
    let answer = served.send_with(&format!("PATCH {SLOTS}/a"), &merge, patch).await;
    assert_eq!(
        (answer.at("/spec/number"), answer.at("/status/phase")),
        ("6".into(), "Full".into())
    );
    check(served, &format!("GET {number}"), none(), 200, "/kind", "Number").await;
    check(served, &format!("GET {number}"), none(), 200, "/spec/number", "6").await;
    let answer =
        served.send_with(&format!("PATCH {number}"), &merge, r#"{"spec":{"number":8}}"#).await;
    assert_eq!((answer.at("/kind"), answer.at("/spec/number")), ("Number".into(), "8".into()));
    check(served, &format!("GET {SLOTS}/a"), none(), 200, "/spec/number", "8").await;
    check(served, &format!("GET {SLOTS}/none/number"), none(), 404, "/reason", "NotFound").await;
    check(served, &format!("GET {SLOTS}/none/status"), none(), 404, "/reason", "NotFound").await;
}

#[tokio::test]
async fn a_watch_selects() {
    let served = &admitted().await;
    served.send(&format!("POST {SLOTS}"), slot("a", 1)).await;
    served.send(&format!("POST {SLOTS}"), slot("b", 2)).await;
    let mut all = served.watch(&format!("{SLOTS}?watch=true&allowWatchBookmarks=true"), &[]).await;
    let mut some = served.watch(&format!("{SLOTS}?watch=true&labelSelector=on"), &[]).await;
    let one = format!("{SLOTS}?watch=true&fieldSelector=metadata.name%3Db");
    let mut one = served.watch(&one, &[]).await;
    let list = served.send(&format!("GET {SLOTS}"), "").await;
    let version = list.at("/metadata/resourceVersion");
    assert_eq!(version, "2");
    let mut later =
        served.watch(&format!("{SLOTS}?watch=true&resourceVersion={version}"), &[]).await;
    let merge = [("content-type", MERGE_PATCH)];
    for on in [r#""yes""#, r#""no""#, "null"] {
        let patch = format!(r#"{{"metadata":{{"labels":{{"on":{on}}}}}}}"#);
        assert_eq!(served.send_with(&format!("PATCH {SLOTS}/b"), &merge, patch).await.code, 200);
    }
    served.send(&format!("DELETE {SLOTS}/a"), "").await;
    let mut told = Vec::new();
    for _ in 0..7 {
        told.push(all.brief().await);
    }
    let mark = told.remove(2);
    assert_eq!(mark, "BOOKMARK");
    assert_eq!(told[..2], ["ADDED a", "ADDED b"]);
    assert_eq!(told[2..], ["MODIFIED b", "MODIFIED b", "MODIFIED b", "DELETED a"]);
    for want in ["ADDED b", "MODIFIED b", "DELETED b"] {
        assert_eq!(some.brief().await, want);
    }
    for want in ["ADDED b", "MODIFIED b", "MODIFIED b", "MODIFIED b"] {
        assert_eq!(one.brief().await, want);
    }
    for want in ["MODIFIED b", "MODIFIED b", "MODIFIED b", "DELETED a"] {
        assert_eq!(later.brief().await, want);
    }
    let old = served.send(&format!("GET {SLOTS}?watch=true&resourceVersion=1"), "").await;
    assert_eq!((old.code, old.at("/reason").as_str()), (410, "Expired"));
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let short = format!("{SLOTS}?watch=true&timeoutSeconds=1");
    let mut table = served.watch(&short, &accept).await;
    let event = table.next().await.unwrap();
    assert_eq!(event["object"]["rows"][0]["cells"][0], "b");
    assert!(table.next().await.is_none());
}

#[tokio::test]
async fn a_collection_is_deleted_one_by_one() {
    let served = &admitted().await;
    let none = String::new;
    for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
        served.send(&format!("POST {SLOTS}"), slot(name, number)).await;
    }
    let elsewhere = SLOTS.replace("default", "other");
    served.send(&format!("POST {elsewhere}"), slot("a", 1)).await;
    let c = format!("DELETE {SLOTS}/c");
    let wrong = r#"{"preconditions":{"resourceVersion":"1"}}"#.to_owned();
    check(served, &c, wrong, 409, "/reason", "Conflict").await;
    check(served, &format!("{c}?dryRun=All"), none(), 200, "/metadata/name", "c").await;
    check(served, &c, r#"{"gracePeriodSeconds":"x"}"#.to_owned(), 400, "/code", "400").await;
    let some = format!("DELETE {SLOTS}?fieldSelector=metadata.name%21%3Dc");
    check(served, &some, none(), 200, "/items/1/metadata/name", "b").await;
    check(served, &format!("GET {SLOTS}"), none(), 200, "/items/0/metadata/name", "c").await;
    check(served, &format!("GET {SLOTS}"), none(), 200, "/items/1", "").await;
    check(served, &format!("DELETE {SLOTS}"), none(), 200, "/items/0/metadata/name", "c").await;
    check(served, &format!("GET {elsewhere}"), none(), 200, "/items/0/metadata/name", "a").await;
}

#[tokio::test]
async fn plugins_are_asked() {
    let served = &admitted().await;
    let post = format!("POST {SLOTS}");
    check(served, &post, slot("nobody", 1), 403, "/reason", "Forbidden").await;
    check(served, &post, slot("a", 1), 201, "/metadata/labels/seen", "Create").await;
    let generated = r#"{"metadata":{"generateName":"gen-"},"spec":{"number":1}}"#.to_owned();
    let answer = served.send(&post, generated).await;
    assert!(answer.at("/metadata/name").starts_with("gen-"), "{}", answer.text());
    let put = format!("PUT {SLOTS}/a");
    let answer = served.send(&format!("GET {SLOTS}/a"), "").await;
    check(served, &put, answer.text().to_owned(), 200, "/metadata/labels/seen", "Update").await;
    let missing = slot("none", 1);
    check(served, &format!("PUT {SLOTS}/none"), missing, 404, "/reason", "NotFound").await;
}
