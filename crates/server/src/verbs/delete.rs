//! DELETE of one object: at once, after a time that its kind gives it, or when its finalizers are gone.

use super::replace::revision;
use super::{Context, body};
use crate::admission::Operation;
use crate::cache::Entry;
use crate::names;
use crate::options::StorageOptions;
use crate::reply::Reply;
use crate::store::Store;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use pintle_meta::kind::GarbageCollectionPolicy;
use pintle_meta::options::{DeleteOptions, PropagationPolicy};
use pintle_meta::{GroupResource, Object, Status};
use pintle_storage::Revision;
use std::sync::Arc;

/// How often a deletion is tried again because somebody else was faster.
const CONFLICT_TRIES_MAX: usize = 100;
/// More objects than this are never deleted at a time.
const WORKERS_MAX: usize = 256;
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// How a server deletes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deletion {
    /// How many objects of a collection are deleted at a time.
    pub workers: usize,
    /// Whether somebody collects what lost its owner.
    collects_garbage: bool,
}

impl Deletion {
    /// What the flags say.
    pub(crate) fn of(options: &StorageOptions) -> Self {
        let workers = options.delete_collection_workers.clamp(1, WORKERS_MAX);
        Self { workers, collects_garbage: options.collects_garbage }
    }
}

/// DELETE of an object.
pub(super) async fn object(cx: &Context, store: &Store) -> Result<Reply, Status> {
    let options = options(cx)?;
    cx.check_name()?;
    let key = cx.key();
    // As in Kubernetes, only who says so in the older way learns by the code that it is not done.
    let accepted = if options.orphan_dependents == Some(false) { 202 } else { 200 };
    match delete(cx, store, &key, &options).await? {
        Deleted::Gone(object) => Ok(Reply::Status(deleted(cx, object.as_ref()))),
        Deleted::Ending(object) => {
            let mut status = deleted(cx, object.as_ref());
            status.code = accepted;
            Ok(Reply::Status(status))
        }
        Deleted::Waiting(entry) => Ok(Reply::Object { code: accepted, entry }),
        Deleted::Tried(entry) => Ok(Reply::Object { code: 200, entry }),
    }
}

fn deleted(cx: &Context, object: &dyn Object) -> Status {
    Status::deleted(&cx.group_resource(), object.name(), object.uid())
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
    /// It waits for its finalizers, or for its time to end.
    Waiting(Arc<Entry>),
    /// It waits for its time to end already, and this deletion does not shorten that.
    Ending(Box<dyn Object>),
    /// It would be marked and gone; this is how it would be marked.
    Tried(Arc<Entry>),
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
            Ok(Outcome::Failed(status)) => return Err(status),
            Ok(Outcome::Done(deleted))
                if !(guessed && is_unwritten(&deleted, entry.as_ref(), options)) =>
            {
                return Ok(deleted);
            }
            // Nothing has shown whether the guess was right.
            Ok(Outcome::Done(deleted)) => {
                let stored = store.get_stored(key).await?;
                if revision(entry.as_ref()) == revision(stored.as_ref()) {
                    return Ok(deleted);
                }
                entry = stored;
            }
            Err(status) if !guessed => return Err(status),
            // As with an update, the cache may lag; the stored object decides.
            Ok(Outcome::Overtaken) | Err(_) => entry = store.get_stored(key).await?,
        }
        guessed = false;
    }
    Err(Status::modified(&cx.group_resource(), &cx.request.name))
}

/// Whether a deletion changed nothing.
fn is_unwritten(deleted: &Deleted, entry: Option<&Arc<Entry>>, options: &DeleteOptions) -> bool {
    match deleted {
        _ if options.dry_run => true,
        Deleted::Waiting(waiting) => Some(waiting.revision) == revision(entry),
        Deleted::Ending(_) | Deleted::Tried(_) => true,
        Deleted::Gone(_) => false,
    }
}

/// The end of one try.
enum Outcome {
    Done(Deleted),
    Overtaken,
    /// The storage did not say what became of the write. It may have happened, so it must not be made
    /// again on what is stored now.
    Failed(Status),
}

/// One try.
async fn attempt(
    cx: &Context,
    store: &Store,
    key: &str,
    entry: Option<&Entry>,
    options: &DeleteOptions,
) -> Result<Outcome, Status> {
    let entry = entry.ok_or_else(|| store.not_found(key))?;
    let old = store.decode(entry)?;
    check_preconditions(cx, old.as_ref(), entry, options)?;
    let mut new = old.boxed_clone();
    let grace = grace(cx, new.as_mut(), options);
    if grace == Grace::Pending {
        return Ok(Outcome::Done(Deleted::Ending(old)));
    }
    let attributes = cx.attributes(Operation::Delete, old.name(), Some(old.as_ref()));
    cx.plugins.validate(&attributes, None).await?;
    let finalizers = finalizers(cx, new.meta(), options);
    let held = !finalizers.is_empty();
    new.meta_mut().finalizers = Some(finalizers);
    if grace == Grace::None {
        if !held && options.dry_run {
            return Ok(Outcome::Done(Deleted::Gone(old)));
        }
        if !held {
            return Ok(remove(store, key, entry.revision, old).await);
        }
        mark(cx, new.meta_mut());
    }
    let stays = held || grace == Grace::Given;
    let draft = store.draft(key, new.as_ref(), entry.revision)?;
    let marked = if options.dry_run || draft.bytes() == entry.bytes() {
        Arc::new(draft)
    } else {
        match store.update(draft).await {
            Ok(Some(marked)) => marked,
            Ok(None) => return Ok(Outcome::Overtaken),
            Err(status) => return Ok(Outcome::Failed(status)),
        }
    };
    if stays {
        return Ok(Outcome::Done(Deleted::Waiting(marked)));
    }
    if options.dry_run {
        return Ok(Outcome::Done(Deleted::Tried(marked)));
    }
    // Whoever watches sees that it is to go before it is gone. If somebody else writes in between, the
    // next try finds an object whose time is over.
    Ok(remove(store, key, marked.revision, new).await)
}

/// Removes an object that is at a revision.
async fn remove(store: &Store, key: &str, at: Revision, object: Box<dyn Object>) -> Outcome {
    match store.delete(key, at).await {
        Ok(true) => Outcome::Done(Deleted::Gone(object)),
        Ok(false) => Outcome::Overtaken,
        Err(status) => Outcome::Failed(status),
    }
}

/// The time that an object gets to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    /// Its kind gives none, or it is over.
    None,
    /// It has one already, which this deletion does not shorten.
    Pending,
    /// It gets one, or a shorter one.
    Given,
    /// It gets none more, and is marked so.
    Over,
}

/// Finds out how long an object may take to end, and marks it so.
fn grace(cx: &Context, object: &mut dyn Object, options: &DeleteOptions) -> Grace {
    // As in Kubernetes, less than nothing is a second.
    let at_least = |seconds: i64| if seconds < 0 { 1 } else { seconds };
    let asked = options.grace_period_seconds.map(at_least);
    let now = names::whole_second(cx.request.time);
    if let Some(Time(end)) = object.meta().deletion_timestamp {
        let left = at_least(object.meta().deletion_grace_period_seconds.unwrap_or_default());
        if left == 0 {
            return Grace::None;
        }
        let Some(period) = asked.filter(|asked| *asked < left) else { return Grace::Pending };
        let shorter = end.checked_sub(SignedDuration::from_secs(left - period)).unwrap_or(now);
        // What is shortened to a time that is over has a second more, for whoever ends it.
        let left = if shorter < now { period.min(1) } else { period };
        let meta = object.meta_mut();
        meta.deletion_timestamp = Some(Time(shorter.max(now)));
        meta.deletion_grace_period_seconds = Some(left);
        return if period > 0 { Grace::Given } else { Grace::Over };
    }
    let asked = asked.map(|asked| u32::try_from(asked).unwrap_or(u32::MAX));
    let Some(period) = (cx.resource.kind.hooks.grace_period_seconds)(object, asked) else {
        return Grace::None;
    };
    let meta = object.meta_mut();
    let end = now.checked_add(SignedDuration::from_secs(period.into())).unwrap_or(Timestamp::MAX);
    meta.deletion_timestamp = Some(Time(end));
    meta.deletion_grace_period_seconds = Some(period.into());
    count(meta);
    if period > 0 { Grace::Given } else { Grace::Over }
}

/// A deletion is a change of what is wanted.
fn count(meta: &mut ObjectMeta) {
    if let Some(generation) = meta.generation.as_mut().filter(|generation| **generation > 0) {
        *generation += 1;
    }
}

/// Marks an object as one that is to go as soon as nothing holds it; the first mark counts.
fn mark(cx: &Context, meta: &mut ObjectMeta) {
    let now = names::whole_second(cx.request.time);
    if meta.deletion_timestamp.is_none() {
        count(meta);
    }
    if meta.deletion_timestamp.as_ref().is_none_or(|Time(end)| *end > now) {
        meta.deletion_timestamp = Some(Time(now));
    }
    meta.deletion_grace_period_seconds = Some(0);
}

/// What happens to the dependents: whether they stay, and whether they go first. The client says it,
/// or a finalizer that is there already, or the kind.
fn dependents(cx: &Context, meta: &ObjectMeta, options: &DeleteOptions) -> (bool, bool) {
    let policy = cx.resource.kind.garbage_collection_policy;
    let has = |name: &str| meta.finalizers.iter().flatten().any(|finalizer| finalizer == name);
    match (options.orphan_dependents, options.propagation_policy) {
        _ if policy == GarbageCollectionPolicy::Unsupported => (false, false),
        (Some(orphan), _) => (orphan, false),
        (None, Some(PropagationPolicy::Orphan)) => (true, false),
        (None, Some(PropagationPolicy::Foreground)) => (false, true),
        (None, Some(PropagationPolicy::Background)) => (false, false),
        (None, None) if has(ORPHAN) || has(FOREGROUND) => (has(ORPHAN), has(FOREGROUND)),
        (None, None) => (policy == GarbageCollectionPolicy::OrphanDependents, false),
    }
}

/// The finalizers that the object has to wait for: its own, and the one that stands for what happens
/// to its dependents.
fn finalizers(cx: &Context, meta: &ObjectMeta, options: &DeleteOptions) -> Vec<String> {
    let present = meta.finalizers.clone().unwrap_or_default();
    if !cx.deletion.collects_garbage {
        return present;
    }
    let (orphan, foreground) = dependents(cx, meta, options);
    let own = present.iter().filter(|name| !matches!(name.as_str(), ORPHAN | FOREGROUND));
    let mut finalizers: Vec<String> = own.cloned().collect();
    if orphan {
        finalizers.push(ORPHAN.to_owned());
    }
    if foreground {
        finalizers.push(FOREGROUND.to_owned());
    }
    // The order of what is there already is kept, so that a second deletion changes nothing.
    if finalizers.len() == present.len() && finalizers.iter().all(|name| present.contains(name)) {
        return present;
    }
    finalizers
}

pub(super) fn check_preconditions(
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
