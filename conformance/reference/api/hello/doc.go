// Package hello holds the internal form of hello.zeng.dev: what handlers, storage
// and validation see, whatever version a client speaks. It has the shape of v2.
// +k8s:deepcopy-gen=package
// +k8s:openapi-model-package=dev.zeng.hello.internal
package hello
