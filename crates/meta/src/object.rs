//! Objects: a kind's value with its metadata, with or without its type in view.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::Resource;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId};
use std::fmt;

/// A type that can be served: a kube-rs resource that serde can read and write and that has a schema.
///
/// `#[derive(CustomResource)]` with `#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]` on
/// the spec gives all of it; nothing is to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served by Pintle",
    label = "not a kube-rs resource with serde and schemars",
    note = "derive it: `#[derive(CustomResource, Clone, Debug, Serialize, Deserialize, JsonSchema)]` on the spec, \
            with `#[kube(group = \"…\", version = \"…\", kind = \"…\")]`"
)]
pub trait Served:
    Resource<DynamicType = ()>
    + Serialize
    + DeserializeOwned
    + JsonSchema
    + Clone
    + fmt::Debug
    + Send
    + Sync
    + 'static
{
}

impl<T> Served for T where
    T: Resource<DynamicType = ()>
        + Serialize
        + DeserializeOwned
        + JsonSchema
        + Clone
        + fmt::Debug
        + Send
        + Sync
        + 'static
{
}

/// Whether the objects of a type live in namespaces.
#[must_use]
pub fn is_namespaced<T: Served>() -> bool
where
    T::Scope: 'static,
{
    TypeId::of::<T::Scope>() == TypeId::of::<NamespaceResourceScope>()
}

/// An object of some [`Served`] type: its metadata in reach, its type out of view.
///
/// Implemented for every served type. The server's verbs work on this; a hook or an admission
/// plugin that wants the type back asks with `downcast`.
pub trait Object: Any + fmt::Debug + Send + Sync {
    /// The metadata.
    fn meta(&self) -> &ObjectMeta;
    /// The metadata, to change.
    fn meta_mut(&mut self) -> &mut ObjectMeta;
    /// A copy of the object.
    fn boxed_clone(&self) -> Box<dyn Object>;
    /// The object as the standard library's dynamic type.
    fn as_any(&self) -> &dyn Any;
    /// The object as the standard library's dynamic type, to change.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Served> Object for T {
    fn meta(&self) -> &ObjectMeta {
        Resource::meta(self)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        Resource::meta_mut(self)
    }

    fn boxed_clone(&self) -> Box<dyn Object> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl dyn Object {
    /// The object as a `T`, where it is one.
    #[must_use]
    pub fn downcast<T: Served>(&self) -> Option<&T> {
        self.as_any().downcast_ref()
    }

    /// The object as a `T` to change, where it is one.
    #[must_use]
    pub fn downcast_mut<T: Served>(&mut self) -> Option<&mut T> {
        self.as_any_mut().downcast_mut()
    }

    /// The name, or `""` where there is none yet.
    #[must_use]
    pub fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// The namespace, or `""`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    /// The UID, or `""`.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }
}
