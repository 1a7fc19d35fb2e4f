//! What the schemas of a kind ask of an object that is to be stored.

use super::Context;
use pintle_meta::{FieldErrors, Object, Status, VersionInfo};
use serde_json::Value;

/// Finds what breaks the rules of the schema: of the hub's, because that is what is stored, and of
/// the version in which the client writes.
pub(super) fn check(
    cx: &Context,
    new: &dyn Object,
    old: Option<&dyn Object>,
    errors: &mut FieldErrors,
) -> Result<(), Status> {
    let hub = cx.resource.kind.hub();
    let written = Some(cx.version()).filter(|_| cx.version > 0);
    for version in [Some(hub), written].into_iter().flatten() {
        if version.rules.is_none() && version.scale.is_none() {
            continue;
        }
        let new = in_version(version, new)?;
        if let Some(paths) = &version.scale {
            paths.validate(&new, errors);
        }
        if let Some(rules) = &version.rules {
            let old = old.map(|old| in_version(version, old)).transpose()?;
            rules.check(&new, old.as_ref(), errors);
        }
    }
    Ok(())
}

fn in_version(version: &VersionInfo, object: &dyn Object) -> Result<Value, Status> {
    let encoded = (version.encode)(object, None).map_err(|e| Status::internal(&e))?;
    serde_json::from_slice(&encoded.bytes).map_err(|e| Status::internal(&e))
}
