package aggregation

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	variant = flag.String("program", "ours",
		"which hello-apiserver is behind kube-apiserver: ours, or go")
	oursProgram    = flag.String("ours", "../../target/debug/hello-apiserver", "the program of Pintle")
	goProgram      = flag.String("go", "../bin/reference", "the Go server")
	etcdProgram    = flag.String("etcd", "../bin/etcd", "etcd")
	kubectlProgram = flag.String("kubectl", "kubectl", "kubectl")
)

func isOurs() bool { return *variant == "ours" }

// TestPlay is one play: its acts follow one another in one cluster.
func TestPlay(t *testing.T) {
	program := *goProgram
	if isOurs() {
		program = *oursProgram
	} else if *variant != "go" {
		t.Fatalf("-program is %q, want ours or go", *variant)
	}
	cluster := startCluster(t)
	h := deploy(t, cluster, program)
	acts := []struct {
		name string
		act  func(*testing.T, *hello)
	}{
		{"available", available},
		{"discovery", discovery},
		{"OpenAPI", openAPI},
		{"kubectl", throughKubectl},
		{"roles", roles},
		{"straight", straight},
		{"front proxy", frontProxy},
		{"a pod", pod},
		{"upgrade", upgrade},
		{"namespaces", namespaces},
		{"garbage", garbage},
		{"deployment", deployment},
		{"a replica restarts", restart},
		{"outage", outage},
	}
	for _, one := range acts {
		t.Run(one.name, func(t *testing.T) { one.act(t, h) })
	}
}

// condition is the condition Available of an APIService.
func (h *hello) condition(name string) (status, reason, message string, err error) {
	var found struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	err = h.cluster.adminCall.document("/apis/apiregistration.k8s.io/v1/apiservices/"+name, &found)
	for _, one := range found.Status.Conditions {
		if one.Type == "Available" {
			return one.Status, one.Reason, one.Message, err
		}
	}
	return "", "", "", err
}

// look has kube-apiserver look at the servers now. It does so when an APIService changes, else
// every 30 s.
func (h *hello) look(t *testing.T) {
	t.Helper()
	h.cluster.admin.must(t, "", "annotate", "apiservices", "v1.hello.zeng.dev", "v2.hello.zeng.dev",
		"--overwrite", fmt.Sprintf("looked-at=%d", time.Now().UnixNano()))
}

func (h *hello) isAvailable(want string) func() error {
	return func() error {
		for _, name := range []string{"v1.hello.zeng.dev", "v2.hello.zeng.dev"} {
			status, reason, message, err := h.condition(name)
			if err == nil && status != want {
				err = fmt.Errorf("%s: Available is %q: %s: %s", name, status, reason, message)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func available(t *testing.T, h *hello) {
	h.look(t)
	soon(t, "the APIServices are available", h.isAvailable("True"))
	for _, name := range []string{"v1.hello.zeng.dev", "v2.hello.zeng.dev"} {
		_, reason, message, err := h.condition(name)
		check(t, err)
		if reason != "Passed" || message != "all checks passed" {
			t.Errorf("%s: %s: %s", name, reason, message)
		}
	}
	h.cluster.admin.says(t, "hello/apiserver", "", "get", "apiservices", "v1.hello.zeng.dev", "v2.hello.zeng.dev")
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// discovery is what kube-apiserver makes of that of the server behind it.
func discovery(t *testing.T, h *hello) {
	soon(t, "the group is in the aggregated discovery", func() error { return h.aggregatedDiscovery() })
	admin := h.cluster.admin
	admin.says(t, "hello.zeng.dev/v1\nhello.zeng.dev/v2", "", "api-versions")
	said := admin.says(t, "foos", "", "api-resources", "--api-group=hello.zeng.dev", "-o", "wide")
	for _, part := range []string{"fo ", "hello.zeng.dev/v2", "true", "Foo", "create", "deletecollection", "watch"} {
		if !strings.Contains(said, part) {
			t.Errorf("api-resources has no %q:\n%s", part, said)
		}
	}
	var group struct {
		Versions         []struct{ Version string }
		PreferredVersion struct{ Version string }
	}
	check(t, h.cluster.adminCall.document("/apis/hello.zeng.dev", &group))
	if group.PreferredVersion.Version != "v2" || len(group.Versions) != 2 {
		t.Errorf("/apis/hello.zeng.dev: %+v", group)
	}
}

func (h *hello) aggregatedDiscovery() error {
	var found struct {
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Version, Freshness string
				Resources          []struct {
					Resource     string
					Scope        string
					Subresources []struct{ Subresource string }
				}
			}
		}
	}
	if err := h.cluster.adminCall.with("Accept", aggregated).document("/apis", &found); err != nil {
		return err
	}
	var told []string
	for _, group := range found.Items {
		if group.Metadata.Name != "hello.zeng.dev" {
			continue
		}
		for _, version := range group.Versions {
			line := version.Version + " " + version.Freshness
			for _, resource := range version.Resources {
				line += " " + resource.Resource + " " + resource.Scope
				for _, sub := range resource.Subresources {
					line += "/" + sub.Subresource
				}
			}
			told = append(told, line)
		}
	}
	want := "v2 Current foos Namespaced/base64/config/status; v1 Current foos Namespaced/base64"
	if got := strings.Join(told, "; "); got != want {
		return fmt.Errorf("want %q, got %q", want, got)
	}
	return nil
}

// openAPI is what kube-apiserver makes of the documents of the server behind it.
func openAPI(t *testing.T, h *hello) {
	admin := h.cluster.adminCall
	soon(t, "foos are in the merged OpenAPI v2", func() error {
		var document struct {
			Paths       map[string]any
			Definitions map[string]map[string]any
		}
		if err := admin.document("/openapi/v2", &document); err != nil {
			return err
		}
		for _, path := range []string{
			"/apis/hello.zeng.dev/v1/namespaces/{namespace}/foos/{name}",
			"/apis/hello.zeng.dev/v2/namespaces/{namespace}/foos/{name}/status", "/api/v1/namespaces/{namespace}/pods",
		} {
			if document.Paths[path] == nil {
				return fmt.Errorf("no path %s", path)
			}
		}
		kinds := map[string]int{}
		for name, definition := range document.Definitions {
			text, _ := json.Marshal(definition["x-kubernetes-group-version-kind"])
			for _, version := range []string{"v1", "v2"} {
				if strings.Contains(string(text), `{"group":"hello.zeng.dev","kind":"Foo","version":"`+version+`"}`) {
					kinds[version]++
				}
			}
			// Two schemas of one name would have been renamed.
			if strings.Contains(name, "ObjectMeta_v") {
				return fmt.Errorf("ObjectMeta of the servers differs: %s", name)
			}
		}
		if kinds["v1"] != 1 || kinds["v2"] != 1 {
			return fmt.Errorf("kinds: %v", kinds)
		}
		return nil
	})
	for _, version := range []string{"v1", "v2"} {
		soon(t, "foos are in the OpenAPI v3 of "+version, func() error { return h.inVersion3(version) })
	}
}

func (h *hello) inVersion3(version string) error {
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	if err := h.cluster.adminCall.document("/openapi/v3", &index); err != nil {
		return err
	}
	url := index.Paths["apis/hello.zeng.dev/"+version].ServerRelativeURL
	if url == "" {
		return errors.New("it is not in the index")
	}
	var document struct{ Paths map[string]any }
	if err := h.cluster.adminCall.document(url, &document); err != nil {
		return err
	}
	if document.Paths["/apis/hello.zeng.dev/"+version+"/namespaces/{namespace}/foos/{name}"] == nil {
		return fmt.Errorf("%s has no foos", url)
	}
	return nil
}

const foos = "/apis/hello.zeng.dev/v2/namespaces/default/foos"

func foo(name string) string {
	return `{"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"` + name +
		`"},"spec":{"image":"busybox:1.36","config":{"msg":"hello"}}}`
}

// account makes a service account, and a kubectl and a token of it.
func (h *hello) account(t *testing.T, namespace, name string) (kubectl, string) {
	t.Helper()
	h.cluster.admin.must(t, "", "create", "serviceaccount", name, "--namespace", namespace)
	file := h.script(t, "kubeconfig.sh", namespace, name)
	token := h.cluster.admin.must(t, "", "create", "token", name, "--namespace", namespace)
	return newKubectl(t, filepath.Join(h.cluster.folder, file)), token
}

// outcomes checks the codes of requests of one caller.
func outcomes(t *testing.T, who string, from caller, wanted ...string) {
	t.Helper()
	for _, line := range wanted {
		fields := strings.Fields(line)
		want, method, path := fields[0], fields[1], fields[2]
		body := ""
		if method == http.MethodPost {
			body = foo("made-by-" + strings.ReplaceAll(who, " ", "-"))
		}
		code, text, err := from.send(method, path, body)
		if err != nil || fmt.Sprint(code) != want {
			t.Errorf("%s: %s %s: want %s, got %d %v: %s", who, method, path, want, code, err, message(text))
		}
	}
}
