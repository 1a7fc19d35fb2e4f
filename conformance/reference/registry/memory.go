package registry

import (
	"context"
	"sort"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"pintle.dev/conformance/reference/api/hello"
)

// memoryREST serves foos from a map: no resource versions, no watch, no selectors, and
// nothing that the generic store does for a caller beyond names and times.
type memoryREST struct {
	mu   sync.RWMutex
	foos map[string]*hello.Foo
}

var (
	_ rest.Scoper               = &memoryREST{}
	_ rest.Getter               = &memoryREST{}
	_ rest.Lister               = &memoryREST{}
	_ rest.CreaterUpdater       = &memoryREST{}
	_ rest.Patcher              = &memoryREST{}
	_ rest.GracefulDeleter      = &memoryREST{}
	_ rest.CollectionDeleter    = &memoryREST{}
	_ rest.ShortNamesProvider   = &memoryREST{}
	_ rest.SingularNameProvider = &memoryREST{}
)

// NewMemory returns foos with one to look at, default/bar.
func NewMemory() rest.Storage {
	bar := &hello.Foo{
		ObjectMeta: metav1.ObjectMeta{Name: "bar", Namespace: "default", UID: uuid.NewUUID(), CreationTimestamp: metav1.NewTime(time.Now())},
		Spec:       hello.FooSpec{Image: "busybox:1.36", Config: hello.FooConfig{Msg: "hello", Msg1: "world"}},
		Status:     hello.FooStatus{Phase: hello.FooProcessing},
	}
	return &memoryREST{foos: map[string]*hello.Foo{"default/bar": bar}}
}

func (*memoryREST) New() runtime.Object     { return &hello.Foo{} }
func (*memoryREST) NewList() runtime.Object { return &hello.FooList{} }
func (*memoryREST) Destroy()                {}
func (*memoryREST) NamespaceScoped() bool   { return true }
func (*memoryREST) ShortNames() []string    { return []string{"fo"} }
func (*memoryREST) GetSingularName() string { return "foo" }

func (*memoryREST) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return toTable(obj, options)
}

func (r *memoryREST) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	key := keyOf(ctx, name)
	if foo := r.foos[key]; foo != nil {
		return foo.DeepCopy(), nil
	}
	return nil, errors.NewNotFound(hello.Resource("foos"), key)
}

func (r *memoryREST) List(ctx context.Context, _ *metainternalversion.ListOptions) (runtime.Object, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := &hello.FooList{Items: []hello.Foo{}}
	for _, key := range r.keysIn(request.NamespaceValue(ctx)) {
		list.Items = append(list.Items, *r.foos[key].DeepCopy())
	}
	return list, nil
}

func (r *memoryREST) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	foo := obj.(*hello.Foo)
	strategy := newStrategy(nil)
	if foo.Name == "" && foo.GenerateName != "" {
		foo.Name = strategy.GenerateName(foo.GenerateName)
	}
	strategy.PrepareForCreate(ctx, foo)
	if errs := strategy.Validate(ctx, foo); len(errs) > 0 {
		return nil, errors.NewInvalid(hello.Kind("Foo"), foo.Name, errs)
	}
	if validate != nil {
		if err := validate(ctx, foo); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(ctx, foo.Name)
	if r.foos[key] != nil {
		return nil, errors.NewAlreadyExists(hello.Resource("foos"), key)
	}
	foo.Namespace, foo.UID, foo.CreationTimestamp = request.NamespaceValue(ctx), uuid.NewUUID(), metav1.NewTime(time.Now())
	if len(options.DryRun) == 0 {
		r.foos[key] = foo.DeepCopy()
	}
	return foo, nil
}

// Update creates what is not there yet.
func (r *memoryREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	old, err := r.Get(ctx, name, &metav1.GetOptions{})
	missing := errors.IsNotFound(err)
	if missing {
		old = &hello.Foo{}
	}
	obj, err := info.UpdatedObject(ctx, old)
	if err != nil {
		return nil, false, err
	}
	if missing {
		created, err := r.Create(ctx, obj, create, &metav1.CreateOptions{DryRun: options.DryRun})
		return created, true, err
	}
	if update != nil {
		if err := update(ctx, obj, old); err != nil {
			return nil, false, err
		}
	}
	foo := obj.(*hello.Foo)
	foo.UID, foo.CreationTimestamp = old.(*hello.Foo).UID, old.(*hello.Foo).CreationTimestamp
	if len(options.DryRun) == 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.foos[keyOf(ctx, name)] = foo.DeepCopy()
	}
	return foo, false, nil
}

// Delete answers the object that is gone.
func (r *memoryREST) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	obj, err := r.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	if validate != nil {
		if err := validate(ctx, obj); err != nil {
			return nil, false, err
		}
	}
	if options == nil || len(options.DryRun) == 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.foos, keyOf(ctx, name))
	}
	return obj, true, nil
}

func (r *memoryREST) DeleteCollection(ctx context.Context, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions, list *metainternalversion.ListOptions) (runtime.Object, error) {
	if request.NamespaceValue(ctx) == "" {
		return nil, errors.NewBadRequest("namespace is required")
	}
	obj, err := r.List(ctx, list)
	if err != nil {
		return nil, err
	}
	for _, foo := range obj.(*hello.FooList).Items {
		if _, _, err := r.Delete(ctx, foo.Name, validate, options); err != nil && !errors.IsNotFound(err) {
			return nil, err
		}
	}
	return obj, nil
}

// keysIn lists the keys of a namespace, or all for "", in order. The caller holds the lock.
func (r *memoryREST) keysIn(namespace string) []string {
	var keys []string
	for key := range r.foos {
		if namespace == "" || strings.HasPrefix(key, namespace+"/") {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

func keyOf(ctx context.Context, name string) string {
	return request.NamespaceValue(ctx) + "/" + name
}
