package v2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pintle.dev/conformance/reference/api/hello"
)

// SchemeGroupVersion is hello.zeng.dev/v2.
var SchemeGroupVersion = schema.GroupVersion{Group: hello.GroupName, Version: "v2"}

var localSchemeBuilder = runtime.SchemeBuilder{addKnownTypes}

// AddToScheme registers the types and their conversions.
func AddToScheme(scheme *runtime.Scheme) error { return localSchemeBuilder.AddToScheme(scheme) }

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &Foo{}, &FooList{}, &Config{})
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
