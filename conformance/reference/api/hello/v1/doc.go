// Package v1 is the first version of hello.zeng.dev: two messages and nothing else.
// +k8s:deepcopy-gen=package
// +k8s:defaulter-gen=TypeMeta
// +k8s:conversion-gen=pintle.dev/conformance/reference/api/hello
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.zeng.hello.v1
// +k8s:protobuf-gen=package
package v1
