package hello

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group that the server is for.
const GroupName = "hello.zeng.dev"

// SchemeGroupVersion is the internal version of the group.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: runtime.APIVersionInternal}

// AddToScheme registers the internal types.
var AddToScheme = (&runtime.SchemeBuilder{addKnownTypes}).AddToScheme

// Resource qualifies a resource name with the group, as errors name it.
func Resource(name string) schema.GroupResource {
	return schema.GroupResource{Group: GroupName, Resource: name}
}

// Kind qualifies a kind with the group, as validation errors name it.
func Kind(name string) schema.GroupKind {
	return schema.GroupKind{Group: GroupName, Kind: name}
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &Foo{}, &FooList{}, &Config{})
	return nil
}
