package aggregation

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	sampleFolder = "../../samples/hello"
	// How long a replica remembers that somebody may not do something.
	refusalTime = "1s"
	// How long a replica of ours goes on when it is told to end; the Go server has no such flag.
	endDelay = "2s"
)

// hello is the servers behind kube-apiserver.
type hello struct {
	cluster    *cluster
	program    string
	deployed   string // The folder samples/hello, copied, with certificates.
	kubeconfig string // The servers' own, with which they ask the cluster.
	service    *service
	replicas   [2]*replica
}

// replica is one process of it.
type replica struct {
	*process
	port      string
	anonymous caller
}

// url is where the replica is without the aggregator; its certificate is for localhost too.
func (r *replica) url() string { return "https://localhost:" + r.port }

// deploy applies samples/hello/deploy with a Service that leads to this machine, and starts the
// replicas, since there are no nodes that would.
func deploy(t *testing.T, c *cluster, program string) *hello {
	t.Helper()
	h := &hello{cluster: c, program: program, service: newService(t)}
	h.deployed = filepath.Join(c.folder, "hello")
	check(t, os.CopyFS(h.deployed, os.DirFS(sampleFolder)))
	check(t, os.RemoveAll(filepath.Join(h.deployed, "deploy", "base", "certificates")))
	h.script(t, "certificates.sh")
	here := filepath.Join(h.deployed, "deploy", "here")
	check(t, os.Mkdir(here, 0o755))
	write(t, filepath.Join(here, "kustomization.yaml"), fmt.Sprintf(overlay, h.service.port))
	c.admin.must(t, "", "apply", "-k", here)
	if !isOurs() {
		grantAdmission(t, c.admin)
	}
	h.script(t, "kubeconfig.sh", "hello", "apiserver")
	h.kubeconfig = filepath.Join(c.folder, "hello-apiserver.kubeconfig")
	for i := range h.replicas {
		h.replicas[i] = h.startReplica(t, fmt.Sprintf("hello-%d", i))
	}
	h.service.serve(t, h.replicas[:]...)
	return h
}

// grantAdmission lets the Go server watch what its admission plugins read; ours asks for namespaces
// alone, which the manifests allow.
func grantAdmission(t *testing.T, k kubectl) {
	t.Helper()
	k.must(t, "", "create", "clusterrole", "hello-apiserver-admission", "--verb=get,list,watch", "--resource=namespaces,"+
		"mutatingwebhookconfigurations.admissionregistration.k8s.io,validatingwebhookconfigurations.admissionregistration.k8s.io,"+
		"mutatingadmissionpolicies.admissionregistration.k8s.io,mutatingadmissionpolicybindings.admissionregistration.k8s.io,"+
		"validatingadmissionpolicies.admissionregistration.k8s.io,validatingadmissionpolicybindings.admissionregistration.k8s.io")
	k.must(t, "", "create", "clusterrolebinding", "hello-apiserver-admission", "--clusterrole=hello-apiserver-admission",
		"--serviceaccount=hello:apiserver")
}

// A Service of this type is resolved by kube-apiserver itself.
const overlay = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../etcd]
patches:
- target: {kind: Service, name: apiserver}
  patch: |-
    - op: replace
      path: /spec
      value: {type: ExternalName, externalName: localhost}
- target: {kind: APIService}
  patch: |-
    - op: add
      path: /spec/service/port
      value: %s
`

// script runs one of samples/hello/hack as the administrator.
func (h *hello) script(t *testing.T, name string, args ...string) string {
	t.Helper()
	return h.scriptWith(t, nil, name, args...)
}

func (h *hello) scriptWith(t *testing.T, environment []string, name string, args ...string) string {
	t.Helper()
	command := exec.Command(filepath.Join(h.deployed, "hack", name), args...)
	command.Dir = h.cluster.folder
	command.Env = append(os.Environ(), "KUBECONFIG="+h.cluster.admin.kubeconfig, "HOME="+h.cluster.folder,
		"PATH="+kubectlFolder(t, h.cluster.folder)+":"+os.Getenv("PATH"))
	command.Env = append(command.Env, environment...)
	said, err := command.Output()
	if err != nil {
		var why []byte
		if exit, ok := err.(*exec.ExitError); ok {
			why = exit.Stderr
		}
		t.Fatalf("%s: %v\n%s%s", name, err, said, why)
	}
	return string(bytes.TrimSpace(said))
}

// kubectlFolder has the kubectl under test by the name that scripts call it.
func kubectlFolder(t *testing.T, parent string) string {
	t.Helper()
	folder := filepath.Join(parent, "bin")
	program, err := exec.LookPath(*kubectlProgram)
	check(t, err)
	program, err = filepath.Abs(program)
	check(t, err)
	check(t, os.MkdirAll(folder, 0o755))
	link := filepath.Join(folder, "kubectl")
	if _, err := os.Lstat(link); err != nil {
		check(t, os.Symlink(program, link))
	}
	return folder
}

func (h *hello) certificate(name string) string {
	return filepath.Join(h.deployed, "deploy", "base", "certificates", name)
}

// startReplica starts a replica that is told where its cluster is.
func (h *hello) startReplica(t *testing.T, name string) *replica {
	t.Helper()
	return h.startReplicaAs(t, name, nil, []string{
		"--kubeconfig=" + h.kubeconfig, "--authentication-kubeconfig=" + h.kubeconfig,
		"--authorization-kubeconfig=" + h.kubeconfig,
	})
}

func (h *hello) startReplicaAs(t *testing.T, name string, before, more []string) *replica {
	t.Helper()
	port := freePort(t)
	flags := []string{
		"--bind-address=127.0.0.1", "--secure-port=" + port,
		"--tls-cert-file=" + h.certificate("tls.crt"), "--tls-private-key-file=" + h.certificate("tls.key"),
		"--enable-etcd-storage", "--etcd-servers=" + h.cluster.etcd,
		"--enable-auth", "--enable-admission",
		"--authorization-webhook-cache-unauthorized-ttl=" + refusalTime,
	}
	if isOurs() {
		flags = append(flags, "--data-dir="+filepath.Join(h.cluster.folder, name+"-data"), "--shutdown-delay-duration="+endDelay)
	}
	command := slices.Concat(before, []string{h.program}, flags, more)
	one := &replica{process: start(t, h.cluster.folder, name, command[0], command[1:]...), port: port}
	one.anonymous = newCaller(t, one.url(), h.certificate("ca.crt"), identity{}, "")
	began := time.Now()
	soon(t, name+" is ready", func() error {
		if err := one.isRunning(); err != nil {
			return err
		}
		code, text, err := one.anonymous.send(http.MethodGet, "/readyz", "")
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%d %s", code, text)
		}
		return err
	})
	t.Logf("%s is ready after %s", name, time.Since(began).Round(time.Millisecond))
	return one
}

// direct sends requests to a replica without the aggregator.
func (h *hello) direct(t *testing.T, one *replica, who identity, token string) caller {
	t.Helper()
	return newCaller(t, one.url(), h.certificate("ca.crt"), who, token)
}
