package aggregation

import (
	"path/filepath"
	"strings"
	"testing"
)

// deployment is what kube-apiserver says to each variant of samples/hello/deploy.
func deployment(t *testing.T, h *hello) {
	k := h.cluster.admin
	for variant, wanted := range map[string][]string{
		".": {
			"deployment.apps/apiserver", "statefulset.apps/etcd", "service/etcd", "networkpolicy.networking.k8s.io/etcd",
			"poddisruptionbudget.policy/apiserver", "poddisruptionbudget.policy/etcd",
			"apiservice.apiregistration.k8s.io/v1.hello.zeng.dev", "apiservice.apiregistration.k8s.io/v2.hello.zeng.dev",
			"clusterrolebinding.rbac.authorization.k8s.io/hello-apiserver-auth-delegator",
			"rolebinding.rbac.authorization.k8s.io/hello-apiserver-authentication-reader",
		},
		"sqlite": {"deployment.apps/apiserver", "persistentvolumeclaim/data", "apiservice.apiregistration.k8s.io/v2.hello.zeng.dev"},
	} {
		folder := filepath.Join(h.deployed, "deploy", variant)
		said := k.says(t, "(server dry run)", "", "apply", "--dry-run=server", "-k", folder)
		for _, want := range wanted {
			if !strings.Contains(said, want+" ") {
				t.Errorf("%s has no %s:\n%s", variant, want, said)
			}
		}
		if strings.Contains(said, "Warning:") {
			t.Errorf("%s: kube-apiserver warns:\n%s", variant, said)
		}
		rendered := k.must(t, "", "kustomize", folder)
		for _, part := range []string{"runAsNonRoot: true", "readOnlyRootFilesystem: true", "--shutdown-delay-duration="} {
			if !strings.Contains(rendered, part) {
				t.Errorf("%s has no %s", variant, part)
			}
		}
		if strings.Contains(rendered, "REPLACED") || strings.Contains(rendered, "insecureSkipTLSVerify") {
			t.Errorf("%s: the authority of the serving certificate is not told", variant)
		}
	}
	// A kubeconfig for a replica without the aggregator has the same permissions.
	k.must(t, "", "create", "serviceaccount", "direct", "--namespace", "default")
	environment := []string{"SERVER=" + h.replicas[0].url(), "CA=" + h.certificate("ca.crt")}
	file := h.scriptWith(t, environment, "kubeconfig.sh", "direct")
	user := newKubectl(t, filepath.Join(h.cluster.folder, file))
	user.refuses(t, `User "system:serviceaccount:default:direct" cannot list resource "foos"`, "", "get", "foos")
	k.must(t, "", "create", "rolebinding", "direct", "--clusterrole=hello-view", "--serviceaccount=default:direct")
	soon(t, "a user sees foos without the aggregator", func() error {
		_, err := user.run("", "get", "foos")
		return err
	})
	user.says(t, "foo.hello.zeng.dev/shown", "", "get", "foos", "-o", "name")
}
