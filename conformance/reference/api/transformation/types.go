package transformation

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the group of Base64.
const GroupName = "transformation.zeng.dev"

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Base64 asks for the encoding of an object or of one of its fields.
type Base64 struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   Base64Spec
	Status Base64Status
}

// Base64Spec names the field; empty is the whole object.
type Base64Spec struct {
	FieldPath string
}

// Base64Status is the answer.
type Base64Status struct {
	Output string
}

// SchemeGroupVersion is the internal version of the group.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: runtime.APIVersionInternal}

// AddToScheme registers the internal types.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &Base64{})
	return nil
}
