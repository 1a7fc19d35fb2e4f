//! The messages of roles and of questions about access: names and numbers as Kubernetes'
//! `generated.proto` files of
//! [`rbac/v1`](https://github.com/kubernetes/api/blob/master/rbac/v1/generated.proto),
//! `authorization/v1` and `authentication/v1` have them.

use super::known::{LABEL_SELECTOR, LABEL_SELECTOR_REQUIREMENT, OBJECT_META, messages};
use super::table::Shape::{List, Map, OmitEmpty, Optional, Plain};
use super::table::Type::{Bool, Known, Text, Texts};
use super::table::{Field, Message};
use std::borrow::Cow;

messages! {
    ROLE {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "rules" = 2: List Known(&POLICY_RULE),
    }
    CLUSTER_ROLE {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "rules" = 2: List Known(&POLICY_RULE),
        "aggregationRule" = 3: Optional Known(&AGGREGATION_RULE),
    }
    BINDING {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "subjects" = 2: List Known(&SUBJECT),
        "roleRef" = 3: Plain Known(&ROLE_REF),
    }
    POLICY_RULE {
        "verbs" = 1: List Text,
        "apiGroups" = 2: List Text,
        "resources" = 3: List Text,
        "resourceNames" = 4: List Text,
        "nonResourceURLs" = 5: List Text,
    }
    AGGREGATION_RULE { "clusterRoleSelectors" = 1: List Known(&LABEL_SELECTOR), }
    ROLE_REF {
        "apiGroup" = 1: Plain Text,
        "kind" = 2: Plain Text,
        "name" = 3: Plain Text,
    }
    SUBJECT {
        "kind" = 1: Plain Text,
        "apiGroup" = 2: OmitEmpty Text,
        "name" = 3: Plain Text,
        "namespace" = 4: OmitEmpty Text,
    }
    SELF_SUBJECT_ACCESS_REVIEW {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "spec" = 2: Plain Known(&SELF_SUBJECT_ACCESS_REVIEW_SPEC),
        "status" = 3: Plain Known(&SUBJECT_ACCESS_REVIEW_STATUS),
    }
    SELF_SUBJECT_ACCESS_REVIEW_SPEC {
        "resourceAttributes" = 1: Optional Known(&RESOURCE_ATTRIBUTES),
        "nonResourceAttributes" = 2: Optional Known(&NON_RESOURCE_ATTRIBUTES),
    }
    SUBJECT_ACCESS_REVIEW {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "spec" = 2: Plain Known(&SUBJECT_ACCESS_REVIEW_SPEC),
        "status" = 3: Plain Known(&SUBJECT_ACCESS_REVIEW_STATUS),
    }
    SUBJECT_ACCESS_REVIEW_SPEC {
        "resourceAttributes" = 1: Optional Known(&RESOURCE_ATTRIBUTES),
        "nonResourceAttributes" = 2: Optional Known(&NON_RESOURCE_ATTRIBUTES),
        "user" = 3: OmitEmpty Text,
        "groups" = 4: List Text,
        "extra" = 5: Map Texts,
        "uid" = 6: OmitEmpty Text,
    }
    SUBJECT_ACCESS_REVIEW_STATUS {
        "allowed" = 1: Plain Bool,
        "reason" = 2: OmitEmpty Text,
        "evaluationError" = 3: OmitEmpty Text,
        "denied" = 4: OmitEmpty Bool,
    }
    RESOURCE_ATTRIBUTES {
        "namespace" = 1: OmitEmpty Text,
        "verb" = 2: OmitEmpty Text,
        "group" = 3: OmitEmpty Text,
        "version" = 4: OmitEmpty Text,
        "resource" = 5: OmitEmpty Text,
        "subresource" = 6: OmitEmpty Text,
        "name" = 7: OmitEmpty Text,
        "fieldSelector" = 8: Optional Known(&SELECTOR_ATTRIBUTES),
        "labelSelector" = 9: Optional Known(&SELECTOR_ATTRIBUTES),
    }
    NON_RESOURCE_ATTRIBUTES {
        "path" = 1: OmitEmpty Text,
        "verb" = 2: OmitEmpty Text,
    }
    SELECTOR_ATTRIBUTES {
        "rawSelector" = 1: OmitEmpty Text,
        "requirements" = 2: List Known(&LABEL_SELECTOR_REQUIREMENT),
    }
    SELF_SUBJECT_RULES_REVIEW {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "spec" = 2: Plain Known(&SELF_SUBJECT_RULES_REVIEW_SPEC),
        "status" = 3: Plain Known(&SUBJECT_RULES_REVIEW_STATUS),
    }
    SELF_SUBJECT_RULES_REVIEW_SPEC { "namespace" = 1: OmitEmpty Text, }
    SUBJECT_RULES_REVIEW_STATUS {
        "resourceRules" = 1: List Known(&RESOURCE_RULE),
        "nonResourceRules" = 2: List Known(&NON_RESOURCE_RULE),
        "incomplete" = 3: Plain Bool,
        "evaluationError" = 4: OmitEmpty Text,
    }
    RESOURCE_RULE {
        "verbs" = 1: List Text,
        "apiGroups" = 2: List Text,
        "resources" = 3: List Text,
        "resourceNames" = 4: List Text,
    }
    NON_RESOURCE_RULE {
        "verbs" = 1: List Text,
        "nonResourceURLs" = 2: List Text,
    }
    SELF_SUBJECT_REVIEW {
        "metadata" = 1: Plain Known(&OBJECT_META),
        "status" = 2: OmitEmpty Known(&SELF_SUBJECT_REVIEW_STATUS),
    }
    SELF_SUBJECT_REVIEW_STATUS { "userInfo" = 1: OmitEmpty Known(&USER_INFO), }
    USER_INFO {
        "username" = 1: OmitEmpty Text,
        "uid" = 2: OmitEmpty Text,
        "groups" = 3: List Text,
        "extra" = 4: Map Texts,
    }
}

/// The message of a kind, by the name of its schema in `k8s_openapi`.
pub(super) fn message(schema: &str) -> Option<&'static Message> {
    Some(match schema.strip_prefix("io.k8s.api.")? {
        "rbac.v1.Role" => &ROLE,
        "rbac.v1.ClusterRole" => &CLUSTER_ROLE,
        "rbac.v1.RoleBinding" | "rbac.v1.ClusterRoleBinding" => &BINDING,
        "authorization.v1.SelfSubjectAccessReview" => &SELF_SUBJECT_ACCESS_REVIEW,
        "authorization.v1.SubjectAccessReview" => &SUBJECT_ACCESS_REVIEW,
        "authorization.v1.LocalSubjectAccessReview" => &SUBJECT_ACCESS_REVIEW,
        "authorization.v1.SelfSubjectRulesReview" => &SELF_SUBJECT_RULES_REVIEW,
        "authentication.v1.SelfSubjectReview" => &SELF_SUBJECT_REVIEW,
        _ => return None,
    })
}
