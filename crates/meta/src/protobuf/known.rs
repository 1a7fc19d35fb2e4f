//! The messages of `meta/v1` and of discovery: names and numbers as Kubernetes'
//! [`generated.proto`](https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/generated.proto)
//! files have them.

use super::table::Shape::{List, Map, OmitEmpty, Optional, Plain};
use super::table::Type::{Bool, IntOrString, Integer, Json, Known, Quantity, Text, Texts, Time};
use super::table::{Codec, Field, Message, Type};
use std::borrow::Cow;

macro_rules! messages {
    ($($name:ident { $($field:literal = $number:literal: $shape:ident $of:expr,)* })*) => { $(
        pub(super) static $name: Message =
            Message { fields: Cow::Borrowed(&[$(Field::new($field, $number, $shape, $of)),*]) };
    )* };
}
pub(super) use messages;

messages! {
    OBJECT_META {
        "name" = 1: OmitEmpty Text,
        "generateName" = 2: OmitEmpty Text,
        "namespace" = 3: OmitEmpty Text,
        "selfLink" = 4: OmitEmpty Text,
        "uid" = 5: OmitEmpty Text,
        "resourceVersion" = 6: OmitEmpty Text,
        "generation" = 7: OmitEmpty Integer,
        "creationTimestamp" = 8: OmitEmpty Time,
        "deletionTimestamp" = 9: Optional Time,
        "deletionGracePeriodSeconds" = 10: Optional Integer,
        "labels" = 11: Map Text,
        "annotations" = 12: Map Text,
        "ownerReferences" = 13: List Known(&OWNER_REFERENCE),
        "finalizers" = 14: List Text,
        "managedFields" = 17: List Known(&MANAGED_FIELDS_ENTRY),
    }
    OWNER_REFERENCE {
        "kind" = 1: Plain Text,
        "name" = 3: Plain Text,
        "uid" = 4: Plain Text,
        "apiVersion" = 5: Plain Text,
        "controller" = 6: Optional Bool,
        "blockOwnerDeletion" = 7: Optional Bool,
    }
    MANAGED_FIELDS_ENTRY {
        "manager" = 1: OmitEmpty Text,
        "operation" = 2: OmitEmpty Text,
        "apiVersion" = 3: OmitEmpty Text,
        "time" = 4: Optional Time,
        "fieldsType" = 6: OmitEmpty Text,
        "fieldsV1" = 7: Optional Json,
        "subresource" = 8: OmitEmpty Text,
    }
    LIST_META {
        "selfLink" = 1: OmitEmpty Text,
        "resourceVersion" = 2: OmitEmpty Text,
        "continue" = 3: OmitEmpty Text,
        "remainingItemCount" = 4: Optional Integer,
    }
    STATUS {
        "metadata" = 1: Plain Known(&LIST_META),
        "status" = 2: OmitEmpty Text,
        "message" = 3: OmitEmpty Text,
        "reason" = 4: OmitEmpty Text,
        "details" = 5: Optional Known(&STATUS_DETAILS),
        "code" = 6: OmitEmpty Integer,
    }
    STATUS_DETAILS {
        "name" = 1: OmitEmpty Text,
        "group" = 2: OmitEmpty Text,
        "kind" = 3: OmitEmpty Text,
        "causes" = 4: List Known(&STATUS_CAUSE),
        "retryAfterSeconds" = 5: OmitEmpty Integer,
        "uid" = 6: OmitEmpty Text,
    }
    STATUS_CAUSE {
        "reason" = 1: OmitEmpty Text,
        "message" = 2: OmitEmpty Text,
        "field" = 3: OmitEmpty Text,
    }
    DELETE_OPTIONS {
        "gracePeriodSeconds" = 1: Optional Integer,
        "preconditions" = 2: Optional Known(&PRECONDITIONS),
        "orphanDependents" = 3: Optional Bool,
        "propagationPolicy" = 4: Optional Text,
        "dryRun" = 5: List Text,
        "ignoreStoreReadErrorWithClusterBreakingPotential" = 6: Optional Bool,
    }
    PRECONDITIONS {
        "uid" = 1: Optional Text,
        "resourceVersion" = 2: Optional Text,
    }
    PARTIAL { "metadata" = 1: Plain Known(&OBJECT_META), }
    API_VERSIONS {
        "versions" = 1: List Text,
        "serverAddressByClientCIDRs" = 2: List Known(&SERVER_ADDRESS),
    }
    SERVER_ADDRESS {
        "clientCIDR" = 1: Plain Text,
        "serverAddress" = 2: Plain Text,
    }
    API_GROUP_LIST { "groups" = 1: List Known(&API_GROUP), }
    API_GROUP {
        "name" = 1: Plain Text,
        "versions" = 2: List Known(&GROUP_VERSION),
        "preferredVersion" = 3: OmitEmpty Known(&GROUP_VERSION),
        "serverAddressByClientCIDRs" = 4: List Known(&SERVER_ADDRESS),
    }
    GROUP_VERSION {
        "groupVersion" = 1: Plain Text,
        "version" = 2: Plain Text,
    }
    API_RESOURCE_LIST {
        "groupVersion" = 1: Plain Text,
        "resources" = 2: List Known(&API_RESOURCE),
    }
    API_RESOURCE {
        "name" = 1: Plain Text,
        "namespaced" = 2: Plain Bool,
        "kind" = 3: Plain Text,
        "verbs" = 4: Optional Texts,
        "shortNames" = 5: List Text,
        "singularName" = 6: Plain Text,
        "categories" = 7: List Text,
        "group" = 8: OmitEmpty Text,
        "version" = 9: OmitEmpty Text,
        "storageVersionHash" = 10: OmitEmpty Text,
    }
    DISCOVERY_LIST {
        "metadata" = 1: Plain Known(&LIST_META),
        "items" = 2: List Known(&DISCOVERED_GROUP),
    }
    DISCOVERED_GROUP {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "versions" = 2: List Known(&DISCOVERED_VERSION),
    }
    DISCOVERED_VERSION {
        "version" = 1: Plain Text,
        "resources" = 2: List Known(&DISCOVERED_RESOURCE),
        "freshness" = 3: OmitEmpty Text,
    }
    DISCOVERED_RESOURCE {
        "resource" = 1: Plain Text,
        "responseKind" = 2: Optional Known(&GROUP_VERSION_KIND),
        "scope" = 3: Plain Text,
        "singularResource" = 4: Plain Text,
        "verbs" = 5: List Text,
        "shortNames" = 6: List Text,
        "categories" = 7: List Text,
        "subresources" = 8: List Known(&DISCOVERED_SUBRESOURCE),
    }
    DISCOVERED_SUBRESOURCE {
        "subresource" = 1: Plain Text,
        "responseKind" = 2: Optional Known(&GROUP_VERSION_KIND),
        "acceptedTypes" = 3: List Known(&GROUP_VERSION_KIND),
        "verbs" = 4: List Text,
    }
    GROUP_VERSION_KIND {
        "group" = 1: Plain Text,
        "version" = 2: Plain Text,
        "kind" = 3: Plain Text,
    }
    LABEL_SELECTOR {
        "matchLabels" = 1: Map Text,
        "matchExpressions" = 2: List Known(&LABEL_SELECTOR_REQUIREMENT),
    }
    LABEL_SELECTOR_REQUIREMENT {
        "key" = 1: Plain Text,
        "operator" = 2: Plain Text,
        "values" = 3: List Text,
    }
    CONDITION {
        "type" = 1: Plain Text,
        "status" = 2: Plain Text,
        "observedGeneration" = 3: OmitEmpty Integer,
        "lastTransitionTime" = 4: Plain Time,
        "reason" = 5: Plain Text,
        "message" = 6: Plain Text,
    }
}

/// A [`Status`](crate::Status).
pub static STATUS_CODEC: Codec = Codec::of(&STATUS);
/// The body of a deletion.
pub static DELETE_OPTIONS_CODEC: Codec = Codec::of(&DELETE_OPTIONS);
/// The metadata of a list.
pub static LIST_META_CODEC: Codec = Codec::of(&LIST_META);
/// An object of which only the metadata are shown.
pub static PARTIAL_CODEC: Codec = Codec::of(&PARTIAL);

static API_VERSIONS_CODEC: Codec = Codec::of(&API_VERSIONS);
static API_GROUP_LIST_CODEC: Codec = Codec::of(&API_GROUP_LIST);
static API_GROUP_CODEC: Codec = Codec::of(&API_GROUP);
static API_RESOURCE_LIST_CODEC: Codec = Codec::of(&API_RESOURCE_LIST);
static DISCOVERY_LIST_CODEC: Codec = Codec::of(&DISCOVERY_LIST);

/// The codec of a document of Kubernetes' own, by its kind.
#[must_use]
pub fn codec(kind: &str) -> Option<&'static Codec> {
    Some(match kind {
        "Status" => &STATUS_CODEC,
        "DeleteOptions" => &DELETE_OPTIONS_CODEC,
        "PartialObjectMetadata" => &PARTIAL_CODEC,
        "APIVersions" => &API_VERSIONS_CODEC,
        "APIGroupList" => &API_GROUP_LIST_CODEC,
        "APIGroup" => &API_GROUP_CODEC,
        "APIResourceList" => &API_RESOURCE_LIST_CODEC,
        "APIGroupDiscoveryList" => &DISCOVERY_LIST_CODEC,
        _ => return None,
    })
}

/// The metadata of an object.
pub(super) const fn object_meta() -> Type {
    Known(&OBJECT_META)
}

/// The type that a schema of this name stands for, where it is one of `k8s_openapi`.
pub(super) fn type_of(schema: &str) -> Option<Type> {
    let name = schema.strip_prefix("io.k8s.apimachinery.pkg.")?;
    Some(match name {
        "api.resource.Quantity" => Quantity,
        "util.intstr.IntOrString" => IntOrString,
        "runtime.RawExtension" | "apis.meta.v1.FieldsV1" => Json,
        "apis.meta.v1.Time" | "apis.meta.v1.MicroTime" => Time,
        "apis.meta.v1.ObjectMeta" => Known(&OBJECT_META),
        "apis.meta.v1.ListMeta" => Known(&LIST_META),
        "apis.meta.v1.OwnerReference" => Known(&OWNER_REFERENCE),
        "apis.meta.v1.ManagedFieldsEntry" => Known(&MANAGED_FIELDS_ENTRY),
        "apis.meta.v1.LabelSelector" => Known(&LABEL_SELECTOR),
        "apis.meta.v1.LabelSelectorRequirement" => Known(&LABEL_SELECTOR_REQUIREMENT),
        "apis.meta.v1.Condition" => Known(&CONDITION),
        _ => return None,
    })
}
