//! Entrances for fuzzing: no interface, and without any promise.

use crate::at_rest;

/// Reads an `EncryptionConfiguration`, and says whether it made sense.
#[must_use]
pub fn encryption_configuration(text: &[u8]) -> bool {
    at_rest::is_configuration(text)
}

/// Reads a value that was sealed with a plugin's help, and says whether it is one.
///
/// # Panics
/// Where it is another one when it is written and read again.
#[must_use]
pub fn sealed_object(bytes: &[u8]) -> bool {
    at_rest::is_sealed_object(bytes)
}
