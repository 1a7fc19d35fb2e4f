//! Which objects a list, a watch or a deletion of a collection is about.

use super::Context;
use crate::cache::{Entry, mark, mark_of};
use pintle_meta::options::ListOptions;
use pintle_meta::selector::{FieldSelector, LabelSelector, Operator};
use pintle_meta::{KindInfo, Status};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// A namespace, or all of them, and selectors.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// What keys begin with by the path: `""` or `namespace/`. Continue tokens are relative to it.
    pub base: String,
    /// What the keys of selected objects begin with, by the path and by the selectors.
    pub prefix: String,
    labels: LabelSelector,
    fields: FieldSelector,
    /// The kind and the version whose own fields are selected by, where some are.
    of: Option<(Arc<KindInfo>, usize)>,
}

const KNOWN_FIELDS: [&str; 2] = ["metadata.name", "metadata.namespace"];

impl Selection {
    /// The objects that the path and the options select.
    pub(super) fn new(cx: &Context, options: &ListOptions) -> Result<Self, Status> {
        let own = cx.version().selectable.iter().map(String::as_str);
        let known: Vec<&str> = KNOWN_FIELDS.into_iter().chain(own).collect();
        options.field_selector.check_known(&known).map_err(Status::bad_request)?;
        let mut fields = options.field_selector.clone();
        if !cx.request.name.is_empty() {
            // Only the old watch paths have a name here.
            match fields.requires_exact("metadata.name") {
                None => fields = FieldSelector::equal("metadata.name", &cx.request.name),
                Some(name) if name == cx.request.name => {}
                Some(_) => {
                    let why = "fieldSelector metadata.name doesn't match requested name";
                    return Err(Status::bad_request(why));
                }
            }
        }
        let base = match cx.request.namespace.as_str() {
            "" => String::new(),
            namespace => format!("{namespace}/"),
        };
        cx.check_key("")?;
        let prefix = match fields.requires_exact("metadata.namespace") {
            Some(namespace) if base.is_empty() && cx.resource.kind.namespaced => {
                format!("{namespace}/")
            }
            _ => base.clone(),
        };
        let mut named = fields.terms().iter().map(|term| term.field.as_str());
        let own = named.any(|field| !KNOWN_FIELDS.contains(&field));
        let of = own.then(|| (Arc::clone(&cx.resource.kind), cx.version));
        Ok(Self { base, prefix, labels: options.label_selector.clone(), fields, of })
    }

    /// Whether every object below the prefix is selected.
    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The only name that is selected, where it is only one.
    pub(super) fn only_name(&self) -> Option<&str> {
        self.fields.requires_exact("metadata.name")
    }

    /// The key of the only object that can be selected, where there is only one.
    pub(super) fn only_key(&self, namespaced: bool) -> Option<String> {
        let name = self.only_name()?;
        (!namespaced || !self.prefix.is_empty()).then(|| format!("{}{name}", self.prefix))
    }

    /// The marks that the labels of every selected object have.
    pub(super) fn marks(&self) -> u64 {
        use Operator::{DoesNotExist, DoubleEquals, Equals, In, NotEquals, NotIn};
        let requirements = self.labels.requirements().iter();
        let marks = requirements.map(|one| match (one.operator(), one.values()) {
            (DoesNotExist | NotEquals | NotIn, _) => 0,
            (Equals | DoubleEquals | In, [value]) => mark(one.key()) | mark_of(one.key(), value),
            _ => mark(one.key()),
        });
        marks.fold(0, |all, mark| all | mark)
    }

    /// Whether an object below the prefix is selected.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let own = |field: &str| match field {
            "metadata.name" => Some(entry.name()),
            "metadata.namespace" => Some(entry.namespace()),
            _ => None,
        };
        if !self.labels.matches(|key| entry.label(key)) {
            return false;
        }
        let Some((kind, version)) = &self.of else { return self.fields.matches(own) };
        let value = entry.value(kind, *version).unwrap_or_default();
        let mut texts = HashMap::new();
        for term in self.fields.terms() {
            texts.insert(term.field.as_str(), text_at(&value, &term.field));
        }
        let text = |field: &str| texts.get(field).map(String::as_str);
        self.fields.matches(|field| own(field).or_else(|| text(field)))
    }
}

/// The value of a field as a selector compares it; nothing is empty.
fn text_at(object: &Value, field: &str) -> String {
    let value = field.split('.').try_fold(object, |value, name| value.get(name));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}
