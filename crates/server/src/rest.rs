//! Kinds that keep their objects themselves.
//!
//! A kind that is computed at each request, as the metrics of a node are, or that lives in some
//! other system, has no use for the store. It says what it can do by implementing [`Rest`].

use async_trait::async_trait;
use pintle_meta::kind::of;
use pintle_meta::{Hub, Object, Request, Status};
use std::fmt;
use std::marker::PhantomData;

/// A kind with storage of its own; every method that is not implemented answers 405.
///
/// Which of them a client finds in discovery is what [`verbs`](Rest::verbs) says. Lists are selected
/// by label and field, and shown as tables, by the server.
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

    /// Takes in an object, and returns it as it was stored; list `create` in the verbs.
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

    /// Replaces the object that the request names; list `update` in the verbs.
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

type AnyObject = Box<dyn Object>;

/// A [`Rest`] with its type out of view.
#[async_trait]
pub(crate) trait AnyRest: fmt::Debug + Send + Sync {
    fn verbs(&self) -> &'static [&'static str];
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

#[async_trait]
impl<R: Rest> AnyRest for Erased<R> {
    fn verbs(&self) -> &'static [&'static str] {
        self.0.verbs()
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
