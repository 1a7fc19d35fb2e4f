//! Entrances for fuzzing: no interface, and without any promise.

use crate::{at_rest, audit, authn};

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

/// Reads an `AuthenticationConfiguration`, and says whether it made sense.
///
/// # Panics
/// Where what is wrong is not said in one line.
#[must_use]
pub fn authentication_configuration(text: &[u8]) -> bool {
    in_one_line(&authn::check_configuration(text))
}

/// Reads a file of tokens, and says whether it made sense.
///
/// # Panics
/// Where what is wrong is not said in one line.
#[must_use]
pub fn token_file(text: &[u8]) -> bool {
    in_one_line(&authn::check_token_file(text))
}

/// Reads an audit policy, and says whether it made sense.
///
/// # Panics
/// Where what is wrong is not said in one line.
#[must_use]
pub fn audit_policy(text: &[u8]) -> bool {
    in_one_line(&audit::check_policy(text))
}

fn in_one_line(read: &Result<(), String>) -> bool {
    if let Err(why) = read {
        assert!(!why.is_empty() && !why.contains('\n'), "{why:?}");
    }
    read.is_ok()
}
