//! The verbs of kinds that keep their objects themselves.

use super::body::{self, Expected};
use super::select::Selection;
use super::{Context, create, update};
use crate::cache::{Entries, Entry};
use crate::reply::{List, Reply};
use crate::rest::AnyRest;
use crate::store::Store;
use pintle_meta::options::{CreateOptions, ListOptions, UpdateOptions};
use pintle_meta::{Object, Status};
use std::sync::Arc;

/// Answers a request from what the author of the kind has written.
pub(super) async fn serve(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    if !cx.request.subresource.is_empty() {
        return Err(Status::unknown_path());
    }
    if !rest.verbs().contains(&cx.request.verb) {
        return Err(Status::method_not_allowed());
    }
    match cx.request.verb {
        "list" => list(cx, rest).await,
        "get" => one(cx, 200, rest.get(&cx.request).await?),
        "create" => {
            let options = CreateOptions::from_query(&cx.query)?;
            let mut object = body::object(cx, Expected::object(cx), options.field_validation)?;
            create::own_namespace(cx, object.meta_mut())?;
            let stored = rest.create(&cx.request, object).await?;
            one(cx, 201, Some(stored.ok_or_else(|| unsupported(cx))?))
        }
        "update" => {
            let options = UpdateOptions::from_query(&cx.query)?;
            let mut object = body::object(cx, Expected::object(cx), options.field_validation)?;
            create::own_namespace(cx, object.meta_mut())?;
            update::check_name(cx, object.as_ref())?;
            let stored = rest.update(&cx.request, object).await?;
            one(cx, 200, Some(stored.ok_or_else(|| unsupported(cx))?))
        }
        "delete" => one(cx, 200, rest.delete(&cx.request).await?),
        _ => Err(Status::method_not_allowed()),
    }
}

/// The object that the path names, which must be there.
pub(super) async fn object(
    cx: &Context,
    rest: &dyn AnyRest,
) -> Result<(Box<dyn Object>, Arc<Entry>), Status> {
    let missing = || Status::not_found(&cx.group_resource(), &cx.request.name);
    let object = rest.get(&cx.request).await?.ok_or_else(missing)?;
    let entry = entry(cx, object.as_ref())?;
    Ok((object, entry))
}

fn unsupported(cx: &Context) -> Status {
    Status::not_supported(&cx.group_resource(), cx.request.verb)
}

async fn list(cx: &Context, rest: &dyn AnyRest) -> Result<Reply, Status> {
    let options = ListOptions::from_query(&cx.query)?;
    let selection = Selection::new(cx, &options)?;
    let mut entries = Vec::new();
    for object in rest.list(&cx.request).await? {
        let entry = entry(cx, object.as_ref())?;
        if entry.key.starts_with(&selection.prefix) && selection.matches(&entry) {
            entries.push(entry);
        }
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let entries = Entries::Picked(entries);
    Ok(Reply::List(List { entries, revision: 0, continue_token: None, remaining: None }))
}

fn one(cx: &Context, code: u16, object: Option<Box<dyn Object>>) -> Result<Reply, Status> {
    let missing = || Status::not_found(&cx.group_resource(), &cx.request.name);
    let object = object.ok_or_else(missing)?;
    Ok(Reply::Object { code, entry: entry(cx, object.as_ref())? })
}

fn entry(cx: &Context, object: &dyn Object) -> Result<Arc<Entry>, Status> {
    let key = Store::key(object.namespace(), object.name());
    let version = object.meta().resource_version.as_deref().unwrap_or_default();
    let revision = version.parse().unwrap_or_default();
    let entry = Entry::of(&cx.resource.kind, key.as_str().into(), object, revision);
    entry.map(Arc::new).map_err(|error| Status::internal(&error).caused_by(error))
}
