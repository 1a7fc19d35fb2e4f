package v1

import (
	"maps"

	"k8s.io/apimachinery/pkg/conversion"

	"pintle.dev/conformance/reference/api/hello"
)

// Convert_v1_Foo_To_hello_Foo takes the image, for which v1 has no field, from an annotation.
func Convert_v1_Foo_To_hello_Foo(in *Foo, out *hello.Foo, s conversion.Scope) error {
	if err := autoConvert_v1_Foo_To_hello_Foo(in, out, s); err != nil {
		return err
	}
	out.Spec.Image = in.Annotations[imageAnnotation]
	return nil
}

// Convert_hello_Foo_To_v1_Foo puts the image into an annotation. The annotations are
// copied first: the internal object may be one that the watch cache shares.
func Convert_hello_Foo_To_v1_Foo(in *hello.Foo, out *Foo, s conversion.Scope) error {
	if err := autoConvert_hello_Foo_To_v1_Foo(in, out, s); err != nil {
		return err
	}
	out.Annotations = maps.Clone(in.Annotations)
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	out.Annotations[imageAnnotation] = in.Spec.Image
	return nil
}

// Convert_v1_FooSpec_To_hello_FooSpec moves the messages under config.
func Convert_v1_FooSpec_To_hello_FooSpec(in *FooSpec, out *hello.FooSpec, _ conversion.Scope) error {
	out.Config = hello.FooConfig{Msg: in.Msg, Msg1: in.Msg1}
	return nil
}

// Convert_hello_FooSpec_To_v1_FooSpec lifts the messages out of config.
func Convert_hello_FooSpec_To_v1_FooSpec(in *hello.FooSpec, out *FooSpec, _ conversion.Scope) error {
	*out = FooSpec{Msg: in.Config.Msg, Msg1: in.Config.Msg1}
	return nil
}
