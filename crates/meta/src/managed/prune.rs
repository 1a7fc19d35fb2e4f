//! Removing what a manager has applied before and applies no more.

use super::entries::{Entry, Manager};
use super::remove::remove;
use super::schema::Type;
use super::set::FieldSet;
use super::track::{convert, schema};
use super::update::Error;
use super::versions::Versions;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What pruning needs to know beside the object.
pub(super) struct Prune<'a> {
    pub(super) versions: &'a dyn Versions,
    /// The version of the object and of the result.
    pub(super) version: &'a str,
    /// The entries of all managers, that of the applying one being new already.
    pub(super) entries: &'a [Entry],
    pub(super) manager: &'a Manager,
    /// What the applying manager owned before.
    pub(super) last: &'a Entry,
}

impl Prune<'_> {
    /// Removes from an object what `last` has, the new configuration has not, and nobody owns.
    ///
    /// The order of the steps matters where sets overlap: first all of `last` goes; then what
    /// anybody owns comes back, in the version of each; then what was not in `last` comes back.
    ///
    /// What is returned are the fields that have gone only because nothing was left in them.
    pub(super) fn run(&self, merged: &mut Cow<'_, Value>) -> Result<FieldSet, Error> {
        let last_version = &self.last.manager.api_version;
        let Some(last_schema) = self.versions.schema(last_version) else {
            return Ok(FieldSet::new());
        };
        let of = last_schema.root();
        let is_here = |e: &Entry| e.manager.api_version == self.version;
        if is_here(self.last) && self.entries.iter().all(is_here) {
            return Ok(self.run_in_one_version(of, merged));
        }
        let mut last = self.last.set.clone();
        last.ensure_named_fields_are_members(of);
        let whole = self.converted(merged, self.version, last_version)?.into_owned();
        let mut pruned = whole.clone();
        remove(of, &mut pruned, &last);
        let pruned = self.add_back_owned(&whole, pruned)?;

        let mut gone = fields(of, &whole)?;
        let pruned = self.converted(&pruned.0, pruned.1, last_version)?;
        gone.subtract(&fields(of, &pruned)?);
        let gone = gone.intersection(&last);
        if gone.is_empty() && last_version == self.version {
            return Ok(FieldSet::new());
        }
        // As in Go, what was applied in another version has been through that version.
        let mut result = whole;
        remove(of, &mut result, &gone);
        let mut result = self.converted(&result, last_version, self.version)?.into_owned();
        self.fill(&mut result, self.version);
        *merged = Cow::Owned(result);
        Ok(FieldSet::new())
    }

    /// The same where all entries are in the version of the object: sets need no detour through
    /// conversions, so what nobody owns is simply what is left of `last`.
    fn run_in_one_version(&self, of: Type<'_>, merged: &mut Cow<'_, Value>) -> FieldSet {
        let mut own = self.entries.iter().filter(|e| e.manager.is_same(self.manager));
        if own.any(|own| self.last.set.is_subset(&own.set)) {
            return FieldSet::new();
        }
        let mut gone = self.last.set.clone();
        gone.ensure_named_fields_are_members(of);
        for entry in self.entries {
            gone.subtract_with_named_fields(&entry.set, of);
        }
        if gone.is_empty() {
            return gone;
        }
        let emptied = remove(of, merged.to_mut(), &gone);
        self.fill(merged.to_mut(), self.version);
        emptied
    }

    /// Brings back what anybody owns, and the version of the result.
    fn add_back_owned<'s>(
        &'s self,
        whole: &Value,
        pruned: Value,
    ) -> Result<(Value, &'s str), Error> {
        let mut owned: BTreeMap<&str, FieldSet> = BTreeMap::new();
        for entry in self.entries {
            owned.entry(&entry.manager.api_version).or_default().unite(entry.set.clone());
        }
        // The version of the last apply comes first: what a conversion needs may be among it.
        let last_version = self.last.manager.api_version.as_str();
        let mut sets: Vec<_> = owned.into_iter().collect();
        sets.sort_by_key(|(version, _)| *version != last_version);
        let (mut pruned, mut at) = (pruned, last_version);
        for (version, mut owned) in sets {
            let Some(schema) = self.versions.schema(version) else { continue };
            let of = schema.root();
            let whole = self.converted(whole, last_version, version)?;
            let pruned_here = self.converted(&pruned, at, version)?;
            let mut gone = fields(of, &whole)?;
            gone.subtract(&fields(of, &pruned_here)?);
            owned.ensure_named_fields_are_members(of);
            gone.subtract(&owned);
            let mut back = whole.into_owned();
            remove(of, &mut back, &gone);
            (pruned, at) = (back, version);
        }
        Ok((pruned, at))
    }

    fn converted<'v>(
        &self,
        object: &'v Value,
        from: &str,
        to: &str,
    ) -> Result<Cow<'v, Value>, Error> {
        if from == to {
            return Ok(Cow::Borrowed(object));
        }
        schema(self.versions, to)?;
        let mut filled = object.clone();
        self.fill(&mut filled, from);
        convert(self.versions, &filled, to).map(Cow::Owned)
    }

    /// Puts back what every object of a version has, as decoding into a Go struct does.
    fn fill(&self, object: &mut Value, version: &str) {
        if let (Some(fields), Some(Value::Object(empty))) =
            (object.as_object_mut(), self.versions.empty(version))
        {
            fill(fields, empty);
        }
    }
}

fn fill(fields: &mut Map<String, Value>, empty: &Map<String, Value>) {
    for (name, value) in empty {
        match (fields.get_mut(name), value) {
            (None, _) => {
                fields.insert(name.clone(), value.clone());
            }
            (Some(Value::Object(below)), Value::Object(empty)) => fill(below, empty),
            _ => {}
        }
    }
}

/// All fields of an object, and the declared ones on the way to them.
fn fields(of: Type<'_>, object: &Value) -> Result<FieldSet, Error> {
    let mut set = FieldSet::of_object(of, object)
        .map_err(|e| Error::new(format!("failed to create field set: {e}")))?;
    set.ensure_named_fields_are_members(of);
    Ok(set)
}
