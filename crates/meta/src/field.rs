//! Field errors: what validation finds, collected before anything is refused.
//!
//! The wording is that of
//! [`field.Error`](https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation/field#Error), which
//! clients show to people and tests match on.

use crate::status::Cause;
use std::collections::HashSet;
use std::fmt;

/// So many bytes of text the findings may have together: an answer holds each of them twice.
const TEXT_MAX_BYTES: usize = 1 << 20;

/// The findings of a validation, in the order in which they were made.
///
/// When they are over 1 MiB of text, one says that there are more, and no others are kept.
///
/// ```
/// let mut errors = pintle_meta::FieldErrors::new();
/// errors.required("spec.image");
/// errors.invalid("spec.replicas", -1, "must be greater than or equal to 0");
/// assert_eq!(
///     errors.to_string(),
///     "[spec.image: Required value, \
///      spec.replicas: Invalid value: -1: must be greater than or equal to 0]"
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct FieldErrors {
    found: Vec<FieldError>,
    /// The bytes of all their texts.
    bytes: usize,
}

/// One finding about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The machine-readable kind of the finding, for example `FieldValueRequired`.
    pub reason: &'static str,
    /// The path of the field, for example `spec.containers[0].image`.
    pub field: String,
    /// The text without the field, for example `Required value`.
    pub message: String,
}

/// A value as a field error shows it: strings quoted, everything else as it prints.
pub trait Shown {
    /// The text of the value.
    fn shown(&self) -> String;
}

impl Shown for str {
    fn shown(&self) -> String {
        crate::json::quote(self)
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.as_str().shown()
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

macro_rules! shown_as_printed {
    ($($t:ty),*) => { $(impl Shown for $t { fn shown(&self) -> String { self.to_string() } })* };
}
shown_as_printed!(bool, i8, i16, i32, i64, u8, u16, u32, u64, usize, f32, f64, serde_json::Value);

impl FieldErrors {
    /// No findings yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn push(&mut self, reason: &'static str, field: impl Into<String>, message: String) {
        self.add(FieldError { reason, field: field.into(), message });
    }

    fn add(&mut self, found: FieldError) {
        if self.is_full() {
            return;
        }
        self.bytes += found.field.len() + found.message.len();
        self.found.push(found);
        if self.is_full() {
            self.found.push(FieldError {
                reason: "FieldValueTooMany",
                field: "<nil>".to_owned(),
                message: "too many errors, the list is truncated".to_owned(),
            });
        }
    }

    /// Whether nothing more is kept, so that nobody need look for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes > TEXT_MAX_BYTES
    }

    /// The field must have a value.
    pub fn required(&mut self, field: impl Into<String>) {
        self.push("FieldValueRequired", field, "Required value".to_owned());
    }

    /// The field must have a value, and why.
    pub fn required_because(&mut self, field: impl Into<String>, why: impl fmt::Display) {
        self.push("FieldValueRequired", field, format!("Required value: {why}"));
    }

    /// The value breaks a rule.
    pub fn invalid(&mut self, field: impl Into<String>, value: impl Shown, why: impl fmt::Display) {
        let message = match why.to_string() {
            why if why.is_empty() => format!("Invalid value: {}", value.shown()),
            why => format!("Invalid value: {}: {why}", value.shown()),
        };
        self.push("FieldValueInvalid", field, message);
    }

    /// The value is none of those that are supported.
    pub fn not_supported(
        &mut self,
        field: impl Into<String>,
        value: impl Shown,
        supported: &[&str],
    ) {
        let list: Vec<String> = supported.iter().map(Shown::shown).collect();
        let values = if list.is_empty() {
            String::new()
        } else {
            format!(": supported values: {}", list.join(", "))
        };
        let message = format!("Unsupported value: {}{values}", value.shown());
        self.push("FieldValueNotSupported", field, message);
    }

    /// The field may not be set or changed as it was.
    pub fn forbidden(&mut self, field: impl Into<String>, why: impl fmt::Display) {
        self.push("FieldValueForbidden", field, format!("Forbidden: {why}"));
    }

    /// The value occurs twice where it may occur once.
    pub fn duplicate(&mut self, field: impl Into<String>, value: impl Shown) {
        self.push("FieldValueDuplicate", field, format!("Duplicate value: {}", value.shown()));
    }

    /// The value occurs twice; it is too large to be shown.
    #[cfg(feature = "cel")]
    pub(crate) fn duplicate_unshown(&mut self, field: impl Into<String>) {
        self.push("FieldValueDuplicate", field, "Duplicate value".to_owned());
    }

    /// The value refers to something that is not there.
    pub fn not_found(&mut self, field: impl Into<String>, value: impl Shown) {
        self.push("FieldValueNotFound", field, format!("Not found: {}", value.shown()));
    }

    /// The value is longer than `limit` bytes.
    pub fn too_long(&mut self, field: impl Into<String>, limit: usize) {
        let message = format!("Too long: may not be more than {limit} bytes");
        self.push("FieldValueTooLong", field, message);
    }

    /// There are more items than the limit.
    pub fn too_many(&mut self, field: impl Into<String>, actual: usize, limit: usize) {
        let items = if limit == 1 { "item" } else { "items" };
        let message = format!("Too many: {actual}: must have at most {limit} {items}");
        self.push("FieldValueTooMany", field, message);
    }

    /// The value is of another type than the field.
    pub fn type_invalid(
        &mut self,
        field: impl Into<String>,
        value: impl Shown,
        why: impl fmt::Display,
    ) {
        let message = format!("Invalid value: {}: {why}", value.shown());
        self.push("FieldValueTypeInvalid", field, message);
    }

    /// The server could not judge the field.
    pub fn internal(&mut self, field: impl Into<String>, why: impl fmt::Display) {
        self.push("InternalError", field, format!("Internal error: {why}"));
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The findings.
    #[must_use]
    pub fn as_slice(&self) -> &[FieldError] {
        &self.found
    }

    /// Adds the findings of another validation.
    pub fn extend(&mut self, other: FieldErrors) {
        other.found.into_iter().for_each(|found| self.add(found));
    }

    /// The findings as causes of a [`Status`](crate::Status).
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let cause = |e: &FieldError| Cause {
            reason: e.reason.to_owned(),
            message: e.message.clone(),
            field: e.field.clone(),
        };
        self.found.iter().map(cause).collect()
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl fmt::Display for FieldErrors {
    /// One finding as it is; several, each once, in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = HashSet::new();
        let mut distinct = self.found.iter().collect::<Vec<_>>();
        distinct.retain(|found| seen.insert((&found.field, &found.message)));
        if let [one] = distinct[..] {
            return one.fmt(f);
        }
        f.write_str("[")?;
        for (i, found) in distinct.into_iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            found.fmt(f)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_told_once() {
        let mut errors = FieldErrors::new();
        errors.required("spec.a");
        errors.required("spec.a");
        assert_eq!(errors.to_string(), "spec.a: Required value");
        assert_eq!(errors.causes().len(), 2);
        errors.required("spec.b");
        assert_eq!(errors.to_string(), "[spec.a: Required value, spec.b: Required value]");
    }

    #[test]
    fn findings_without_end_have_one() {
        let mut errors = FieldErrors::new();
        for i in 0..1_000_000 {
            errors.invalid(format!("spec.items[{i}]"), i, "must not be");
        }
        assert!(errors.is_full());
        let text = errors.to_string();
        assert!(text.len() < 2 * TEXT_MAX_BYTES, "{} bytes", text.len());
        assert!(text.ends_with(", <nil>: too many errors, the list is truncated]"));
        let told = errors.as_slice().len();
        let mut others = FieldErrors::new();
        others.required("spec.other");
        errors.extend(others);
        assert_eq!(errors.as_slice().len(), told);
    }
}
