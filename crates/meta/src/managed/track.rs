//! Following a change of an object through the entries of all its managers.

use super::compare::Comparison;
use super::conflict::Conflicts;
use super::entries::{Entry, Manager};
use super::schema::TypeSchema;
use super::set::FieldSet;
use super::update::Error;
use super::validate::validate;
use super::versions::Versions;
use serde_json::Value;
use std::collections::BTreeMap;

/// A change of an object, and the endpoint at which it is made.
pub(super) struct Change<'a> {
    pub(super) versions: &'a dyn Versions,
    pub(super) old: &'a Value,
    pub(super) new: &'a Value,
    pub(super) manager: &'a Manager,
}

impl<'a> Change<'a> {
    /// The schema of the version in which the change is made.
    pub(super) fn schema(&self) -> Result<&'a TypeSchema, Error> {
        schema(self.versions, &self.manager.api_version)
    }

    /// What has changed in the version of the manager, without what the endpoint does not write.
    pub(super) fn compare(&self) -> Result<Comparison, Error> {
        let root = self.schema()?.root();
        Comparison::of(root, self.old, self.new)
            .map_err(|e| Error::new(format!("failed to compare objects: {e}")))
    }

    fn reset_fields(&self, api_version: &str) -> Option<&FieldSet> {
        self.versions.reset_fields(api_version, &self.manager.subresource)
    }

    /// Drops what the endpoint does not write.
    pub(super) fn filter(&self, api_version: &str, found: &mut Comparison) {
        if let Some(fields) = self.reset_fields(api_version) {
            found.leave_out(fields);
        }
    }

    /// Takes what has changed away from those who owned it, but for the entry `except`.
    ///
    /// Without `force` only what is gone is taken, and what has another value is a conflict.
    pub(super) fn take_away(
        &self,
        found: &Comparison,
        entries: &mut Vec<Entry>,
        except: Option<&Manager>,
        force: bool,
    ) -> Result<Option<Conflicts>, Error> {
        if let Some(odd) = entries.iter().find(|e| e.manager.api_version.matches('/').count() > 1) {
            let version = &odd.manager.api_version;
            return Err(Error::new(format!("unexpected GroupVersion string: {version}")));
        }
        // An entry in a version that is no longer served speaks of nothing that could be known.
        entries.retain(|e| self.versions.schema(&e.manager.api_version).is_some());
        let is_other = |e: &&Entry| except.is_none_or(|m| !m.is_same(&e.manager));
        let mut in_versions = BTreeMap::new();
        for entry in entries.iter().filter(is_other) {
            let version = &entry.manager.api_version;
            if *version != self.manager.api_version && !in_versions.contains_key(version) {
                in_versions.insert(version.clone(), self.compare_in(version)?);
            }
        }
        let of = |entry: &Entry| in_versions.get(&entry.manager.api_version).unwrap_or(found);
        if !force {
            let mut owned = Vec::new();
            for entry in entries.iter().filter(is_other) {
                let mut set = entry.set.intersection(&of(entry).modified);
                set.unite(entry.set.intersection(&of(entry).added));
                if !set.is_empty() {
                    owned.push((entry, set));
                }
            }
            if !owned.is_empty() {
                return Ok(Some(Conflicts::of(&mut owned)));
            }
        }
        for entry in entries.iter_mut() {
            if is_other(&&*entry) {
                let found = of(entry);
                entry.set.subtract(&found.modified);
                entry.set.subtract(&found.added);
                entry.set.subtract(&found.removed);
            }
        }
        entries.retain(|e| !e.set.is_empty());
        Ok(None)
    }

    fn compare_in(&self, api_version: &str) -> Result<Comparison, Error> {
        let root = schema(self.versions, api_version)?.root();
        let old = convert(self.versions, self.old, api_version)?;
        let new = convert(self.versions, self.new, api_version)?;
        let mut found = Comparison::of(root, &old, &new)
            .map_err(|e| Error::new(format!("failed to compare objects: {e}")))?;
        self.filter(api_version, &mut found);
        Ok(found)
    }
}

pub(super) fn schema<'a>(
    versions: &'a dyn Versions,
    api_version: &str,
) -> Result<&'a TypeSchema, Error> {
    let missing = || Error::new(format!("no corresponding type for {api_version}"));
    versions.schema(api_version).ok_or_else(missing)
}

/// An object in another version, with all that every object of that version has.
pub(super) fn convert(
    versions: &dyn Versions,
    object: &Value,
    api_version: &str,
) -> Result<Value, Error> {
    let error = |e| Error::new(format!("failed to convert object to {api_version}: {e}"));
    let converted = versions.convert(object, api_version).map_err(error)?;
    // As in Go, items that are there twice are let pass in the version of the request only.
    validate(schema(versions, api_version)?.root(), &converted).map_err(error)?;
    Ok(converted)
}

/// Fits all entries to the schemas as they are now.
pub(super) fn reconcile(versions: &dyn Versions, entries: &mut [Entry]) {
    for entry in entries {
        if let Some(schema) = versions.schema(&entry.manager.api_version) {
            entry.set.reconcile(schema.root());
        }
    }
}
