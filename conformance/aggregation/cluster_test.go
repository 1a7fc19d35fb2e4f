package aggregation

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	servertesting "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"

	corev1 "k8s.io/api/core/v1"
)

// How often the garbage collector and the namespace controller look which resources there are.
const syncTime = 2 * time.Second

// cluster is a control plane without nodes.
type cluster struct {
	folder    string
	etcd      string
	url       string
	config    *rest.Config
	clients   *authority
	proxies   *authority
	proxy     identity // What kube-apiserver shows to the servers behind it.
	admin     kubectl
	adminCall caller
}

// startCluster runs etcd, kube-apiserver and the controllers until the test ends.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	folder := t.TempDir()
	quiet(t, filepath.Join(folder, "kube-apiserver.log"))
	c := &cluster{folder: folder, etcd: startEtcd(t, folder)}
	c.clients, c.proxies = newAuthority(t, folder, "cluster"), newAuthority(t, folder, "front-proxy")
	serving := c.clients.issue(t, "kube-apiserver", nil, "127.0.0.1", "localhost")
	storage := storagebackend.NewDefaultConfig("/kube", nil)
	storage.Transport.ServerList = []string{c.etcd}
	options := servertesting.NewDefaultTestServerOptions()
	options.ProxyCA = &servertesting.ProxyCA{ProxySigningCert: c.proxies.certificate, ProxySigningKey: c.proxies.key}
	began := time.Now()
	server := servertesting.StartTestServerOrDie(t, options, []string{
		"--authorization-mode=RBAC",
		"--client-ca-file=" + c.clients.file,
		"--tls-cert-file=" + serving.certificate,
		"--tls-private-key-file=" + serving.key,
		// The test server takes it for granted that kube-apiserver has made its certificate itself.
		"--feature-gates=UnknownVersionInteroperabilityProxy=false",
		// There are no pods, and nobody makes the default service accounts.
		"--disable-admission-plugins=ServiceAccount",
	}, storage)
	t.Logf("kube-apiserver is ready after %s", time.Since(began).Round(time.Second/10))
	t.Cleanup(server.TearDownFn)
	c.config = server.ClientConfig
	c.url = fmt.Sprintf("https://127.0.0.1:%d", server.ServerOpts.SecureServing.BindPort)
	c.proxy = identity{server.ServerOpts.ProxyClientCertFile, server.ServerOpts.ProxyClientKeyFile}

	admin := c.clients.issue(t, "admin", []string{"system:masters"})
	c.admin = newKubectl(t, writeKubeconfig(t, folder, "admin", c.url, c.clients.file, &api.AuthInfo{
		ClientCertificate: admin.certificate, ClientKey: admin.key,
	}))
	c.adminCall = newCaller(t, c.url, c.clients.file, admin, "")
	c.startControllers(t)
	return c
}

// quiet sends what kube-apiserver and the controllers have to say to a file.
func quiet(t *testing.T, path string) {
	t.Helper()
	log, err := os.Create(path)
	check(t, err)
	flags := flag.NewFlagSet("klog", flag.PanicOnError)
	klog.InitFlags(flags)
	check(t, flags.Set("logtostderr", "false"))
	check(t, flags.Set("stderrthreshold", "FATAL"))
	klog.SetOutput(log)
	t.Cleanup(func() {
		klog.Flush()
		_ = log.Close()
	})
}

func startEtcd(t *testing.T, folder string) string {
	t.Helper()
	client, peer := "http://127.0.0.1:"+freePort(t), "http://127.0.0.1:"+freePort(t)
	etcd := start(t, folder, "etcd", *etcdProgram, "--data-dir", filepath.Join(folder, "etcd"),
		"--log-level", "fatal", "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer, "--unsafe-no-fsync")
	soon(t, "etcd is ready", func() error {
		if err := etcd.isRunning(); err != nil {
			return err
		}
		response, err := http.Get(client + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", response.Status)
		}
		return nil
	})
	return client
}

func writeKubeconfig(t *testing.T, folder, name, server, authorityFile string, user *api.AuthInfo) string {
	t.Helper()
	path := filepath.Join(folder, name+".kubeconfig")
	check(t, clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"cluster": {Server: server, CertificateAuthority: authorityFile}},
		AuthInfos:      map[string]*api.AuthInfo{name: user},
		Contexts:       map[string]*api.Context{"default": {Cluster: "cluster", AuthInfo: name, Namespace: "default"}},
		CurrentContext: "default",
	}, path))
	return path
}

// startControllers runs those of the controller manager that have to do with any resource: the one
// that fills aggregated roles, the one that empties namespaces, and the garbage collector.
func (c *cluster) startControllers(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	client, err := kubernetes.NewForConfig(c.config)
	check(t, err)
	metadataClient, err := metadata.NewForConfig(c.config)
	check(t, err)
	shared := informers.NewSharedInformerFactory(client, 0)
	partial := metadatainformer.NewSharedInformerFactory(metadataClient, 0)

	roles := clusterroleaggregation.NewClusterRoleAggregation(shared.Rbac().V1().ClusterRoles(), client.RbacV1())
	namespaces := namespace.NewNamespaceController(ctx, client, metadataClient,
		client.Discovery().ServerPreferredNamespacedResources, shared.Core().V1().Namespaces(), 0, corev1.FinalizerKubernetes)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	started := make(chan struct{})
	garbage, err := garbagecollector.NewGarbageCollector(ctx, client, metadataClient, mapper,
		garbagecollector.DefaultIgnoredResources(), informerfactory.NewInformerFactory(shared, partial), started)
	check(t, err)
	shared.Start(ctx.Done())
	partial.Start(ctx.Done())
	close(started)
	go roles.Run(ctx, 2)
	go namespaces.Run(ctx, 2)
	go garbage.Run(ctx, 2, syncTime)
	go garbage.Sync(ctx, client.Discovery(), syncTime)
}
