//! What the options of a request may say, and in which company.

use crate::FieldErrors;
use crate::json::quote;
use crate::options::ListOptions;

/// The longest name of a field manager, in bytes.
pub const FIELD_MANAGER_MAX_BYTES: usize = 128;

/// Checks the name of a field manager: its length and that every character can be printed.
///
/// An empty name says nothing, and is left to the rest of the request.
pub fn validate_field_manager(manager: &str, field: &str, errors: &mut FieldErrors) {
    if manager.len() > FIELD_MANAGER_MAX_BYTES {
        errors.too_long(field, FIELD_MANAGER_MAX_BYTES);
    }
    for (position, c) in manager.char_indices().filter(|(_, c)| !is_printable(*c)) {
        let why = format!("invalid character U+{:04X} (at position {position})", u32::from(c));
        errors.invalid(field, manager, why);
    }
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
#[must_use]
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    quote(c.encode_utf8(&mut [0; 4]))[1..].starts_with(c)
}

/// Checks `dryRun`: `All` is all there is.
pub(crate) fn validate_dry_run(values: &[&str], errors: &mut FieldErrors) {
    if values.iter().any(|value| *value != "All") {
        errors.not_supported("dryRun", serde_json::Value::from(values), &["All"]);
    }
}

/// Checks `fieldValidation`.
pub(crate) fn validate_field_validation(value: &str, errors: &mut FieldErrors) {
    let supported = ["", "Ignore", "Strict", "Warn"];
    if !supported.contains(&value) {
        errors.not_supported("fieldValidation", value, &supported);
    }
}

const MATCH: &str = "resourceVersionMatch";

/// Checks the options of a list; `matching` is `resourceVersionMatch` as it was sent.
pub(crate) fn validate_list(options: &ListOptions, matching: &str, errors: &mut FieldErrors) {
    if !matching.is_empty() {
        if options.resource_version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.forbidden(MATCH, why);
        }
        forbid_with_continue(options, errors);
        if !matches!(matching, "Exact" | "NotOlderThan") {
            errors.not_supported(MATCH, matching, &["Exact", "NotOlderThan", ""]);
        }
        if matching == "Exact" && options.resource_version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.forbidden(MATCH, why);
        }
    }
    if options.send_initial_events.is_some() {
        errors.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
}

/// Checks the options of a watch; `matching` is `resourceVersionMatch` as it was sent.
pub(crate) fn validate_watch(options: &ListOptions, matching: &str, errors: &mut FieldErrors) {
    let initial = options.send_initial_events.is_some();
    if initial && matching != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.forbidden(MATCH, why);
    }
    if !matching.is_empty() {
        if !initial {
            let why =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.forbidden(MATCH, why);
        }
        if matching != "NotOlderThan" {
            errors.not_supported(MATCH, matching, &["NotOlderThan"]);
        }
        forbid_with_continue(options, errors);
    }
}

fn forbid_with_continue(options: &ListOptions, errors: &mut FieldErrors) {
    if !options.continue_token.is_empty() {
        let why = "resourceVersionMatch is forbidden when continue is provided";
        errors.forbidden(MATCH, why);
    }
}
