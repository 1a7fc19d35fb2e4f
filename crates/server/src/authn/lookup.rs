//! What a cluster tells the servers that extend it: its authority for client certificates, and how
//! its aggregator is known. It is in the config map
//! `kube-system/extension-apiserver-authentication`, which is read at the start and followed from
//! then on. See
//! [Configure the Aggregation Layer](https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/).

use super::request_header::{FrontProxy, HeaderNames, Settings};
use super::x509::{Authorities, Trusted};
use crate::upstream::{Failure, Upstream};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "extension-apiserver-authentication";
const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
/// What to do where the config map may not be read.
const ADVICE: &str = "usually fixed by 'kubectl create rolebinding -n kube-system ROLEBINDING_NAME \
     --role=extension-apiserver-authentication-reader --serviceaccount=YOUR_NS:YOUR_SA'";
/// How long it is waited before the cluster is asked again: the first time, and at most.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// A watch is begun anew after this, should its connection be dead.
const WATCH_TIME: Duration = Duration::from_secs(10 * 60);

/// What is looked up: what the flags do not say.
#[derive(Debug)]
pub(super) struct Lookup {
    pub cluster: Arc<Upstream>,
    pub client_authorities: Option<Trusted>,
    pub front_proxy: Option<FrontProxy>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigMap {
    data: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
}

#[derive(Deserialize)]
struct List {
    metadata: Metadata,
    items: Vec<ConfigMap>,
}

#[derive(Deserialize)]
struct Event {
    r#type: String,
    #[serde(default)]
    object: ConfigMap,
}

impl Lookup {
    /// Reads the config map; where there is none, nothing is believed.
    ///
    /// # Errors
    /// With what the cluster said, and what usually helps.
    pub(super) async fn read(&self) -> Result<(), String> {
        let found = self.cluster.get(&format!("{CONFIG_MAPS}/{NAME}")).await;
        match found {
            Ok(body) => self.apply(&decode(&body)?),
            Err(Failure { code: Some(404), .. }) => Ok(()),
            Err(Failure { code: Some(403), message, .. }) => {
                Err(format!("unable to get configmap/{NAME} in kube-system, {ADVICE}: {message}"))
            }
            Err(failure) => Err(format!("unable to get configmap/{NAME}: {failure}")),
        }
    }

    /// Follows the config map until it is dropped.
    pub(super) async fn follow(self) {
        let mut wait = RETRY_MIN;
        loop {
            match self.follow_once().await {
                Ok(()) => wait = RETRY_MIN,
                Err(why) => {
                    tracing::warn!("cannot follow configmap/{NAME} in kube-system: {why}");
                    wait = (wait * 2).min(RETRY_MAX);
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads the config map and follows one watch of it to its end.
    async fn follow_once(&self) -> Result<(), String> {
        let selected = format!("{CONFIG_MAPS}?fieldSelector=metadata.name%3D{NAME}");
        let text = |failure: Failure| failure.to_string();
        let list: List = decode(&self.cluster.get(&selected).await.map_err(text)?)?;
        if let Some(found) = list.items.first() {
            self.apply(found)?;
        }
        let (version, seconds) = (list.metadata.resource_version, WATCH_TIME.as_secs());
        let path =
            format!("{selected}&watch=true&resourceVersion={version}&timeoutSeconds={seconds}");
        let mut events = self.cluster.follow(&path).await.map_err(text)?;
        let following = async {
            while let Some(event) = events.next().await.map_err(text)? {
                let event: Event = decode(&event)?;
                match event.r#type.as_str() {
                    "ADDED" | "MODIFIED" => self.apply(&event.object)?,
                    "ERROR" => return Ok(()),
                    // What was believed stays: a map that is replaced is gone for a moment.
                    _ => {}
                }
            }
            Ok(())
        };
        // The server ends the watch itself; this is for one that is gone.
        tokio::time::timeout(WATCH_TIME + RETRY_MAX, following).await.unwrap_or(Ok(()))
    }

    /// Takes over what a config map says.
    fn apply(&self, found: &ConfigMap) -> Result<(), String> {
        let text = |key: &str| found.data.get(key).map(String::as_str).unwrap_or_default();
        let about = |key: &str, why: String| format!("{key} of configmap/{NAME}: {why}");
        let authorities = |key: &str| match text(key) {
            "" => Ok(None),
            pem => Authorities::parse(pem).map(Some).map_err(|why| about(key, why)),
        };
        let list = |key: &str| match text(key) {
            "" => Ok(Vec::new()),
            json => serde_json::from_str::<Vec<String>>(json)
                .map_err(|error| about(key, error.to_string())),
        };
        if let Some(trusted) = &self.client_authorities {
            trusted.store(authorities("client-ca-file")?);
        }
        let Some(proxy) = &self.front_proxy else { return Ok(()) };
        let settings = match authorities("requestheader-client-ca-file")? {
            None => None,
            Some(authorities) => {
                let headers = HeaderNames::new([
                    &list("requestheader-username-headers")?,
                    &list("requestheader-uid-headers")?,
                    &list("requestheader-group-headers")?,
                    &list("requestheader-extra-headers-prefix")?,
                ])?;
                let allowed_names = list("requestheader-allowed-names")?;
                Some(Arc::new(Settings { authorities, allowed_names, headers }))
            }
        };
        proxy.0.store(settings);
        Ok(())
    }
}

fn decode<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer makes no sense: {error}"))
}
