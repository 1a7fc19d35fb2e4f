//! The loop behind every update: read, change, check, write if nothing came between.

use super::rules::{self, Documents};
use super::{Context, create, fields, own};
use crate::admission::{Attributes, Operation};
use crate::cache::Entry;
use crate::registry::{Backing, Subresource};
use crate::reply::Reply;
use crate::store::Store;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pintle_meta::managed::Record;
use pintle_meta::options::object_resource_version;
use pintle_meta::validation::{
    validate_managed_fields, validate_object_meta, validate_object_meta_update,
};
use pintle_meta::{FieldErrors, Object, Status};
use pintle_storage::Revision;
use std::sync::Arc;

/// How often an update is tried again because somebody else was faster.
const CONFLICT_TRIES_MAX: usize = 100;

/// An update that is to be made.
pub(super) struct Update<'a> {
    /// The subresource that is written, or `None` for the object itself.
    pub on: Option<Subresource<'a>>,
    pub dry_run: bool,
    /// Who comes to own the fields that change; `None` where the new object says it already.
    pub manager: Option<String>,
    /// Whether an object that does not exist is created, also where the kind does not allow that.
    pub creates: bool,
    /// Makes the new object of the one that is stored, or of none where it is to be created.
    pub make: Make<'a>,
}

/// Makes a new object; the stored one comes decoded, without its managed fields, and as it is in the
/// cache.
pub(super) type Make<'a> =
    Box<dyn Fn(Option<(&dyn Object, &Entry)>) -> Result<Made, Status> + Send + Sync + 'a>;

/// A new object.
pub(super) struct Made {
    pub object: Box<dyn Object>,
    /// Who owns its fields, where that is found with it.
    pub record: Option<Record>,
}

impl From<Box<dyn Object>> for Made {
    fn from(object: Box<dyn Object>) -> Self {
        Self { object, record: None }
    }
}

/// The end of one try.
enum Outcome {
    Written(Reply),
    /// There was nothing to write, or it was not to be written.
    Unwritten(Reply),
    Overtaken,
    /// The storage did not say what became of the write. It may have happened, so it must not be made
    /// again on what is stored now.
    Failed(Status),
}

/// Makes an update, as often as it takes.
pub(super) async fn replace(cx: &Context, update: &Update<'_>) -> Result<Reply, Status> {
    cx.check_name()?;
    let store = match &cx.resource.backing {
        Backing::Store(store) => store,
        Backing::Rest(rest) => return own::replace(cx, rest.as_ref(), update).await,
    };
    let key = cx.key();
    // The cache is a good guess. Whatever goes wrong with it, and whatever needs no write that would
    // show it to be right, is tried once more on the stored object unless that is the same, so a
    // cache that lags costs a read and never a wrong answer.
    let mut entry = store.cache().get(&key);
    let mut guessed = true;
    let told = cx.warnings().len();
    for _ in 0..CONFLICT_TRIES_MAX {
        let result = match attempt(cx, store, update, &key, entry.as_deref()).await {
            Ok(Outcome::Written(reply)) => return Ok(reply),
            Ok(Outcome::Unwritten(reply)) => Some(Ok(reply)),
            Ok(Outcome::Overtaken) => None,
            Ok(Outcome::Failed(status)) => return Err(status),
            Err(status) => Some(Err(status)),
        };
        let stored = match result {
            Some(result) if !guessed => return result,
            Some(result) => {
                let stored = store.get_stored(&key).await?;
                if revision(entry.as_ref()) == revision(stored.as_ref()) {
                    return result;
                }
                stored
            }
            None => store.get_stored(&key).await?,
        };
        cx.take_back_warnings(told);
        entry = stored;
        guessed = false;
    }
    Err(Status::modified(&cx.group_resource(), &cx.request.name))
}

/// When an object was written last; `None` where there is none.
pub(super) fn revision(entry: Option<&Arc<Entry>>) -> Option<Revision> {
    entry.map(|entry| entry.revision)
}

async fn attempt(
    cx: &Context,
    store: &Store,
    update: &Update<'_>,
    key: &str,
    entry: Option<&Entry>,
) -> Result<Outcome, Status> {
    let Some(entry) = entry else { return create(cx, store, update, key).await };
    let old = store.decode_bare(entry)?;
    let attributes = cx.attributes(Operation::Update, &cx.request.name, Some(old.as_ref()));
    let (mut new, mut record) = changed(cx, update, &attributes, (old.as_ref(), entry)).await?;
    (cx.resource.kind.hooks.prepare_update)(new.as_mut(), old.as_ref(), &cx.request);
    let documents = Documents::of(cx, new.as_ref(), Some(entry))?;
    let counted = count(cx, new.as_mut(), old.as_ref(), documents.as_ref());
    validate(cx, update, (new.as_ref(), &record), (old.as_ref(), entry), documents.as_ref())?;
    cx.plugins.validate(&attributes, Some(new.as_ref())).await?;
    (cx.resource.kind.hooks.warnings)(new.as_ref()).into_iter().for_each(|text| cx.warn(text));
    let bare = match documents {
        Some(documents) if !counted => documents.encoded().clone(),
        _ => store.bare(new.as_ref())?,
    };
    let recorded = entry.record();
    if record != recorded && bare.bytes == *entry.bare() && record.differs_only_in_time(&recorded) {
        record = recorded;
    }
    let (new, old) = (new.as_ref(), old.as_ref());
    let draft = store.draft_of(key, (new, bare, &record), entry.revision)?;
    match write(store, update, key, draft, is_released(new.meta(), old.meta()), entry).await? {
        Outcome::Failed(failure) if fields::sheds(cx, &record, &failure) => {
            let without = (new, store.bare(new)?, &Record::default());
            let draft = store.draft_of(key, without, entry.revision)?;
            write(store, update, key, draft, false, entry).await
        }
        outcome => Ok(outcome),
    }
}

/// The new object, with what a client cannot change as it was.
pub(super) async fn changed(
    cx: &Context,
    update: &Update<'_>,
    attributes: &Attributes<'_>,
    (old, entry): (&dyn Object, &Entry),
) -> Result<(Box<dyn Object>, Record), Status> {
    let Made { object: mut new, record } = (update.make)(Some((old, entry)))?;
    check_uid(cx, new.meta(), old.uid())?;
    let record = match (&update.manager, record) {
        (Some(manager), _) => fields::track(cx, Some(entry), new.as_mut(), manager)?,
        (None, Some(record)) => record,
        (None, None) => entry.record(),
    };
    new.meta_mut().managed_fields = None;
    cx.plugins.mutate(attributes, new.as_mut()).await?;
    create::own_admitted_owners(cx, new.meta_mut());
    check_version(cx, new.meta(), entry)?;
    create::own_namespace(cx, new.meta_mut())?;
    keep_metadata(new.meta_mut(), old.meta());
    keep_parts(cx, update, &mut new, old);
    Ok((new, record))
}

/// The object that an update makes where there is none, and who owns its fields.
pub(super) fn created(
    cx: &Context,
    update: &Update<'_>,
) -> Result<(Box<dyn Object>, Record), Status> {
    let Made { mut object, record } = (update.make)(None)?;
    check_uid(cx, object.meta(), "")?;
    let version = object.meta_mut().resource_version.take();
    object_resource_version(version.as_deref().unwrap_or_default())?;
    let record = match &update.manager {
        Some(manager) => fields::track(cx, None, object.as_mut(), manager)?,
        None => record.unwrap_or_default(),
    };
    object.meta_mut().managed_fields = None;
    Ok((object, record))
}

/// An update of an object that does not exist creates it, where the kind allows that.
async fn create(
    cx: &Context,
    store: &Store,
    update: &Update<'_>,
    key: &str,
) -> Result<Outcome, Status> {
    let allowed = update.creates || cx.resource.kind.allows_create_on_update;
    if !allowed || update.on.is_some() {
        return Err(store.not_found(key));
    }
    let made = created(cx, update)?;
    create::finish(cx, store, made, update.dry_run).await.map(Outcome::Written)
}

/// The UID in the body of a PUT must be that of the stored object, which is none where there is none.
/// That of a patch is part of what it changes, and refused as such.
fn check_uid(cx: &Context, new: &ObjectMeta, stored: &str) -> Result<(), Status> {
    let given = new.uid.as_deref().filter(|_| cx.request.verb == "update");
    match given {
        Some(uid) if !uid.is_empty() && uid != stored => {
            let why = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {stored}"
            );
            Err(Status::conflict(&cx.group_resource(), &cx.request.name, why))
        }
        _ => Ok(()),
    }
}

/// The resource version that a client has sent must be that of the stored object. Admission comes
/// before: whom a plugin refuses is not told what has become of the object.
fn check_version(cx: &Context, new: &ObjectMeta, entry: &Entry) -> Result<(), Status> {
    let (on, name) = (cx.group_resource(), &cx.request.name);
    match object_resource_version(new.resource_version.as_deref().unwrap_or_default())? {
        // Not every author keeps versions.
        _ if entry.revision == 0 => Ok(()),
        0 if cx.resource.kind.allows_unconditional_update => Ok(()),
        0 => {
            let mut errors = FieldErrors::new();
            errors.invalid("metadata.resourceVersion", 0, "must be specified for an update");
            Err(Status::invalid(&on.group, &on.resource, name, &errors))
        }
        version if version == entry.revision => Ok(()),
        _ => Err(Status::modified(&on, name)),
    }
}

/// Restores what a client cannot change.
fn keep_metadata(new: &mut ObjectMeta, old: &ObjectMeta) {
    new.generation = old.generation;
    new.self_link = None;
    // What contradicts the stored object is left for the validation to refuse.
    if new.uid.as_deref().unwrap_or_default().is_empty() {
        new.uid.clone_from(&old.uid);
    }
    new.creation_timestamp.clone_from(&old.creation_timestamp);
    if old.deletion_timestamp.is_some() {
        new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    }
    if new.deletion_grace_period_seconds.is_none() {
        new.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    }
}

/// What a write to this subresource may not change is taken from the stored object.
fn keep_parts(cx: &Context, update: &Update<'_>, new: &mut Box<dyn Object>, old: &dyn Object) {
    match (update.on, &cx.resource.status) {
        (Some(Subresource::Status(part)), _) => {
            let mut kept = old.boxed_clone();
            (part.copy)(kept.as_mut(), new.as_ref());
            kept.meta_mut().clone_from(new.meta());
            kept.meta_mut().owner_references.clone_from(&old.meta().owner_references);
            kept.meta_mut().deletion_timestamp.clone_from(&old.meta().deletion_timestamp);
            *new = kept;
        }
        (None, Some(status)) if !status.main_may_write => (status.copy)(new.as_mut(), old),
        // The scale of an older version comes through that version, which may have no status.
        (Some(Subresource::Part(part)), Some(status)) if part.scale.is_some() => {
            (status.copy)(new.as_mut(), old);
        }
        _ => {}
    }
}

/// Counts a change, where the kind asks for it and there is one.
fn count(
    cx: &Context,
    new: &mut dyn Object,
    old: &dyn Object,
    documents: Option<&Documents>,
) -> bool {
    let counts = cx.resource.kind.counts_generation && documents.is_some_and(Documents::differ);
    if counts {
        let generation = old.meta().generation.unwrap_or_default();
        new.meta_mut().generation = Some(generation + 1);
    }
    counts
}

fn validate(
    cx: &Context,
    update: &Update<'_>,
    (new, record): (&dyn Object, &Record),
    (old, entry): (&dyn Object, &Entry),
    documents: Option<&Documents>,
) -> Result<(), Status> {
    let kind = &cx.resource.kind;
    let mut errors = FieldErrors::new();
    let owners = record.owners();
    validate_object_meta(new.meta(), kind.namespaced, kind.name_rule, &mut errors);
    validate_managed_fields(&owners, &mut errors);
    validate_object_meta_update(new.meta(), old.meta(), &mut errors);
    validate_managed_fields(&owners, &mut errors);
    rules::check(cx, new, Some(entry), documents, &mut errors)?;
    // A status must be writable even where the rest breaks rules made since it was written.
    if !matches!(update.on, Some(Subresource::Status(_))) {
        (kind.hooks.validate_update)(new, old, &mut errors);
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&kind.group, &kind.kind, new.name(), &errors))
}

async fn write(
    store: &Store,
    update: &Update<'_>,
    key: &str,
    draft: Entry,
    released: bool,
    entry: &Entry,
) -> Result<Outcome, Status> {
    let done = |entry| Outcome::Written(Reply::Object { code: 200, entry });
    // The same bytes at the same revision: there is nothing to write, and nobody is told.
    let is_same = !released && draft.bytes() == entry.bytes();
    if update.dry_run || (is_same && !store.is_stale(key).await?) {
        return Ok(Outcome::Unwritten(Reply::Object { code: 200, entry: Arc::new(draft) }));
    }
    if released {
        return Ok(match store.delete(key, entry.revision).await {
            Ok(true) => done(Arc::new(draft)),
            Ok(false) => Outcome::Overtaken,
            Err(status) => Outcome::Failed(status),
        });
    }
    Ok(match store.update(draft).await {
        Ok(written) => written.map_or(Outcome::Overtaken, done),
        Err(status) => Outcome::Failed(status),
    })
}

/// Whether an object that is being deleted has nothing left to wait for.
fn is_released(new: &ObjectMeta, old: &ObjectMeta) -> bool {
    old.deletion_timestamp.is_some()
        && new.finalizers.as_ref().is_none_or(Vec::is_empty)
        && old.deletion_grace_period_seconds.unwrap_or_default() == 0
}
