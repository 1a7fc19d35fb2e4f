// Package v2 is the second version of hello.zeng.dev, and the one that is stored.
// +k8s:deepcopy-gen=package
// +k8s:conversion-gen=pintle.dev/conformance/reference/api/hello
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.zeng.hello.v2
// +k8s:protobuf-gen=package
package v2
