//! Kinds of the core group, which are served below `/api`, as kube-rs and kubectl see them.

use crate::harness::Served;
use futures::StreamExt;
use k8s_openapi::api::core::v1 as types;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube_core::{NamespaceResourceScope, Resource};
use pintle::{Hub, Kind, Server};
use pintle_meta::protobuf::{envelope, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The type of Kubernetes itself.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
struct Secret(types::Secret);

/// One of our own, with the fields in the order of their numbers in protocol buffers, which kubectl
/// speaks about kinds that it knows.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct ConfigMap {
    metadata: ObjectMeta,
    /// Data contains the configuration data.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<String, String>,
    // In the place of binary data, which are not offered here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-protobuf-number" = 4))]
    immutable: Option<bool>,
}

/// Says what the derive of kube says of kinds that have a group.
macro_rules! names {
    ($kind:ty, $same:ty, $($metadata:tt)*) => {
        impl Resource for $kind {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                <$same>::kind(&())
            }

            fn group((): &()) -> Cow<'_, str> {
                <$same>::group(&())
            }

            fn version((): &()) -> Cow<'_, str> {
                <$same>::version(&())
            }

            fn plural((): &()) -> Cow<'_, str> {
                <$same>::plural(&())
            }

            fn meta(&self) -> &ObjectMeta {
                &self$($metadata)*
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self$($metadata)*
            }
        }

        impl Hub for $kind {}
    };
}

names!(Secret, types::Secret, .0.metadata);
names!(ConfigMap, types::ConfigMap, .metadata);

async fn start() -> Served {
    let config_maps = Kind::<ConfigMap>::plain().protobuf();
    Served::start(Server::new("core-apiserver").kind(config_maps).kind(Kind::<Secret>::plain()))
        .await
}

fn config_map(name: &str, value: &str) -> types::ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": value}})).unwrap()
}

async fn document(served: &Served, path: &str, accept: &str) -> Value {
    let answer = served.send_with(&format!("GET {path}"), &[("accept", accept)], "").await;
    assert_eq!(answer.code, 200, "{path}");
    answer.json()
}

#[tokio::test]
async fn discovery_and_openapi() {
    let served = &start().await;
    let json = "application/json";
    let api = document(served, "/api", json).await;
    assert_eq!((&api["kind"], &api["versions"]), (&json!("APIVersions"), &json!(["v1"])));
    let v1 = document(served, "/api/v1", json).await;
    assert_eq!(v1["groupVersion"], "v1");
    let resource = &v1["resources"][0];
    assert_eq!((&resource["name"], &resource["kind"]), (&json!("configmaps"), &json!("ConfigMap")));
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let api = document(served, "/api", aggregated).await;
    assert_eq!(api["items"][0]["versions"][0]["resources"][0]["resource"], "configmaps");
    let apis = document(served, "/apis", json).await;
    assert!(!apis["groups"].to_string().contains("\"name\":\"\""));

    let openapi = document(served, "/openapi/v3/api/v1", json).await;
    let collection = &openapi["paths"]["/api/v1/namespaces/{namespace}/configmaps"];
    assert_eq!(collection["post"]["operationId"], "createCoreV1NamespacedConfigMap");
    let kind = &openapi["components"]["schemas"]["core.v1.ConfigMap"];
    let gvk = json!([{"group": "", "version": "v1", "kind": "ConfigMap"}]);
    assert_eq!(kind["x-kubernetes-group-version-kind"], gvk);
    assert!(kind["properties"]["immutable"].is_object(), "{kind}");
    // A type by another name has the fields of the type.
    let kind = &openapi["components"]["schemas"]["core.v1.Secret"];
    assert_eq!(kind["properties"]["data"]["type"], "object", "{kind}");
    assert!(kind["properties"]["apiVersion"].is_object() && kind["allOf"].is_null(), "{kind}");
    let swagger = document(served, "/openapi/v2", json).await;
    assert!(swagger["definitions"]["core.v1.ConfigMapList"].is_object());
    assert!(swagger["paths"]["/api/v1/configmaps"]["get"].is_object());
}

/// Metadata alone can be had in protocol buffers of every kind, as clients that only count ask for.
#[tokio::test]
async fn metadata_in_protobuf() {
    let served = &start().await;
    let path = "/api/v1/namespaces/default/secrets";
    let line = format!("POST {path}");
    served.send(&line, r#"{"metadata":{"name":"a"},"stringData":{"key":"one"}}"#).await;
    let protobuf = "application/vnd.kubernetes.protobuf";
    let ask = async |path: &str, transform: &str| {
        let accept = format!("{protobuf}{transform}");
        served.send_with(&format!("GET {path}"), &[("accept", &accept)], "").await
    };
    assert_eq!(ask(path, "").await.code, 406);
    let answer = ask(&format!("{path}/a"), ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io").await;
    let opened = envelope::open(&answer.body).unwrap();
    assert_eq!((answer.code, opened.kind.as_str()), (200, "PartialObjectMetadata"));
    let object = known::PARTIAL_CODEC.read(opened.raw).unwrap();
    let json = document(served, &format!("{path}/a"), "application/json").await;
    assert_eq!(object["metadata"]["resourceVersion"], json["metadata"]["resourceVersion"]);
    assert_eq!(object["metadata"]["uid"], json["metadata"]["uid"]);
    let list = ask(path, ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").await;
    let opened = envelope::open(&list.body).unwrap();
    assert_eq!(opened.kind, "PartialObjectMetadataList");
    let items = &opened.raw[envelope::field(opened.raw, 1).unwrap().end..];
    let item = &items[envelope::field(items, 2).unwrap()];
    assert_eq!(known::PARTIAL_CODEC.read(item).unwrap()["metadata"]["name"], "a");
    let watch = "?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true\
                 &resourceVersionMatch=NotOlderThan";
    let transform = ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let events = ask(&format!("{path}{watch}"), transform).await;
    assert_eq!(events.header("content-type"), format!("{protobuf};stream=watch"));
    let text = String::from_utf8_lossy(&events.body);
    assert_eq!(
        text.matches("PartialObjectMetadata").count(),
        2,
        "an object and a bookmark: {text}"
    );
    assert_eq!(text.matches("Secret").count(), 0, "{text}");
}

#[tokio::test]
async fn kube_rs() {
    let served = start().await;
    let api: Api<types::ConfigMap> = Api::namespaced(served.kube(), "default");
    let made = api.create(&PostParams::default(), &config_map("a", "one")).await.unwrap();
    assert_eq!(made.data.unwrap()["key"], "one");
    let patch = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"other": "two"},
    }));
    let params = PatchParams::apply("test");
    let applied = api.patch("a", &params, &patch).await.unwrap();
    assert_eq!(applied.data.unwrap().len(), 2);
    let list = api.list(&ListParams::default()).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    assert_eq!(list.items.len(), 1);
    let mut events = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    api.delete("a", &Default::default()).await.unwrap();
    let event = events.next().await.unwrap().unwrap();
    assert!(
        matches!(event, WatchEvent::Deleted(object) if object.metadata.name.as_deref() == Some("a"))
    );
    let everywhere: Api<types::ConfigMap> = Api::all(served.kube());
    assert!(everywhere.list(&ListParams::default()).await.unwrap().items.is_empty());
}

/// Runs kubectl, if there is one.
fn kubectl(kubeconfig: &PathBuf, home: &PathBuf, line: &str, want: &str) {
    let mut command = Command::new("kubectl");
    command.env_clear().env("HOME", home).env("PATH", std::env::var("PATH").unwrap());
    let output = command.arg("--kubeconfig").arg(kubeconfig).args(line.split(' ')).output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(text.contains(want), "kubectl {line}: {text}{error}");
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("kubectl {line}: skipped, there is no kubectl");
        }
        Err(error) => panic!("kubectl cannot be run: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_kubectl() {
    let served = start().await;
    let kubeconfig = served.kubeconfig().to_owned();
    let home = tempfile::TempDir::new().unwrap();
    let place = home.path().to_owned();
    let rounds = [
        ("create configmap one --from-literal=key=value", "configmap/one created"),
        ("get configmaps", "one"),
        ("get configmap one -o jsonpath={.data.key}", "value"),
        ("label configmap one color=blue", "configmap/one labeled"),
        ("get configmaps -A -l color=blue -o name", "configmap/one"),
        ("patch configmap one -p {\"data\":{\"key\":\"new\"}}", "configmap/one patched"),
        ("api-resources", "configmaps"),
        ("explain configmap.data", "Data contains the configuration data."),
        ("delete configmap one", "configmap \"one\" deleted"),
    ];
    let run =
        move || rounds.iter().for_each(|(line, want)| kubectl(&kubeconfig, &place, line, want));
    tokio::task::spawn_blocking(run).await.unwrap();
}
