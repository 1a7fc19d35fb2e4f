// Package transformation holds the internal form of transformation.zeng.dev, the group
// of the body that the subresource foos/base64 takes and answers.
// +k8s:deepcopy-gen=package
// +k8s:openapi-model-package=dev.zeng.transformation.internal
package transformation
