//! What the schemas of a kind ask of an object that is to be stored.

use super::Context;
use pintle_meta::encode::Encoded;
use pintle_meta::{FieldErrors, Object, Status, VersionInfo};
use serde_json::Value;

/// An object and the one that it replaces as documents of the hub version, without their managed
/// fields. They are made once for all that looks at them, for they may be large.
pub(super) struct Documents {
    new: Value,
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
        old: Option<&dyn Object>,
    ) -> Result<Option<Self>, Status> {
        let (kind, hub) = (&cx.resource.kind, cx.resource.kind.hub());
        if !(old.is_some() && kind.counts_generation || is_checked(hub)) {
            return Ok(None);
        }
        Self::in_version(hub, new, old).map(Some)
    }

    fn in_version(
        version: &VersionInfo,
        new: &dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<Self, Status> {
        let encoded = |object| (version.encode_bare)(object).map_err(|e| Status::internal(&e));
        let read =
            |it: &Encoded| serde_json::from_slice(&it.bytes).map_err(|e| Status::internal(&e));
        let (new, old) = (encoded(new)?, old.map(encoded).transpose()?);
        let old = match &old {
            None => Old::None,
            Some(old) if old.bytes == new.bytes => Old::Same,
            Some(old) => Old::Other(read(old)?),
        };
        Ok(Self { new: read(&new)?, old })
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
    old: Option<&dyn Object>,
    documents: Option<&Documents>,
    errors: &mut FieldErrors,
) -> Result<(), Status> {
    let hub = cx.resource.kind.hub();
    if let Some(documents) = documents.filter(|_| is_checked(hub)) {
        look(cx, hub, documents, errors);
    }
    let written = cx.version();
    if cx.version > 0 && is_checked(written) {
        look(cx, written, &Documents::in_version(written, new, old)?, errors);
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
