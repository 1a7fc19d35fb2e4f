//! The resources of a server, found by group, version and name.

use crate::connect::Connect;
use crate::metrics::{Events, Watched};
use crate::negotiate::Transforms;
use crate::part::{Action, Part, StatusPart};
use crate::request::{ResourcePath, Target};
use crate::rest::AnyRest;
use crate::store::Store;
use crate::typing::{LazyTyping, Typing};
use http::Method;
use pintle_meta::protobuf::LazyCodec;
use pintle_meta::{GroupResource, KindInfo, Status};
use std::collections::HashMap;
use std::sync::Arc;

/// A resource that is served.
#[derive(Debug)]
pub(crate) struct Resource {
    pub kind: Arc<KindInfo>,
    pub backing: Backing,
    pub status: Option<StatusPart>,
    pub parts: Vec<Part>,
    pub actions: Vec<Action>,
    pub connects: Vec<Connect>,
    /// One for each version.
    pub typings: Box<[LazyTyping]>,
    /// The events of watches, one for each version.
    pub events: Box<[Arc<Events>]>,
}

/// Where a resource keeps its objects.
#[derive(Debug)]
pub(crate) enum Backing {
    /// In the server's storage.
    Store(Store),
    /// Wherever its author likes.
    Rest(Arc<dyn AnyRest>),
}

/// What a path names below an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subresource<'a> {
    Status(&'a StatusPart),
    Part(&'a Part),
    Action(&'a Action),
    Connect(&'a Connect),
}

const STORE_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The verbs of a status and of a part.
pub(crate) const PART_VERBS: &[&str] = &["get", "patch", "update"];
/// The verb of an action.
pub(crate) const ACTION_VERBS: &[&str] = &["create"];

impl Resource {
    /// The verbs that are served, sorted.
    pub(crate) fn verbs(&self) -> &'static [&'static str] {
        match &self.backing {
            Backing::Store(_) => STORE_VERBS,
            Backing::Rest(rest) => rest.verbs(),
        }
    }

    /// What the field engines must know of a version.
    pub(crate) fn typing(&self, version: usize) -> &Typing {
        let make = || Typing::of_version(&self.kind.versions[version]);
        self.typings[version].get_or_init(make)
    }

    /// The resource, for messages.
    pub(crate) fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.kind.group.clone(), resource: self.kind.plural.clone() }
    }

    /// The subresource with a name, where the version has it.
    pub(crate) fn subresource(&self, version: usize, name: &str) -> Option<Subresource<'_>> {
        if name == "status" && self.kind.versions[version].has_status {
            return self.status.as_ref().map(Subresource::Status);
        }
        let mut parts = self.parts.iter().filter(|part| part.name == name);
        if let Some(part) = parts.find(|part| self.serves_part(version, part)) {
            return Some(Subresource::Part(part));
        }
        if let Some(action) = self.actions.iter().find(|action| action.name == name) {
            return Some(Subresource::Action(action));
        }
        self.connects.iter().find(|connect| connect.name == name).map(Subresource::Connect)
    }

    /// The kind that a path shows, and its form in protocol buffers.
    pub(crate) fn wire_kind(
        &self,
        version: usize,
        subresource: Option<&str>,
    ) -> (&str, &LazyCodec) {
        match subresource.and_then(|name| self.subresource(version, name)) {
            Some(
                Subresource::Part(Part { body, .. }) | Subresource::Action(Action { body, .. }),
            ) => (&body.kind, &body.protobuf),
            Some(Subresource::Status(_) | Subresource::Connect(_)) | None => {
                (&self.kind.kind, &self.kind.versions[version].protobuf)
            }
        }
    }

    /// What the answers of a path can be turned into.
    pub(crate) fn transforms(&self, version: usize, subresource: Option<&str>) -> Transforms {
        match subresource.map(|name| self.subresource(version, name)) {
            None | Some(Some(Subresource::Status(_) | Subresource::Part(_))) => Transforms::All,
            Some(_) => Transforms::Metadata,
        }
    }

    /// The subresources that any version has, with their verbs.
    pub(crate) fn subresources(&self) -> Vec<(&str, &[&'static str])> {
        let mut found: Vec<(&str, &[&'static str])> = Vec::new();
        found.extend(self.status.iter().map(|_| ("status", PART_VERBS)));
        found.extend(self.parts.iter().map(|part| (part.name.as_str(), PART_VERBS)));
        found.extend(self.actions.iter().map(|action| (action.name.as_str(), ACTION_VERBS)));
        found.extend(self.connects.iter().map(|one| (one.name.as_str(), one.verbs.as_slice())));
        found
    }

    /// A part whose kind belongs to the group is served in the version of its kind, one from
    /// another group in all versions, a scale where it is declared.
    pub(crate) fn serves_part(&self, version: usize, part: &Part) -> bool {
        if let Some(scale) = &part.scale {
            return scale.version == version;
        }
        part.body.group != self.kind.group
            || part.body.version == self.kind.versions[version].version
    }
}

impl<'a> Subresource<'a> {
    /// The verbs that are served, sorted.
    pub(crate) fn verbs(self) -> &'a [&'static str] {
        match self {
            Self::Status(_) | Self::Part(_) => PART_VERBS,
            Self::Action(_) => ACTION_VERBS,
            Self::Connect(connect) => &connect.verbs,
        }
    }

    /// Whether the paths below it are its own too.
    fn takes_path(self) -> bool {
        matches!(self, Self::Connect(connect) if connect.connecter.takes_path())
    }
}

/// All resources.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    groups: HashMap<String, HashMap<String, Version>>,
}

type Version = HashMap<String, (Arc<Resource>, usize)>;

impl Registry {
    /// Adds a resource in all its versions.
    pub(crate) fn add(&mut self, resource: &Arc<Resource>) {
        let versions = self.groups.entry(resource.kind.group.clone()).or_default();
        for (i, version) in resource.kind.versions.iter().enumerate() {
            let resources = versions.entry(version.version.clone()).or_default();
            resources.insert(resource.kind.plural.clone(), (Arc::clone(resource), i));
        }
    }

    /// Whether any version of a group is served.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// A resource and the position of the version in its kind.
    pub(crate) fn find(
        &self,
        group: &str,
        version: &str,
        resource: &str,
    ) -> Option<(&Arc<Resource>, usize)> {
        let (resource, version) = self.groups.get(group)?.get(version)?.get(resource)?;
        Some((resource, *version))
    }

    /// Finds the resource of a path, if the path and the method are for it. `Err(None)` is a path that
    /// belongs to no group of this server.
    pub(crate) fn route(
        &self,
        at: &ResourcePath,
        verb: &str,
        method: &Method,
        path: &str,
    ) -> Result<(Arc<Resource>, usize), Option<Status>> {
        if !self.has_group(&at.group) {
            return Err(None);
        }
        let unknown = || Some(Status::unknown_path());
        let found = self.find(&at.group, &at.version, &at.resource);
        let (resource, version) = found.ok_or_else(unknown)?;
        let subresource = match &at.subresource {
            Some(name) => Some(resource.subresource(version, name).ok_or_else(unknown)?),
            None => None,
        };
        let namespaced = resource.kind.namespaced;
        let everywhere = namespaced && at.namespace.is_none();
        // A name that is nothing but an encoded slash must never stand for the whole collection.
        let swallowed = verb == "deletecollection" && path.to_ascii_lowercase().contains("%2f");
        let too_long = at.is_too_long() && !subresource.is_some_and(Subresource::takes_path);
        let misplaced = swallowed
            || too_long
            || (at.namespace.is_some() && !namespaced)
            || (everywhere && at.name.is_some())
            || (at.legacy_watch && at.subresource.is_some());
        if misplaced {
            return Err(unknown());
        }
        if let Some(Subresource::Connect(connect)) = subresource {
            return match connect.serves(method) {
                true => Ok((Arc::clone(resource), version)),
                false => Err(Some(Status::method_not_allowed())),
            };
        }
        let verbs = subresource.map_or(resource.verbs(), Subresource::verbs);
        let fits = match *method {
            Method::GET => true,
            Method::POST => at.name.is_none() != at.subresource.is_some() && !everywhere,
            Method::PUT | Method::PATCH => at.name.is_some(),
            Method::DELETE => !everywhere,
            _ => false,
        };
        if !fits || (at.legacy_watch && verb != "watch") || !verbs.contains(&verb) {
            return Err(Some(Status::method_not_allowed()));
        }
        Ok((Arc::clone(resource), version))
    }

    /// The events of each resource, in order.
    pub(crate) fn watched(&self) -> Vec<Watched<'_>> {
        let versions = self.groups.values().flat_map(HashMap::values);
        let found = versions.flat_map(HashMap::values).filter(|(_, version)| *version == 0);
        let mut all: Vec<Watched<'_>> = found
            .map(|(resource, _)| {
                let Resource { kind, events, .. } = &**resource;
                let versions = kind.versions.iter().map(|it| it.version.as_str());
                (kind.group.as_str(), kind.plural.as_str(), versions.zip(events).collect())
            })
            .collect();
        all.sort_by_key(|(group, plural, _)| (*group, *plural));
        all
    }

    /// Whether a path is that of a connecter, whose requests go on for as long as they like.
    pub(crate) fn is_connect(&self, at: &Target) -> bool {
        let Target::Resource(at) = at else { return false };
        let Some(name) = &at.subresource else { return false };
        self.find(&at.group, &at.version, &at.resource).is_some_and(|(resource, version)| {
            matches!(resource.subresource(version, name), Some(Subresource::Connect(_)))
        })
    }
}
