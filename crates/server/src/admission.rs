//! Admission: plugins that may change or refuse an object before it is stored.
//!
//! See [Admission Control](https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/).
//! All plugins first [`mutate`](Admission::mutate), in the order in which they were added; when the
//! kind's own preparation and validation are done, all [`validate`](Admission::validate). What is
//! created or updated comes without `managedFields`: who owns which field is not for plugins to change.

mod namespaces;

use async_trait::async_trait;
use pintle_meta::{Object, Request, Status};
use std::fmt;
use std::sync::Arc;

pub(crate) use namespaces::Namespaces;

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A new object.
    Create,
    /// A change of an object, also by a patch.
    Update,
    /// A removal.
    Delete,
    /// A call of an action, or a request to a connecter. Of the latter plugins are only asked whether
    /// it may be.
    Connect,
}

/// What a plugin is asked about.
#[derive(Debug)]
pub struct Attributes<'a> {
    /// What the client asks for, and who it is.
    pub request: &'a Request,
    /// What is done to the object.
    pub operation: Operation,
    /// The name of the object; on create it may still be empty.
    pub name: &'a str,
    /// The object that is stored now; `None` on create.
    pub old: Option<&'a dyn Object>,
}

impl Attributes<'_> {
    /// 403 in the words of Kubernetes: `foos.hello.zeng.dev "x" is forbidden: <why>`.
    #[must_use]
    pub fn forbidden(&self, why: impl fmt::Display) -> Status {
        let on = pintle_meta::GroupResource {
            group: self.request.group.clone(),
            resource: self.request.resource.clone(),
        };
        let name = if self.name.is_empty() { "Unknown" } else { self.name };
        Status::forbidden(&on, name, why)
    }
}

/// An admission plugin.
///
/// ```
/// use pintle::{Admission, Attributes, Object, Operation, Status, async_trait};
///
/// #[derive(Debug)]
/// struct OnlyOnWeekdays;
///
/// #[async_trait]
/// impl Admission for OnlyOnWeekdays {
///     async fn validate(&self, at: &Attributes<'_>, _: Option<&dyn Object>) -> Result<(), Status> {
///         match at.operation {
///             Operation::Delete => Err(at.forbidden("come back on Monday")),
///             _ => Ok(()),
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait Admission: fmt::Debug + Send + Sync + 'static {
    /// May change the object, or refuse it. There is no object to change on a removal.
    ///
    /// # Errors
    /// A [`Status`] that the client gets; see [`Attributes::forbidden`].
    async fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
    ) -> Result<(), Status> {
        let _ = (attributes, object);
        Ok(())
    }

    /// May refuse the object as it would be stored. There is none on a removal.
    ///
    /// # Errors
    /// A [`Status`] that the client gets; see [`Attributes::forbidden`].
    async fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: Option<&dyn Object>,
    ) -> Result<(), Status> {
        let _ = (attributes, object);
        Ok(())
    }
}

/// The plugins of a server, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plugins(Arc<[Arc<dyn Admission>]>);

impl Plugins {
    pub(crate) fn new(plugins: Vec<Arc<dyn Admission>>) -> Self {
        Self(plugins.into())
    }

    /// Lets every plugin change the object.
    pub(crate) async fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
    ) -> Result<(), Status> {
        for plugin in self.0.iter() {
            plugin.mutate(attributes, object).await?;
        }
        Ok(())
    }

    /// Asks every plugin whether the object may be stored or removed.
    pub(crate) async fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: Option<&dyn Object>,
    ) -> Result<(), Status> {
        for plugin in self.0.iter() {
            plugin.validate(attributes, object).await?;
        }
        Ok(())
    }
}
