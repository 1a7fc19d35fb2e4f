//! What a server serves, as data: the one source of discovery and of the OpenAPI documents.
//!
//! Made once from the registered kinds; everything that describes the API to a client is derived
//! from it and from nothing else, so that a description cannot differ from what is served.

use crate::part::BodyKind;
use crate::registry::{self, ACTION_VERBS, PART_VERBS};
use serde_json::Value;
use std::sync::Arc;

/// Everything that is served below `/api` and `/apis`.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    /// The title of the OpenAPI documents, for example `hello.zeng.dev-server`.
    pub title: String,
    /// The version of the OpenAPI documents, for example `0.1`.
    pub version: String,
    /// Whether callers must say who they are. The OpenAPI documents then name the bearer token and
    /// the 401 of every operation, as those of a Go server with authentication do.
    pub authenticated: bool,
    /// Whether the resources are served in CBOR too.
    pub cbor: bool,
    /// The groups, in the order in which they are listed.
    pub groups: Vec<Group>,
}

/// An API group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The name; empty for the core group, which is served below `/api`.
    pub name: String,
    /// The versions, the preferred one first.
    pub versions: Vec<Version>,
}

/// A version of a group.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// The name, for example `v1`.
    pub name: String,
    /// The resources, sorted by plural name.
    pub resources: Vec<Resource>,
}

/// A resource of a version.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// `foos`
    pub plural: String,
    /// `foo`
    pub singular: String,
    /// `Foo`
    pub kind: String,
    /// `FooList`
    pub list_kind: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// `fo`
    pub short_names: Vec<String>,
    /// `all`
    pub categories: Vec<String>,
    /// The verbs that are served, sorted.
    pub verbs: Vec<&'static str>,
    /// The version in which objects are stored; `None` where the kind keeps them its own way.
    pub stored_version: Option<String>,
    /// The subresources, sorted by name.
    pub subresources: Vec<Subresource>,
    /// Makes the schema of the kind.
    pub schema: SchemaFn,
}

/// A subresource of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Subresource {
    /// `status`
    pub name: String,
    /// The group of the body's kind.
    pub group: String,
    /// The version of the body's kind.
    pub version: String,
    /// The body's kind.
    pub kind: String,
    /// The verbs that are served, sorted.
    pub verbs: Vec<&'static str>,
    /// Makes the schema of the body's kind.
    pub schema: SchemaFn,
    /// Where it is a connecter.
    pub connect: Option<Connect>,
}

/// What a connecter answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connect {
    /// `GET`
    pub methods: &'static [&'static str],
    /// Whether the paths below it are its own too.
    pub takes_path: bool,
}

/// Makes the JSON schema of a kind as `schemars` has it for OpenAPI 3.0: the root object with
/// `properties` (`spec`, `status`, … without `apiVersion`, `kind` and `metadata`) and everything
/// it refers to below `components.schemas`.
///
/// A function, so that starting a server does no schema work.
pub(crate) type SchemaFn = fn() -> Value;

/// The groups of resources, in the order of their registration; the core group comes first.
pub(crate) fn groups(resources: &[Arc<registry::Resource>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for resource in resources {
        let name = &resource.kind.group;
        let at = groups.iter().position(|group| group.name == *name).unwrap_or_else(|| {
            groups.push(Group { name: name.clone(), versions: Vec::new() });
            groups.len() - 1
        });
        add(&mut groups[at].versions, resource);
    }
    groups.sort_by_key(|group| !group.name.is_empty());
    groups
}

fn add(versions: &mut Vec<Version>, resource: &registry::Resource) {
    for (i, info) in resource.kind.versions.iter().enumerate() {
        let at = versions.iter().position(|v| v.name == info.version).unwrap_or_else(|| {
            versions.push(Version { name: info.version.clone(), resources: Vec::new() });
            versions.len() - 1
        });
        let resources = &mut versions[at].resources;
        resources.push(describe(resource, i));
        resources.sort_by(|a, b| a.plural.cmp(&b.plural));
    }
}

fn describe(resource: &registry::Resource, version: usize) -> Resource {
    let kind = &resource.kind;
    let stored = matches!(resource.backing, registry::Backing::Store(_));
    Resource {
        plural: kind.plural.clone(),
        singular: kind.singular.clone(),
        kind: kind.kind.clone(),
        list_kind: kind.list_kind.clone(),
        namespaced: kind.namespaced,
        short_names: kind.short_names.clone(),
        categories: kind.categories.clone(),
        verbs: resource.verbs().to_vec(),
        stored_version: stored.then(|| kind.hub().version.clone()),
        subresources: subresources(resource, version),
        schema: kind.versions[version].schema,
    }
}

fn subresources(resource: &registry::Resource, version: usize) -> Vec<Subresource> {
    let info = &resource.kind.versions[version];
    let body = |name: &str, body: &BodyKind, verbs: &[&'static str]| Subresource {
        name: name.to_owned(),
        group: body.group.clone(),
        version: body.version.clone(),
        kind: body.kind.clone(),
        verbs: verbs.to_vec(),
        schema: body.schema,
        connect: None,
    };
    // What is not about a body of its own is about the kind.
    let own = |name: &str, verbs: &[&'static str], connect: Option<Connect>| Subresource {
        name: name.to_owned(),
        group: resource.kind.group.clone(),
        version: info.version.clone(),
        kind: resource.kind.kind.clone(),
        verbs: verbs.to_vec(),
        schema: info.schema,
        connect,
    };
    let mut found = Vec::new();
    if resource.status.is_some() && info.has_status {
        found.push(own("status", PART_VERBS, None));
    }
    let parts = resource.parts.iter().filter(|part| resource.serves_part(version, part));
    found.extend(parts.map(|part| body(&part.name, &part.body, PART_VERBS)));
    found.extend(resource.actions.iter().map(|a| body(&a.name, &a.body, ACTION_VERBS)));
    found.extend(resource.connects.iter().map(|one| {
        let methods = one.connecter.methods();
        let connect = Connect { methods, takes_path: one.connecter.takes_path() };
        own(&one.name, &one.verbs, Some(connect))
    }));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
