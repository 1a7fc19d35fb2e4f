package server

import (
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"

	"pintle.dev/conformance/reference/api/hello"
)

const disallowFooName = "DisallowFoo"

// disallowFoo keeps foos out of kube-system.
type disallowFoo struct{ *admission.Handler }

var _ admission.ValidationInterface = disallowFoo{}

func newDisallowFoo(io.Reader) (admission.Interface, error) {
	return disallowFoo{admission.NewHandler(admission.Create)}, nil
}

func (disallowFoo) Validate(_ context.Context, request admission.Attributes, _ admission.ObjectInterfaces) error {
	if request.GetKind().GroupKind() != hello.Kind("Foo") {
		return nil
	}
	object, err := meta.Accessor(request.GetObject())
	if err != nil {
		return err
	}
	if object.GetNamespace() != metav1.NamespaceSystem {
		return nil
	}
	return errors.NewForbidden(request.GetResource().GroupResource(), request.GetNamespace()+"/"+request.GetName(),
		fmt.Errorf("namespace/%s is not permitted, please change the resource namespace", object.GetNamespace()))
}
