//! The objects of one kind in a storage: keys, consistency, and errors as `Status`.
//!
//! Reads come from the watch cache, writes go to the storage with the revision they expect. This is
//! the only place where an error of the storage becomes one that a client sees.

use crate::at_rest::{AtRest, Sealed};
use crate::cache::{self, Broken, Cache, Corrupt, Entry, Key, Operation, Page, Query, Unreadable};
use crate::options::{Options, StorageMediaType};
use crate::storages::{Opened, Override};
use pintle_meta::encode::Encoded;
use pintle_meta::managed::Record;
use pintle_meta::options::ReadAt;
use pintle_meta::status::{Cause, Details};
use pintle_meta::{GroupResource, KindInfo, Object, Reason, Status};
use pintle_storage::{Error, KeyValue, Range, Revision, Storage};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many keys one read of the storage for a list asks for.
const STORED_KEYS_MAX: usize = 10_000;
/// How many broken values a list names.
const BROKEN_TOLD_MAX: usize = 100;

/// The objects of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    kind: Arc<KindInfo>,
    resource: GroupResource,
    storage: Arc<dyn Storage>,
    cache: Arc<Cache>,
    prefix: String,
    media: StorageMediaType,
    /// The storage once more, where its values are sealed.
    sealed: Option<Arc<Sealed>>,
}

/// Where a read is answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The cache, which shows this revision or a later one.
    Cache(Revision),
    /// The storage, because the cache is late or has not been loaded yet.
    Storage,
}

/// Where objects are kept, in which form, and how much of them is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub storage: &'a Arc<dyn Storage>,
    /// The storages of single resources.
    pub overrides: &'a [Override],
    pub root: &'a str,
    pub media: StorageMediaType,
    pub at_rest: Option<&'a AtRest>,
    pub cache: cache::Settings,
    pub budget: &'a Arc<cache::Budget>,
}

impl<'a> Place<'a> {
    /// As the command line says.
    pub(crate) fn of(
        options: &Options,
        opened: &'a Opened,
        root: &'a str,
        at_rest: Option<&'a AtRest>,
        budget: &'a Arc<cache::Budget>,
    ) -> Self {
        let cache = cache::Settings {
            history_bytes: options.stored.watch_cache_history_bytes,
            idle: None,
            counted: !options.etcd.count_metric_poll_period.is_zero(),
        };
        let (storage, overrides) = (&opened.main, &opened.overrides[..]);
        let media = options.stored.media_type;
        Self { storage, overrides, root, media, at_rest, cache, budget }
    }

    fn storage_of(&self, resource: &GroupResource) -> &Arc<dyn Storage> {
        let own = self.overrides.iter().find(|it| it.resource == *resource);
        own.map_or(self.storage, |own| &own.storage)
    }
}

impl Store {
    /// A store below the root of a place, for example `/registry`; the kind's group follows, unless
    /// the root ends in it. `idle` is for a cache that is not always there.
    pub(crate) fn new(kind: Arc<KindInfo>, place: Place<'_>, idle: Option<Duration>) -> Self {
        let Place { root, media, at_rest, budget, .. } = place;
        let within = root.rsplit('/').next().is_some_and(|last| last == kind.group);
        let group = if within { "" } else { &kind.group };
        let prefix = format!("{root}/{group}/{}/", kind.plural).replace("//", "/");
        let resource = GroupResource { group: kind.group.clone(), resource: kind.plural.clone() };
        let storage = Arc::clone(place.storage_of(&resource));
        let sealed = at_rest.map(|it| it.over(Arc::clone(&storage), resource.clone()));
        let storage = match &sealed {
            Some(sealed) => Arc::clone(sealed) as Arc<dyn Storage>,
            None => storage,
        };
        let settings = cache::Settings { idle, ..place.cache };
        let (of, from) = (Arc::clone(&kind), Arc::clone(&storage));
        let cache = Cache::new(of, from, prefix.clone(), settings, budget);
        Self { kind, resource, storage, cache, prefix, media, sealed }
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
        let revision = match at {
            ReadAt::Any => 0,
            ReadAt::NotOlderThan(revision) | ReadAt::Exact(revision) => revision,
            ReadAt::Latest => self.cache.newest().await.map_err(|e| self.failed("list", e))?,
        };
        self.cache.not_older_than(revision).await.map_err(|why| match why {
            Unreadable::NotReady => Status::too_many_requests("storage is (re)initializing", 1),
            Unreadable::TooNew(now) => Status::resource_version_too_large(revision, now),
        })
    }

    /// Decides where a read is answered from, and waits until the cache is as new as asked.
    ///
    /// `may_pass` is whether the storage is asked where nothing has been loaded yet.
    pub(crate) async fn source(&self, at: ReadAt, may_pass: bool) -> Result<Source, Status> {
        if may_pass && !self.cache.is_ready() {
            self.cache.needed();
            return Ok(Source::Storage);
        }
        let consistent = &self.cache.counts.consistent;
        match (self.freshen(at).await, at) {
            (Ok(reached), ReadAt::Latest) => {
                consistent[0].fetch_add(1, Ordering::Relaxed);
                Ok(Source::Cache(reached))
            }
            // The cache is late, the storage is not.
            (Err(status), ReadAt::Latest) if status.is(Reason::Timeout) => {
                consistent[1].fetch_add(1, Ordering::Relaxed);
                Ok(Source::Storage)
            }
            (result, _) => result.map(Source::Cache),
        }
    }

    /// Reads an object.
    pub(crate) async fn get(&self, key: &str, at: ReadAt) -> Result<Arc<Entry>, Status> {
        match self.source(at, true).await? {
            Source::Cache(_) => {
                self.cache.get(key).ok_or_else(|| match self.cache.broken_at(key) {
                    Some(broken) => unreadable(&broken),
                    None => self.not_found(key),
                })
            }
            Source::Storage => self.get_stored(key).await?.ok_or_else(|| self.not_found(key)),
        }
    }

    /// Reads an object past the cache.
    pub(crate) async fn get_stored(&self, key: &str) -> Result<Option<Arc<Entry>>, Status> {
        let path = self.path(key);
        let asked = self.ask(Operation::Get, self.storage.get(&path)).await;
        let got = asked.map_err(|e| self.failed("get", e))?;
        got.item.map(|item| self.entry(&item)).transpose()
    }

    /// Reads a page past the cache, for a state that the cache does not have; zero is the newest.
    /// `None` where the storage does not have it either.
    pub(crate) async fn page_stored<F: Fn(&Entry) -> bool + Sync>(
        &self,
        query: &Query<'_, F>,
        revision: Revision,
    ) -> Result<Option<Page>, Status> {
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let mut range = Range {
            prefix: self.path(query.prefix),
            start: self.path(query.start),
            revision,
            limit: limit.min(STORED_KEYS_MAX),
        };
        let (mut entries, mut fetched) = (Vec::new(), 0);
        let more = 'read: loop {
            let asking = self.storage.range(range.clone());
            let page = match self.ask(Operation::List, asking).await {
                Ok(page) => page,
                Err(Error::Compacted { .. }) => return Ok(None),
                Err(error) => return Err(self.failed("list", error)),
            };
            range.revision = page.revision;
            fetched += page.items.len();
            for (at, item) in page.items.iter().enumerate() {
                let entry = self.entry(item)?;
                if query.filter.as_ref().is_none_or(|wanted| wanted(&entry)) {
                    entries.push(entry);
                }
                if entries.len() == limit {
                    break 'read page.more || at + 1 < page.items.len();
                }
            }
            let Some(last) = page.items.last().filter(|_| page.more) else { break false };
            range.start = format!("{}\0", last.key);
            // A selector may select little: as in Kubernetes, the next read takes more.
            range.limit = (range.limit * 2).min(STORED_KEYS_MAX);
        };
        self.cache.counts.stored_lists.add(fetched, entries.len());
        Ok(Some(Page::of(entries, range.revision, more)))
    }

    /// Refuses a list of what cannot be decoded, as Kubernetes does: it would not be whole.
    ///
    /// # Errors
    /// 500 `StorageReadError` that names the keys, where there are any below the prefix.
    pub(crate) fn check_readable(&self, prefix: &str) -> Result<(), Status> {
        let broken = self.cache.broken_below(prefix, BROKEN_TOLD_MAX + 1);
        if broken.is_empty() {
            return Ok(());
        }
        let causes = broken.iter().take(BROKEN_TOLD_MAX).map(|broken| Cause {
            reason: "UnexpectedServerResponse".to_owned(),
            message: corrupt_object(broken),
            field: broken.path.to_string(),
        });
        let mut causes: Vec<Cause> = causes.collect();
        if broken.len() > BROKEN_TOLD_MAX {
            causes.push(Cause {
                reason: "FieldValueTooMany".to_owned(),
                message: "too many errors, the list is truncated".to_owned(),
                ..Cause::default()
            });
        }
        let on = &self.resource;
        let mut status = Status::plain(format!("failed to read one or more {on} from the storage"));
        status.reason = Some(Reason::StorageReadError);
        status.details = Some(Details {
            name: "list".to_owned(),
            group: on.group.clone(),
            kind: on.resource.clone(),
            causes,
            ..Details::default()
        });
        Err(status)
    }

    /// Stores the draft of a new object; `Ok(None)` where the key is taken.
    pub(crate) async fn create(&self, draft: Entry) -> Result<Option<Arc<Entry>>, Status> {
        let value = draft.to_stored(&self.kind, self.media);
        let path = self.path(&draft.key);
        self.cache.expect(&path, &draft, &value);
        let asking = self.storage.create(&path, value.clone());
        match self.ask(Operation::Create, asking).await {
            Ok(revision) => Ok(Some(Arc::new(draft.stored(&value, revision)))),
            Err(Error::Exists(_)) => Ok(None),
            Err(error) => Err(self.failed("create", error)),
        }
    }

    /// Stores a draft in the place of an object that must be at the draft's revision; `Ok(None)` where
    /// it is not.
    pub(crate) async fn update(&self, draft: Entry) -> Result<Option<Arc<Entry>>, Status> {
        let value = draft.to_stored(&self.kind, self.media);
        let path = self.path(&draft.key);
        self.cache.expect(&path, &draft, &value);
        let asking = self.storage.update(&path, value.clone(), draft.revision);
        match self.ask(Operation::Update, asking).await {
            Ok(revision) => Ok(Some(Arc::new(draft.stored(&value, revision)))),
            Err(Error::Conflict(_)) => Ok(None),
            Err(error) => Err(self.failed("update", error)),
        }
    }

    /// Removes an object that must be at a revision; `Ok(false)` where it is not.
    pub(crate) async fn delete(&self, key: &str, expected: Revision) -> Result<bool, Status> {
        let path = self.path(key);
        match self.ask(Operation::Delete, self.storage.delete(&path, expected)).await {
            Ok(_) => Ok(true),
            Err(Error::Conflict(_)) => Ok(false),
            Err(error) => Err(self.failed("delete", error)),
        }
    }

    /// Whether an object has to be written although it does not change, because it is not sealed as
    /// a new one would be.
    pub(crate) async fn is_stale(&self, key: &str) -> Result<bool, Status> {
        let Some(sealed) = &self.sealed else { return Ok(false) };
        sealed.is_stale(&self.path(key)).await.map_err(|error| self.failed("get", error))
    }

    /// An object as it would be stored in the place of its state at a revision. It is the answer to a
    /// dry run; revision zero is not shown.
    pub(crate) fn draft(
        &self,
        key: &str,
        object: &dyn Object,
        revision: Revision,
    ) -> Result<Entry, Status> {
        Entry::of(&self.kind, key.into(), object, revision).map_err(corrupt)
    }

    /// An object as [`draft`](Self::draft) makes it, in its hub's form without managed fields, and who
    /// owns its fields.
    pub(crate) fn draft_of(
        &self,
        key: &str,
        (object, bare, record): (&dyn Object, Encoded, &Record),
        revision: Revision,
    ) -> Result<Entry, Status> {
        let encoded = record.put_into(bare).map_err(|e| Status::internal(&e))?;
        Ok(Entry::encoded(&self.kind, key.into(), (object, encoded), revision))
    }

    /// The form in which an object is stored, without managed fields.
    pub(crate) fn bare(&self, object: &dyn Object) -> Result<Encoded, Status> {
        (self.kind.hub().encode_bare)(object).map_err(|e| Status::internal(&e))
    }

    /// The object of an entry without its managed fields, decoded for a write.
    pub(crate) fn decode_bare(&self, entry: &Entry) -> Result<Box<dyn Object>, Status> {
        entry.bare_object(&self.kind).map_err(corrupt)
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

    /// Asks the storage, and counts that.
    async fn ask<T>(
        &self,
        operation: Operation,
        asking: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.cache.counts.of(operation).time(asking).await
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn entry(&self, item: &KeyValue) -> Result<Arc<Entry>, Status> {
        if let Some(entry) = self.cache.known(item) {
            return Ok(entry);
        }
        let KeyValue { key: path, value, revision } = item;
        let key = Key::below(&self.prefix, path).unwrap_or_else(|| (&**path).into());
        let entry = Entry::new(&self.kind, key, value, *revision).map(Arc::new);
        entry.map_err(|why| unreadable(&Broken::found(&self.cache, path, *revision, why)))
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

/// 500 for a stored value that cannot be decoded.
fn unreadable(broken: &Broken) -> Status {
    Status::internal(corrupt_object(broken))
}

/// The words of Kubernetes for a stored value that cannot be decoded.
fn corrupt_object(Broken { path, revision, why }: &Broken) -> String {
    format!(
        "StorageError: corrupt object, Code: 7, Key: {path}, ResourceVersion: 0, \
         AdditionalErrorMsg: object not decodable revision={revision}: {why}"
    )
}

fn corrupt(error: Corrupt) -> Status {
    Status::internal(&error).caused_by(error)
}
