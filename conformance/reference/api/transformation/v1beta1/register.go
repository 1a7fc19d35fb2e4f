package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pintle.dev/conformance/reference/api/transformation"
)

// SchemeGroupVersion is transformation.zeng.dev/v1beta1.
var SchemeGroupVersion = schema.GroupVersion{Group: transformation.GroupName, Version: "v1beta1"}

var localSchemeBuilder = runtime.SchemeBuilder{addKnownTypes}

// AddToScheme registers the types and their conversions.
func AddToScheme(scheme *runtime.Scheme) error { return localSchemeBuilder.AddToScheme(scheme) }

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &Base64{})
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
