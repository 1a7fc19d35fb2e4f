//! The objects of one kind in a storage: keys, consistency, and errors as `Status`.
//!
//! Reads come from the watch cache, writes go to the storage with the revision they expect. This is
//! the only place where an error of the storage becomes one that a client sees.

use crate::cache::{Cache, Corrupt, Entry, Key, Unreadable};
use crate::options::StorageMediaType;
use pintle_meta::options::ReadAt;
use pintle_meta::{GroupResource, KindInfo, Object, Status};
use pintle_storage::{Error, KeyValue, Revision, Storage};
use std::sync::Arc;

/// The objects of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    kind: Arc<KindInfo>,
    resource: GroupResource,
    storage: Arc<dyn Storage>,
    cache: Arc<Cache>,
    prefix: String,
    media: StorageMediaType,
}

impl Store {
    /// A store below `root`, for example `/registry`; the kind's group follows, unless the root
    /// ends in it.
    pub(crate) fn new(
        kind: Arc<KindInfo>,
        storage: Arc<dyn Storage>,
        root: &str,
        media: StorageMediaType,
    ) -> Self {
        let within = root.rsplit('/').next().is_some_and(|last| last == kind.group);
        let group = if within { "" } else { &kind.group };
        let prefix = format!("{root}/{group}/{}/", kind.plural).replace("//", "/");
        let cache = Cache::new(Arc::clone(&kind), Arc::clone(&storage), prefix.clone());
        let resource = GroupResource { group: kind.group.clone(), resource: kind.plural.clone() };
        Self { kind, resource, storage, cache, prefix, media }
    }

    /// The cache that reads come from.
    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// The key of an object below the kind's prefix.
    pub(crate) fn key(namespace: &str, name: &str) -> String {
        if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
    }

    /// Waits until the cache is as new as asked, and returns the revision it shows.
    pub(crate) async fn freshen(&self, at: ReadAt) -> Result<Revision, Status> {
        match at {
            ReadAt::Any if self.cache.is_ready() => Ok(self.cache.revision()),
            ReadAt::Any => self.unreadable(self.cache.not_older_than(1).await, 0),
            ReadAt::NotOlderThan(revision) | ReadAt::Exact(revision) => {
                self.unreadable(self.cache.not_older_than(revision).await, revision)
            }
            ReadAt::Latest => {
                let reached = self.cache.consistent().await;
                self.unreadable(reached.map_err(|e| self.failed("get", e))?, 0)
            }
        }
    }

    fn unreadable<T>(&self, result: Result<T, Unreadable>, asked: Revision) -> Result<T, Status> {
        result.map_err(|why| match why {
            Unreadable::NotReady => Status::too_many_requests("storage is (re)initializing", 1),
            Unreadable::TooNew(current) if asked > current => {
                Status::resource_version_too_large(asked, current)
            }
            Unreadable::TooNew(_) => Status::server_timeout(&self.resource, "get"),
        })
    }

    /// Reads an object.
    pub(crate) async fn get(&self, key: &str, at: ReadAt) -> Result<Arc<Entry>, Status> {
        self.freshen(at).await?;
        self.cache.get(key).ok_or_else(|| self.not_found(key))
    }

    /// Reads an object past the cache, for a write that found the cache behind.
    pub(crate) async fn get_stored(&self, key: &str) -> Result<Option<Arc<Entry>>, Status> {
        let got = self.storage.get(&self.path(key)).await.map_err(|e| self.failed("get", e))?;
        got.item.map(|item| self.entry(key, &item)).transpose()
    }

    /// Stores a new object; `Ok(None)` where the key is taken.
    pub(crate) async fn create(
        &self,
        key: &str,
        object: &dyn Object,
    ) -> Result<Option<Arc<Entry>>, Status> {
        let draft = self.draft(key, object, 0)?;
        let value = draft.to_stored(&self.kind, self.media);
        match self.storage.create(&self.path(key), value.clone()).await {
            Ok(revision) => Ok(Some(Arc::new(draft.stored(&value, revision)))),
            Err(Error::Exists(_)) => Ok(None),
            Err(error) => Err(self.failed("create", error)),
        }
    }

    /// Replaces an object that must be at a revision; `Ok(None)` where it is not.
    pub(crate) async fn update(
        &self,
        key: &str,
        object: &dyn Object,
        expected: Revision,
    ) -> Result<Option<Arc<Entry>>, Status> {
        let draft = self.draft(key, object, 0)?;
        let value = draft.to_stored(&self.kind, self.media);
        match self.storage.update(&self.path(key), value.clone(), expected).await {
            Ok(revision) => Ok(Some(Arc::new(draft.stored(&value, revision)))),
            Err(Error::Conflict(_)) => Ok(None),
            Err(error) => Err(self.failed("update", error)),
        }
    }

    /// Removes an object that must be at a revision; `Ok(false)` where it is not.
    pub(crate) async fn delete(&self, key: &str, expected: Revision) -> Result<bool, Status> {
        match self.storage.delete(&self.path(key), expected).await {
            Ok(_) => Ok(true),
            Err(Error::Conflict(_)) => Ok(false),
            Err(error) => Err(self.failed("delete", error)),
        }
    }

    /// An object that was not stored, as an answer to a dry run; revision zero is not shown.
    pub(crate) fn written(
        &self,
        key: &str,
        object: &dyn Object,
        revision: Revision,
    ) -> Result<Arc<Entry>, Status> {
        self.draft(key, object, revision).map(Arc::new)
    }

    /// The object of an entry, decoded for a write.
    pub(crate) fn decode(&self, entry: &Entry) -> Result<Box<dyn Object>, Status> {
        entry.object(&self.kind).map_err(corrupt)
    }

    /// 404 for a key of this kind.
    pub(crate) fn not_found(&self, key: &str) -> Status {
        let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
        Status::not_found(&self.resource, name)
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn entry(&self, key: &str, item: &KeyValue) -> Result<Arc<Entry>, Status> {
        let key = Key::below(&self.prefix, &item.key).unwrap_or_else(|| key.into());
        Entry::new(&self.kind, key, &item.value, item.revision).map(Arc::new).map_err(corrupt)
    }

    fn draft(&self, key: &str, object: &dyn Object, revision: Revision) -> Result<Entry, Status> {
        Entry::of(&self.kind, key.into(), object, revision).map_err(corrupt)
    }

    fn failed(&self, operation: &str, error: Error) -> Status {
        tracing::warn!(operation, resource = %self.resource, %error, "the storage failed");
        let status = match &error {
            Error::Unavailable(_) => Status::server_timeout(&self.resource, operation),
            Error::TooLarge { .. } => Status::too_large(&error),
            _ => Status::internal(&error),
        };
        status.caused_by(error)
    }
}

fn corrupt(error: Corrupt) -> Status {
    Status::internal(&error).caused_by(error)
}
