//! DELETE of one object.

use super::replace::revision;
use super::{Context, body};
use crate::admission::Operation;
use crate::cache::Entry;
use crate::names;
use crate::reply::Reply;
use crate::store::Store;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use pintle_meta::options::{DeleteOptions, PropagationPolicy};
use pintle_meta::{GroupResource, Object, Status};
use std::sync::Arc;

/// How often a deletion is tried again because somebody else was faster.
const CONFLICT_TRIES_MAX: usize = 100;
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// DELETE of an object.
pub(super) async fn object(cx: &Context, store: &Store) -> Result<Reply, Status> {
    let options = options(cx)?;
    cx.check_name()?;
    let key = cx.key();
    match delete(cx, store, &key, &options).await? {
        Deleted::Gone(object) => {
            let on = cx.group_resource();
            Ok(Reply::Status(Status::deleted(&on, object.name(), object.uid())))
        }
        Deleted::Waiting(entry) => {
            let code = if options.orphan_dependents == Some(false) { 202 } else { 200 };
            Ok(Reply::Object { code, entry })
        }
    }
}

/// The options: those of the body where there is one, else those of the query.
pub(super) fn options(cx: &Context) -> Result<DeleteOptions, Status> {
    if cx.body.is_empty() {
        return DeleteOptions::from_query(&cx.query);
    }
    DeleteOptions::from_body(&body::delete_options(cx)?)
}

/// What became of an object that was to be deleted.
pub(super) enum Deleted {
    /// It is gone; this is what it was.
    Gone(Box<dyn Object>),
    /// It waits for its finalizers.
    Waiting(Arc<Entry>),
}

/// Deletes an object, or marks it as one that is to go.
pub(super) async fn delete(
    cx: &Context,
    store: &Store,
    key: &str,
    options: &DeleteOptions,
) -> Result<Deleted, Status> {
    let mut entry = store.cache().get(key);
    let mut guessed = true;
    for _ in 0..CONFLICT_TRIES_MAX {
        let result = attempt(cx, store, key, entry.as_deref(), options).await;
        match result {
            Ok(Some(deleted)) if !(guessed && is_unwritten(&deleted, entry.as_ref(), options)) => {
                return Ok(deleted);
            }
            // Nothing has shown whether the guess was right.
            Ok(Some(deleted)) => {
                let stored = store.get_stored(key).await?;
                if revision(entry.as_ref()) == revision(stored.as_ref()) {
                    return Ok(deleted);
                }
                entry = stored;
            }
            Err(status) if !guessed => return Err(status),
            // As with an update, the cache may lag; the stored object decides.
            Ok(None) | Err(_) => entry = store.get_stored(key).await?,
        }
        guessed = false;
    }
    Err(Status::modified(&cx.group_resource(), &cx.request.name))
}

/// Whether a deletion changed nothing.
fn is_unwritten(deleted: &Deleted, entry: Option<&Arc<Entry>>, options: &DeleteOptions) -> bool {
    let same = |waiting: &Arc<Entry>| Some(waiting.revision) == revision(entry);
    options.dry_run || matches!(deleted, Deleted::Waiting(waiting) if same(waiting))
}

/// One try; `Ok(None)` where somebody else was faster.
async fn attempt(
    cx: &Context,
    store: &Store,
    key: &str,
    entry: Option<&Entry>,
    options: &DeleteOptions,
) -> Result<Option<Deleted>, Status> {
    let entry = entry.ok_or_else(|| store.not_found(key))?;
    let old = store.decode(entry)?;
    check_preconditions(cx, old.as_ref(), entry, options)?;
    let attributes = cx.attributes(Operation::Delete, old.name(), Some(old.as_ref()));
    cx.plugins.validate(&attributes, None).await?;
    let mut new = old.boxed_clone();
    let finalizers = finalizers(new.meta(), options);
    let waits = !finalizers.is_empty();
    new.meta_mut().finalizers = Some(finalizers);
    if !waits {
        let gone = options.dry_run || store.delete(key, entry.revision).await?;
        return Ok(gone.then_some(Deleted::Gone(old)));
    }
    mark(cx, new.meta_mut());
    let same = store.written(key, new.as_ref(), entry.revision)?;
    if same.bytes() == entry.bytes() || options.dry_run {
        return Ok(Some(Deleted::Waiting(same)));
    }
    Ok(store.update(key, new.as_ref(), entry.revision).await?.map(Deleted::Waiting))
}

/// Marks an object as one that is to go; the first mark counts.
fn mark(cx: &Context, meta: &mut ObjectMeta) {
    if meta.deletion_timestamp.is_some() {
        return;
    }
    meta.deletion_timestamp = Some(Time(names::whole_second(cx.request.time)));
    meta.deletion_grace_period_seconds = Some(0);
    if let Some(generation) = meta.generation.as_mut().filter(|generation| **generation > 0) {
        *generation += 1;
    }
}

/// The finalizers that the object has to wait for: its own, and the one that the propagation
/// policy stands for.
fn finalizers(meta: &ObjectMeta, options: &DeleteOptions) -> Vec<String> {
    let present = meta.finalizers.clone().unwrap_or_default();
    let has = |name: &str| present.iter().any(|finalizer| finalizer == name);
    let (orphan, foreground) = match (options.orphan_dependents, options.propagation_policy) {
        (Some(orphan), _) => (orphan, false),
        (None, Some(policy)) => {
            (policy == PropagationPolicy::Orphan, policy == PropagationPolicy::Foreground)
        }
        (None, None) => (has(ORPHAN), has(FOREGROUND)),
    };
    let own = present.iter().filter(|name| !matches!(name.as_str(), ORPHAN | FOREGROUND));
    let mut finalizers: Vec<String> = own.cloned().collect();
    if orphan {
        finalizers.push(ORPHAN.to_owned());
    }
    if foreground {
        finalizers.push(FOREGROUND.to_owned());
    }
    // The order of what is there already is kept, so that a second deletion changes nothing.
    if finalizers.len() == present.len() && finalizers.iter().all(|name| has(name)) {
        return present;
    }
    finalizers
}

fn check_preconditions(
    cx: &Context,
    old: &dyn Object,
    entry: &Entry,
    options: &DeleteOptions,
) -> Result<(), Status> {
    // Kubernetes names the kind here where it names the resource everywhere else.
    let kind = &cx.resource.kind;
    let on = GroupResource { group: kind.group.clone(), resource: kind.kind.clone() };
    if let Some(uid) = options.preconditions.uid.as_deref().filter(|uid| *uid != old.uid()) {
        let stored = old.uid();
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({stored}). \
             The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&on, old.name(), why));
    }
    let stored = entry.revision.to_string();
    let wanted = options.preconditions.resource_version.as_deref();
    if let Some(version) = wanted.filter(|version| *version != stored) {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the \
             ResourceVersion in record ({stored}). The object might have been modified"
        );
        return Err(Status::conflict(&on, old.name(), why));
    }
    Ok(())
}
