//! Kinds that keep their objects themselves.
//!
//! A kind that is computed at each request, as the metrics of a node are, or that lives in some
//! other system, has no use for the store. It says what it can do by implementing [`Rest`].

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use pintle_meta::kind::of;
use pintle_meta::{Hub, Object, Request, Status};
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;

/// A kind with storage of its own; every method that is not implemented answers 405.
///
/// Which verbs a client finds in discovery, and may use, is what [`verbs`](Rest::verbs) says:
///
/// | verb | what it needs |
/// |---|---|
/// | `get`, `list` | [`list`](Rest::list), and [`get`](Rest::get) where there is a shorter way |
/// | `watch` | [`watch`](Rest::watch) |
/// | `create` | [`create`](Rest::create) |
/// | `update`, `patch` | [`update`](Rest::update); server-side apply of what is not there, `create` |
/// | `delete`, `deletecollection` | [`delete`](Rest::delete) |
///
/// The server does the rest: it selects by label and field, makes tables, applies patches, keeps
/// managed fields, compares UIDs and resource versions, and runs admission plugins. The status, parts,
/// actions and connecters of the [`Kind`](crate::Kind) work as with stored objects; their writes
/// arrive as an `update`. The hooks of [`Hub`] are for stored kinds and do not run.
///
/// ```
/// # use kube::CustomResource;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use pintle::{Hub, Request, Rest, Status, async_trait};
///
/// #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
/// #[kube(group = "metrics.example.com", version = "v1", kind = "Load")]
/// struct LoadSpec {
///     milli: u64,
/// }
///
/// impl Hub for Load {}
///
/// #[derive(Debug)]
/// struct Now;
///
/// #[async_trait]
/// impl Rest for Now {
///     type Kind = Load;
///
///     async fn list(&self, _: &Request) -> Result<Vec<Load>, Status> {
///         Ok(vec![Load::new("machine", LoadSpec { milli: 250 })])
///     }
/// }
/// ```
#[async_trait]
pub trait Rest: fmt::Debug + Send + Sync + 'static {
    /// The kind, in the version in which it is handled.
    type Kind: Hub;

    /// The verbs that are served, as discovery shows them.
    fn verbs(&self) -> &'static [&'static str] {
        &["get", "list"]
    }

    /// All objects of the request's namespace, or of all namespaces where it names none.
    ///
    /// # Errors
    /// A [`Status`] that the client gets.
    async fn list(&self, request: &Request) -> Result<Vec<Self::Kind>, Status>;

    /// The object that the request names; by default looked up in the list.
    ///
    /// # Errors
    /// A [`Status`] that the client gets; `None` becomes 404.
    async fn get(&self, request: &Request) -> Result<Option<Self::Kind>, Status> {
        let named = |object: &Self::Kind| object.meta().name.as_deref() == Some(&request.name);
        Ok(self.list(request).await?.into_iter().find(named))
    }

    /// The resource version of a list, from which a watch can go on; none by default.
    fn revision(&self) -> Option<u64> {
        None
    }

    /// What happens to the objects of the request's namespace, or of all namespaces where it names
    /// none, after the resource version `from`. Without one the watch begins with an
    /// [`Added`](WatchEvent::Added) of each object that is there.
    ///
    /// The stream is dropped when the client or the server goes. An error in it ends the watch.
    ///
    /// # Errors
    /// A [`Status`] that the client gets, for example [`Status::expired`] for a version of which
    /// nothing is known any more.
    async fn watch(
        &self,
        request: &Request,
        from: Option<&str>,
    ) -> Result<WatchStream<Self::Kind>, Status> {
        let _ = (request, from);
        Err(Status::method_not_allowed())
    }

    /// Takes in an object, and returns it as it was stored; list `create` in the verbs. Where
    /// [`dry_run`](Request::dry_run) is set nothing must change, here as in the methods below.
    ///
    /// # Errors
    /// A [`Status`] that the client gets; `None` becomes 405.
    async fn create(
        &self,
        request: &Request,
        object: Self::Kind,
    ) -> Result<Option<Self::Kind>, Status> {
        let _ = (request, object);
        Ok(None)
    }

    /// Replaces the object that the request names; list `update` in the verbs, and `patch`.
    ///
    /// The resource version in the object is that of the object which it was made from, where that
    /// had one. Where that is not the newest any more, answer [`Status::modified`]: a patch is then
    /// made again from the newest.
    ///
    /// # Errors
    /// A [`Status`] that the client gets; `None` becomes 405.
    async fn update(
        &self,
        request: &Request,
        object: Self::Kind,
    ) -> Result<Option<Self::Kind>, Status> {
        let _ = (request, object);
        Ok(None)
    }

    /// Removes the object that the request names, and returns its last state; list `delete` in the
    /// verbs.
    ///
    /// # Errors
    /// A [`Status`] that the client gets; `None` becomes 404.
    async fn delete(&self, request: &Request) -> Result<Option<Self::Kind>, Status> {
        let _ = request;
        Ok(None)
    }
}

/// Something that happens to an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent<K> {
    /// It is there.
    Added(K),
    /// It has changed.
    Modified(K),
    /// It is gone; this is what it was.
    Deleted(K),
    /// Everything up to this resource version has been told.
    Bookmark(u64),
}

/// What a watch tells, as it happens.
pub type WatchStream<K> = Pin<Box<dyn Stream<Item = Result<WatchEvent<K>, Status>> + Send>>;

type AnyObject = Box<dyn Object>;

/// A [`Rest`] with its type out of view.
#[async_trait]
pub(crate) trait AnyRest: fmt::Debug + Send + Sync {
    fn verbs(&self) -> &'static [&'static str];
    fn revision(&self) -> Option<u64>;
    async fn watch(
        &self,
        request: &Request,
        from: Option<&str>,
    ) -> Result<WatchStream<AnyObject>, Status>;
    async fn list(&self, request: &Request) -> Result<Vec<AnyObject>, Status>;
    async fn get(&self, request: &Request) -> Result<Option<AnyObject>, Status>;
    async fn create(&self, request: &Request, o: AnyObject) -> Result<Option<AnyObject>, Status>;
    async fn update(&self, request: &Request, o: AnyObject) -> Result<Option<AnyObject>, Status>;
    async fn delete(&self, request: &Request) -> Result<Option<AnyObject>, Status>;
}

/// The one implementation of [`AnyRest`].
#[derive(Debug)]
pub(crate) struct Erased<R: Rest>(pub R, pub PhantomData<R::Kind>);

fn boxed<K: Hub>(object: Option<K>) -> Option<AnyObject> {
    object.map(|object| Box::new(object) as AnyObject)
}

fn erased<K: Hub>(event: WatchEvent<K>) -> WatchEvent<AnyObject> {
    match event {
        WatchEvent::Added(object) => WatchEvent::Added(Box::new(object)),
        WatchEvent::Modified(object) => WatchEvent::Modified(Box::new(object)),
        WatchEvent::Deleted(object) => WatchEvent::Deleted(Box::new(object)),
        WatchEvent::Bookmark(revision) => WatchEvent::Bookmark(revision),
    }
}

#[async_trait]
impl<R: Rest> AnyRest for Erased<R> {
    fn verbs(&self) -> &'static [&'static str] {
        self.0.verbs()
    }

    fn revision(&self) -> Option<u64> {
        self.0.revision()
    }

    async fn watch(
        &self,
        request: &Request,
        from: Option<&str>,
    ) -> Result<WatchStream<AnyObject>, Status> {
        let events = self.0.watch(request, from).await?;
        Ok(Box::pin(events.map(|event| event.map(erased))))
    }

    async fn list(&self, request: &Request) -> Result<Vec<AnyObject>, Status> {
        let objects = self.0.list(request).await?;
        Ok(objects.into_iter().map(|object| Box::new(object) as AnyObject).collect())
    }

    async fn get(&self, request: &Request) -> Result<Option<AnyObject>, Status> {
        self.0.get(request).await.map(boxed)
    }

    async fn create(&self, request: &Request, o: AnyObject) -> Result<Option<AnyObject>, Status> {
        let object = of::<R::Kind>(&*o).clone();
        self.0.create(request, object).await.map(boxed)
    }

    async fn update(&self, request: &Request, o: AnyObject) -> Result<Option<AnyObject>, Status> {
        let object = of::<R::Kind>(&*o).clone();
        self.0.update(request, object).await.map(boxed)
    }

    async fn delete(&self, request: &Request) -> Result<Option<AnyObject>, Status> {
        self.0.delete(request).await.map(boxed)
    }
}
