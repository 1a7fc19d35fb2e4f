package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pintle.dev/conformance/reference/api/hello"
)

// SchemeGroupVersion is hello.zeng.dev/v1.
var SchemeGroupVersion = schema.GroupVersion{Group: hello.GroupName, Version: "v1"}

var localSchemeBuilder = runtime.SchemeBuilder{addKnownTypes, addDefaultingFuncs}

// AddToScheme registers the types, their defaults and their conversions.
func AddToScheme(scheme *runtime.Scheme) error { return localSchemeBuilder.AddToScheme(scheme) }

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &Foo{}, &FooList{})
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}

func addDefaultingFuncs(scheme *runtime.Scheme) error { return RegisterDefaults(scheme) }
