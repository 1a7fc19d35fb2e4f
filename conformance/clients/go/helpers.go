package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func fooV1(name, msg string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v1", "kind": "Foo",
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"msg": msg},
	}}
}

func fooV2(name, image string, labels map[string]string) *unstructured.Unstructured {
	foo := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v2", "kind": "Foo",
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"image": image, "config": map[string]any{"msg": "hello"}},
	}}
	foo.SetLabels(labels)
	return foo
}

// createMany creates f0, f1, ... with a label that says whether the number is even.
func createMany(ctx context.Context, e *env, count int) error {
	for i := range count {
		labels := map[string]string{"parity": []string{"even", "odd"}[i%2]}
		if _, err := e.foos("v2").Create(ctx, fooV2(fmt.Sprintf("f%d", i), "nginx", labels), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func at(object *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(object.Object, path...)
	return value
}

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: want %v, got %v", what, want, got)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
