//! The documents of discovery, made from the catalog in the field order of Kubernetes' Go types.

use crate::catalog::{Catalog, Group, Resource, Subresource, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// How many bytes of the hash make a `storageVersionHash`.
const STORAGE_HASH_BYTES: usize = 8;

/// `/apis`. Go leaves `apiVersion` out of this one, and so do we.
#[derive(Debug, Serialize)]
pub(super) struct ApiGroupList<'a> {
    kind: &'static str,
    groups: Vec<ApiGroup<'a>>,
}

impl<'a> ApiGroupList<'a> {
    pub(super) fn of(catalog: &'a Catalog, server_address: &'a str) -> Self {
        let groups = catalog.groups.iter().filter(|group| !group.name.is_empty());
        let entry = |group| ApiGroup {
            kind: None,
            api_version: None,
            server_address_by_client_cidrs: Some([ServerAddress::of(server_address)]),
            ..ApiGroup::of(group)
        };
        Self { kind: "APIGroupList", groups: groups.map(entry).collect() }
    }
}

/// `/apis/{group}`, and an entry of `/apis`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiGroup<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'static str>,
    name: &'a str,
    versions: Vec<GroupVersion<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_version: Option<GroupVersion<'a>>,
    #[serde(rename = "serverAddressByClientCIDRs", skip_serializing_if = "Option::is_none")]
    server_address_by_client_cidrs: Option<[ServerAddress<'a>; 1]>,
}

impl<'a> ApiGroup<'a> {
    pub(super) fn of(group: &'a Group) -> Self {
        let entry = |version: &'a Version| GroupVersion {
            group_version: group_version(group, version),
            version: &version.name,
        };
        Self {
            kind: Some("APIGroup"),
            api_version: Some("v1"),
            name: &group.name,
            versions: group.versions.iter().map(entry).collect(),
            preferred_version: group.versions.first().map(entry),
            server_address_by_client_cidrs: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupVersion<'a> {
    group_version: String,
    version: &'a str,
}

fn group_version(group: &Group, version: &Version) -> String {
    if group.name.is_empty() {
        version.name.clone()
    } else {
        format!("{}/{}", group.name, version.name)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerAddress<'a> {
    #[serde(rename = "clientCIDR")]
    client_cidr: &'static str,
    server_address: &'a str,
}

impl<'a> ServerAddress<'a> {
    fn of(server_address: &'a str) -> Self {
        Self { client_cidr: "0.0.0.0/0", server_address }
    }
}

/// `/api`: the versions of the core group.
#[derive(Debug, Serialize)]
pub(super) struct ApiVersions<'a> {
    kind: &'static str,
    versions: Vec<&'a str>,
    #[serde(rename = "serverAddressByClientCIDRs")]
    server_address_by_client_cidrs: [ServerAddress<'a>; 1],
}

impl<'a> ApiVersions<'a> {
    pub(super) fn of(group: &'a Group, server_address: &'a str) -> Self {
        Self {
            kind: "APIVersions",
            versions: group.versions.iter().map(|version| version.name.as_str()).collect(),
            server_address_by_client_cidrs: [ServerAddress::of(server_address)],
        }
    }
}

/// `/apis/{group}/{version}`: the resources and, as entries of their own, the subresources.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiResourceList<'a> {
    kind: &'static str,
    api_version: &'static str,
    group_version: String,
    resources: Vec<ApiResource<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiResource<'a> {
    name: String,
    singular_name: &'a str,
    namespaced: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    kind: &'a str,
    verbs: &'a [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    short_names: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_version_hash: Option<String>,
}

impl<'a> ApiResourceList<'a> {
    pub(super) fn of(group: &'a Group, version: &'a Version) -> Self {
        let mut resources = Vec::new();
        for resource in &version.resources {
            resources.push(ApiResource::of(group, resource));
            for subresource in &resource.subresources {
                resources.push(ApiResource::below(group, version, resource, subresource));
            }
        }
        resources.sort_by(|a, b| a.name.cmp(&b.name));
        let group_version = group_version(group, version);
        Self { kind: "APIResourceList", api_version: "v1", group_version, resources }
    }
}

impl<'a> ApiResource<'a> {
    fn of(group: &'a Group, resource: &'a Resource) -> Self {
        let stored = resource.stored_version.as_deref();
        Self {
            name: resource.plural.clone(),
            singular_name: &resource.singular,
            namespaced: resource.namespaced,
            group: "",
            version: "",
            kind: &resource.kind,
            verbs: &resource.verbs,
            short_names: &resource.short_names,
            categories: &resource.categories,
            storage_version_hash: stored
                .map(|version| storage_version_hash(&group.name, version, &resource.kind)),
        }
    }

    fn below(
        group: &Group,
        version: &Version,
        resource: &Resource,
        subresource: &'a Subresource,
    ) -> Self {
        let at_home = subresource.group == group.name && subresource.version == version.name;
        let (group, version) =
            if at_home { ("", "") } else { (&*subresource.group, &*subresource.version) };
        Self {
            name: format!("{}/{}", resource.plural, subresource.name),
            singular_name: "",
            namespaced: resource.namespaced,
            group,
            version,
            kind: &subresource.kind,
            verbs: &subresource.verbs,
            short_names: &[],
            categories: &[],
            storage_version_hash: None,
        }
    }
}

/// What `StorageVersionHash` of Go's `pkg/endpoints/discovery` computes: clients compare it to
/// learn that objects are now stored in another version.
fn storage_version_hash(group: &str, version: &str, kind: &str) -> String {
    let gvk = format!("{group}/{version}/{kind}");
    let digest = ring::digest::digest(&ring::digest::SHA256, gvk.as_bytes());
    STANDARD.encode(digest.as_ref().get(..STORAGE_HASH_BYTES).unwrap_or_default())
}

/// `/apis` or `/api` as one document with everything below it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiGroupDiscoveryList<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata<'a>,
    items: Vec<GroupDiscovery<'a>>,
}

#[derive(Debug, Default, Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct GroupDiscovery<'a> {
    metadata: Metadata<'a>,
    versions: Vec<VersionDiscovery<'a>>,
}

#[derive(Debug, Serialize)]
struct VersionDiscovery<'a> {
    version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<ResourceDiscovery<'a>>,
    freshness: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceDiscovery<'a> {
    resource: &'a str,
    response_kind: ResponseKind<'a>,
    scope: &'static str,
    singular_resource: &'a str,
    verbs: &'a [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    short_names: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subresources: Vec<SubresourceDiscovery<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SubresourceDiscovery<'a> {
    subresource: &'a str,
    response_kind: ResponseKind<'a>,
    verbs: &'a [&'static str],
}

/// Group and version are empty where they are those of the document's own group and version.
#[derive(Debug, Serialize)]
struct ResponseKind<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
}

impl<'a> ApiGroupDiscoveryList<'a> {
    pub(super) fn of(groups: impl Iterator<Item = &'a Group>) -> Self {
        Self {
            kind: "APIGroupDiscoveryList",
            api_version: "apidiscovery.k8s.io/v2",
            metadata: Metadata::default(),
            items: groups.map(GroupDiscovery::of).collect(),
        }
    }
}

impl<'a> GroupDiscovery<'a> {
    fn of(group: &'a Group) -> Self {
        let entry = |version: &'a Version| VersionDiscovery {
            version: &version.name,
            resources: version
                .resources
                .iter()
                .map(|resource| ResourceDiscovery::of(group, version, resource))
                .collect(),
            freshness: "Current",
        };
        let versions = group.versions.iter().map(entry).collect();
        Self { metadata: Metadata { name: &group.name }, versions }
    }
}

impl<'a> ResourceDiscovery<'a> {
    fn of(group: &'a Group, version: &'a Version, resource: &'a Resource) -> Self {
        let entry = |subresource: &'a Subresource| {
            let ApiResource { group, version, kind, verbs, .. } =
                ApiResource::below(group, version, resource, subresource);
            let response_kind = ResponseKind { group, version, kind };
            SubresourceDiscovery { subresource: &subresource.name, response_kind, verbs }
        };
        Self {
            resource: &resource.plural,
            response_kind: ResponseKind { group: "", version: "", kind: &resource.kind },
            scope: if resource.namespaced { "Namespaced" } else { "Cluster" },
            singular_resource: &resource.singular,
            verbs: &resource.verbs,
            short_names: &resource.short_names,
            categories: &resource.categories,
            subresources: resource.subresources.iter().map(entry).collect(),
        }
    }
}
