package main

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// objectRounds are the rounds on stored objects.
var objectRounds = []round{
	{"discovery", discover},
	{"create v1 and v2", create},
	{"page", page},
	{"select by label", selectByLabel},
	{"update with conflict", update},
	{"patch", patch},
	{"apply", apply},
	{"subresources", subresources},
	{"delete", remove},
	{"errors", refusals},
}

func discover(_ context.Context, e *env) error {
	_, lists, err := e.discovery.ServerGroupsAndResources()
	if err != nil {
		return err
	}
	var served []string
	for _, list := range lists {
		for _, resource := range list.APIResources {
			served = append(served, list.GroupVersion+" "+resource.Name)
		}
	}
	for _, want := range []string{"v1 foos", "v1 foos/base64", "v2 foos", "v2 foos/base64", "v2 foos/config", "v2 foos/status"} {
		if !slices.Contains(served, group+"/"+want) {
			return fmt.Errorf("%s/%s is missing from %v", group, want, served)
		}
	}
	if _, err := e.discovery.OpenAPIV3().Paths(); err != nil {
		return err
	}
	_, err = e.discovery.OpenAPISchema()
	return err
}

func create(ctx context.Context, e *env) error {
	old, err := e.foos("v1").Create(ctx, fooV1("old", "hello"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := expect("the image of a v1 foo", old.GetAnnotations()["spec.image"], "busybox:1.36"); err != nil {
		return err
	}
	if _, err := e.foos("v2").Create(ctx, fooV2("new", "nginx", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	asNew, err := e.foos("v2").Get(ctx, "old", metav1.GetOptions{})
	if err != nil {
		return err
	}
	asOld, err := e.foos("v1").Get(ctx, "new", metav1.GetOptions{})
	if err != nil {
		return err
	}
	return firstError(
		expect("message read as v2", at(asNew, "spec", "config", "msg"), "hello"),
		expect("image read as v2", at(asNew, "spec", "image"), "busybox:1.36"),
		expect("phase", at(asNew, "status", "phase"), "Processing"),
		expect("message read as v1", at(asOld, "spec", "msg"), "hello"),
		expect("image read as v1", asOld.GetAnnotations()["spec.image"], "nginx"),
	)
}

func page(ctx context.Context, e *env) error {
	const objects, limit = 7, 3
	if err := createMany(ctx, e, objects); err != nil {
		return err
	}
	var names, sizes []string
	options := metav1.ListOptions{Limit: limit}
	for len(sizes) <= objects {
		list, err := e.foos("v2").List(ctx, options)
		if err != nil {
			return err
		}
		sizes = append(sizes, fmt.Sprint(len(list.Items)))
		for _, item := range list.Items {
			names = append(names, item.GetName())
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			break
		}
	}
	return firstError(expect("page sizes", fmt.Sprint(sizes), "[3 3 1]"), expect("names", fmt.Sprint(names), "[f0 f1 f2 f3 f4 f5 f6]"))
}

func selectByLabel(ctx context.Context, e *env) error {
	if err := createMany(ctx, e, 4); err != nil {
		return err
	}
	for selector, want := range map[string]int{"parity=even": 2, "parity!=even": 2, "parity in (odd)": 2, "!parity": 0, "parity": 4} {
		list, err := e.foos("v2").List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return err
		}
		if err := expect(selector, len(list.Items), want); err != nil {
			return err
		}
	}
	list, err := e.foos("v2").List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=f2"})
	if err != nil {
		return err
	}
	return expect("by name", len(list.Items), 1)
}

func update(ctx context.Context, e *env) error {
	first, err := e.foos("v2").Create(ctx, fooV2("a", "nginx", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	second := first.DeepCopy()
	_ = unstructured.SetNestedField(second.Object, "redis", "spec", "image")
	stored, err := e.foos("v2").Update(ctx, second, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	if stored.GetResourceVersion() == first.GetResourceVersion() {
		return fmt.Errorf("the resource version %s did not change", first.GetResourceVersion())
	}
	if _, err := e.foos("v2").Update(ctx, first, metav1.UpdateOptions{}); !errors.IsConflict(err) {
		return fmt.Errorf("want a conflict, got %v", err)
	}
	return expect("image", at(stored, "spec", "image"), "redis")
}

func patch(ctx context.Context, e *env) error {
	if _, err := e.foos("v2").Create(ctx, fooV2("a", "nginx", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, step := range []struct {
		kind        types.PatchType
		body, image string
	}{
		{types.MergePatchType, `{"spec":{"image":"merge"}}`, "merge"},
		{types.JSONPatchType, `[{"op":"test","path":"/spec/image","value":"merge"},{"op":"replace","path":"/spec/image","value":"json"}]`, "json"},
		{types.StrategicMergePatchType, `{"spec":{"image":"strategic"}}`, "strategic"},
	} {
		got, err := e.foos("v2").Patch(ctx, "a", step.kind, []byte(step.body), metav1.PatchOptions{})
		if err != nil {
			return fmt.Errorf("%s: %w", step.kind, err)
		}
		if err := expect("image", at(got, "spec", "image"), step.image); err != nil {
			return err
		}
	}
	return nil
}

func apply(ctx context.Context, e *env) error {
	applied := fooV2("a", "nginx", nil)
	one, two := metav1.ApplyOptions{FieldManager: "one"}, metav1.ApplyOptions{FieldManager: "two"}
	if _, err := e.foos("v2").Apply(ctx, "a", applied, one); err != nil {
		return err
	}
	_ = unstructured.SetNestedField(applied.Object, "redis", "spec", "image")
	if _, err := e.foos("v2").Apply(ctx, "a", applied, two); !errors.IsConflict(err) {
		return fmt.Errorf("want a conflict, got %v", err)
	}
	two.Force = true
	got, err := e.foos("v2").Apply(ctx, "a", applied, two)
	if err != nil {
		return err
	}
	return firstError(expect("image", at(got, "spec", "image"), "redis"), expect("managers", len(got.GetManagedFields()), 2))
}

func subresources(ctx context.Context, e *env) error {
	foo, err := e.foos("v2").Create(ctx, fooV2("a", "nginx", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_ = unstructured.SetNestedField(foo.Object, "Ready", "status", "phase")
	_ = unstructured.SetNestedField(foo.Object, "ignored", "spec", "image")
	foo, err = e.foos("v2").UpdateStatus(ctx, foo, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	config, err := e.foos("v2").Patch(ctx, "a", types.MergePatchType, []byte(`{"spec":{"msg":"changed"}}`), metav1.PatchOptions{}, "config")
	if err != nil {
		return err
	}
	body := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "transformation.zeng.dev/v1beta1", "kind": "Base64",
		"metadata": map[string]any{"name": "a"}, "spec": map[string]any{"fieldPath": "spec.image"},
	}}
	encoded, err := e.foos("v2").Create(ctx, body, metav1.CreateOptions{}, "base64")
	if err != nil {
		return err
	}
	return firstError(
		expect("phase", at(foo, "status", "phase"), "Ready"),
		expect("image", at(foo, "spec", "image"), "nginx"),
		expect("kind", config.GetKind(), "Config"),
		expect("message", at(config, "spec", "msg"), "changed"),
		expect("base64", at(encoded, "status", "output"), "Im5naW54Ig=="),
	)
}

func remove(ctx context.Context, e *env) error {
	if err := createMany(ctx, e, 3); err != nil {
		return err
	}
	if err := e.foos("v2").Delete(ctx, "f0", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := e.foos("v2").Delete(ctx, "f0", metav1.DeleteOptions{}); !errors.IsNotFound(err) {
		return fmt.Errorf("want not found, got %v", err)
	}
	wrong := types.UID("other")
	if err := e.foos("v2").Delete(ctx, "f1", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}}); !errors.IsConflict(err) {
		return fmt.Errorf("want a conflict, got %v", err)
	}
	if err := e.clear(ctx); err != nil {
		return err
	}
	list, err := e.foos("v2").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return expect("left", len(list.Items), 0)
}

func refusals(ctx context.Context, e *env) error {
	_, err := e.foos("v2").Get(ctx, "none", metav1.GetOptions{})
	if !errors.IsNotFound(err) || err.Error() != `foos.hello.zeng.dev "none" not found` {
		return fmt.Errorf("want not found, got %v", err)
	}
	if _, err := e.foos("v2").Create(ctx, fooV2("bad", "", nil), metav1.CreateOptions{}); !errors.IsInvalid(err) {
		return fmt.Errorf("want invalid, got %v", err)
	}
	if _, err := e.foos("v2").Create(ctx, fooV2("a", "nginx", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := e.foos("v2").Create(ctx, fooV2("a", "nginx", nil), metav1.CreateOptions{}); !errors.IsAlreadyExists(err) {
		return fmt.Errorf("want already exists, got %v", err)
	}
	_, err = e.foos("v2").List(ctx, metav1.ListOptions{FieldSelector: "spec.image=x"})
	if !errors.IsBadRequest(err) {
		return fmt.Errorf("want a bad request, got %v", err)
	}
	return nil
}
