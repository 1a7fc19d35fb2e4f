//! POST to a collection.

use super::body::{self, Expected};
use super::rules::{self, Documents};
use super::{Context, fields};
use crate::admission::Operation;
use crate::names;
use crate::reply::Reply;
use crate::store::Store;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use pintle_meta::managed::Record;
use pintle_meta::options::{CreateOptions, object_resource_version};
use pintle_meta::validation::{validate_managed_fields, validate_object_meta};
use pintle_meta::{FieldErrors, KindInfo, Object, Status};
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// How often a generated name is tried.
const GENERATED_NAME_TRIES: usize = 8;

/// POST to a collection.
pub(super) async fn create(cx: &Context, store: &Store) -> Result<Reply, Status> {
    body::check_media_type(cx)?;
    let options = CreateOptions::from_query(&cx.query)?;
    let mut object = body::object(cx, Expected::object(cx), options.field_validation)?;
    wipe_metadata(object.meta_mut());
    own_namespace(cx, object.meta_mut())?;
    own_owners(cx, object.meta_mut());
    let manager = fields::manager(cx, &options.field_manager);
    let record = fields::track(cx, None, object.as_mut(), &manager)?;
    finish(cx, store, (object, record), options.dry_run).await
}

/// Admits, prepares, validates and stores a new object.
pub(super) async fn finish(
    cx: &Context,
    store: &Store,
    (mut object, mut record): (Box<dyn Object>, Record),
    dry_run: bool,
) -> Result<Reply, Status> {
    let given = object.name().to_owned();
    let attributes = cx.attributes(Operation::Create, &given, None);
    cx.plugins.mutate(&attributes, object.as_mut()).await?;
    own_admitted_owners(cx, object.meta_mut());
    own_metadata(cx, object.meta_mut());
    own_namespace(cx, object.meta_mut())?;
    if let Some(status) = cx.resource.status.filter(|status| !status.main_may_write) {
        (status.clear)(object.as_mut());
    }
    let hooks = cx.resource.kind.hooks;
    (hooks.prepare_create)(object.as_mut(), &cx.request);
    let base = match object.meta().generate_name.as_deref() {
        Some(base) if !base.is_empty() && object.name().is_empty() => Some(base.to_owned()),
        _ => None,
    };
    for _ in 0..GENERATED_NAME_TRIES {
        if let Some(base) = &base {
            object.meta_mut().name = Some(names::generate(base));
        }
        validate(cx, object.as_ref(), &record)?;
        cx.check_may_create().await?;
        let name = object.name().to_owned();
        let attributes = cx.attributes(Operation::Create, &name, None);
        cx.plugins.validate(&attributes, Some(object.as_ref())).await?;
        take_version(object.meta_mut(), dry_run)?;
        let key = Store::key(object.namespace(), &name);
        let draft = |record: &Record| {
            let object = object.as_ref();
            store.draft_of(&key, (object, store.bare(object)?, record), 0)
        };
        let created = if dry_run {
            match store.get_stored(&key).await? {
                Some(_) => None,
                None => Some(Arc::new(draft(&record)?)),
            }
        } else {
            match store.create(draft(&record)?).await {
                Err(failure) if fields::sheds(cx, &record, &failure) => {
                    record = Record::default();
                    store.create(draft(&record)?).await?
                }
                result => result?,
            }
        };
        if let Some(entry) = created {
            (hooks.warnings)(object.as_ref()).into_iter().for_each(|text| cx.warn(text));
            return Ok(Reply::Object { code: 201, entry });
        }
        let generates = object.meta().generate_name.as_deref().is_some_and(|base| !base.is_empty());
        if base.is_none() && generates {
            break;
        }
        if base.is_none() {
            return Err(taken(cx, store, &key, &name).await);
        }
    }
    let key = Store::key(object.namespace(), object.name());
    Err(exhausted(taken(cx, store, &key, object.name()).await))
}

/// An object that is not there has no resource version; what is no number counts as none, and nobody
/// minds where nothing is stored.
fn take_version(meta: &mut ObjectMeta, dry_run: bool) -> Result<(), Status> {
    match object_resource_version(&meta.resource_version.take().unwrap_or_default()) {
        Err(_) | Ok(0) => Ok(()),
        Ok(_) if dry_run => Ok(()),
        Ok(_) => Err(Status::plain("resourceVersion should not be set on objects to be created")),
    }
}

/// 409; an object that is about to go says so.
async fn taken(cx: &Context, store: &Store, key: &str, name: &str) -> Status {
    let mut status = Status::already_exists(&cx.group_resource(), name);
    let stored = store.get_stored(key).await.ok().flatten();
    let going = stored.and_then(|entry| store.decode(&entry).ok());
    if going.is_some_and(|object| object.meta().deletion_timestamp.is_some()) {
        status.message = format!("object is being deleted: {}", status.message);
    }
    status
}

fn exhausted(mut status: Status) -> Status {
    status.message += ", the server was not able to generate a unique name for the object";
    status.retry_after(1)
}

/// The namespace of the path is that of the object; an object that lives in none loses its own.
pub(super) fn own_namespace(cx: &Context, meta: &mut ObjectMeta) -> Result<(), Status> {
    let path = &cx.request.namespace;
    match meta.namespace.as_deref().unwrap_or_default() {
        _ if path.is_empty() => meta.namespace = None,
        "" => meta.namespace = Some(path.clone()),
        namespace if namespace == path => {}
        _ => {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
    }
    Ok(())
}

/// Takes out owners that are there twice, and says so: of what a client has sent.
pub(super) fn own_owners(cx: &Context, meta: &mut ObjectMeta) {
    dedup_owners(cx, meta, "");
}

/// The same of what admission plugins, or a patch, have made of it.
pub(super) fn own_admitted_owners(cx: &Context, meta: &mut ObjectMeta) {
    dedup_owners(cx, meta, " after mutating admission happens");
}

fn dedup_owners(cx: &Context, meta: &mut ObjectMeta, when: &str) {
    let Some(owners) = &mut meta.owner_references else { return };
    let mut seen = HashSet::with_capacity(owners.len());
    let (kept, twice): (Vec<_>, Vec<_>) =
        owners.iter().partition(|owner| seen.insert(identity(owner)));
    drop(seen);
    if twice.is_empty() {
        return;
    }
    let twice: Vec<&str> = twice.into_iter().map(|owner| owner.uid.as_str()).collect();
    cx.warn(format!(
        ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner \
         references in 1.20+, and may reject such requests as early as 1.24; please fix your \
         requests; duplicate UID(s) observed: {}",
        twice.join(", ")
    ));
    *owners = kept.into_iter().cloned().collect();
}

/// All that an owner says.
fn identity(owner: &OwnerReference) -> impl Hash + Eq + Copy + use<'_> {
    let OwnerReference { api_version, block_owner_deletion, controller, kind, name, uid } = owner;
    (api_version, kind, name, uid, controller, block_owner_deletion)
}

/// Takes out what a client cannot set, before anybody comes to own it.
pub(super) fn wipe_metadata(meta: &mut ObjectMeta) {
    meta.creation_timestamp = None;
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    meta.self_link = None;
    meta.uid = None;
}

/// Sets what a client cannot set. What it has said of a deletion stays where it was not taken out
/// before: as in Kubernetes, an apply may make an object that is about to go.
fn own_metadata(cx: &Context, meta: &mut ObjectMeta) {
    meta.self_link = None;
    meta.uid = Some(names::uid());
    meta.creation_timestamp = Some(Time(names::whole_second(cx.request.time)));
    if cx.resource.kind.counts_generation {
        meta.generation = Some(1);
    }
}

/// What is wrong with the metadata is only asked of an object that the kind finds nothing wrong with.
fn validate(cx: &Context, object: &dyn Object, record: &Record) -> Result<(), Status> {
    let kind: &KindInfo = &cx.resource.kind;
    let mut errors = FieldErrors::new();
    let documents = Documents::of(cx, object, None)?;
    rules::check(cx, object, None, documents.as_ref(), &mut errors)?;
    (kind.hooks.validate)(object, &mut errors);
    if errors.is_empty() {
        validate_object_meta(object.meta(), kind.namespaced, kind.name_rule, &mut errors);
        validate_managed_fields(&record.owners(), &mut errors);
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&kind.group, &kind.kind, object.name(), &errors))
}
