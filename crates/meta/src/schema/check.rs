//! A walk over a value and its schema together, which collects what is wrong.
//!
//! The texts are those of Kubernetes' fork of `go-openapi/validate`, as custom resources show them.

use super::MAX_PROBLEMS;
use super::Plain;
use super::format::Declared;
use super::node::{Limits, Node};
use crate::field::FieldErrors;
use crate::go;
use crate::json::quote;
use serde_json::{Map, Number, Value};
use std::fmt::Write as _;

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) errors: FieldErrors,
    /// Whether some value was of another type than the schema says.
    pub(super) mistyped: bool,
}

impl Found {
    fn is_full(&self) -> bool {
        self.errors.as_slice().len() >= MAX_PROBLEMS
    }
}

/// A walk, with the path of where it is.
struct Walk<'a> {
    found: &'a mut Found,
    path: String,
}

/// Checks a whole object; what is as it was in `old` is passed over.
pub(super) fn object(node: &Node, new: &Value, old: Option<&Value>, found: &mut Found) {
    Walk { found, path: String::new() }.value(node, new, old);
}

impl Walk<'_> {
    fn value(&mut self, node: &Node, new: &Value, old: Option<&Value>) {
        if !node.checks_below || self.found.is_full() || old == Some(new) {
            return;
        }
        // A null sets nothing: to the types behind the schema it is as good as nothing.
        if new.is_null() {
            return;
        }
        if node.kind.is_some_and(|kind| !kind.fits(new)) {
            self.found.mistyped = true;
            return;
        }
        self.variants(node, new);
        match new {
            Value::String(text) => self.text(&node.limits, text),
            Value::Number(number) => self.number(&node.limits, number),
            Value::Array(items) => self.items(node, items, old),
            Value::Null | Value::Bool(_) | Value::Object(_) => {}
        }
        self.one_of(&node.limits, new);
        if let Value::Object(fields) = new {
            self.fields(node, fields, old);
        }
    }

    /// What stands in messages for the place of the walk.
    fn place(&self) -> String {
        format!("{} in body", self.path)
    }

    fn text(&mut self, limits: &Limits, text: &str) {
        let length = || text.chars().count();
        if let Some(max) = limits.max_length.filter(|max| text.len() > *max && length() > *max) {
            self.found.errors.too_long(&self.path, max);
        }
        if let Some(min) = limits.min_length.filter(|min| length() < *min) {
            let why = format!("{} should be at least {min} chars long", self.place());
            self.found.errors.invalid(&self.path, text, why);
        }
        if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let why = format!("{} should match '{pattern}'", self.place());
            self.found.errors.invalid(&self.path, text, why);
        }
        let format = limits.format.as_ref().filter(|declared| !declared.format.fits(text));
        if let Some(Declared { name, .. }) = format {
            let why = format!("{} must be of type {name}: {}", self.place(), quote(text));
            self.found.errors.type_invalid(&self.path, text, why);
        }
    }

    fn number(&mut self, limits: &Limits, number: &Number) {
        let Some(value) = number.as_f64() else { return };
        // A limit is told as the value is: a whole number without an exponent.
        let limit = |limit: f64| match number.is_f64() || limit.fract() != 0.0 {
            true => go::float(limit),
            false => limit.to_string(),
        };
        let mut refuse = |why: String| {
            let why = format!("{} in body should be {why}", self.path);
            self.found.errors.invalid(&self.path, Plain(&go::number(number)), why);
        };
        if let Some(of) = limits.multiple_of.filter(|of| !is_multiple(value, *of)) {
            refuse(format!("a multiple of {}", limit(of)));
        }
        match limits.maximum {
            Some((max, true)) if value >= max => refuse(format!("less than {}", limit(max))),
            Some((max, false)) if value > max => {
                refuse(format!("less than or equal to {}", limit(max)));
            }
            _ => {}
        }
        match limits.minimum {
            Some((min, true)) if value <= min => refuse(format!("greater than {}", limit(min))),
            Some((min, false)) if value < min => {
                refuse(format!("greater than or equal to {}", limit(min)));
            }
            _ => {}
        }
    }

    fn items(&mut self, node: &Node, items: &[Value], old: Option<&Value>) {
        let count = items.len();
        if let Some(min) = node.limits.min_items.filter(|min| count < *min) {
            let why = format!("{} should have at least {min} items", self.place());
            self.found.errors.invalid(&self.path, count, why);
        }
        if let Some(max) = node.limits.max_items.filter(|max| count > *max) {
            self.found.errors.too_many(&self.path, count, max);
            return;
        }
        let Some(of) = node.items.as_deref().filter(|of| of.checks_below) else { return };
        let old = node.by_key(old);
        let end = self.path.len();
        for (index, item) in items.iter().enumerate() {
            let same = node.key(item).and_then(|key| old.get(&key).copied());
            let _ = write!(self.path, "[{index}]");
            self.value(of, item, same);
            self.path.truncate(end);
        }
    }

    fn one_of(&mut self, limits: &Limits, value: &Value) {
        let Some(allowed) = &limits.one_of else { return };
        if allowed.contains(value) {
            return;
        }
        let names: Vec<String> = allowed
            .iter()
            .filter(|allowed| !allowed.is_null())
            .map(|allowed| allowed.as_str().map_or_else(|| allowed.to_string(), str::to_owned))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match value {
            Value::String(text) => self.found.errors.not_supported(&self.path, text, &names),
            Value::Number(number) => {
                self.found.errors.not_supported(&self.path, Plain(&go::number(number)), &names);
            }
            other => self.found.errors.not_supported(&self.path, other, &names),
        }
    }

    fn fields(&mut self, node: &Node, fields: &Map<String, Value>, old: Option<&Value>) {
        let count = fields.len();
        if let Some(max) = node.limits.max_fields.filter(|max| count > *max) {
            self.found.errors.too_many(&self.path, count, max);
        }
        if let Some(min) = node.limits.min_fields.filter(|min| count < *min) {
            let why = format!("{} should have at least {min} properties", self.place());
            self.found.errors.invalid(&self.path, count, why);
        }
        let end = self.path.len();
        for name in &node.required {
            if fields.get(name).is_none_or(Value::is_null) {
                self.enter(name);
                self.found.errors.required(&self.path);
                self.path.truncate(end);
            }
        }
        for (name, value) in fields {
            let Some(of) = node.field(name).filter(|of| of.checks_below) else { continue };
            self.enter(name);
            self.value(of, value, old.and_then(|old| old.get(name)));
            self.path.truncate(end);
        }
    }

    fn enter(&mut self, name: &str) {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }

    /// Alternatives. What fails in one of them is only told when none fits.
    fn variants(&mut self, node: &Node, value: &Value) {
        if !node.any_of.is_empty() {
            let (fitting, best) = self.fitting(&node.any_of, value);
            if fitting == 0 {
                self.whole("must validate at least one schema (anyOf)");
                self.found.errors.extend(best);
            }
        }
        if !node.one_of.is_empty() {
            let (fitting, best) = self.fitting(&node.one_of, value);
            match fitting {
                0 => {
                    self.whole("must validate one and only one schema (oneOf). Found none valid");
                    self.found.errors.extend(best);
                }
                1 => {}
                more => self.whole(&format!(
                    "must validate one and only one schema (oneOf). Found {more} valid alternatives"
                )),
            }
        }
        if !node.all_of.is_empty() {
            let before = self.found.errors.as_slice().len();
            node.all_of.iter().for_each(|variant| self.value(variant, value, None));
            if self.found.errors.as_slice().len() > before {
                self.whole("must validate all the schemas (allOf)");
            }
        }
        if let Some(not) = &node.not
            && self.fitting(std::slice::from_ref(&**not), value).0 > 0
        {
            self.whole("must not validate the schema (not)");
        }
    }

    /// How many variants a value fits, and what is wrong with it in the one that it misses least.
    fn fitting(&self, variants: &[Node], value: &Value) -> (usize, FieldErrors) {
        let mut fitting = 0;
        let mut best: Option<FieldErrors> = None;
        for variant in variants {
            let mut found = Found::default();
            Walk { found: &mut found, path: self.path.clone() }.value(variant, value, None);
            if found.errors.is_empty() && !found.mistyped {
                fitting += 1;
            } else if best
                .as_ref()
                .is_none_or(|b| found.errors.as_slice().len() < b.as_slice().len())
            {
                best = Some(found.errors);
            }
        }
        (fitting, best.unwrap_or_default())
    }

    /// An error about a whole value, which Kubernetes reports without a field.
    fn whole(&mut self, why: &str) {
        self.found.errors.invalid("<nil>", "", format!("{:?} {why}", self.path));
    }
}

/// Whether a number is a multiple of another, as far as numbers with a fraction can tell.
fn is_multiple(value: f64, of: f64) -> bool {
    /// What a quotient may be off for its size, as in Kubernetes.
    const EPSILON: f64 = 1e-9;
    let times = value / of;
    (times - times.round()).abs() <= EPSILON * times.abs().max(1.0)
}
