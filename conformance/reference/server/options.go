package server

import (
	"flag"
	"net"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/klog/v2"

	"pintle.dev/conformance/reference/api/hello"
	generatedopenapi "pintle.dev/conformance/reference/api/openapi"
)

// Options are the command line.
type Options struct {
	EnableEtcdStorage bool
	EnableAuth        bool
	EnableAdmission   bool
	*genericoptions.RecommendedOptions
}

// NewOptions returns the defaults: everything allowed, everything in memory.
func NewOptions() *Options {
	options := &Options{RecommendedOptions: genericoptions.NewRecommendedOptions("/registry/hello.zeng.dev", nil)}
	options.SecureServing.BindPort = 6443
	options.SecureServing.HTTP2MaxStreamsPerConnection = 0 // Go's default
	options.Admission.Plugins.Register(disallowFooName, newDisallowFoo)
	options.Admission.RecommendedPluginOrder = append(options.Admission.RecommendedPluginOrder, disallowFooName)
	return options
}

// Flags are the options as flags, by section of the help.
func (o *Options) Flags() (sections cliflag.NamedFlagSets) {
	own := sections.FlagSet("hello.zeng.dev-server")
	own.BoolVar(&o.EnableEtcdStorage, "enable-etcd-storage", o.EnableEtcdStorage, "If true, store objects in etcd")
	own.BoolVar(&o.EnableAuth, "enable-auth", o.EnableAuth, "If true, enable authn and authz")
	own.BoolVar(&o.EnableAdmission, "enable-admission", o.EnableAdmission, "If true, enable admission plugins")
	own.StringVar(&o.CoreAPI.CoreAPIKubeconfigPath, "kubeconfig", o.CoreAPI.CoreAPIKubeconfigPath,
		"The path to the kubeconfig used to connect to the Kubernetes API server (defaults to in-cluster config)")
	o.SecureServing.AddFlags(sections.FlagSet("apiserver secure serving"))
	o.Etcd.AddFlags(sections.FlagSet("Etcd"))
	o.Authentication.AddFlags(sections.FlagSet("apiserver authentication"))
	o.Authorization.AddFlags(sections.FlagSet("apiserver authorization"))
	utilfeature.DefaultMutableFeatureGate.AddFlag(sections.FlagSet("features"))
	logging := flag.NewFlagSet("logging", flag.ContinueOnError)
	klog.InitFlags(logging)
	sections.FlagSet("logging").AddGoFlagSet(logging)
	return sections
}

// Validate checks the options that are in use.
func (o *Options) Validate() error {
	errs := o.SecureServing.Validate()
	if o.EnableEtcdStorage {
		errs = append(errs, o.Etcd.Validate()...)
	}
	if o.EnableAuth {
		errs = append(errs, o.Authentication.Validate()...)
		errs = append(errs, o.Authorization.Validate()...)
	}
	return utilerrors.NewAggregate(errs)
}

// Config applies the options that are in use, in the order in which they need each other.
func (o *Options) Config() (*genericapiserver.RecommendedConfig, error) {
	if err := o.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.ParseIP("127.0.0.1")}); err != nil {
		return nil, err
	}
	config := newConfig()
	for _, step := range []struct {
		wanted bool
		apply  func(*genericapiserver.RecommendedConfig) error
	}{
		{true, o.applyServing},
		{o.EnableEtcdStorage, o.applyEtcd},
		{o.EnableAuth, o.applyAuth},
		{o.EnableAdmission, o.applyAdmission},
	} {
		if !step.wanted {
			continue
		}
		if err := step.apply(config); err != nil {
			return nil, err
		}
	}
	return config, nil
}

func newConfig() *genericapiserver.RecommendedConfig {
	config := genericapiserver.NewRecommendedConfig(codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	config.EnableProfiling = false

	namer := openapi.NewDefinitionNamer(scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIConfig.Info.Title, config.OpenAPIConfig.Info.Version = "hello.zeng.dev-server", "0.1"
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIV3Config.Info.Title, config.OpenAPIV3Config.Info.Version = "hello.zeng.dev-server", "0.1"
	return config
}

// applyServing leaves the health check of the loopback certificate out, as the recorded server does.
func (o *Options) applyServing(config *genericapiserver.RecommendedConfig) error {
	return o.SecureServing.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig)
}

// applyEtcd keeps foos under <prefix>/foos, without the group between, in the preferred version.
func (o *Options) applyEtcd(config *genericapiserver.RecommendedConfig) error {
	storage := o.Etcd.StorageConfig
	storage.StorageObjectCountTracker = config.StorageObjectCountTracker
	foos := hello.Resource("foos")
	factory := serverstorage.NewDefaultStorageFactory(storage, o.Etcd.DefaultStorageMediaType, codecs,
		serverstorage.NewDefaultResourceEncodingConfig(scheme), serverstorage.NewResourceConfig(),
		map[schema.GroupResource]string{foos: foos.Resource})
	return o.Etcd.ApplyWithStorageFactoryTo(factory, &config.Config)
}

func (o *Options) applyAuth(config *genericapiserver.RecommendedConfig) error {
	if err := o.Authentication.ApplyTo(&config.Authentication, config.SecureServing, config.OpenAPIConfig); err != nil {
		return err
	}
	return o.Authorization.ApplyTo(&config.Authorization)
}

// applyAdmission needs a cluster for all plugins but DisallowFoo, which is on alone without one.
func (o *Options) applyAdmission(config *genericapiserver.RecommendedConfig) error {
	if err := o.CoreAPI.ApplyTo(config); err != nil {
		if o.CoreAPI.CoreAPIKubeconfigPath != "" {
			return err
		}
		klog.Warningf("no cluster (%v): of the admission plugins only %s is on", err, disallowFooName)
		config.AdmissionControl, err = newDisallowFoo(nil)
		return err
	}
	client, err := kubernetes.NewForConfig(config.ClientConfig)
	if err != nil {
		return err
	}
	dynamicClient, err := dynamic.NewForConfig(config.ClientConfig)
	if err != nil {
		return err
	}
	return o.Admission.ApplyTo(&config.Config, config.SharedInformerFactory, client, dynamicClient,
		utilfeature.DefaultFeatureGate, config.EffectiveVersion, admission.PluginInitializers{}...)
}
