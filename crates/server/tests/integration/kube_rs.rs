//! kube-rs, the client that shares its types with this library.

use crate::harness::{Served, soon};
use crate::kinds::{Widget, WidgetSpec, server};
use futures::{Stream, StreamExt};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, Event, InitialListStrategy, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use std::pin::Pin;
use std::time::Duration;

pub(crate) fn widgets(client: &Client) -> Api<Widget> {
    Api::namespaced(client.clone(), "default")
}

pub(crate) fn widget(name: &str, size: i64) -> Widget {
    Widget::new(name, WidgetSpec { size, ..WidgetSpec::default() })
}

/// Code and reason of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone()),
        other => panic!("a refusal is expected: {other:?}"),
    }
}

fn names(list: impl IntoIterator<Item = Widget>) -> String {
    let names: Vec<_> = list.into_iter().map(|widget| widget.name_any()).collect();
    names.join(" ")
}

#[tokio::test]
async fn objects_are_made_read_replaced_and_removed() {
    let served = Served::start(server()).await;
    let api = widgets(&served.kube());
    let post = PostParams::default();
    let made = api.create(&post, &widget("a", 1)).await.unwrap();
    assert_eq!((made.spec.size, made.namespace()), (1, Some("default".to_owned())));
    assert!(made.uid().is_some() && made.creation_timestamp().is_some());
    assert_eq!(refused(api.create(&post, &widget("a", 1)).await), (409, "AlreadyExists".into()));
    assert_eq!(refused(api.create(&post, &widget("b", -1)).await), (422, "Invalid".into()));

    let read = api.get("a").await.unwrap();
    assert_eq!(read.metadata, made.metadata);
    assert_eq!(refused(api.get("none").await), (404, "NotFound".into()));
    assert!(api.get_opt("none").await.unwrap().is_none());
    assert_eq!(api.get_metadata("a").await.unwrap().uid(), made.uid());

    let mut newer = read.clone();
    newer.spec.size = 2;
    let replaced = api.replace("a", &post, &newer).await.unwrap();
    assert_eq!(replaced.spec.size, 2);
    assert_eq!(refused(api.replace("a", &post, &newer).await), (409, "Conflict".into()));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    newer.metadata.resource_version = replaced.resource_version();
    newer.spec.size = 3;
    assert_eq!(api.replace("a", &dry, &newer).await.unwrap().spec.size, 3);
    assert_eq!(api.get("a").await.unwrap().spec.size, 2);

    let uid = Some("other".to_owned());
    let preconditions = Some(Preconditions { uid, resource_version: None });
    let wrong = DeleteParams { preconditions, ..DeleteParams::default() };
    assert_eq!(refused(api.delete("a", &wrong).await), (409, "Conflict".into()));
    let status = api.delete("a", &DeleteParams::default()).await.unwrap().right().unwrap();
    assert!(status.is_success());
    assert_eq!(refused(api.delete("a", &DeleteParams::default()).await), (404, "NotFound".into()));

    api.create(&post, &widget("b", 1)).await.unwrap();
    let foreground = DeleteParams::foreground();
    assert_eq!(foreground.propagation_policy, Some(PropagationPolicy::Foreground));
    let waiting = api.delete("b", &foreground).await.unwrap().left().unwrap();
    assert_eq!(waiting.finalizers(), ["foregroundDeletion"]);
    served.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_and_by_selectors() {
    let served = Served::start(server()).await;
    let api = widgets(&served.kube());
    for i in 0..7 {
        let mut one = widget(&format!("w{i}"), i);
        one.labels_mut().insert("odd".to_owned(), (i % 2 == 1).to_string());
        api.create(&PostParams::default(), &one).await.unwrap();
    }
    let mut page = ListParams::default().limit(3);
    let mut pages = Vec::new();
    loop {
        let list = api.list(&page).await.unwrap();
        let token = list.metadata.continue_.clone().filter(|token| !token.is_empty());
        pages.push((names(list), token.is_some()));
        let Some(token) = token else { break };
        page = page.continue_token(&token);
    }
    let want = [("w0 w1 w2", true), ("w3 w4 w5", true), ("w6", false)];
    assert_eq!(pages, want.map(|(names, more)| (names.to_owned(), more)));

    for (params, want) in [
        (ListParams::default(), "w0 w1 w2 w3 w4 w5 w6"),
        (ListParams::default().match_any(), "w0 w1 w2 w3 w4 w5 w6"),
        (ListParams::default().labels("odd=true"), "w1 w3 w5"),
        (ListParams::default().labels("odd notin (true)"), "w0 w2 w4 w6"),
        (ListParams::default().fields("metadata.name=w4"), "w4"),
        (ListParams::default().labels("odd=true").fields("metadata.name=w4"), ""),
    ] {
        assert_eq!(names(api.list(&params).await.unwrap()), want, "{params:?}");
    }
    assert_eq!(api.list_metadata(&ListParams::default()).await.unwrap().items.len(), 7);
    let all: Api<Widget> = Api::all(served.kube());
    assert_eq!(all.list(&ListParams::default()).await.unwrap().items.len(), 7);
    let other: Api<Widget> = Api::namespaced(served.kube(), "other");
    assert_eq!(other.list(&ListParams::default()).await.unwrap().items.len(), 0);

    let odd = ListParams::default().labels("odd=true");
    let gone = api.delete_collection(&DeleteParams::default(), &odd).await.unwrap();
    assert_eq!(names(gone.left().unwrap()), "w1 w3 w5");
    assert_eq!(names(api.list(&ListParams::default()).await.unwrap()), "w0 w2 w4 w6");
    served.stop().await;
}

#[tokio::test]
async fn patches_of_every_kind() {
    let served = Served::start(server()).await;
    let api = widgets(&served.kube());
    api.create(&PostParams::default(), &widget("a", 1)).await.unwrap();
    let params = PatchParams::default();

    let merge = json!({"spec": {"size": 2, "color": "red"}});
    let patched = api.patch("a", &params, &Patch::Merge(&merge)).await.unwrap();
    assert_eq!((patched.spec.size, patched.spec.color.as_str()), (2, "red"));

    let operations = json!([
        {"op": "test", "path": "/spec/size", "value": 2},
        {"op": "replace", "path": "/spec/size", "value": 3},
        {"op": "add", "path": "/spec/uses", "value": ["door"]},
    ]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(operations).unwrap());
    let patched = api.patch("a", &params, &patch).await.unwrap();
    assert_eq!((patched.spec.size, patched.spec.uses.len()), (3, 1));
    assert_eq!(refused(api.patch("a", &params, &patch).await).0, 422, "the test fails now");

    let apply = |name: &str, spec: serde_json::Value| {
        Patch::Apply(json!({
            "apiVersion": "test.example.com/v1", "kind": "Widget",
            "metadata": {"name": name}, "spec": spec,
        }))
    };
    let one = PatchParams::apply("one");
    let two = PatchParams::apply("two");
    let made = api.patch("b", &one, &apply("b", json!({"size": 1, "color": "red"}))).await.unwrap();
    assert_eq!(made.spec.size, 1);
    let repainted = apply("b", json!({"color": "blue"}));
    assert_eq!(refused(api.patch("b", &two, &repainted).await), (409, "Conflict".into()));
    let forced = api.patch("b", &two.clone().force(), &repainted).await.unwrap();
    assert_eq!((forced.spec.size, forced.spec.color.as_str()), (1, "blue"));
    let managers: Vec<_> =
        forced.managed_fields().iter().filter_map(|entry| entry.manager.as_deref()).collect();
    assert_eq!(managers, ["one", "two"]);
    // What its only manager no longer applies is gone.
    let less = api.patch("b", &two, &apply("b", json!({}))).await.unwrap();
    assert_eq!((less.spec.size, less.spec.color.as_str()), (1, ""));
    served.stop().await;
}

pub(crate) type Events = Pin<Box<dyn Stream<Item = watcher::Result<Event<Widget>>> + Send>>;

/// The next event as text; what fails on the way is passed over, as a controller does.
async fn next(events: &mut Events) -> String {
    loop {
        match soon(events.next()).await.expect("a watcher never ends") {
            Ok(Event::Init) => return "init".to_owned(),
            Ok(Event::InitApply(widget)) => return format!("init {}", widget.name_any()),
            Ok(Event::InitDone) => return "done".to_owned(),
            Ok(Event::Apply(widget)) => {
                return format!("{} {}", widget.name_any(), widget.spec.size);
            }
            Ok(Event::Delete(widget)) => return format!("no {}", widget.name_any()),
            Err(error) => eprintln!("the watcher goes on after: {error}"),
        }
    }
}

pub(crate) async fn expect(events: &mut Events, wants: &[&str]) {
    for want in wants {
        assert_eq!(next(events).await, *want, "of {wants:?}");
    }
}

pub(crate) fn config(strategy: InitialListStrategy) -> watcher::Config {
    watcher::Config { initial_list_strategy: strategy, ..watcher::Config::default() }
}

pub(crate) async fn resize(api: &Api<Widget>, name: &str, size: i64) {
    let patch = Patch::Merge(json!({"spec": {"size": size}}));
    api.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_watcher_sees_everything() {
    for strategy in [InitialListStrategy::ListWatch, InitialListStrategy::StreamingList] {
        let served = Served::start(server()).await;
        let api = widgets(&served.kube());
        let post = PostParams::default();
        api.create(&post, &widget("a", 1)).await.unwrap();
        let mut events: Events = Box::pin(watcher(api.clone(), config(strategy.clone())));
        expect(&mut events, &["init", "init a", "done"]).await;
        api.create(&post, &widget("b", 1)).await.unwrap();
        resize(&api, "a", 2).await;
        api.delete("b", &DeleteParams::default()).await.unwrap();
        expect(&mut events, &["b 1", "a 2", "no b"]).await;
        drop(events);
        served.stop().await;
    }
}

#[tokio::test]
async fn a_watcher_survives_a_server_that_forgets() {
    for strategy in [InitialListStrategy::ListWatch, InitialListStrategy::StreamingList] {
        let served = Served::start(server()).await;
        let api = widgets(&served.kube());
        let post = PostParams::default();
        let config = config(strategy.clone());
        let mut events: Events = Box::pin(watcher(api.clone(), config).default_backoff());
        expect(&mut events, &["init", "done"]).await;
        for name in ["a", "b", "c"] {
            api.create(&post, &widget(name, 1)).await.unwrap();
        }
        expect(&mut events, &["a 1", "b 1", "c 1"]).await;
        // The new server is behind what the watcher has seen, which it has to tell the watcher.
        let served = served.restart(server()).await;
        let api = widgets(&served.kube());
        api.create(&post, &widget("new", 1)).await.unwrap();
        assert_eq!(next(&mut events).await, "init", "it lists again");
        // It may have listed before there was something new.
        let mut seen = next(&mut events).await;
        while seen != "done" {
            assert_eq!(seen, "init new");
            seen = next(&mut events).await;
        }
        resize(&api, "new", 2).await;
        while seen != "new 2" {
            seen = next(&mut events).await;
            assert!(matches!(seen.as_str(), "new 1" | "new 2"), "{seen}");
        }
        drop(events);
        served.stop().await;
    }
}

#[tokio::test]
async fn a_reflector_holds_what_there_is() {
    let served = Served::start(server()).await;
    let api = widgets(&served.kube());
    let post = PostParams::default();
    api.create(&post, &widget("a", 1)).await.unwrap();
    let (reader, writer) = reflector::store();
    let stream = reflector::reflector(writer, watcher(api.clone(), watcher::Config::default()));
    let running = tokio::spawn(stream.for_each(|_| async {}));
    soon(reader.wait_until_ready()).await.unwrap();
    let at = |name: &str| reader.get(&ObjectRef::new(name).within("default"));
    assert_eq!(at("a").unwrap().spec.size, 1);
    resize(&api, "a", 2).await;
    api.create(&post, &widget("b", 3)).await.unwrap();
    soon(async {
        while at("b").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(at("a").unwrap().spec.size, 2);
    api.delete("a", &DeleteParams::default()).await.unwrap();
    soon(async {
        while at("a").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(reader.len(), 1);
    running.abort();
    served.stop().await;
}
