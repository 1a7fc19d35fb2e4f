package hello

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Foo is a message and the image that says it.
type Foo struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   FooSpec
	Status FooStatus
}

// FooSpec is what is wanted.
type FooSpec struct {
	Image  string
	Config FooConfig
}

// FooConfig is what the image is told to say.
type FooConfig struct {
	Msg  string
	Msg1 string
}

// FooStatus is what was observed.
type FooStatus struct {
	Phase      FooPhase
	Conditions []FooCondition
}

// FooPhase says where a Foo is in its life.
type FooPhase string

const (
	// FooProcessing is the phase of a new Foo.
	FooProcessing FooPhase = "Processing"
	// FooReady is the phase of a Foo whose work is done.
	FooReady FooPhase = "Ready"
)

// FooConditionType names an aspect of a Foo: Worker or Config.
type FooConditionType string

// FooCondition is the observed state of one aspect.
type FooCondition struct {
	Type   FooConditionType
	Status metav1.ConditionStatus
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// FooList is a page of foos.
type FooList struct {
	metav1.TypeMeta
	metav1.ListMeta

	Items []Foo
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Config is the part of a Foo that the subresource foos/config serves.
type Config struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec ConfigSpec
}

// ConfigSpec is the FooConfig of the Foo.
type ConfigSpec struct {
	Msg  string
	Msg1 string
}
