//! Registration of kinds: where their types go out of view.

use crate::connect::{Connect, Connecter};
use crate::part::{Action, Call, Part, StatusPart};
use crate::registry::{Backing, Resource};
use crate::rest::{AnyRest, Erased, Rest};
use crate::store::{Place, Store};
use crate::typing::LazyTyping;
use kube_core::CustomResourceExt;
use kube_core::object::HasStatus;
use pintle_meta::kind::{of, of_mut};
use pintle_meta::protobuf::LazyCodec;
use pintle_meta::{Hub, KindInfo, Served, Status, Version, VersionInfo};
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A cache that is given up is kept at least so long: longer than a list needs that waits for it.
const IDLE_MIN: Duration = Duration::from_secs(10);

/// A kind that is to be served: its hub version, other versions, and subresources.
///
/// ```
/// # use kube::CustomResource;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use pintle::{Hub, Kind, Server};
///
/// /// A Greeting is said to somebody.
/// #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
/// #[kube(group = "example.com", version = "v1", kind = "Greeting", namespaced)]
/// struct GreetingSpec {
///     /// Who is greeted.
///     to: String,
/// }
///
/// impl Hub for Greeting {}
///
/// let server = Server::new("greeter").kind(Kind::<Greeting>::new());
/// ```
#[derive(Debug)]
#[must_use = "a kind is served once it is given to a server"]
pub struct Kind<K> {
    registration: Registration,
    hub: PhantomData<fn() -> K>,
}

/// A [`Kind`] with its type out of view.
#[derive(Debug)]
pub struct Registration {
    kind: KindInfo,
    status: Option<StatusPart>,
    parts: Vec<Part>,
    actions: Vec<Action>,
    connects: Vec<Connect>,
    rest: Option<Arc<dyn AnyRest>>,
    protobuf: bool,
    idle: Option<Duration>,
}

// The bounds are on the functions: so the compiler says which is not met, and `Hub` says what to do.
impl<K> Kind<K> {
    /// A kind whose objects are kept in the server's storage.
    pub fn new() -> Self
    where
        K: Hub + CustomResourceExt,
        K::Scope: 'static,
    {
        Self::of_info(KindInfo::of::<K>())
    }

    /// A kind whose type was not derived, such as one of `k8s-openapi`'s: its names are formed as
    /// Kubernetes forms them, and it has no status subresource.
    pub fn plain() -> Self
    where
        K: Hub,
        K::Scope: 'static,
    {
        Self::of_info(KindInfo::plain::<K>())
    }

    fn of_info(kind: KindInfo) -> Self {
        let registration = Registration {
            kind,
            status: None,
            parts: Vec::new(),
            actions: Vec::new(),
            connects: Vec::new(),
            rest: None,
            protobuf: false,
            idle: None,
        };
        Self { registration, hub: PhantomData }
    }

    /// A kind that keeps its objects itself.
    pub fn rest(rest: impl Rest<Kind = K>) -> Self
    where
        K: Hub + CustomResourceExt,
        K::Scope: 'static,
    {
        Self::new().kept_by(rest)
    }

    /// Offers the kind as protocol buffers too, in all its versions, parts and actions: the form that
    /// Go clients prefer, and the one to store for a Go server that does.
    ///
    /// A field has the number of its place in the struct, the first one 1, unless it states another
    /// one with `#[schemars(extend("x-protobuf-number" = 7))]`. A number is a promise to every client
    /// and to what is stored: put new fields last, and where a field goes or moves state the numbers
    /// of those behind it. A kind whose types have no form in protocol buffers is answered as one
    /// that does not offer them, and the log says why.
    /// See [protobuf in Kubernetes](https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding).
    pub fn protobuf(mut self) -> Self {
        self.registration.protobuf = true;
        self
    }

    /// The same kind, whose objects are kept by this.
    pub(crate) fn kept_by(mut self, rest: impl Rest<Kind = K>) -> Self
    where
        K: Hub,
    {
        self.registration.rest = Some(Arc::new(Erased(rest, PhantomData)));
        self
    }
}

impl<K: Hub + CustomResourceExt> Kind<K>
where
    K::Scope: 'static,
{
    /// Serves an older version too. Versions are listed in the order in which they are added, the
    /// hub first.
    pub fn version<V: Version<Hub = K> + CustomResourceExt>(mut self) -> Self {
        self.registration.kind.add_version::<V>();
        self
    }

    /// Serves the `status` subresource, in the versions that declare it (`#[kube(status = "…")]`).
    ///
    /// A write to the object leaves the status as it is, and a write to the status leaves the rest
    /// as it is. See [status subresource](https://kubernetes.io/docs/concepts/overview/working-with-objects/#object-spec-and-status).
    pub fn status(mut self) -> Self
    where
        K: HasStatus,
        K::Status: Clone,
    {
        self.registration.status = Some(StatusPart {
            copy: |object, from| {
                *of_mut::<K>(object).status_mut() = of::<K>(from).status().cloned();
            },
            clear: |object| *of_mut::<K>(object).status_mut() = None,
            main_may_write: false,
        });
        self
    }

    /// Serves the `status` subresource, and lets a write to the object change the status as well.
    pub fn status_writable_everywhere(self) -> Self
    where
        K: HasStatus,
        K::Status: Clone,
    {
        let mut kind = self.status();
        if let Some(status) = &mut kind.registration.status {
            status.main_may_write = true;
        }
        kind
    }

    /// Serves a part of the object as a subresource with a kind of its own: GET, PUT and PATCH.
    ///
    /// `get` makes the part of an object; its name, namespace, UID, resource version and creation
    /// time are filled in. `set` puts a part that a client has written into the object. A part
    /// whose kind is of the same group is served in the version of that kind, one of another
    /// group in every version.
    pub fn part<P: Served>(
        mut self,
        name: &str,
        get: impl Fn(&K) -> P + Send + Sync + 'static,
        set: impl Fn(&mut K, P) + Send + Sync + 'static,
    ) -> Self {
        self.registration.parts.push(Part::new(name, get, set));
        self
    }

    /// Keeps the objects in memory only while they are needed: they are loaded at the first read or
    /// watch, and given up when nobody has read or watched them for `idle`.
    ///
    /// For kinds with many objects that are rarely looked at. The first list after a pause waits until
    /// they are loaded; one that takes longer than a few seconds is told to come again. The server is
    /// ready without them.
    pub fn lazy_cache(mut self, idle: Duration) -> Self {
        self.registration.idle = Some(idle.max(IDLE_MIN));
        self
    }

    /// Serves an action on the object: a subresource that is only created, with a kind of its own.
    ///
    /// The function gets the object and the body, and answers with the body that the client sees.
    pub fn action<B, F, R>(mut self, name: &str, function: F) -> Self
    where
        B: Served,
        F: Fn(Call<K>, B) -> R + Send + Sync + 'static,
        R: Future<Output = Result<B, Status>> + Send + 'static,
    {
        self.registration.actions.push(Action::new(name, function));
        self
    }

    /// Serves a subresource that speaks HTTP itself: any methods, streams, WebSockets, and the paths
    /// below it where it wants them; as the log, the terminal and the proxy of a pod do.
    pub fn connect(mut self, name: &str, connecter: impl Connecter<Kind = K>) -> Self {
        self.registration.connects.push(Connect::new(name, connecter));
        self
    }
}

impl<K: Hub + CustomResourceExt> Default for Kind<K>
where
    K::Scope: 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K> From<Kind<K>> for Registration {
    fn from(kind: Kind<K>) -> Self {
        kind.registration
    }
}

impl Registration {
    /// Why the kind cannot be served, if it cannot.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &str> {
        self.kind.problems.iter().map(String::as_str)
    }

    /// The resource, with its store where it has one.
    pub(crate) fn into_resource(self, place: Place<'_>) -> Resource {
        let Self { mut kind, status, mut parts, mut actions, connects, rest, protobuf, idle } =
            self;
        if protobuf {
            let bodies = parts.iter_mut().map(|part| &mut part.body);
            let bodies = bodies.chain(actions.iter_mut().map(|action| &mut action.body));
            let versions = kind.versions.iter_mut().map(|version| &mut version.protobuf);
            versions.chain(bodies.map(|body| &mut body.protobuf)).for_each(LazyCodec::offer);
        }
        let kind = Arc::new(kind);
        let backing = match rest {
            Some(rest) => Backing::Rest(rest),
            None => Backing::Store(Store::new(Arc::clone(&kind), place, idle)),
        };
        let typings = kind.versions.iter().map(|_| LazyTyping::new()).collect();
        let events = kind.versions.iter().map(|_| Arc::default()).collect();
        let own_scale = parts.iter().any(|part| part.name == "scale");
        if matches!(backing, Backing::Store(_)) && !own_scale {
            let declared = kind.versions.iter().enumerate();
            let scale = |(i, v): (usize, &VersionInfo)| Some(Part::scale(i, v, v.scale.as_ref()?));
            parts.extend(declared.filter_map(scale));
        }
        Resource { kind, backing, status, parts, actions, connects, typings, events }
    }
}
