//! What stands in the place of the rules in CEL where the feature `cel` is off: a kind that has such
//! rules is not served, so that none goes unchecked.

use crate::field::FieldErrors;
use crate::schema::Node;
use serde_json::Value;

/// No rules.
#[derive(Debug, Default)]
pub(crate) struct Expressions;

impl Expressions {
    /// Says that there are rules which cannot be checked.
    pub(crate) fn compile(_: &[Value], _: &Node, path: &str, problems: &mut Vec<String>) -> Self {
        let why = "x-kubernetes-validations need the feature `cel`";
        problems.push(format!("{path}: {why}"));
        Self
    }

    /// Whether there are no rules here.
    pub(crate) fn is_empty(&self) -> bool {
        true
    }
}

/// Checks nothing.
pub(crate) fn check(_: &Node, _: &Value, _: Option<&Value>, _: &mut FieldErrors) {}
