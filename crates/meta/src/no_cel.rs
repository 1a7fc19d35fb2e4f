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

/// An expression; there is none.
#[derive(Debug)]
pub enum Expression {}

impl Expression {
    /// Says that there is no language to read it in.
    ///
    /// # Errors
    /// Always.
    pub fn compile(_: &str, _: &'static str) -> Result<Self, String> {
        Err("expressions need the feature `cel`".to_owned())
    }

    /// Whether it looks at a field.
    pub fn reads(&self, _: &str) -> bool {
        match *self {}
    }

    /// What it says of a value.
    ///
    /// # Errors
    /// None: there is none to ask.
    pub fn evaluate(&self, _: &Value) -> Result<Value, String> {
        match *self {}
    }
}

/// Checks nothing.
pub(crate) fn check(_: &Node, _: &Value, _: Option<&Value>, _: &mut FieldErrors) {}
