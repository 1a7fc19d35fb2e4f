//! Rules of a schema in CEL, `x-kubernetes-validations`.
//!
//! See [validation rules](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules).
//! The language is that of the crate `cel`. The functions that Kubernetes adds to it, what a value of
//! a schema is in it, and what an evaluation may cost, are here.

mod budget;
mod declare;
mod expression;
mod keyed;
mod library;
mod path;
mod rule;
mod types;
mod value;

#[cfg(test)]
mod tests;

use crate::field::FieldErrors;
use crate::schema::Node;
use budget::{Budget, Exhausted};
pub use expression::Expression;
use rule::{Rule, Scope, Verdict};
use serde_json::Value;
use std::fmt::Write as _;

/// What all rules of an object may cost together, as in Kubernetes.
const MAX_OBJECT_COST: i64 = 10_000_000;
/// What one rule may cost, as in Kubernetes.
const MAX_RULE_COST: i64 = 1_000_000;
/// What is shown of an evaluated message, as in Kubernetes.
const MAX_MESSAGE_BYTES: usize = 5 << 10;

/// What stands for the whole object where a message names a field.
const WHOLE: &str = "<nil>";

/// The rules at one place of a schema.
#[derive(Debug, Default)]
pub(crate) struct Expressions {
    rules: Vec<Rule>,
    /// The name of the type, which stands for the value of which a rule cannot say anything.
    shown: &'static str,
}

impl Expressions {
    /// Compiles the rules of a place; what is wrong with them is added to the problems.
    pub(crate) fn compile(
        rules: &[Value],
        node: &Node,
        path: &str,
        problems: &mut Vec<String>,
    ) -> Self {
        let shown = node.kind.map_or("", |kind| kind.name());
        let mut compiled = Vec::with_capacity(rules.len());
        for source in rules {
            match Rule::compile(source, node, path.is_empty()) {
                Ok(Some(rule)) => compiled.push(rule),
                Ok(None) => {}
                Err(why) => problems.push(format!("{path}: {why}")),
            }
        }
        Self { rules: compiled, shown }
    }

    /// Whether there are no rules here.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Checks all rules of an object that replaces `old`, or is new.
pub(crate) fn check(root: &Node, new: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let budget = Budget::new(MAX_OBJECT_COST);
    let mut walk = Walk { errors, path: String::new(), budget };
    // Without budget nothing more can be found; that this is so has been said.
    let _ = walk.value(root, new, Past { old, unchanged: old == Some(new) });
}

/// What is known of the value that was at a place before.
#[derive(Clone, Copy)]
struct Past<'a> {
    /// It, where it can be found: an item of a list that is no map cannot.
    old: Option<&'a Value>,
    /// Whether this place, or one above it, is as it was.
    unchanged: bool,
}

impl<'a> Past<'a> {
    fn below(self, new: &Value, old: Option<&'a Value>) -> Self {
        Self { old, unchanged: self.unchanged || old == Some(new) }
    }
}

/// A walk over a value and its schema together, with the path of where it is.
struct Walk<'a> {
    errors: &'a mut FieldErrors,
    path: String,
    budget: Budget,
}

impl Walk<'_> {
    fn value(&mut self, node: &Node, new: &Value, past: Past<'_>) -> Result<(), Exhausted> {
        if !node.expressions_below || new.is_null() {
            return Ok(());
        }
        self.rules(node, new, past)?;
        match new {
            Value::Object(fields) => {
                let end = self.path.len();
                for (name, value) in fields {
                    let declared = node.fields.get(name);
                    let Some(field) = declared.or(node.values.as_deref()) else { continue };
                    // Writing to a string cannot fail.
                    let _ = match (declared, end) {
                        (Some(_), 0) => write!(self.path, "{name}"),
                        (Some(_), _) => write!(self.path, ".{name}"),
                        (None, _) => write!(self.path, "[{name}]"),
                    };
                    let old = past.old.filter(|_| !node.atomic).and_then(|old| old.get(name));
                    let done = self.value(field, value, past.below(value, old));
                    self.path.truncate(end);
                    done?;
                }
            }
            Value::Array(items) => {
                let Some(of) = node.items.as_deref() else { return Ok(()) };
                let old = node.by_key(past.old);
                let end = self.path.len();
                for (index, item) in items.iter().enumerate() {
                    let same = node.key(item).and_then(|key| old.get(&key).copied());
                    let _ = write!(self.path, "[{index}]");
                    let done = self.value(of, item, past.below(item, same));
                    self.path.truncate(end);
                    done?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn rules(&mut self, node: &Node, new: &Value, past: Past<'_>) -> Result<(), Exhausted> {
        let old = past.old.filter(|old| !old.is_null());
        let scope = Scope { node, new, old, is_root: self.path.is_empty() };
        for rule in &node.expressions.rules {
            if past.unchanged && !rule.uses_old {
                // What was there before the rule is not held against a client.
                continue;
            }
            if self.budget.is_exhausted() {
                return self.exhausted(node, "", rule::OUT_OF_BUDGET.to_owned());
            }
            match rule.judge(&scope, &self.budget) {
                Verdict::Holds => {}
                Verdict::Broken(message) => {
                    let field = self.field(&rule.field_path);
                    rule.report(field, node.kind, new, &message, self.errors);
                }
                Verdict::Failed(why) => {
                    self.errors.invalid(self.field(""), node.expressions.shown, why);
                }
                Verdict::Exhausted(why) => return self.exhausted(node, "", why),
                Verdict::MessageExhausted(why) => {
                    return self.exhausted(node, &rule.field_path, why);
                }
            }
        }
        Ok(())
    }

    /// The field that an error is about: the place of the walk, or one below it.
    fn field(&self, below: &str) -> String {
        match (below, &*self.path) {
            ("", "") => WHOLE.to_owned(),
            (below, "") => below.trim_start_matches('.').to_owned(),
            (below, path) => format!("{path}{below}"),
        }
    }

    fn exhausted(&mut self, node: &Node, below: &str, why: String) -> Result<(), Exhausted> {
        self.errors.invalid(self.field(below), node.expressions.shown, why);
        Err(Exhausted)
    }
}
