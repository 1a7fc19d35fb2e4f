package registry

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"

	"pintle.dev/conformance/reference/api/hello"
)

// configREST serves foos/config: a Foo's config as an object of its own kind.
type configREST struct{ store *genericregistry.Store }

var _ rest.Patcher = &configREST{}

func (*configREST) New() runtime.Object { return &hello.Config{} }

// Destroy leaves the store, which fooREST owns, alone.
func (*configREST) Destroy() {}

func (r *configREST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	obj, err := r.store.Get(ctx, name, options)
	if errors.IsNotFound(err) {
		return nil, configNotFound(name)
	}
	if err != nil {
		return nil, err
	}
	return configOf(obj.(*hello.Foo)), nil
}

// Update writes the config into the Foo; admission sees Configs.
func (r *configREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo,
	create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	obj, _, err := r.store.Update(ctx, name, &configUpdate{info, name},
		func(ctx context.Context, obj runtime.Object) error {
			return create(ctx, configOf(obj.(*hello.Foo)))
		},
		func(ctx context.Context, obj, old runtime.Object) error {
			return update(ctx, configOf(obj.(*hello.Foo)), configOf(old.(*hello.Foo)))
		},
		false, options)
	if err != nil {
		return nil, false, err
	}
	return configOf(obj.(*hello.Foo)), false, nil
}

// ConvertToTable has the columns of what has none of its own.
func (*configREST) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return rest.NewDefaultTableConvertor(hello.Resource("foos")).ConvertToTable(ctx, obj, options)
}

// configUpdate turns what a request does to a Config into what that does to its Foo.
type configUpdate struct {
	rest.UpdatedObjectInfo
	name string
}

func (u *configUpdate) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	foo := old.DeepCopyObject().(*hello.Foo)
	if foo.ResourceVersion == "" {
		return nil, configNotFound(u.name)
	}
	obj, err := u.UpdatedObjectInfo.UpdatedObject(ctx, configOf(foo))
	if err != nil {
		return nil, err
	}
	config, ok := obj.(*hello.Config)
	if !ok {
		return nil, errors.NewBadRequest(fmt.Sprintf("expected a Config, got %T", obj))
	}
	if config.UID != "" && config.UID != foo.UID {
		return nil, errors.NewConflict(hello.Resource("foos/config"), foo.Name,
			fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", config.UID, foo.UID))
	}
	if config.ResourceVersion != "" {
		foo.ResourceVersion = config.ResourceVersion
	}
	foo.Spec.Config = hello.FooConfig(config.Spec)
	return foo, nil
}

func configNotFound(name string) error {
	return errors.NewNotFound(hello.Resource("foos/config"), name)
}

func configOf(foo *hello.Foo) *hello.Config {
	return &hello.Config{
		ObjectMeta: metav1.ObjectMeta{
			Name:              foo.Name,
			Namespace:         foo.Namespace,
			UID:               foo.UID,
			ResourceVersion:   foo.ResourceVersion,
			CreationTimestamp: foo.CreationTimestamp,
		},
		Spec: hello.ConfigSpec(foo.Spec.Config),
	}
}
