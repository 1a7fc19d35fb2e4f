//! What the author of a kind has said about it, with the kind's type out of view.

use super::{Hub, of, of_mut};
use crate::field::FieldErrors;
use crate::object::Object;
use crate::request::Request;

/// What becomes of the objects that an object owns, where a client that deletes it does not say.
///
/// The library marks the object; a garbage collector does the rest, as in a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GarbageCollectionPolicy {
    /// They are deleted afterwards.
    #[default]
    DeleteDependents,
    /// They stay, and lose their owner.
    OrphanDependents,
    /// The kind is no owner: what a client says about it is of no effect.
    Unsupported,
}

/// The hooks of a [`Hub`] with its type out of view.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// See [`Hub::prepare_create`]. The defaults follow, for whoever reads the object will see them.
    pub prepare_create: fn(&mut dyn Object, &Request),
    /// See [`Hub::prepare_update`]. The defaults follow.
    pub prepare_update: fn(&mut dyn Object, &dyn Object, &Request),
    /// See [`Hub::validate`].
    pub validate: fn(&dyn Object, &mut FieldErrors),
    /// See [`Hub::validate_update`].
    pub validate_update: fn(&dyn Object, &dyn Object, &mut FieldErrors),
    /// See [`Hub::warnings`].
    pub warnings: fn(&dyn Object) -> Vec<String>,
    /// See [`Hub::grace_period_seconds`].
    pub grace_period_seconds: fn(&dyn Object, Option<u32>) -> Option<u32>,
}

impl Hooks {
    /// The hooks of a type.
    pub(super) fn of<K: Hub>() -> Self {
        Self {
            prepare_create: |object, request| {
                of_mut::<K>(object).prepare_create(request);
                of_mut::<K>(object).set_defaults();
            },
            prepare_update: |object, old, request| {
                of_mut::<K>(object).prepare_update(of::<K>(old), request);
                of_mut::<K>(object).set_defaults();
            },
            validate: |object, errors| of::<K>(object).validate(errors),
            validate_update: |object, old, errors| {
                of::<K>(object).validate_update(of::<K>(old), errors);
            },
            warnings: |object| of::<K>(object).warnings(),
            grace_period_seconds: |object, asked| of::<K>(object).grace_period_seconds(asked),
        }
    }
}
