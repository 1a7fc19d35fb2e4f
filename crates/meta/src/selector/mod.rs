//! Selectors: which objects of a list or a watch a client wants to see.
//!
//! A [`LabelSelector`] asks about labels (`app in (web,db),!legacy`), a [`FieldSelector`] about a
//! few named fields (`metadata.name=a`). Both are parsed once for each request and then matched
//! against every object of a list, so matching neither allocates nor fails.

mod field;
mod label;
mod parser;

pub use field::FieldSelector;
pub use field::FieldTerm;
pub use label::LabelSelector;
pub use label::Operator;
pub use label::Requirement;

/// The longest selector that is parsed, in bytes.
///
/// Kubernetes has no limit of its own; a selector comes in a URI, and URIs end here.
pub const MAX_SELECTOR_BYTES: usize = 64 << 10;

fn check_length(selector: &str) -> Result<(), String> {
    if selector.len() <= MAX_SELECTOR_BYTES {
        return Ok(());
    }
    Err(format!("invalid selector: may not be more than {MAX_SELECTOR_BYTES} bytes"))
}

#[cfg(test)]
mod tests;
