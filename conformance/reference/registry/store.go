package registry

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"pintle.dev/conformance/reference/api/hello"
)

// NewStorage opens foos in etcd and returns what serves each version, by resource path.
func NewStorage(scheme *runtime.Scheme, getter generic.RESTOptionsGetter) (v1, v2 map[string]rest.Storage, err error) {
	strategy := newStrategy(scheme)
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &hello.Foo{} },
		NewListFunc:               func() runtime.Object { return &hello.FooList{} },
		DefaultQualifiedResource:  hello.Resource("foos"),
		SingularQualifiedResource: hello.Resource("foo"),
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            strategy,
		TableConvertor:            strategy,
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: getter}); err != nil {
		return nil, nil, err
	}

	statusStore := *store
	statusStore.UpdateStrategy = statusStrategy{strategy}
	statusStore.ResetFieldsStrategy = statusStrategy{strategy}

	foos, base64 := &fooREST{store}, &base64REST{store, scheme}
	v1 = map[string]rest.Storage{"foos": foos, "foos/base64": base64}
	v2 = map[string]rest.Storage{
		"foos":        foos,
		"foos/base64": base64,
		"foos/config": &configREST{store},
		"foos/status": &statusREST{&statusStore},
	}
	return v1, v2, nil
}

// fooREST serves foos.
type fooREST struct{ *genericregistry.Store }

var _ rest.ShortNamesProvider = &fooREST{}

func (*fooREST) ShortNames() []string { return []string{"fo"} }

// statusREST serves foos/status. It holds its store in a field, so that only the
// methods below are served.
type statusREST struct{ store *genericregistry.Store }

var (
	_ rest.Patcher             = &statusREST{}
	_ rest.ResetFieldsStrategy = &statusREST{}
)

func (*statusREST) New() runtime.Object { return &hello.Foo{} }

// Destroy leaves the store, which fooREST owns, alone.
func (*statusREST) Destroy() {}

func (r *statusREST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return r.store.Get(ctx, name, options)
}

// Update never creates: a status belongs to a Foo that is there.
func (r *statusREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo,
	create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return r.store.Update(ctx, name, info, create, update, false, options)
}

func (r *statusREST) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return r.store.GetResetFields()
}

func (r *statusREST) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return r.store.ConvertToTable(ctx, obj, options)
}
