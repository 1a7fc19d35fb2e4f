// Package server composes the hello.zeng.dev API server out of k8s.io/apiserver.
package server

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"pintle.dev/conformance/reference/api/hello"
	"pintle.dev/conformance/reference/api/hello/v1"
	"pintle.dev/conformance/reference/api/hello/v2"
	"pintle.dev/conformance/reference/api/transformation"
	"pintle.dev/conformance/reference/api/transformation/v1beta1"
)

var (
	scheme = newScheme()
	codecs = serializer.NewCodecFactory(scheme)
)

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		hello.AddToScheme, v1.AddToScheme, v2.AddToScheme, transformation.AddToScheme, v1beta1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	// The first version is the preferred one and the stored one.
	utilruntime.Must(scheme.SetVersionPriority(v2.SchemeGroupVersion, v1.SchemeGroupVersion))
	utilruntime.Must(scheme.SetVersionPriority(v1beta1.SchemeGroupVersion))

	core := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, core)
	scheme.AddUnversionedTypes(core, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return scheme
}
