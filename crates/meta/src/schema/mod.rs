//! What a schema asks of a value beyond its type: defaults, ranges, lengths, patterns, enumerations,
//! formats, what must be there, and rules in CEL.
//!
//! The schema is the structural one that kube-derive makes for a CustomResourceDefinition, and what
//! is found is worded as Kubernetes words it for custom resources. See
//! [specifying a structural schema](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).

mod check;
mod compile;
mod default;
mod format;
mod lists;
mod node;

#[cfg(test)]
mod tests;

#[cfg(feature = "cel")]
pub(crate) use format::{Format, duration};
pub(crate) use node::Node;
#[cfg(feature = "cel")]
pub(crate) use node::{Kind, List};

use crate::field::{FieldErrors, Shown};
use serde_json::{Map, Value};

/// How deep a schema may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many problems of one object are told.
pub const MAX_PROBLEMS: usize = 100;

/// The rules of one version of a kind, compiled once.
#[derive(Debug, Default)]
pub struct Rules {
    root: Node,
}

impl Rules {
    /// Compiles the rules of a structural schema.
    ///
    /// # Errors
    /// Where the schema has a rule that can never be checked, for example a pattern or an expression
    /// that cannot be read. All of them are told, with the place of each.
    pub fn compile(schema: &Value) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let root = compile::node(schema, "", 0, &mut problems);
        if problems.is_empty() { Ok(Self { root }) } else { Err(problems) }
    }

    /// Whether there is nothing to check and nothing to fill in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.root.checks_below && !self.root.defaults_below
    }

    /// Whether there are lists in which no item may be twice.
    #[must_use]
    pub fn has_lists(&self) -> bool {
        self.root.lists_below
    }

    /// Finds items that are twice in a list that is a set or a map; nothing where there were such
    /// already.
    pub fn check_lists(&self, new: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
        let found = |value: &Value| {
            let mut found = FieldErrors::new();
            lists::find(&self.root, value, "", &mut found);
            found
        };
        let new = found(new);
        if !new.is_empty() && old.is_none_or(|old| found(old).is_empty()) {
            errors.extend(new);
        }
    }

    /// Fills in the defaults for what is not there. A `null` in a place that cannot be `null` is as
    /// good as nothing.
    pub fn fill(&self, value: &mut Value) {
        default::fill(&self.root, value);
    }

    /// Finds what makes a value no object of the type, where the schema has better words for it than
    /// the decoder: what is missing, unknown words of an enumeration, numbers that are too large.
    ///
    /// Finds nothing where a value is of another type than the schema says.
    #[must_use]
    pub fn undecodable(&self, value: &Value) -> FieldErrors {
        let mut found = check::Found::default();
        match value.as_object() {
            Some(fields) if fields.get("spec").is_none_or(Value::is_null) => {
                let mut fields = fields.clone();
                fields.insert("spec".to_owned(), Value::Object(Map::new()));
                check::object(&self.root, &Value::Object(fields), None, &mut found);
            }
            _ => check::object(&self.root, value, None, &mut found),
        }
        let metadata = value.get("metadata").is_none_or(|it| it.is_null() || it.is_object());
        if !metadata || found.mistyped {
            return FieldErrors::new();
        }
        if self.root.expressions_below {
            note_unchecked(&mut found.errors);
        }
        found.errors
    }

    /// Finds what is wrong with an object that replaces `old`, or is new.
    ///
    /// What an update leaves as it was is not held against it, so that a rule that was added later
    /// does not stand in the way of other changes; see
    /// [validation ratcheting](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting).
    pub fn check(&self, new: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
        let root = &self.root;
        let mut found = check::Found::default();
        check::object(root, new, old, &mut found);
        let blocked = root.expressions_below && note_unchecked(&mut found.errors);
        errors.extend(found.errors);
        if root.expressions_below && !blocked {
            crate::cel::check(root, new, old, errors);
        }
    }
}

/// Says, where expressions cannot be trusted with an object, that they were not asked.
fn note_unchecked(errors: &mut FieldErrors) -> bool {
    let blocked = errors.as_slice().iter().any(|error| blocks_rules(error.reason));
    if blocked {
        let why = "some validation rules were not checked because the object was invalid; \
                   correct the existing errors to complete validation";
        errors.invalid("<nil>", Value::Null, why);
    }
    blocked
}

/// A text that messages show as it is.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Shown for Plain<'_> {
    fn shown(&self) -> String {
        self.0.to_owned()
    }
}

/// Whether expressions cannot be trusted with an object that has such an error.
fn blocks_rules(reason: &str) -> bool {
    matches!(
        reason,
        "FieldValueNotSupported"
            | "FieldValueRequired"
            | "FieldValueTooLong"
            | "FieldValueTooMany"
            | "FieldValueTypeInvalid"
    )
}
