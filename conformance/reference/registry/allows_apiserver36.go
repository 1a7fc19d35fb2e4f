//go:build apiserver36

package registry

// What allows.go has, as k8s.io/apiserver 0.36 asks for it.

func (strategy) AllowCreateOnUpdate() bool      { return false }
func (strategy) AllowUnconditionalUpdate() bool { return false }
