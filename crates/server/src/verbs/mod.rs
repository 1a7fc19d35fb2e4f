//! What can be asked of a resource, one file for each verb.

mod apply;
mod body;
mod call;
mod connect;
mod create;
mod delete;
mod delete_collection;
mod fields;
mod get;
mod list;
mod own;
mod patch;
mod replace;
mod rules;
mod select;
mod update;
mod watch;

pub(crate) use connect::connect;
pub(crate) use delete::Deletion;

use crate::admission::{Attributes, Operation, Plugins};
use crate::authz::{self, Authorizers, On, OnResource, Refusal};
use crate::cache::Entry;
use crate::metrics::Events;
use crate::negotiate::Format;
use crate::registry::{Backing, Resource, Subresource};
use crate::reply::Reply;
use crate::serve::Shutdown;
use crate::shape::{Include, Shape};
use crate::shared::Shared;
use crate::store::Store;
use bytes::Bytes;
use pintle_meta::validation::NameRule;
use pintle_meta::{GroupResource, Object, Request, Status, VersionInfo, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinError;

/// A request with a body of so many bytes may take long to work on.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// A request for a resource, with everything that a verb may need.
#[derive(Debug)]
pub(crate) struct Context {
    pub resource: Arc<Resource>,
    /// The position of the version in the kind.
    pub version: usize,
    pub request: Request,
    pub query: Vec<(String, String)>,
    pub content_type: Option<String>,
    pub body: Bytes,
    /// Who owns the fields that are written, where the client does not say: the beginning of its
    /// user agent.
    pub manager: String,
    pub format: Format,
    /// Whether CBOR is spoken.
    pub cbor: bool,
    pub plugins: Plugins,
    pub authorizers: Arc<Authorizers>,
    pub shutdown: Shutdown,
    /// A watch without a time limit of its own ends after this, or up to twice this.
    pub watch_time: Duration,
    pub deletion: Deletion,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Context {
    pub(crate) fn new(
        shared: &Shared,
        (resource, version): (Arc<Resource>, usize),
        request: Request,
        query: Vec<(String, String)>,
        (content_type, body): (Option<String>, Bytes),
        manager: String,
        format: Format,
    ) -> Self {
        Self {
            resource,
            version,
            request,
            query,
            content_type,
            body,
            manager,
            format,
            cbor: shared.cbor,
            plugins: shared.plugins.clone(),
            authorizers: Arc::clone(&shared.authorizers),
            shutdown: shared.shutdown.clone(),
            watch_time: shared.watch_time,
            deletion: shared.deletion,
            warnings: Arc::default(),
        }
    }

    /// Adds a text that the client gets in a `Warning` header.
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.into());
    }

    /// Takes back all warnings but the first ones: what they were about is tried again.
    fn take_back_warnings(&self, kept: usize) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).truncate(kept);
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The version of the path.
    pub(crate) fn version(&self) -> &VersionInfo {
        &self.resource.kind.versions[self.version]
    }

    /// Where the events of watches are counted.
    fn events(&self) -> &Arc<Events> {
        &self.resource.events[self.version]
    }

    /// The resource, for messages.
    pub(crate) fn group_resource(&self) -> GroupResource {
        self.resource.group_resource()
    }

    /// 404: the object that the path names is not there.
    fn missing(&self) -> Status {
        Status::not_found(&self.group_resource(), &self.request.name)
    }

    /// The object of an entry.
    fn decode(&self, entry: &Entry) -> Result<Box<dyn Object>, Status> {
        let why = |corrupt| Status::internal(&corrupt).caused_by(corrupt);
        entry.object(&self.resource.kind).map_err(why)
    }

    /// The key of the object that the path names.
    pub(crate) fn key(&self) -> String {
        Store::key(&self.request.namespace, &self.request.name)
    }

    /// Refuses a path without the namespace of its object, as two slashes in a row make it.
    fn check_namespace(&self) -> Result<(), Status> {
        if self.resource.kind.namespaced && self.request.namespace.is_empty() {
            return Err(Status::bad_request("Namespace parameter required."));
        }
        Ok(())
    }

    /// Refuses a name that cannot be part of a path, and so of no object.
    fn check_name(&self) -> Result<(), Status> {
        self.check_namespace()?;
        let name = &self.request.name;
        let why = NameRule::PathSegment.validate(name, false).join(";");
        if !why.is_empty() {
            let name = json::quote(name);
            return Err(Status::bad_request(format!("Name parameter invalid: {name}: {why}")));
        }
        self.check_key(&format!("/{name}"))
    }

    /// Refuses a namespace that would lead out of the resource in a storage made of folders.
    fn check_key(&self, rest: &str) -> Result<(), Status> {
        let namespace = &self.request.namespace;
        if matches!(namespace.as_str(), "." | "..") {
            let plural = &self.resource.kind.plural;
            return Err(Status::plain(format!("invalid key: \"/{plural}/{namespace}{rest}\"")));
        }
        Ok(())
    }

    /// How the client wants to see objects.
    pub(crate) fn shape(&self) -> Result<Shape, Status> {
        let asked = crate::request::query_value(&self.query, "includeObject").unwrap_or_default();
        let include = match asked {
            "" | "Metadata" => Include::Metadata,
            "Object" => Include::Object,
            "None" => Include::Nothing,
            other => {
                let is_table = self.format.transform == crate::negotiate::Transform::Table;
                if is_table {
                    return Err(Status::bad_request(format!(
                        "Unable to convert to Table as requested: includeObject: Invalid value: \
                         {other:?}: must be 'Metadata', 'Object', 'None', or empty"
                    )));
                }
                Include::Metadata
            }
        };
        Ok(Shape {
            kind: Arc::clone(&self.resource.kind),
            version: self.version,
            media: self.format.media,
            transform: self.format.transform,
            beta: self.format.beta,
            include,
            now: self.request.time,
        })
    }

    /// Refuses an update or an apply that makes a new object where the user may not create one: what
    /// was asked before is whether there may be an update.
    async fn check_may_create(&self) -> Result<(), Status> {
        let request = &self.request;
        if request.verb == "create" {
            return Ok(());
        }
        let on = On::Resource(OnResource {
            subresource: &request.subresource,
            namespace: &request.namespace,
            ..OnResource::new(&request.group, &request.version, &request.resource, &request.name)
        });
        let asked = authz::Attributes::new(&request.user, "create", on);
        match self.authorizers.authorize(&asked).await {
            Ok(_) => Ok(()),
            Err(Refusal::Forbidden { status, .. }) => Err(status),
            Err(Refusal::Failed(error)) => Err(Status::internal(error)),
        }
    }

    /// What admission plugins are told.
    fn attributes<'a>(
        &'a self,
        operation: Operation,
        name: &'a str,
        old: Option<&'a dyn Object>,
    ) -> Attributes<'a> {
        Attributes { request: &self.request, operation, name, old }
    }
}

/// Answers a request, on a thread of its own where its body is large: so neither health checks nor the
/// limit of its time depend on how long it takes.
pub(crate) async fn serve(cx: &Arc<Context>) -> Result<Reply, Status> {
    if cx.body.len() < LARGE_BODY_BYTES {
        return answer(cx).await;
    }
    let (cx, runtime) = (Arc::clone(cx), Handle::current());
    let done = tokio::task::spawn_blocking(move || runtime.block_on(answer(&cx)));
    match done.await.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(error)) => Err(Status::internal(error)),
    }
}

/// Answers a request for a resource.
///
/// A future is as large as the largest that it may wait for, and is moved a few times. Writes are
/// large, and boxed so that reads do not pay for them.
async fn answer(cx: &Context) -> Result<Reply, Status> {
    if !cx.request.subresource.is_empty() {
        return Box::pin(serve_subresource(cx)).await;
    }
    let store = match &cx.resource.backing {
        Backing::Store(store) => store,
        Backing::Rest(rest) => return Box::pin(own::serve(cx, rest.as_ref())).await,
    };
    match cx.request.verb {
        "get" => get::object(cx, store).await,
        "list" => list::list(cx, store).await,
        "watch" => watch::watch(cx, store).await,
        "create" => Box::pin(create::create(cx, store)).await,
        "update" => Box::pin(update::object(cx, None)).await,
        "patch" => Box::pin(patch::object(cx, None)).await,
        "delete" => Box::pin(delete::object(cx, store)).await,
        "deletecollection" => Box::pin(delete_collection::delete(cx, store)).await,
        _ => Err(Status::method_not_allowed()),
    }
}

async fn serve_subresource(cx: &Context) -> Result<Reply, Status> {
    let subresource = cx.resource.subresource(cx.version, &cx.request.subresource);
    match (subresource, cx.request.verb) {
        (None, _) => Err(Status::unknown_path()),
        (Some(Subresource::Status(_)), "get") => match &cx.resource.backing {
            Backing::Store(store) => get::object(cx, store).await,
            Backing::Rest(rest) => own::get(cx, rest.as_ref()).await,
        },
        (on @ Some(Subresource::Status(_)), "update") => Box::pin(update::object(cx, on)).await,
        (on @ Some(Subresource::Status(_)), "patch") => Box::pin(patch::object(cx, on)).await,
        (Some(Subresource::Part(part)), "get") => get::part(cx, part).await,
        (Some(Subresource::Part(part)), "update") => Box::pin(update::part(cx, part)).await,
        (Some(Subresource::Part(part)), "patch") => Box::pin(patch::part(cx, part)).await,
        (Some(Subresource::Action(action)), "create") => Box::pin(call::call(cx, action)).await,
        (Some(_), _) => Err(Status::method_not_allowed()),
    }
}
