//! The schema of `metadata`: `meta/v1` `ObjectMeta`, which every object has.

use serde_json::{Value, json};

/// The fields of `metadata` that nobody owns: the server's, and the name under which an object is
/// addressed anyway. See Go's `managedfields/internal/stripmeta.go`.
pub(super) const NEVER_OWNED: &[&str] = &[
    "clusterName",
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta` with what patches need.
pub(super) fn schema() -> Value {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let number = || json!({"type": "integer", "format": "int64"});
    let texts = || json!({"type": "object", "additionalProperties": text()});
    json!({
        "type": "object",
        "properties": {
            "annotations": texts(),
            "creationTimestamp": time(),
            "deletionGracePeriodSeconds": number(),
            "deletionTimestamp": time(),
            "finalizers": {
                "type": "array",
                "items": text(),
                "x-kubernetes-list-type": "set",
                "x-kubernetes-patch-strategy": "merge",
            },
            "generateName": text(),
            "generation": number(),
            "labels": texts(),
            "managedFields": {"type": "array", "x-kubernetes-list-type": "atomic"},
            "name": text(),
            "namespace": text(),
            "ownerReferences": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "apiVersion": text(),
                        "blockOwnerDeletion": {"type": "boolean"},
                        "controller": {"type": "boolean"},
                        "kind": text(),
                        "name": text(),
                        // As Go has it: an owner without a UID is the one whose UID is "".
                        "uid": {"type": "string", "default": ""},
                    },
                    "x-kubernetes-map-type": "atomic",
                },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["uid"],
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "uid",
            },
            "resourceVersion": text(),
            "selfLink": text(),
            "uid": text(),
        },
    })
}
