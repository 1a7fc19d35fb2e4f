//! Who owns which field: `managedFields`, kept on every write.
//!
//! See [Field management](https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).
//! The tracking itself is placed here but not done yet: what is stored stays as it was stored.

use super::Context;
use crate::part::BodyKind;
use pintle_meta::{Object, Status};

/// The name of who owns the fields that a request sets.
pub(super) fn manager(cx: &Context, option: &str) -> String {
    if option.is_empty() { cx.manager.clone() } else { option.to_owned() }
}

/// Sets the managed fields of a new object.
pub(super) fn track(
    _: &Context,
    old: Option<&dyn Object>,
    new: &mut dyn Object,
    _: &str,
) -> Result<(), Status> {
    new.meta_mut().managed_fields = old.and_then(|old| old.meta().managed_fields.clone());
    Ok(())
}

/// Sets the managed fields of the body of an action.
pub(super) fn track_body(
    _: &Context,
    _: &BodyKind,
    body: &mut dyn Object,
    _: &str,
) -> Result<(), Status> {
    body.meta_mut().managed_fields = None;
    Ok(())
}
