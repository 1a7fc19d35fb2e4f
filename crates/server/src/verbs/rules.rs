//! What the schemas of a kind ask of an object that is to be stored.

use super::Context;
use crate::cache::Entry;
use pintle_meta::encode::Encoded;
use pintle_meta::{FieldErrors, KindInfo, Object, Status, VersionInfo};
use serde_json::Value;

/// An object and the one that it replaces as documents of the hub version, without their managed
/// fields. They are made once for all that looks at them, for they may be large.
pub(super) struct Documents {
    new: Value,
    encoded: Encoded,
    old: Old,
}

enum Old {
    None,
    /// The new one says the same.
    Same,
    Other(Value),
}

impl Documents {
    /// The documents, where the kind has something to look for in them.
    pub(super) fn of(
        cx: &Context,
        new: &dyn Object,
        old: Option<&Entry>,
    ) -> Result<Option<Self>, Status> {
        let (kind, hub) = (&cx.resource.kind, cx.resource.kind.hub());
        if !(old.is_some() && kind.counts_generation || is_checked(hub)) {
            return Ok(None);
        }
        Self::in_version(kind, 0, new, old).map(Some)
    }

    fn in_version(
        kind: &KindInfo,
        version: usize,
        new: &dyn Object,
        old: Option<&Entry>,
    ) -> Result<Self, Status> {
        let read = |text: &[u8]| serde_json::from_slice(text).map_err(|e| Status::internal(&e));
        let encoded =
            (kind.versions[version].encode_bare)(new).map_err(|e| Status::internal(&e))?;
        let absent = || Status::internal("the object has no such version");
        let old = match old.map(|entry| entry.json(kind, version).ok_or_else(absent)).transpose()? {
            None => Old::None,
            Some(old) => match old.bare() {
                bare if *bare == *encoded.bytes => Old::Same,
                bare => Old::Other(read(&bare)?),
            },
        };
        Ok(Self { new: read(&encoded.bytes)?, encoded, old })
    }

    /// The new object as it is written, but for a generation that has been counted since.
    pub(super) fn encoded(&self) -> &Encoded {
        &self.encoded
    }

    fn old(&self) -> Option<&Value> {
        match &self.old {
            Old::None => None,
            Old::Same => Some(&self.new),
            Old::Other(old) => Some(old),
        }
    }

    /// Whether anything differs but the metadata and the status.
    pub(super) fn differ(&self) -> bool {
        let Some(old) = self.old() else { return true };
        !desired(&self.new).eq(desired(old))
    }
}

/// What a generation counts the changes of.
fn desired(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let fields = document.as_object().into_iter().flatten();
    fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status"))
}

/// Finds what breaks the rules of the schema: of the hub's, because that is what is stored, and of
/// the version in which the client writes.
pub(super) fn check(
    cx: &Context,
    new: &dyn Object,
    old: Option<&Entry>,
    documents: Option<&Documents>,
    errors: &mut FieldErrors,
) -> Result<(), Status> {
    let hub = cx.resource.kind.hub();
    if let Some(documents) = documents.filter(|_| is_checked(hub)) {
        look(cx, hub, documents, errors);
    }
    let written = cx.version();
    if cx.version > 0 && is_checked(written) {
        let documents = Documents::in_version(&cx.resource.kind, cx.version, new, old)?;
        look(cx, written, &documents, errors);
    }
    Ok(())
}

fn is_checked(version: &VersionInfo) -> bool {
    version.rules.is_some() || version.scale.is_some()
}

fn look(cx: &Context, version: &VersionInfo, documents: &Documents, errors: &mut FieldErrors) {
    let (new, old) = (&documents.new, documents.old());
    if let Some(paths) = &version.scale {
        paths.validate(new, errors);
    }
    let Some(rules) = &version.rules else { return };
    if cx.resource.kind.checks_schema {
        rules.check(new, old, errors);
    }
    if cx.resource.kind.checks_lists {
        rules.check_lists(new, old, errors);
    }
}
