//! Server-side apply.

use super::compare::Comparison;
use super::conflict::Conflicts;
use super::element::same;
use super::entries::{Entry, Manager, Operation, whole_seconds, write};
use super::last_applied;
use super::merge::{changes, merge};
use super::prune::Prune;
use super::record::Record;
use super::set::FieldSet;
use super::track::{Change, reconcile, schema};
use super::update::{Error, Live, record};
use super::validate::validate;
use super::versions::Versions;
use crate::status::Status;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// Owns what was there before the first apply, where nobody was recorded as its owner.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// What an apply comes to.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The object with the configuration laid over it, without `metadata.managedFields`; `None` where
    /// it is as before. Kubernetes then keeps the stored one: no defaults are set in it.
    pub object: Option<Value>,
    /// The entries for `metadata.managedFields`; `None` where they are those of before.
    pub managed_fields: Option<Record>,
}

impl Applied {
    /// Whether the object or its entries are other than before; if not, nothing need be written.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.object.is_some() || self.managed_fields.is_some()
    }
}

/// Why an apply is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// Others own fields that would change: 409.
    Conflicts(Conflicts),
    /// The configuration is not one for this object: 400.
    BadRequest(String),
    /// The configuration or the object does not fit the schema: 500 in Go, which has no better
    /// status for it.
    Invalid(Error),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflicts(conflicts) => conflicts.fmt(f),
            Self::BadRequest(message) => f.write_str(message),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ApplyError {}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}

impl From<ApplyError> for Status {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Conflicts(conflicts) => conflicts.into(),
            ApplyError::BadRequest(message) => Self::bad_request(message),
            ApplyError::Invalid(error) => Self::plain(error.to_string()),
        }
    }
}

/// Applies a configuration to an object, or makes the object from it.
///
/// `live` is the stored object in the version of `manager`, `None` where there is none yet.
/// `config` must be in that version too. With `force` the manager takes over what others own.
/// The operation of `manager` does not matter: it is always an apply.
///
/// The manager `kubectl` is special: fields that its client-side apply has set, as the annotation
/// `kubectl.kubernetes.io/last-applied-configuration` says, are no conflict, and the annotation is
/// kept up to date.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply(
    versions: &dyn Versions,
    live: Option<Live<'_>>,
    config: &Value,
    manager: &Manager,
    force: bool,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    let manager = Manager { operation: Operation::Apply, ..manager.or_unknown() };
    let nothing = Value::Object(Map::new());
    let empty = versions.empty(&manager.api_version).unwrap_or(&nothing);
    let is_new = live.is_none();
    let nobody = Record::default();
    let (live, recorded) = live.map_or((empty, &nobody), |live| (live.object, live.record));
    check_request(live, config, &manager)?;
    // What is no list of entries counts as none, until all else is well.
    let list = config["metadata"]["managedFields"].as_array();
    let unreadable = list.is_some_and(|list| list.iter().any(|e| !e.is_null() && !is_entry(e)));
    let without = list.map(|_| without_managed_fields(config));
    let config = without.as_ref().unwrap_or(config);
    let mut entries =
        recorded.read().map_err(|e| Error::new(format!("failed to decode managed fields: {e}")))?;
    if entries.is_empty() {
        let first = Manager {
            name: BEFORE_FIRST_APPLY.to_owned(),
            operation: Operation::Update,
            ..manager.clone()
        };
        let change = Change { versions, old: empty, new: live, manager: &first };
        record(&change, &mut entries, now)?;
    }
    let one = Apply { versions, live, config, manager: &manager, now };
    let done = if manager.name == last_applied::MANAGER {
        one.run_for_kubectl(entries, force)?
    } else {
        one.run(entries, force)?
    };
    if unreadable {
        return Err(not_nil());
    }
    let managed_fields = Some(write(done.entries)).filter(|record| record != recorded);
    let object = (is_new || done.changed).then(|| done.object.into_owned());
    Ok(Applied { object, managed_fields })
}

fn check_request(live: &Value, config: &Value, manager: &Manager) -> Result<(), ApplyError> {
    let text = |object: &Value, name: &str| object[name].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(config, "apiVersion"), text(config, "kind"));
    let live_kind = text(live, "kind");
    if version != manager.api_version || (!live_kind.is_empty() && live_kind != kind) {
        // Go writes the core group, which has no name, as nothing before the slash.
        let (version, kind) = match version.matches('/').count() {
            0 => (format!("/{version}"), kind),
            1 => (version, kind),
            _ => ("/".to_owned(), String::new()),
        };
        let message = format!("invalid object type: {version}, Kind={kind}");
        return Err(ApplyError::BadRequest(message));
    }
    match &config["metadata"]["managedFields"] {
        Value::Array(entries) if entries.iter().all(is_entry) => Err(not_nil()),
        // What is no list at all is for the schema to refuse.
        _ => Ok(()),
    }
}

fn without_managed_fields(config: &Value) -> Value {
    let mut config = config.clone();
    if let Some(metadata) = config["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    config
}

fn not_nil() -> ApplyError {
    ApplyError::BadRequest("metadata.managedFields must be nil".to_owned())
}

/// Whether a value can be an entry of managed fields.
fn is_entry(value: &Value) -> bool {
    let is_text = |name| matches!(value[name], Value::Null | Value::String(_));
    let is_time = match &value["time"] {
        Value::Null => true,
        time => time.as_str().is_some_and(|time| time.parse::<Timestamp>().is_ok()),
    };
    let texts = ["manager", "operation", "apiVersion", "fieldsType", "subresource"];
    value.is_object() && is_time && texts.into_iter().all(is_text)
}

struct Apply<'a> {
    versions: &'a dyn Versions,
    live: &'a Value,
    config: &'a Value,
    manager: &'a Manager,
    now: Timestamp,
}

struct Done<'a> {
    object: Cow<'a, Value>,
    entries: Vec<Entry>,
    /// Whether the object is another one than before.
    changed: bool,
}

impl<'a> Apply<'a> {
    /// As [`run`](Self::run), but what kubectl's client-side apply has set is no conflict.
    fn run_for_kubectl(&self, entries: Vec<Entry>, force: bool) -> Result<Done<'a>, ApplyError> {
        let mut done = match self.run(entries.clone(), force) {
            Err(ApplyError::Conflicts(conflicts)) => {
                let schema = schema(self.versions, &self.manager.api_version)?;
                let allowed = last_applied::owned_fields(schema, self.live);
                match last_applied::without(conflicts, allowed.as_ref()) {
                    Some(conflicts) => return Err(ApplyError::Conflicts(conflicts)),
                    None => self.run(entries, true)?,
                }
            }
            result => result?,
        };
        done.changed |= last_applied::refresh(&mut done.object, self.config);
        Ok(done)
    }

    fn run(&self, mut entries: Vec<Entry>, force: bool) -> Result<Done<'a>, ApplyError> {
        let Self { versions, live, config, manager, now } = *self;
        let of = schema(versions, &manager.api_version)?.root();
        validate(of, config).map_err(|e| Error::new(self.typed_error(&e)))?;
        reconcile(versions, &mut entries);
        let mut object = Cow::Borrowed(live);
        if changes(of, live, config) {
            merge(of, object.to_mut(), config)
                .map_err(|e| Error::new(format!("failed to merge config: {e}")))?;
        }

        let mut set = FieldSet::of_object(of, config)
            .map_err(|e| Error::new(format!("failed to get field set: {e}")))?;
        if let Some(reset) = versions.reset_fields(&manager.api_version, &manager.subresource) {
            set.subtract_recursively(reset);
        }
        let last = entries.iter().position(|e| e.manager.is_same(manager));
        let last = last.map(|at| entries.swap_remove(at));
        let time = last.as_ref().and_then(|last| last.time);
        entries.push(Entry { manager: manager.clone(), set, time });
        let mut emptied = FieldSet::new();
        if let Some(last) = last.filter(|last| !last.set.is_empty()) {
            let version = &manager.api_version;
            let prune = Prune { versions, version, entries: &entries, manager, last: &last };
            emptied = prune.run(&mut object)?;
        }

        let change = Change { versions, old: live, new: &object, manager };
        let is_other = matches!(object, Cow::Owned(_));
        let mut found = if is_other { change.compare()? } else { Comparison::default() };
        let mut changed = !found.is_empty();
        found.removed.subtract(&emptied);
        change.filter(&manager.api_version, &mut found);
        if let Some(conflicts) = change.take_away(&found, &mut entries, Some(manager), force)? {
            return Err(ApplyError::Conflicts(conflicts));
        }
        // Fields that nobody owns may differ all the same.
        changed = changed || (is_other && !same(live, &object));
        if let (true, Some(own)) =
            (changed, entries.iter_mut().find(|e| e.manager.is_same(manager)))
        {
            own.time = Some(whole_seconds(now));
        }
        Ok(Done { object, entries, changed })
    }

    fn typed_error(&self, problem: &str) -> String {
        let meta = |name: &str| self.config["metadata"][name].as_str().unwrap_or_default();
        let kind = self.config["kind"].as_str().unwrap_or_default();
        let version = &self.manager.api_version;
        let (namespace, name) = (meta("namespace"), meta("name"));
        format!(
            "failed to create typed patch object ({namespace}/{name}; {version}, Kind={kind}): {problem}"
        )
    }
}
