package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"pintle.dev/conformance/reference/api/transformation"
	"pintle.dev/conformance/reference/api/transformation/v1beta1"
)

// base64REST serves foos/base64, which encodes a Foo as the version in the URL shows it.
type base64REST struct {
	foos   rest.Getter
	scheme *runtime.Scheme
}

var (
	_ rest.NamedCreater             = &base64REST{}
	_ rest.GroupVersionKindProvider = &base64REST{}
)

func (*base64REST) New() runtime.Object { return &transformation.Base64{} }

// Destroy leaves the store, which fooREST owns, alone.
func (*base64REST) Destroy() {}

// GroupVersionKind says that the body is not of the group in the URL.
func (*base64REST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return v1beta1.SchemeGroupVersion.WithKind("Base64")
}

func (r *base64REST) Create(ctx context.Context, name string, obj runtime.Object,
	_ rest.ValidateObjectFunc, _ *metav1.CreateOptions,
) (runtime.Object, error) {
	body := obj.(*transformation.Base64)
	if err := checkNames(body, name, request.NamespaceValue(ctx)); err != nil {
		return nil, err
	}
	foo, err := r.foos.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	fields, err := r.asRequested(ctx, foo)
	if err != nil {
		return nil, err
	}
	text, err := encodeField(fields, body.Spec.FieldPath)
	if err != nil {
		return nil, err
	}
	answer := body.DeepCopy()
	answer.Status.Output = base64.StdEncoding.EncodeToString(text)
	return answer, nil
}

// asRequested is the object as the version in the URL shows it.
func (r *base64REST) asRequested(ctx context.Context, obj runtime.Object) (map[string]any, error) {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok {
		return nil, errors.NewBadRequest("request info is required")
	}
	out := &unstructured.Unstructured{}
	if err := r.scheme.Convert(obj, out, schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}); err != nil {
		return nil, errors.NewBadRequest(err.Error())
	}
	return out.Object, nil
}

func encodeField(fields map[string]any, path string) ([]byte, error) {
	if path == "" {
		return (&unstructured.Unstructured{Object: fields}).MarshalJSON()
	}
	value, found, err := unstructured.NestedFieldNoCopy(fields, strings.Split(path, ".")...)
	if err != nil || !found {
		return nil, errors.NewBadRequest(fmt.Sprintf("undefined field path %s", path))
	}
	return json.Marshal(value)
}

// checkNames refuses a body that is for another Foo than the URL names.
func checkNames(body *transformation.Base64, name, namespace string) error {
	kind, path := v1beta1.SchemeGroupVersion.WithKind("Base64").GroupKind(), field.NewPath("metadata")
	if body.Name != "" && body.Name != name {
		return errors.NewInvalid(kind, name, field.ErrorList{
			field.Invalid(path.Child("name"), body.Name, "must match the foo name if specified"),
		})
	}
	if body.Namespace != "" && body.Namespace != namespace {
		return errors.NewInvalid(kind, name, field.ErrorList{
			field.Invalid(path.Child("namespace"), body.Namespace, "must match the foo namespace if specified"),
		})
	}
	return nil
}
