//! The verbs of kinds that keep their objects themselves.

mod watch;

use super::body::{self, Expected};
use super::replace::{self, Update};
use super::select::Selection;
use super::{Context, create, delete, fields, patch, update};
use crate::admission::Operation;
use crate::cache::{Entries, Entry};
use crate::names;
use crate::reply::{List, Reply};
use crate::rest::AnyRest;
use crate::store::Store;
use pintle_meta::managed::Record;
use pintle_meta::options::{CreateOptions, DeleteOptions, ListOptions};
use pintle_meta::{KindInfo, Object, Reason, Status};
use std::sync::Arc;

/// How often a patch is made again from a newer object, as in Kubernetes.
const CONFLICT_TRIES_MAX: usize = 5;

type Found = (Box<dyn Object>, Arc<Entry>);

/// Answers a request from what the author of the kind has written.
pub(super) async fn serve(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    match cx.request.verb {
        "list" => list(cx, rest).await,
        "get" => get(cx, rest).await,
        "watch" => watch::watch(cx, rest).await,
        "create" => create(cx, rest).await,
        "update" => update::object(cx, None).await,
        "patch" => patch::object(cx, None).await,
        "delete" => {
            let (object, entry) = object(cx, rest).await?;
            match delete(cx, rest, &cx.request, object, &entry, &delete::options(cx)?).await? {
                Some(last) => one(cx, 200, last.as_ref()),
                None => Err(cx.missing()),
            }
        }
        "deletecollection" => delete_collection(cx, rest).await,
        _ => Err(Status::method_not_allowed()),
    }
}

/// GET of an object, or of its status.
pub(super) async fn get(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    let (_, entry) = object(cx, rest).await?;
    Ok(Reply::Object { code: 200, entry })
}

/// The object that the path names, which must be there.
pub(super) async fn object(cx: &Context, rest: &dyn AnyRest) -> Result<Found, Status> {
    cx.check_name()?;
    let object = rest.get(&cx.request).await?.ok_or_else(|| cx.missing())?;
    let entry = entry(&cx.resource.kind, object.as_ref())?;
    Ok((object, entry))
}

fn unsupported(cx: &Context) -> Status {
    Status::not_supported(&cx.group_resource(), cx.request.verb)
}

async fn create(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    let options = CreateOptions::from_query(&cx.query)?;
    let mut object = body::object(cx, Expected::object(cx), options.field_validation)?;
    create::own_namespace(cx, object.meta_mut())?;
    create::own_owners(cx, object.meta_mut());
    let manager = fields::manager(cx, &options.field_manager);
    let record = fields::track(cx, None, object.as_mut(), &manager)?;
    finish(cx, rest, (object, record)).await
}

/// Admits a new object, and gives it to its author.
async fn finish(
    cx: &Context,
    rest: &dyn AnyRest,
    (mut object, record): (Box<dyn Object>, Record),
) -> Result<Reply, Status> {
    let name = object.name().to_owned();
    let attributes = cx.attributes(Operation::Create, &name, None);
    cx.plugins.mutate(&attributes, object.as_mut()).await?;
    let meta = object.meta_mut();
    create::own_admitted_owners(cx, meta);
    create::own_namespace(cx, meta)?;
    if let (true, Some(base)) = (meta.name.is_none(), meta.generate_name.as_deref()) {
        meta.name = Some(names::generate(base)).filter(|_| !base.is_empty());
    }
    cx.check_may_create().await?;
    let name = object.name().to_owned();
    let attributes = cx.attributes(Operation::Create, &name, None);
    cx.plugins.validate(&attributes, Some(object.as_ref())).await?;
    object.meta_mut().managed_fields = fields::entries(&record);
    let stored = rest.create(&cx.request, object).await?;
    one(cx, 201, stored.ok_or_else(|| unsupported(cx))?.as_ref())
}

/// Makes an update: of the object as it is now, and again where somebody else was faster and the
/// client does not insist on what it has seen.
pub(super) async fn replace(
    cx: &Context,
    rest: &dyn AnyRest,
    update: &Update<'_>,
) -> Result<Reply, Status> {
    let told = cx.warnings().len();
    let mut tries = 1..=CONFLICT_TRIES_MAX;
    loop {
        let last = tries.next().is_none_or(|at| at == CONFLICT_TRIES_MAX);
        match attempt(cx, rest, update).await {
            Err(status) if status.is(Reason::Conflict) && cx.request.verb == "patch" && !last => {
                cx.take_back_warnings(told);
            }
            result => return result,
        }
    }
}

async fn attempt(cx: &Context, rest: &dyn AnyRest, update: &Update<'_>) -> Result<Reply, Status> {
    let Some(mut old) = rest.get(&cx.request).await? else {
        let allowed = update.creates || cx.resource.kind.allows_create_on_update;
        if !allowed || update.on.is_some() {
            return Err(cx.missing());
        }
        return finish(cx, rest, replace::created(cx, update)?).await;
    };
    let entry = entry(&cx.resource.kind, old.as_ref())?;
    old.meta_mut().managed_fields = None;
    let attributes = cx.attributes(Operation::Update, &cx.request.name, Some(old.as_ref()));
    let (mut new, record) =
        replace::changed(cx, update, &attributes, (old.as_ref(), &entry)).await?;
    new.meta_mut().resource_version.clone_from(&old.meta().resource_version);
    cx.plugins.validate(&attributes, Some(new.as_ref())).await?;
    new.meta_mut().managed_fields = fields::entries(&record);
    let stored = rest.update(&cx.request, new).await?;
    one(cx, 200, stored.ok_or_else(|| unsupported(cx))?.as_ref())
}

async fn delete(
    cx: &Context,
    rest: &dyn AnyRest,
    request: &pintle_meta::Request,
    object: Box<dyn Object>,
    entry: &Entry,
    options: &DeleteOptions,
) -> Result<Option<Box<dyn Object>>, Status> {
    delete::check_preconditions(cx, object.as_ref(), entry, options)?;
    let attributes = cx.attributes(Operation::Delete, object.name(), Some(object.as_ref()));
    cx.plugins.validate(&attributes, None).await?;
    rest.delete(request).await
}

/// Deletes what a list with the same options shows, one by one.
async fn delete_collection(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    let list_options = ListOptions::from_query(&cx.query)?;
    let options = delete::options(cx)?;
    let list = read(cx, rest, &list_options).await?;
    for entry in list.entries.iter() {
        let object = cx.decode(entry)?;
        let mut request = cx.request.clone();
        request.name = object.name().to_owned();
        request.namespace = object.namespace().to_owned();
        match delete(cx, rest, &request, object, entry, &options).await {
            Err(status) if !status.is(Reason::NotFound) => return Err(status),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Reply::List(list))
}

async fn list(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    let options = ListOptions::from_query(&cx.query)?;
    read(cx, rest, &options).await.map(Reply::List)
}

async fn read(cx: &Context, rest: &dyn AnyRest, options: &ListOptions) -> Result<List, Status> {
    let selection = Selection::new(cx, options)?;
    // Before the list, so that a watch from there misses nothing.
    let revision = rest.revision().unwrap_or_default();
    let mut entries = Vec::new();
    for object in rest.list(&cx.request).await? {
        let entry = entry(&cx.resource.kind, object.as_ref())?;
        if entry.key.starts_with(&selection.prefix) && selection.matches(&entry) {
            entries.push(entry);
        }
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let entries = Entries::Picked(entries);
    Ok(List { entries, revision, continue_token: None, remaining: None })
}

fn one(cx: &Context, code: u16, object: &dyn Object) -> Result<Reply, Status> {
    Ok(Reply::Object { code, entry: entry(&cx.resource.kind, object)? })
}

fn entry(kind: &KindInfo, object: &dyn Object) -> Result<Arc<Entry>, Status> {
    let key = Store::key(object.namespace(), object.name());
    let version = object.meta().resource_version.as_deref().unwrap_or_default();
    let revision = version.parse().unwrap_or_default();
    let entry = Entry::of(kind, key.as_str().into(), object, revision);
    entry.map(Arc::new).map_err(|error| Status::internal(&error).caused_by(error))
}
