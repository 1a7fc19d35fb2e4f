package server

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"pintle.dev/conformance/reference/api/hello"
	"pintle.dev/conformance/reference/registry"
)

// Run serves until the context ends.
func Run(ctx context.Context, options *Options) error {
	if err := options.Validate(); err != nil {
		return err
	}
	config, err := options.Config()
	if err != nil {
		return err
	}
	server, err := config.Complete().New("hello.zeng.dev-apiserver", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return err
	}
	group := genericapiserver.NewDefaultAPIGroupInfo(hello.GroupName, scheme, metav1.ParameterCodec, codecs)
	if options.EnableEtcdStorage {
		v1, v2, err := registry.NewStorage(scheme, config.RESTOptionsGetter)
		if err != nil {
			return err
		}
		group.VersionedResourcesStorageMap["v1"], group.VersionedResourcesStorageMap["v2"] = v1, v2
	} else {
		foos := map[string]rest.Storage{"foos": registry.NewMemory()}
		group.VersionedResourcesStorageMap["v1"], group.VersionedResourcesStorageMap["v2"] = foos, foos
	}
	if err := server.InstallAPIGroup(&group); err != nil {
		return err
	}
	return server.PrepareRun().RunWithContext(ctx)
}
