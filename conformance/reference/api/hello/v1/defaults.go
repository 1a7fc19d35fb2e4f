package v1

const (
	imageAnnotation = "spec.image"
	nameLabel       = "hello.zeng.dev/metadata.name"
	defaultImage    = "busybox:1.36"
)

// SetDefaults_Foo runs on every decode of a v1 Foo. It overwrites what the client
// sent: a v1 client cannot choose the image, and cannot label a Foo with another name.
func SetDefaults_Foo(foo *Foo) {
	if foo.Labels == nil {
		foo.Labels = map[string]string{}
	}
	foo.Labels[nameLabel] = foo.Name
	if foo.Annotations == nil {
		foo.Annotations = map[string]string{}
	}
	foo.Annotations[imageAnnotation] = defaultImage
}
