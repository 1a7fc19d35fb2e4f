//! A server on a storage with faults: one that is late, one that went back in time, one that is not
//! there.

use crate::harness::{Served, soon};
use crate::kinds::{WIDGETS, lazy_server, server, widget};
use async_trait::async_trait;
use bytes::Bytes;
use pintle_storage::{Error, Event, Got, Memory, Page, Range, Result, Revision, Storage, Watch};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// Watches tell nothing, and nobody is told how far they are.
    Late,
    /// Writes happen, and nobody is told.
    Mute,
    /// Nothing can be asked.
    Absent,
}

/// A storage with a switch for its faults, in the place of which another can be put.
#[derive(Clone, Debug)]
pub(crate) struct Faulty {
    inner: Arc<Mutex<Memory>>,
    fault: watch::Sender<Fault>,
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { inner: Arc::default(), fault: watch::Sender::new(fault) }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    fn inner(&self) -> Result<Memory> {
        match *self.fault.borrow() {
            Fault::Absent => Err(Error::Unavailable("it is not there".into())),
            _ => Ok(self.inner.lock().unwrap().clone()),
        }
    }
}

impl Faulty {
    /// What is told of a write.
    fn told(&self, written: Result<Revision>) -> Result<Revision> {
        match *self.fault.borrow() {
            Fault::Mute if written.is_ok() => Err(Error::Unavailable("the answer was lost".into())),
            _ => written,
        }
    }
}

#[async_trait]
impl Storage for Faulty {
    async fn get(&self, key: &str) -> Result<Got> {
        self.inner()?.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page> {
        self.inner()?.range(range).await
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<Revision> {
        self.told(self.inner()?.create(key, value).await)
    }

    async fn update(&self, key: &str, value: Bytes, expected: Revision) -> Result<Revision> {
        self.told(self.inner()?.update(key, value, expected).await)
    }

    async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        self.told(self.inner()?.delete(key, expected).await)
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        let inner = self.inner()?.watch(prefix, after).await?;
        Ok(Box::new(FaultyWatch { inner, fault: self.fault.subscribe() }))
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.inner()?.current_revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.inner()?.compact(revision).await
    }

    async fn size(&self) -> Result<Option<u64>> {
        Ok(Some(4711))
    }
}

struct FaultyWatch {
    inner: Box<dyn Watch>,
    fault: watch::Receiver<Fault>,
}

#[async_trait]
impl Watch for FaultyWatch {
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let fault = *self.fault.borrow_and_update();
            tokio::select! {
                changed = self.fault.changed() => changed.expect("the switch is there"),
                events = self.inner.next(), if fault == Fault::Nothing => return events,
                () = std::future::ready(()), if fault == Fault::Absent => {
                    return Err(Error::Unavailable("it is gone".into()));
                }
            }
        }
    }

    async fn request_progress(&mut self) -> Result<()> {
        self.inner.request_progress().await
    }
}

async fn check(served: &Served, line: &str, code: u16, pointer: &str, want: &str) -> Duration {
    let begun = Instant::now();
    let answer = served.send(line, "").await;
    assert_eq!(answer.code, code, "{line}: {}", answer.text());
    let got = answer.at(pointer);
    assert!(got.contains(want), "{line}: {got}");
    begun.elapsed()
}

async fn create(served: &Served, name: &str) -> String {
    let answer = served.send(&format!("POST {WIDGETS}"), widget(name, 1)).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
    answer.at("/metadata/resourceVersion")
}

/// Waits until a request is answered so.
async fn becomes(served: &Served, line: &str, code: u16) {
    soon(async {
        while served.send(line, "").await.code != code {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// A late cache is waited for, then passed by; who asks for a revision that it has not reached is
/// told to come again. What is read as "any" is what there is.
#[tokio::test]
async fn a_cache_that_is_late_is_passed_by() {
    const WAIT: Duration = Duration::from_secs(3);
    let storage = Faulty::new(Fault::Nothing);
    let served = Served::start(server().storage(storage.clone())).await;
    create(&served, "early").await;
    let early = format!("GET {WIDGETS}/early");
    let late = format!("GET {WIDGETS}/late");
    check(&served, &early, 200, "/metadata/name", "early").await;
    storage.set(Fault::Late);
    let revision = create(&served, "late").await;
    let waited = check(&served, &late, 200, "/metadata/name", "late").await;
    assert!(waited >= WAIT, "{waited:?}");
    check(&served, &format!("GET {WIDGETS}"), 200, "/items/1/metadata/name", "late").await;
    check(&served, &format!("GET {WIDGETS}?limit=1"), 200, "/metadata/continue", "ey").await;
    check(&served, &format!("{late}?resourceVersion=0"), 404, "/reason", "NotFound").await;
    for line in [&format!("GET {WIDGETS}"), &late] {
        let line = format!("{line}?resourceVersion={revision}");
        let waited = check(&served, &line, 504, "/reason", "Timeout").await;
        assert!(waited >= WAIT && waited < WAIT * 3, "{waited:?}");
        check(&served, &line, 504, "/message", "Too large resource version: ").await;
        check(&served, &line, 504, "/details/causes/0/reason", "ResourceVersionTooLarge").await;
        check(&served, &line, 504, "/details/retryAfterSeconds", "1").await;
    }
    // A write knows what there is, whatever the cache shows.
    let answer = served.send(&format!("POST {WIDGETS}"), widget("late", 2)).await;
    assert_eq!((answer.code, answer.at("/reason").as_str()), (409, "AlreadyExists"));
    check(&served, &format!("DELETE {WIDGETS}/late"), 200, "/status", "Success").await;
    storage.set(Fault::Nothing);
    let waited = check(&served, &late, 404, "/reason", "NotFound").await;
    assert!(waited < WAIT, "{waited:?}");
    served.stop().await;
}

/// A write that happened and was not acknowledged is not made again: the client is told that nobody
/// knows, not that somebody else was faster, and nothing happens twice.
#[tokio::test]
async fn a_write_of_which_nobody_knows_is_made_once() {
    const PATCH: [(&str, &str); 1] = [("content-type", "application/json-patch+json")];
    let storage = Faulty::new(Fault::Nothing);
    let served = Served::start(server().storage(storage.clone())).await;
    let made = served.send(&format!("POST {WIDGETS}"), widget("one", 1)).await;
    assert_eq!(made.code, 201, "{}", made.text());
    let line = format!("{WIDGETS}/one");
    check(&served, &format!("GET {line}"), 200, "/metadata/name", "one").await;
    storage.set(Fault::Mute);
    let finalizer = r#"[{"op":"add","path":"/metadata/finalizers","value":["a.b/c"]}]"#;
    let twice = r#"[{"op":"add","path":"/metadata/finalizers/-","value":"d.e/f"}]"#;
    for (line, headers, body) in [
        (format!("PUT {line}"), &[][..], made.text().replace("\"size\":1", "\"size\":2")),
        (format!("PATCH {line}"), &PATCH[..], finalizer.to_owned()),
        (format!("PATCH {line}"), &PATCH[..], twice.to_owned()),
        (format!("DELETE {line}"), &[][..], String::new()),
    ] {
        let answer = served.send_with(&line, headers, body).await;
        let reason = answer.at("/reason");
        assert_eq!((answer.code, &*reason), (500, "ServerTimeout"), "{line}: {}", answer.text());
    }
    storage.set(Fault::Nothing);
    let answer = served.send(&format!("GET {line}"), "").await;
    let object = answer.json();
    assert_eq!(object["spec"]["size"], 2, "{object}");
    assert_eq!(object["metadata"]["finalizers"], serde_json::json!(["a.b/c", "d.e/f"]));
    assert!(object["metadata"]["deletionTimestamp"].is_string(), "{object}");
    served.stop().await;
}

/// A storage that was put back to an earlier state: what it showed is not shown as if it were new, and
/// whoever watched is told to list again.
#[tokio::test]
async fn a_storage_that_went_back_in_time() {
    let storage = Faulty::new(Fault::Nothing);
    let served = Served::start(server().storage(storage.clone())).await;
    let backup = Memory::new();
    let key = "/registry/test.example.com/widgets/default/kept";
    create(&served, "kept").await;
    let kept = storage.inner().unwrap().get(key).await.unwrap().item.unwrap();
    backup.create(key, kept.value).await.unwrap();
    for n in 0..10 {
        create(&served, &format!("lost-{n}")).await;
    }
    check(&served, &format!("GET {WIDGETS}/lost-3"), 200, "/metadata/name", "lost-3").await;
    let list = served.send(&format!("GET {WIDGETS}"), "").await;
    let version = list.at("/metadata/resourceVersion");
    let watch = format!("{WIDGETS}?watch=true&resourceVersion={version}");
    let mut events = served.watch(&watch, &[]).await;

    *storage.inner.lock().unwrap() = backup;
    let answer = served.send(&format!("GET {WIDGETS}/lost-3"), "").await;
    assert_ne!(answer.code, 200, "what was lost is not shown: {}", answer.text());
    becomes(&served, &format!("GET {WIDGETS}/lost-3"), 404).await;
    check(&served, &format!("GET {WIDGETS}/kept"), 200, "/metadata/name", "kept").await;
    let list = served.send(&format!("GET {WIDGETS}"), "").await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1, "{}", list.text());
    let event = soon(events.next()).await.unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&"ERROR".into(), &410.into()));
    assert!(soon(events.next()).await.is_none(), "the watch has ended");
    // A client that goes on from where it was is told so, and one that lists sees new writes.
    let mut events = served.watch(&watch, &[]).await;
    let event = soon(events.next()).await.unwrap();
    assert_eq!(event["object"]["reason"], "Expired", "{event}");
    create(&served, "new").await;
    check(&served, &format!("GET {WIDGETS}/new"), 200, "/metadata/name", "new").await;
    served.stop().await;
}

/// A storage that forgot, while it was away, what the cache would need to go on: everything is read
/// anew, nothing that was missed is missing, and whoever watched is told to list again.
#[tokio::test]
async fn a_storage_that_compacted_while_it_was_away() {
    let storage = Faulty::new(Fault::Nothing);
    let served = Served::start(server().storage(storage.clone())).await;
    create(&served, "kept").await;
    create(&served, "gone").await;
    let list = served.send(&format!("GET {WIDGETS}"), "").await;
    let version = list.at("/metadata/resourceVersion");
    let watch = format!("{WIDGETS}?watch=true&resourceVersion={version}");
    let mut events = served.watch(&watch, &[]).await;

    let memory = storage.inner().unwrap();
    storage.set(Fault::Absent);
    // Another server goes on meanwhile.
    let key = |name: &str| format!("/registry/test.example.com/widgets/default/{name}");
    let gone = memory.get(&key("gone")).await.unwrap().item.unwrap();
    memory.delete(&key("gone"), gone.revision).await.unwrap();
    let kept = memory.get(&key("kept")).await.unwrap().item.unwrap();
    memory.create(&key("missed"), kept.value.clone()).await.unwrap();
    let newest = memory.update(&key("kept"), kept.value, kept.revision).await.unwrap();
    memory.compact(newest).await.unwrap();
    storage.set(Fault::Nothing);

    becomes(&served, &format!("GET {WIDGETS}/missed"), 200).await;
    check(&served, &format!("GET {WIDGETS}/gone"), 404, "/reason", "NotFound").await;
    let shown = &newest.to_string();
    check(&served, &format!("GET {WIDGETS}/kept"), 200, "/metadata/resourceVersion", shown).await;
    let event = soon(events.next()).await.unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&"ERROR".into(), &410.into()));
    assert!(soon(events.next()).await.is_none(), "the watch has ended");
    create(&served, "new").await;
    check(&served, &format!("GET {WIDGETS}/new"), 200, "/metadata/name", "new").await;
    served.stop().await;
}

/// A storage that is not there at the start, and one that goes away later, are waited for: the server
/// runs, says that it is not ready, and refuses with errors after which a client tries again.
#[tokio::test]
async fn a_storage_that_is_not_there() {
    let storage = Faulty::new(Fault::Absent);
    let served = Served::start(server().storage(storage.clone())).await;
    let readyz = "GET /readyz?verbose";
    for round in 0..2 {
        let answer = served.send(readyz, "").await;
        assert_eq!(answer.code, 500);
        for line in ["[+]ping ok", "[-]etcd failed: reason withheld", "readyz check failed"] {
            assert!(answer.text().contains(line), "{line}: {}", answer.text());
        }
        becomes(&served, "GET /livez/etcd", 500).await;
        let line = format!("GET {WIDGETS}");
        check(&served, &line, 500, "/reason", "ServerTimeout").await;
        check(&served, &format!("{line}/first"), 500, "/reason", "ServerTimeout").await;
        check(&served, &line, 500, "/message", "could not be completed at this time").await;
        let answer = served.send(&format!("POST {WIDGETS}"), widget("second", 1)).await;
        assert_eq!(answer.at("/reason"), "ServerTimeout", "{}", answer.text());
        if round == 1 {
            let any = format!("GET {WIDGETS}/first?resourceVersion=0");
            check(&served, &any, 200, "/metadata/name", "first").await;
        }
        storage.set(Fault::Nothing);
        becomes(&served, readyz, 200).await;
        if round == 0 {
            create(&served, "first").await;
        }
        check(&served, &format!("GET {WIDGETS}/first"), 200, "/metadata/name", "first").await;
        storage.set(Fault::Absent);
        becomes(&served, readyz, 500).await;
    }
    served.stop().await;
}

/// A kind whose objects are in memory only while they are needed: the server is ready without them,
/// and whoever reads does not see a difference.
#[tokio::test]
async fn objects_that_are_loaded_when_they_are_needed() {
    let storage = Faulty::new(Fault::Nothing);
    let inner = storage.inner().unwrap();
    let key = "/registry/test.example.com/widgets/default/first";
    inner.create(key, widget("first", 1).into()).await.unwrap();
    let lazy = lazy_server(Duration::from_secs(3600)).storage(storage.clone());
    let served = Served::start(lazy).await;
    becomes(&served, "GET /readyz", 200).await;
    let loaded = async |want: &str| {
        let label = r#"group="test.example.com",resource="widgets""#;
        let line = format!("apiserver_watch_cache_initializations_total{{{label}}} {want}");
        soon(async {
            while !served.send("GET /metrics", "").await.text().contains(&line) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    loaded("0").await;
    let metrics = served.send("GET /metrics", "").await;
    assert!(!metrics.text().contains(r#"_resource_objects{group="test.example.com","#));
    check(&served, &format!("GET {WIDGETS}/first"), 200, "/metadata/name", "first").await;
    loaded("1").await;
    let list = format!("GET {WIDGETS}");
    check(&served, &list, 200, "/items/0/metadata/name", "first").await;
    create(&served, "second").await;
    check(&served, &list, 200, "/items/1/metadata/name", "second").await;
    let metrics = served.send("GET /metrics", "").await;
    for line in [
        r#"apiserver_resource_objects{group="test.example.com",resource="widgets"} 2"#,
        r#"apiserver_storage_objects{resource="widgets.test.example.com"} 2"#,
        r#"apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 4711"#,
        r#"pintle_watch_cache_history_events{group="test.example.com",resource="widgets"} 1"#,
        r#"pintle_watch_cache_watchers{group="test.example.com",resource="widgets"} 0"#,
    ] {
        assert!(metrics.text().lines().any(|it| it == line), "{line}: {}", metrics.text());
    }
    served.stop().await;
}

/// What the flags about metrics turn off.
#[tokio::test]
async fn metrics_that_nobody_wants() {
    let storage = Faulty::new(Fault::Nothing);
    let served = Served::start_with(server().storage(storage), |options| {
        options.insecure_allow_all = true;
        options.etcd.count_metric_poll_period = Duration::ZERO;
        options.etcd.db_metric_poll_interval = Duration::ZERO;
        options.stored.watch_cache_history_bytes = 1 << 20;
    })
    .await;
    create(&served, "one").await;
    check(&served, &format!("GET {WIDGETS}/one"), 200, "/metadata/name", "one").await;
    let metrics = served.send("GET /metrics", "").await;
    for name in ["apiserver_resource_objects{", "apiserver_storage_objects{", "_size_bytes{"] {
        assert!(!metrics.text().contains(name), "{name}: {}", metrics.text());
    }
    let limit = "pintle_watch_cache_history_limit_bytes{";
    let mut limits = metrics.text().lines().filter(|line| line.starts_with(limit));
    assert!(limits.all(|line| line.ends_with(" 1048576")), "{}", metrics.text());
    served.stop().await;
}

/// Backends for addresses that name nothing but themselves.
#[derive(Debug, Default)]
struct Named(Mutex<std::collections::BTreeMap<String, Memory>>);

#[async_trait]
impl pintle_storage::Backend for &'static Named {
    fn schemes(&self) -> &'static [&'static str] {
        &["etcd"]
    }

    async fn open(&self, address: &str) -> std::io::Result<Arc<dyn Storage>> {
        let name = address.split('?').next().unwrap().to_owned();
        Ok(Arc::new(self.0.lock().unwrap().entry(name).or_default().clone()))
    }
}

/// A resource with a storage of its own: its objects are there and nowhere else, and it has a health
/// check of its own.
#[tokio::test]
async fn single_resources_are_stored_elsewhere() {
    let named: &'static Named = Box::leak(Box::default());
    let served = Served::start_with(server().backend(named), |options| {
        options.insecure_allow_all = true;
        options.etcd.servers = vec!["http://main:1".to_owned()];
        let elsewhere = ["test.example.com/widgets#http://a:1;http://b:2", "other/kind#http://c:3"];
        options.etcd.servers_overrides = elsewhere.map(str::to_owned).into();
    })
    .await;
    create(&served, "one").await;
    check(&served, &format!("GET {WIDGETS}/one"), 200, "/metadata/name", "one").await;
    let key = "/registry/test.example.com/widgets/default/one";
    let storages = named.0.lock().unwrap().clone();
    for (address, has) in [
        ("etcd:http://main:1", false),
        ("etcd:http://a:1,http://b:2", true),
        ("etcd:http://c:3", false),
    ] {
        let item = storages[address].get(key).await.unwrap().item;
        assert_eq!(item.is_some(), has, "{address}");
    }
    let ready = served.send("GET /readyz?verbose", "").await;
    for name in ["etcd", "etcd-readiness", "etcd-override-0", "etcd-override-readiness-1"] {
        assert!(ready.text().contains(&format!("[+]{name} ok\n")), "{name}: {}", ready.text());
    }
    let live = served.send("GET /livez/etcd-override-1", "").await;
    assert_eq!((live.code, live.text()), (200, "ok"));
    assert_eq!(served.send("GET /livez/etcd-override-readiness-0", "").await.code, 404);
    served.stop().await;
}
