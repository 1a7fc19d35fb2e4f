//! The operations and definitions that the Go server publishes for hello.

use std::collections::BTreeSet;

/// How our names of definitions differ from those of the Go server: what a name begins with, what
/// it begins with here (`None`: there is no such definition), and why.
const DIFFERENCES: &[(&str, Option<&str>, &str)] = &[
    (
        "com.github.phosae.x-kubernetes.api.hello.zeng.dev.",
        Some("dev.zeng.hello."),
        "Go names definitions by the path of their package; ours have the name of their group",
    ),
    (
        "com.github.phosae.x-kubernetes.api.transformation.",
        Some("dev.zeng.transformation."),
        "the same",
    ),
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo",
        None,
        "sharded lists are an alpha feature that we do not have, nor the parameter shardSelector",
    ),
];

/// The names as they are here.
pub(super) fn ours(names: &[&str]) -> BTreeSet<String> {
    let rename = |name: &&str| {
        let difference = DIFFERENCES.iter().find(|(prefix, ..)| name.starts_with(prefix));
        match difference {
            None => Some((*name).to_owned()),
            Some((prefix, new, _)) => new.map(|new| name.replacen(prefix, new, 1)),
        }
    };
    names.iter().filter_map(rename).collect()
}

pub(super) const V1_OPERATIONS: &[&str] = &[
    "/apis/hello.zeng.dev/v1/ get getHelloZengDevV1APIResources",
    "/apis/hello.zeng.dev/v1/foos get listHelloZengDevV1FooForAllNamespaces",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos delete deleteHelloZengDevV1CollectionNamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos get listHelloZengDevV1NamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos post createHelloZengDevV1NamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos/{name} delete deleteHelloZengDevV1NamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos/{name} get readHelloZengDevV1NamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos/{name} patch patchHelloZengDevV1NamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos/{name} put replaceHelloZengDevV1NamespacedFoo",
    "/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos/{name}/base64 post createHelloZengDevV1NamespacedFooBase64",
    "/apis/hello.zeng.dev/v1/watch/foos get watchHelloZengDevV1FooListForAllNamespaces",
    "/apis/hello.zeng.dev/v1/watch/namespaces/{namespace}/foos get watchHelloZengDevV1NamespacedFooList",
    "/apis/hello.zeng.dev/v1/watch/namespaces/{namespace}/foos/{name} get watchHelloZengDevV1NamespacedFoo",
];

pub(super) const V1_SCHEMAS: &[&str] = &[
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v1.Foo",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v1.FooList",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v1.FooSpec",
    "com.github.phosae.x-kubernetes.api.transformation.v1beta1.Base64",
    "com.github.phosae.x-kubernetes.api.transformation.v1beta1.Base64Spec",
    "com.github.phosae.x-kubernetes.api.transformation.v1beta1.Base64Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIResource",
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause",
    "io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
];

pub(super) const V2_OPERATIONS: &[&str] = &[
    "/apis/hello.zeng.dev/v2/ get getHelloZengDevV2APIResources",
    "/apis/hello.zeng.dev/v2/foos get listHelloZengDevV2FooForAllNamespaces",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos delete deleteHelloZengDevV2CollectionNamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos get listHelloZengDevV2NamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos post createHelloZengDevV2NamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name} delete deleteHelloZengDevV2NamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name} get readHelloZengDevV2NamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name} patch patchHelloZengDevV2NamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name} put replaceHelloZengDevV2NamespacedFoo",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/base64 post createHelloZengDevV2NamespacedFooBase64",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/config get readHelloZengDevV2NamespacedFooConfig",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/config patch patchHelloZengDevV2NamespacedFooConfig",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/config put replaceHelloZengDevV2NamespacedFooConfig",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/status get readHelloZengDevV2NamespacedFooStatus",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/status patch patchHelloZengDevV2NamespacedFooStatus",
    "/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/status put replaceHelloZengDevV2NamespacedFooStatus",
    "/apis/hello.zeng.dev/v2/watch/foos get watchHelloZengDevV2FooListForAllNamespaces",
    "/apis/hello.zeng.dev/v2/watch/namespaces/{namespace}/foos get watchHelloZengDevV2NamespacedFooList",
    "/apis/hello.zeng.dev/v2/watch/namespaces/{namespace}/foos/{name} get watchHelloZengDevV2NamespacedFoo",
];

pub(super) const V2_SCHEMAS: &[&str] = &[
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.Config",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.ConfigSpec",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.Foo",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.FooCondition",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.FooConfig",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.FooList",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.FooSpec",
    "com.github.phosae.x-kubernetes.api.hello.zeng.dev.v2.FooStatus",
    "com.github.phosae.x-kubernetes.api.transformation.v1beta1.Base64",
    "com.github.phosae.x-kubernetes.api.transformation.v1beta1.Base64Spec",
    "com.github.phosae.x-kubernetes.api.transformation.v1beta1.Base64Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIResource",
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause",
    "io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
];

pub(super) const GROUPS_OPERATIONS: &[&str] = &["/apis/ get getAPIVersions"];

pub(super) const GROUPS_SCHEMAS: &[&str] = &[
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroup",
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroupList",
    "io.k8s.apimachinery.pkg.apis.meta.v1.GroupVersionForDiscovery",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ServerAddressByClientCIDR",
];

pub(super) const INFO_OPERATIONS: &[&str] = &["/version/ get getCodeVersion"];

pub(super) const INFO_SCHEMAS: &[&str] = &["io.k8s.apimachinery.pkg.version.Info"];

pub(super) const GROUP_OPERATIONS: &[&str] = &["/apis/hello.zeng.dev/ get getHelloZengDevAPIGroup"];

pub(super) const GROUP_SCHEMAS: &[&str] = &[
    "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroup",
    "io.k8s.apimachinery.pkg.apis.meta.v1.GroupVersionForDiscovery",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ServerAddressByClientCIDR",
];
