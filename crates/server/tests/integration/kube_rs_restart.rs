//! kube-rs while the server is started again: what follows it goes on, and misses nothing.

use crate::harness::{Served, soon};
use crate::kinds::{Widget, server};
use crate::kube_rs::{Events, config, expect, resize, widget, widgets};
use futures::StreamExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{self, finalizer};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, InitialListStrategy, watcher};
use kube::runtime::{Controller, WatchStreamExt};
use kube::{Client, ResourceExt};
use pintle_storage::Memory;
use serde_json::json;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Waits until something holds.
async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    soon(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_watcher_goes_on() {
    for strategy in [InitialListStrategy::ListWatch, InitialListStrategy::StreamingList] {
        let storage = Memory::default();
        let served = Served::start(server().storage(storage.clone())).await;
        let api = widgets(&served.kube());
        let post = PostParams::default();
        api.create(&post, &widget("a", 1)).await.unwrap();
        let mut events: Events = Box::pin(watcher(api, config(strategy)).default_backoff());
        expect(&mut events, &["init", "init a", "done"]).await;
        let served = served.restart(server().storage(storage)).await;
        let api = widgets(&served.kube());
        resize(&api, "a", 2).await;
        api.create(&post, &widget("b", 1)).await.unwrap();
        api.delete("a", &DeleteParams::default()).await.unwrap();
        // No new list: every change comes once, and in order.
        expect(&mut events, &["a 2", "b 1", "no a"]).await;
        drop(events);
        served.stop().await;
    }
}

#[tokio::test]
async fn a_reflector_goes_on() {
    let storage = Memory::default();
    let served = Served::start(server().storage(storage.clone())).await;
    let api = widgets(&served.kube());
    let post = PostParams::default();
    for name in ["a", "b"] {
        api.create(&post, &widget(name, 1)).await.unwrap();
    }
    let (reader, writer) = reflector::store();
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let running = tokio::spawn(reflector::reflector(writer, events).for_each(|_| async {}));
    soon(reader.wait_until_ready()).await.unwrap();
    assert_eq!(reader.len(), 2);
    let served = served.restart(server().storage(storage)).await;
    let api = widgets(&served.kube());
    resize(&api, "a", 2).await;
    api.delete("b", &DeleteParams::default()).await.unwrap();
    api.create(&post, &widget("c", 3)).await.unwrap();
    let size = |name: &str| {
        let found = reader.get(&ObjectRef::new(name).within("default"));
        found.map(|widget| widget.spec.size)
    };
    until(|| async { [size("a"), size("b"), size("c")] == [Some(2), None, Some(3)] }).await;
    running.abort();
    served.stop().await;
}

/// A controller that gives widgets the color of their size, and notes those that it has let go.
struct Painter {
    client: Client,
    washed: Mutex<Vec<String>>,
}

impl Painter {
    async fn paint(&self, widget: &Widget) -> Result<(), kube::Error> {
        let color = format!("size-{}", widget.spec.size);
        if widget.spec.color == color {
            return Ok(());
        }
        let name = widget.name_any();
        let painted = json!({
            "apiVersion": "test.example.com/v1", "kind": "Widget",
            "metadata": {"name": name}, "spec": {"color": color},
        });
        let params = PatchParams::apply("painter").force();
        widgets(&self.client).patch(&name, &params, &Patch::Apply(painted)).await.map(drop)
    }

    fn wash(&self, widget: &Widget) {
        self.washed.lock().unwrap_or_else(PoisonError::into_inner).push(widget.name_any());
    }

    fn washed(&self) -> Vec<String> {
        self.washed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn reconcile(
    widget: Arc<Widget>,
    painter: Arc<Painter>,
) -> Result<Action, finalizer::Error<kube::Error>> {
    let api = widgets(&painter.client);
    finalizer(&api, "test.example.com/paint", widget, |event| async {
        match event {
            finalizer::Event::Apply(widget) => painter.paint(&widget).await?,
            finalizer::Event::Cleanup(widget) => painter.wash(&widget),
        }
        Ok(Action::await_change())
    })
    .await
}

async fn color(api: &Api<Widget>, name: &str) -> Option<String> {
    api.get_opt(name).await.unwrap().map(|widget| widget.spec.color)
}

#[tokio::test]
async fn a_controller_goes_on() {
    let storage = Memory::default();
    let served = Served::start(server().storage(storage.clone())).await;
    let api = widgets(&served.kube());
    let post = PostParams::default();
    for name in ["a", "b"] {
        api.create(&post, &widget(name, 1)).await.unwrap();
    }
    let painter = Arc::new(Painter { client: served.kube(), washed: Mutex::default() });
    let again = |_: Arc<Widget>, _: &_, _: Arc<Painter>| Action::requeue(Duration::from_millis(50));
    let controller = Controller::new(widgets(&painter.client), watcher::Config::default()).run(
        reconcile,
        again,
        Arc::clone(&painter),
    );
    let running = tokio::spawn(controller.for_each(|_| async {}));
    for name in ["a", "b"] {
        until(|| async { color(&api, name).await.as_deref() == Some("size-1") }).await;
    }
    let served = served.restart(server().storage(storage)).await;
    let api = widgets(&served.kube());
    resize(&api, "a", 2).await;
    api.create(&post, &widget("c", 3)).await.unwrap();
    api.delete("b", &DeleteParams::default()).await.unwrap();
    until(|| async { color(&api, "a").await.as_deref() == Some("size-2") }).await;
    until(|| async { color(&api, "c").await.as_deref() == Some("size-3") }).await;
    until(|| async { color(&api, "b").await.is_none() }).await;
    assert_eq!(painter.washed(), ["b"]);
    let painted = api.get("a").await.unwrap();
    let owners = painted.managed_fields().iter().filter_map(|owner| owner.manager.clone());
    assert!(owners.into_iter().any(|owner| owner == "painter"), "the color is the painter's");
    running.abort();
    served.stop().await;
}
