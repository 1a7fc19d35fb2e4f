//! Which objects a list, a watch or a deletion of a collection is about.

use super::Context;
use crate::cache::{Entry, Query, Wanted};
use pintle_meta::options::ListOptions;
use pintle_meta::selector::{FieldSelector, LabelSelector};
use pintle_meta::{KindInfo, Status};
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

    /// What the index of the cache is asked.
    pub(super) fn wanted(&self, cx: &Context) -> Wanted {
        Wanted::by(&self.labels, &self.fields, &cx.resource.kind, cx.version)
    }

    /// All of what is selected, of which the index is asked `wanted`.
    pub(super) fn query<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> Query<'a, impl Fn(&Entry) -> bool + 'a> {
        Query {
            prefix: &self.prefix,
            start: "",
            limit: 0,
            wanted,
            name: self.only_name(),
            filter: (!self.is_everything()).then_some(|entry: &Entry| self.matches(entry)),
        }
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
        self.fields.matches(|field| own(field).or_else(|| entry.field(kind, *version, field)))
    }
}
