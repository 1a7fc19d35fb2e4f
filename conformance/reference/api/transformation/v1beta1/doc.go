// Package v1beta1 is the version of transformation.zeng.dev that clients speak.
// +k8s:deepcopy-gen=package
// +k8s:conversion-gen=pintle.dev/conformance/reference/api/transformation
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.zeng.transformation.v1beta1
// +k8s:protobuf-gen=package
package v1beta1
