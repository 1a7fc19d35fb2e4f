//! Strategic merge patch, Kubernetes' own: a merge patch that knows which lists have named items.
//!
//! What happens to a list is in the schema (`x-kubernetes-patch-strategy` and
//! `x-kubernetes-patch-merge-key`); a patch can say otherwise with directives: `$patch` replaces or
//! deletes an object or an item, `$retainKeys` clears all fields but those it names,
//! `$setElementOrder/<field>` orders a list and `$deleteFromPrimitiveList/<field>` takes scalars
//! out of one. The rules are those of `k8s.io/apimachinery/pkg/util/strategicpatch`.

use super::lists::{self, Order, type_name};
use super::{Error, parse_object, remainder};
use crate::go;
use crate::managed::{Type, TypeSchema};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What a field of a patch that tells how to patch is called, or how its name begins.
pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const SET_ELEMENT_ORDER: &str = "$setElementOrder";
pub(super) const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";

/// A partial object with directives.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategicPatch {
    fields: Map<String, Value>,
    findings: Vec<String>,
}

impl StrategicPatch {
    /// Reads the body of a request with `application/strategic-merge-patch+json`.
    ///
    /// # Errors
    /// [`Error::Undecodable`] if it is neither a JSON object nor `null`, which changes nothing.
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let parsed = parse_object(body).map_err(Error::Undecodable)?;
        let (fields, findings) = parsed.unwrap_or_default();
        Ok(Self { fields, findings })
    }

    /// What `fieldValidation` has to say of the patch itself: `duplicate field "spec.image"`.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The object with the patch merged into it; a value that is no object counts as an empty one.
    ///
    /// # Errors
    /// [`Error::BadFormat`] for directives that are not formed as they should be,
    /// [`Error::CannotApply`] for lists of lists, [`Error::Internal`] for what Kubernetes blames on
    /// itself: items without their merge key, lists of mixed types, unknown directives.
    ///
    /// ```
    /// # use pintle_meta::{managed::TypeSchema, patch::StrategicPatch};
    /// # use serde_json::json;
    /// let schema = TypeSchema::from_json_schema(&json!({"type": "object", "properties": {
    ///     "ports": {
    ///         "type": "array",
    ///         "items": {"type": "object"},
    ///         "x-kubernetes-patch-strategy": "merge",
    ///         "x-kubernetes-patch-merge-key": "name",
    ///     },
    /// }}));
    /// let patch = StrategicPatch::decode(br#"{"ports": [{"name": "b", "port": 2}]}"#)?;
    /// let patched = patch.apply(json!({"ports": [{"name": "a"}, {"name": "b"}]}), &schema)?;
    /// assert_eq!(patched, json!({"ports": [{"name": "a"}, {"name": "b", "port": 2}]}));
    /// # Ok::<(), pintle_meta::patch::Error>(())
    /// ```
    pub fn apply(&self, object: Value, schema: &TypeSchema) -> Result<Value, Error> {
        let fields = match object {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        merge_object(fields, &self.fields, Some(schema.root())).map(Value::Object)
    }

    /// What is left of the patch once it has been merged into an object: Kubernetes takes out the
    /// directives that it has followed, and shows the rest where it cannot read the result.
    #[must_use]
    pub fn remainder(&self, object: &Value, schema: &TypeSchema) -> Value {
        let mut left = self.fields.clone();
        remainder::of_object(&mut left, object.as_object(), Some(schema.root()));
        Value::Object(left)
    }
}

/// Merges a patch into an object of a type, of which perhaps nothing is known.
///
/// The recursion ends with the patch, whose depth the reader has limited.
pub(super) fn merge_object(
    mut object: Map<String, Value>,
    patch: &Map<String, Value>,
    of: Option<Type<'_>>,
) -> Result<Map<String, Value>, Error> {
    match patch.get(DIRECTIVE) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => {
            let mut replacement = patch.clone();
            replacement.remove(DIRECTIVE);
            return Ok(replacement);
        }
        Some(Value::String(directive)) if directive == "delete" => return Ok(Map::new()),
        Some(other) => return Err(unknown_directive(other, patch)),
    }
    retain_keys(&mut object, patch)?;
    // A list that is ordered takes its part of the patch in the same step.
    for (name, order) in patch.iter().filter(|(name, _)| name.starts_with(SET_ELEMENT_ORDER)) {
        let name = field_of(name, SET_ELEMENT_ORDER)?;
        merge_in_order(&mut object, name, patch.get(name), order, field(of, name))?;
    }
    for (name, value) in patch {
        if name == RETAIN_KEYS || name.starts_with(SET_ELEMENT_ORDER) {
            continue;
        }
        if name.starts_with(DELETE_FROM_LIST) {
            delete_from_list(&mut object, field_of(name, DELETE_FROM_LIST)?, value)?;
        } else if !patch.contains_key(&format!("{SET_ELEMENT_ORDER}/{name}")) {
            merge_field(&mut object, name, value, field(of, name))?;
        }
    }
    Ok(object)
}

/// The part of a directive's name behind its slash.
fn field_of<'a>(name: &'a str, directive: &str) -> Result<&'a str, Error> {
    let field = name.strip_prefix(directive).and_then(|rest| rest.strip_prefix('/'));
    field.ok_or_else(|| match directive {
        DELETE_FROM_LIST => bad_format("invalid patch format of primitive list"),
        _ => bad_format("invalid patch format of setElementOrder list"),
    })
}

fn field<'a>(of: Option<Type<'a>>, name: &str) -> Option<Type<'a>> {
    of.and_then(|of| of.field(name))
}

fn bad_format(why: &str) -> Error {
    Error::BadFormat(why.to_owned())
}

/// The refusal of a `$patch` with another value than the known ones.
pub(super) fn unknown_directive(directive: &Value, patch: &Map<String, Value>) -> Error {
    let (directive, patch) = (go::plain(directive), go::plain_object(patch));
    Error::Internal(format!("unknown patch type: {directive} in map: {patch}"))
}

/// What the schema says to do where both sides have a value, apart from `retainKeys`, which is for
/// clients that make patches.
fn strategy(of: Option<Type<'_>>) -> Result<&str, Error> {
    let declared = of.and_then(Type::patch_strategy).unwrap_or_default();
    let mut strategies = declared.split(',').filter(|strategy| *strategy != "retainKeys");
    match (strategies.next(), strategies.next()) {
        (strategy, None) => Ok(strategy.unwrap_or_default()),
        _ => Err(Error::Internal(format!("unexpected patch strategy: [{declared}]"))),
    }
}

/// Clears the fields that `$retainKeys` does not name, if it is there.
fn retain_keys(object: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), Error> {
    let invalid = || bad_format("invalid patch format of retainKeys");
    let Some(retained) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let retained = retained.as_array().ok_or_else(invalid)?;
    let names: HashSet<&str> = retained.iter().filter_map(Value::as_str).collect();
    let is_set = |(name, value): (&String, &Value)| {
        let directive = name == RETAIN_KEYS
            || name.starts_with(DELETE_FROM_LIST)
            || name.starts_with(SET_ELEMENT_ORDER);
        !directive && !value.is_null() && !names.contains(name.as_str())
    };
    if patch.iter().any(is_set) {
        return Err(invalid());
    }
    object.retain(|name, _| names.contains(name.as_str()));
    Ok(())
}

fn delete_from_list(
    object: &mut Map<String, Value>,
    name: &str,
    deleted: &Value,
) -> Result<(), Error> {
    match (object.get_mut(name), deleted) {
        (_, Value::Null) => _ = object.remove(name),
        (Some(Value::Array(items)), Value::Array(deleted)) => lists::delete(items, deleted)?,
        _ => {}
    }
    Ok(())
}

fn merge_field(
    object: &mut Map<String, Value>,
    name: &str,
    patch: &Value,
    of: Option<Type<'_>>,
) -> Result<(), Error> {
    let merged = match (object.remove(name), patch) {
        (_, Value::Null) => None,
        (Some(Value::Object(current)), Value::Object(patch)) => Some(match strategy(of)? {
            "replace" => patch.clone().into(),
            _ => merge_object(current, patch, of)?.into(),
        }),
        (Some(Value::Array(current)), Value::Array(patch)) => {
            Some(merge_list(current, patch, of)?.into())
        }
        _ => without_directives(patch),
    };
    if let Some(merged) = merged {
        object.insert(name.to_owned(), merged);
    }
    Ok(())
}

fn merge_list(
    current: Vec<Value>,
    patch: &[Value],
    of: Option<Type<'_>>,
) -> Result<Vec<Value>, Error> {
    if strategy(of)? != "merge" {
        return Ok(patch.to_vec());
    }
    let key = of.and_then(Type::patch_merge_key);
    let items = of.and_then(Type::items);
    lists::merge(current, patch, key, &mut |current, patch| merge_object(current, patch, items))
}

/// Merges a list and puts its items into the order that `$setElementOrder` gives.
fn merge_in_order(
    object: &mut Map<String, Value>,
    name: &str,
    patch: Option<&Value>,
    order: &Value,
    of: Option<Type<'_>>,
) -> Result<(), Error> {
    let list = |value: &Value| match value {
        Value::Array(items) => Ok(items.clone()),
        other => Err(Error::Internal(format!(
            "expected a []interface {{}}, but received a {}",
            type_name(other)
        ))),
    };
    let order = list(order)?;
    let current = object.get(name).map(list).transpose()?;
    let patch = patch.map(list).transpose()?;
    let key = of.and_then(Type::patch_merge_key);
    lists::check_order(patch.as_deref().unwrap_or_default(), &order, key)?;
    let before = match (&current, &patch, key) {
        (Some(current), Some(patch), Some(key)) => lists::places_taken(current, patch, key),
        _ => current.clone().unwrap_or_default(),
    };
    let merged = match (current, patch) {
        (None, None) => return Ok(()),
        (Some(current), None) => current,
        (None, Some(patch)) => patch.iter().filter_map(without_directives).collect(),
        (Some(current), Some(patch)) => merge_list(current, &patch, of)?,
    };
    let sorted = Order { patch: &order, before: &before, key }.sorted(merged)?;
    object.insert(name.to_owned(), sorted.into());
    Ok(())
}

/// A value that is new to the object: without `null` fields, and without objects that are there to
/// be deleted. `None` if it is such an object itself.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            let kept = kept.filter_map(|(name, value)| {
                without_directives(value).map(|value| (name.clone(), value))
            });
            Some(kept.collect())
        }
        Value::Array(items) => Some(items.iter().filter_map(without_directives).collect()),
        other => Some(other.clone()),
    }
}
