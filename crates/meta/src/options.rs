//! The options of a request: what a client says beside the object, mostly in the query.
//!
//! They are those of `metav1`, read as Go's parameter codec reads a query (the first of several
//! values counts, an unknown parameter says nothing, a bool is true unless it is `0` or `false`)
//! and checked before a handler sees them, so that only what makes sense has a representation.

mod delete;
mod list;

use crate::json::quote;
use crate::validation::{validate_dry_run, validate_field_manager, validate_field_validation};
use crate::{FieldErrors, Status};
use std::num::IntErrorKind;

pub use delete::DeleteOptions;
pub use delete::Preconditions;
pub use delete::PropagationPolicy;
pub use list::ListOptions;
pub use list::ReadAt;
pub use list::Reading;
pub use list::ResourceVersionMatch;

/// The API group of the kinds of options, as errors name it.
const GROUP: &str = "meta.k8s.io";

/// The parameters of a query, decoded, in the order of the URI.
pub type Query = [(String, String)];

/// What to get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// The resource version as it was sent; empty where none was.
    pub resource_version: String,
}

/// How to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Who owns the fields that are set; empty where the user agent says it.
    pub field_manager: String,
    /// What to do about fields that are unknown or occur twice.
    pub field_validation: Option<FieldValidation>,
}

/// How to update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateOptions {
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Who owns the fields that are set; empty where the user agent says it.
    pub field_manager: String,
    /// What to do about fields that are unknown or occur twice.
    pub field_validation: Option<FieldValidation>,
}

/// How to patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchOptions {
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Whether an apply takes fields from other managers; `None` for other patches.
    pub force: Option<bool>,
    /// Who owns the fields that are set; never empty for an apply.
    pub field_manager: String,
    /// What to do about fields that are unknown or occur twice.
    pub field_validation: Option<FieldValidation>,
}

/// What to do about fields that are unknown or occur twice; the default warns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FieldValidation {
    /// Drop them without a word.
    Ignore,
    /// Drop them and warn.
    #[default]
    Warn,
    /// Refuse the object.
    Strict,
}

impl GetOptions {
    /// Reads the query of a get.
    ///
    /// # Errors
    /// 400 for `export`, which Kubernetes no longer knows.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        if first(query, "export").is_some_and(is_true) {
            let why = "the export parameter, deprecated since v1.14, is no longer supported";
            return Err(Status::bad_request(why));
        }
        let resource_version = first(query, "resourceVersion").unwrap_or_default().to_owned();
        Ok(Self { resource_version })
    }

    /// Which state the object is read from: the newest, any, or one not older.
    ///
    /// # Errors
    /// 500 where the resource version cannot be read.
    pub fn read_at(&self) -> Result<ReadAt, Status> {
        if self.resource_version.is_empty() {
            return Ok(ReadAt::Latest);
        }
        Ok(match parse_resource_version(&self.resource_version)? {
            0 => ReadAt::Any,
            version => ReadAt::NotOlderThan(version),
        })
    }
}

impl CreateOptions {
    /// Reads and checks the query of a create.
    ///
    /// # Errors
    /// 422 about `CreateOptions` where values do not fit.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        let mut errors = FieldErrors::new();
        let (dry_run, field_manager, field_validation) = read_write(query, &mut errors);
        refuse("CreateOptions", &errors)?;
        Ok(Self { dry_run, field_manager, field_validation })
    }
}

impl UpdateOptions {
    /// Reads and checks the query of an update.
    ///
    /// # Errors
    /// 422 about `UpdateOptions` where values do not fit.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        let mut errors = FieldErrors::new();
        let (dry_run, field_manager, field_validation) = read_write(query, &mut errors);
        refuse("UpdateOptions", &errors)?;
        Ok(Self { dry_run, field_manager, field_validation })
    }
}

impl PatchOptions {
    /// Reads and checks the query of a patch; an `apply` has rules of its own.
    ///
    /// # Errors
    /// 422 about `PatchOptions` where values do not fit.
    pub fn from_query(query: &Query, apply: bool) -> Result<Self, Status> {
        let mut errors = FieldErrors::new();
        let force = first(query, "force").map(is_true);
        if apply && first(query, "fieldManager").unwrap_or_default().is_empty() {
            errors.required_because("fieldManager", "is required for apply patch");
        }
        if !apply && force.is_some() {
            errors.forbidden("force", "may not be specified for non-apply patch");
        }
        let (dry_run, field_manager, field_validation) = read_write(query, &mut errors);
        refuse("PatchOptions", &errors)?;
        Ok(Self { dry_run, force, field_manager, field_validation })
    }
}

impl FieldValidation {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "Ignore" => Some(Self::Ignore),
            "Warn" => Some(Self::Warn),
            "Strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

/// Reads the resource version of a request; the empty one is zero.
///
/// # Errors
/// 500 where it is not an unsigned number, as Kubernetes answers everywhere but to a list.
pub fn parse_resource_version(text: &str) -> Result<u64, Status> {
    revision(text).map_err(|why| {
        let mut errors = FieldErrors::new();
        errors.invalid("resourceVersion", text, why);
        Status::plain(errors.to_string())
    })
}

/// Reads the resource version of an object; the empty one is zero.
///
/// # Errors
/// 500 where it is not an unsigned number, in fewer words than that of a request.
pub fn object_resource_version(text: &str) -> Result<u64, Status> {
    revision(text).map_err(Status::plain)
}

fn revision(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    // Rust reads a plus sign here, Go does not.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let why = match text.parse() {
        Ok(version) if digits => return Ok(version),
        Err(error) if digits => go_reason(&error),
        _ => "invalid syntax",
    };
    Err(format!("strconv.ParseUint: parsing {}: {why}", quote(text)))
}

/// What create, update and patch have in common.
fn read_write(query: &Query, errors: &mut FieldErrors) -> (bool, String, Option<FieldValidation>) {
    let manager = first(query, "fieldManager").unwrap_or_default();
    validate_field_manager(manager, "fieldManager", errors);
    let dry_run: Vec<&str> = all(query, "dryRun").collect();
    validate_dry_run(&dry_run, errors);
    let validation = first(query, "fieldValidation").unwrap_or_default();
    validate_field_validation(validation, errors);
    (!dry_run.is_empty(), manager.to_owned(), FieldValidation::parse(validation))
}

fn refuse(kind: &str, errors: &FieldErrors) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(GROUP, kind, "", errors)) }
}

fn all<'a>(query: &'a Query, name: &str) -> impl Iterator<Item = &'a str> {
    query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn first<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    all(query, name).next()
}

fn is_true(value: &str) -> bool {
    value != "0" && !value.eq_ignore_ascii_case("false")
}

fn parse_int(value: &str) -> Result<i64, Status> {
    value.parse().map_err(|error| {
        let why = go_reason(&error);
        Status::bad_request(format!("strconv.ParseInt: parsing {}: {why}", quote(value)))
    })
}

fn go_reason(error: &std::num::ParseIntError) -> &'static str {
    match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

#[cfg(test)]
mod tests;
