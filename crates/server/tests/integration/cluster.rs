//! A cluster that other servers ask: it reviews tokens and accesses, and tells how it is to be
//! trusted. It is a server of this library itself, with kinds that answer as the test wants.

use crate::harness::Served;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, ClusterResourceScope, NamespaceResourceScope};
use kube::{CustomResource, CustomResourceExt, Resource};
use pintle::{Hub, Kind, Request, Rest, Server, Status, async_trait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A TokenReview asks whose a token is.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "authentication.k8s.io", version = "v1", kind = "TokenReview")]
#[kube(status = "TokenReviewStatus", derive = "Default")]
#[serde(default)]
pub(crate) struct TokenReviewSpec {
    token: String,
}

/// Whose it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct TokenReviewStatus {
    authenticated: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
    user: Value,
}

impl Hub for TokenReview {}

/// A SubjectAccessReview asks what a user may do.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "authorization.k8s.io", version = "v1", kind = "SubjectAccessReview")]
#[kube(status = "SubjectAccessReviewStatus", derive = "Default")]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SubjectAccessReviewSpec {
    resource_attributes: Value,
    non_resource_attributes: Value,
    user: String,
    uid: String,
    groups: Vec<String>,
    extra: Value,
}

/// Whether they may.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SubjectAccessReviewStatus {
    allowed: bool,
    denied: bool,
    reason: String,
}

impl Hub for SubjectAccessReview {}

/// ConfigMap holds configuration data.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ConfigMap {
    metadata: ObjectMeta,
    data: BTreeMap<String, String>,
}

/// A Namespace, of which only the phase is of interest.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Namespace {
    metadata: ObjectMeta,
    status: Value,
}

/// Says for [`ConfigMap`] what the derive cannot say of a kind without a specification.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "core", version = "v1", kind = "ConfigMap", root = "ConfigMapNames", namespaced)]
struct ConfigMapSpec {}

/// Says the same for [`Namespace`].
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "core", version = "v1", kind = "Namespace", root = "NamespaceNames")]
struct NamespaceSpec {}

/// A kind of the core group, which a derived one cannot be in.
macro_rules! of_the_core {
    ($kind:ident, $plural:literal, $scope:ty, $names:ident) => {
        impl Resource for $kind {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> Cow<'_, str> {
                stringify!($kind).into()
            }

            fn group((): &()) -> Cow<'_, str> {
                "".into()
            }

            fn version((): &()) -> Cow<'_, str> {
                "v1".into()
            }

            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }

        impl CustomResourceExt for $kind {
            fn crd() -> CustomResourceDefinition {
                $names::crd()
            }

            fn crd_name() -> &'static str {
                $names::crd_name()
            }

            fn api_resource() -> ApiResource {
                $names::api_resource()
            }

            fn shortnames() -> &'static [&'static str] {
                $names::shortnames()
            }
        }

        impl Hub for $kind {}
    };
}

of_the_core!(ConfigMap, "configmaps", NamespaceResourceScope, ConfigMapNames);
of_the_core!(Namespace, "namespaces", ClusterResourceScope, NamespaceNames);

/// What the cluster was asked, and how it answers.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// Tokens, with the JSON of their users.
    pub tokens: Mutex<BTreeMap<String, Value>>,
    /// How many tokens were reviewed.
    pub reviews: AtomicUsize,
    under_way: AtomicUsize,
    /// How many were reviewed at the same time, at most.
    pub at_once: AtomicUsize,
    /// The accesses that were reviewed, as `USER VERB RESOURCE-OR-PATH`.
    pub accesses: Mutex<Vec<String>>,
    /// The specification of the last access.
    pub last: Mutex<Value>,
    /// Whether it only says that it is ill.
    pub ill: AtomicBool,
    /// Which of the next answers is an internal error.
    pub hiccups: AtomicUsize,
}

impl Judge {
    fn health(&self) -> Result<(), Status> {
        let hiccup =
            self.hiccups.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if hiccup.is_ok() {
            return Err(Status::internal("a hiccup"));
        }
        match self.ill.load(Ordering::Relaxed) {
            true => Err(Status::bad_request("the cluster is ill")),
            false => Ok(()),
        }
    }

    /// The accesses that were reviewed since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.accesses.lock().unwrap())
    }
}

#[derive(Debug)]
struct Tokens(Arc<Judge>);

#[async_trait]
impl Rest for Tokens {
    type Kind = TokenReview;

    fn verbs(&self) -> &'static [&'static str] {
        &["create"]
    }

    async fn list(&self, _: &Request) -> Result<Vec<TokenReview>, Status> {
        Ok(Vec::new())
    }

    async fn create(
        &self,
        _: &Request,
        mut review: TokenReview,
    ) -> Result<Option<TokenReview>, Status> {
        let judge = &self.0;
        judge.reviews.fetch_add(1, Ordering::Relaxed);
        let at_once = judge.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        judge.at_once.fetch_max(at_once, Ordering::Relaxed);
        // Long enough for others to come in the meantime.
        tokio::time::sleep(Duration::from_millis(100)).await;
        judge.under_way.fetch_sub(1, Ordering::Relaxed);
        judge.health()?;
        let user = judge.tokens.lock().unwrap().get(&review.spec.token).cloned();
        review.status = Some(TokenReviewStatus {
            authenticated: user.is_some(),
            user: user.unwrap_or_else(|| json!({})),
            error: String::new(),
        });
        Ok(Some(review))
    }
}

#[derive(Debug)]
struct Accesses(Arc<Judge>);

#[async_trait]
impl Rest for Accesses {
    type Kind = SubjectAccessReview;

    fn verbs(&self) -> &'static [&'static str] {
        &["create"]
    }

    async fn list(&self, _: &Request) -> Result<Vec<SubjectAccessReview>, Status> {
        Ok(Vec::new())
    }

    async fn create(
        &self,
        _: &Request,
        mut review: SubjectAccessReview,
    ) -> Result<Option<SubjectAccessReview>, Status> {
        let spec = &review.spec;
        let of = |attributes: &Value, name: &str| attributes[name].as_str().map(str::to_owned);
        let resource = of(&spec.resource_attributes, "resource");
        let path = of(&spec.non_resource_attributes, "path");
        let verb = of(&spec.resource_attributes, "verb")
            .or_else(|| of(&spec.non_resource_attributes, "verb"))
            .unwrap_or_default();
        let what = resource.or(path).unwrap_or_default();
        self.0.accesses.lock().unwrap().push(format!("{} {verb} {what}", spec.user));
        *self.0.last.lock().unwrap() = serde_json::to_value(spec).unwrap();
        self.0.health()?;
        let reads = matches!(verb.as_str(), "get" | "list" | "watch");
        let is_in = |group: &str| spec.groups.iter().any(|it| it == group);
        review.status = Some(match spec.user.as_str() {
            "banned" => SubjectAccessReviewStatus {
                denied: true,
                reason: "banned for life".to_owned(),
                ..SubjectAccessReviewStatus::default()
            },
            "torn" => SubjectAccessReviewStatus {
                allowed: true,
                denied: true,
                ..SubjectAccessReviewStatus::default()
            },
            _ => SubjectAccessReviewStatus {
                allowed: is_in("writers") || (is_in("readers") && reads),
                ..SubjectAccessReviewStatus::default()
            },
        });
        Ok(Some(review))
    }
}

/// A cluster that runs.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub served: Served,
    pub judge: Arc<Judge>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let judge = Arc::new(Judge::default());
        let server = Server::new("cluster")
            .kind(Kind::<ConfigMap>::new())
            .kind(Kind::<Namespace>::new())
            .kind(Kind::rest(Tokens(Arc::clone(&judge))))
            .kind(Kind::rest(Accesses(Arc::clone(&judge))));
        let served = Served::start_with(server, |_| {}).await;
        let user = |name: &str, group: &str| json!({"username": name, "groups": [group]});
        judge.tokens.lock().unwrap().extend([
            ("jane-token".to_owned(), user("jane", "readers")),
            ("joe-token".to_owned(), user("joe", "writers")),
            ("banned-token".to_owned(), user("banned", "writers")),
            ("torn-token".to_owned(), user("torn", "writers")),
        ]);
        Self { served, judge }
    }

    /// Tells other servers how this one is to be trusted; `None` leaves a key out.
    pub(crate) async fn tell(&self, data: &[(&str, &str)]) {
        let config_map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
            "data": data.iter().copied().collect::<BTreeMap<_, _>>(),
        });
        let line = "PATCH /api/v1/namespaces/kube-system/configmaps/\
                    extension-apiserver-authentication?fieldManager=test&force=true";
        let bearer = format!("Bearer {}", self.served.token());
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/apply-patch+yaml")];
        let answer = self.served.send_with(line, &headers, config_map.to_string()).await;
        assert!(matches!(answer.code, 200 | 201), "{}", answer.text());
    }

    /// Makes a namespace, or changes its phase.
    pub(crate) async fn namespace(&self, name: &str, phase: &str) {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": phase},
        });
        let line = format!("PATCH /api/v1/namespaces/{name}?fieldManager=test&force=true");
        let bearer = format!("Bearer {}", self.served.token());
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/apply-patch+yaml")];
        let answer = self.served.send_with(&line, &headers, namespace.to_string()).await;
        assert!(matches!(answer.code, 200 | 201), "{}", answer.text());
    }
}
