// Package registry serves foos and their subresources from a store.
package registry

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"pintle.dev/conformance/reference/api/hello"
)

// strategy is what may be created and changed through foos itself.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
}

var (
	_ rest.RESTCreateStrategy  = strategy{}
	_ rest.RESTUpdateStrategy  = strategy{}
	_ rest.RESTDeleteStrategy  = strategy{}
	_ rest.ResetFieldsStrategy = statusStrategy{}
)

func newStrategy(typer runtime.ObjectTyper) strategy {
	return strategy{typer, names.SimpleNameGenerator}
}

func (strategy) NamespaceScoped() bool       { return true }
func (strategy) Canonicalize(runtime.Object) {}

// PrepareForCreate drops the status that the client sent.
func (strategy) PrepareForCreate(_ context.Context, obj runtime.Object) {
	obj.(*hello.Foo).Status = hello.FooStatus{Phase: hello.FooProcessing}
}

// Validate names the first field that is missing.
func (strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	spec, path := obj.(*hello.Foo).Spec, field.NewPath("spec")
	switch {
	case spec.Image == "":
		return field.ErrorList{field.Required(path.Child("image"), "")}
	case spec.Config.Msg == "":
		return field.ErrorList{field.Required(path.Child("config", "msg"), "")}
	}
	return nil
}

func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

// PrepareForUpdate changes nothing, so that a PUT of a Foo may change its status too.
func (strategy) PrepareForUpdate(_ context.Context, _, _ runtime.Object) {}

// ValidateUpdate allows everything, even an empty image.
func (strategy) ValidateUpdate(_ context.Context, _, _ runtime.Object) field.ErrorList { return nil }

func (strategy) WarningsOnUpdate(_ context.Context, _, _ runtime.Object) []string { return nil }

// statusStrategy is what may be changed through foos/status.
type statusStrategy struct{ strategy }

// GetResetFields names what PrepareForUpdate takes back, so that nobody owns it by a status write.
func (statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return map[fieldpath.APIVersion]*fieldpath.Set{
		"hello.zeng.dev/v2": fieldpath.NewSet(
			fieldpath.MakePathOrDie("spec"),
			fieldpath.MakePathOrDie("metadata", "deletionTimestamp"),
			fieldpath.MakePathOrDie("metadata", "ownerReferences"),
		),
	}
}

// PrepareForUpdate keeps the stored spec and owners.
func (statusStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	foo, stored := obj.(*hello.Foo), old.(*hello.Foo)
	foo.Spec = stored.Spec
	foo.OwnerReferences = stored.OwnerReferences
	foo.DeletionTimestamp = nil
}

// ConvertToTable is what kubectl get prints.
func (strategy) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return toTable(obj, options)
}
