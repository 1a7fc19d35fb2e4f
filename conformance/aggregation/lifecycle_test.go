package aggregation

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// namespaces is how foos live and die with their namespaces.
func namespaces(t *testing.T, h *hello) {
	k := h.cluster.admin
	k.refuses(t, `namespaces "nowhere" not found`, foo("lost"), "create", "--namespace", "nowhere", "-f", "-")
	k.must(t, "", "create", "namespace", "brief")
	k.must(t, foo("one"), "create", "--namespace", "brief", "-f", "-")
	held := strings.Replace(foo("held"), `"metadata":{`, `"metadata":{"finalizers":["hello.zeng.dev/hold"],`, 1)
	k.must(t, held, "create", "--namespace", "brief", "-f", "-")
	k.must(t, "", "delete", "namespace", "brief", "--wait=false")
	soon(t, "the foo of a namespace that ends is gone", func() error {
		return missing(k, "get", "foo", "one", "--namespace", "brief")
	})
	k.refuses(t, `foos.hello.zeng.dev "late" is forbidden: unable to create new content in namespace brief because it is being terminated`,
		foo("late"), "create", "--namespace", "brief", "-f", "-")
	soon(t, "the namespace says what is left", func() error {
		said, err := k.run("", "get", "namespace", "brief", "-o", "yaml")
		if err == nil && !strings.Contains(said, "foos.hello.zeng.dev has 1 resource instances") {
			err = errors.New(said)
		}
		return err
	})
	k.must(t, "", "patch", "foo", "held", "--namespace", "brief", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	within(t, time.Minute, "the namespace is gone", func() error { return missing(k, "get", "namespace", "brief") })
}

// missing is nil once kubectl finds nothing.
func missing(k kubectl, args ...string) error {
	said, err := k.run("", args...)
	if err != nil && strings.Contains(said, "(NotFound)") {
		return nil
	}
	return errors.New(said)
}

// garbage is how foos go with their owners, and what they own with them.
func garbage(t *testing.T, h *hello) {
	k := h.cluster.admin
	uid := func(what, name string) string {
		return k.must(t, "", "get", what, name, "-o", "jsonpath={.metadata.uid}")
	}
	owned := func(object, apiVersion, kind, name, uid string) string {
		owner := fmt.Sprintf(`"ownerReferences":[{"apiVersion":%q,"kind":%q,"name":%q,"uid":%q,"blockOwnerDeletion":true}],`, apiVersion, kind, name, uid)
		return strings.Replace(object, `"metadata":{`, `"metadata":{`+owner, 1)
	}
	settings := func(name string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"` + name + `"}}`
	}
	gone := func(what, name string) func() error { return func() error { return missing(k, "get", what, name) } }

	k.must(t, settings("owner"), "create", "-f", "-")
	k.must(t, owned(foo("owned"), "v1", "ConfigMap", "owner", uid("configmap", "owner")), "create", "-f", "-")
	k.must(t, "", "delete", "configmap", "owner")
	within(t, time.Minute, "a foo goes with its owner", gone("foo", "owned"))

	for _, cascade := range []string{"background", "foreground", "orphan"} {
		owner, dependent := "owner-"+cascade, "dependent-"+cascade
		k.must(t, foo(owner), "create", "-f", "-")
		k.must(t, owned(settings(dependent), "hello.zeng.dev/v2", "Foo", owner, uid("foo", owner)), "create", "-f", "-")
		k.must(t, "", "delete", "foo", owner, "--cascade="+cascade, "--wait=false")
		within(t, time.Minute, cascade+": the foo is gone", gone("foo", owner))
		if cascade == "orphan" {
			k.says(t, "{}", "", "get", "configmap", dependent, "-o", "jsonpath={.metadata.ownerReferences}{'{}'}")
			continue
		}
		within(t, time.Minute, cascade+": what it owned is gone", gone("configmap", dependent))
	}
}

// restart is that users do not notice when one replica after the other is replaced.
func restart(t *testing.T, h *hello) {
	if !isOurs() {
		t.Skip("the Go server has no --shutdown-delay-duration: connections are refused before anybody knows")
	}
	seen := h.inform(t)
	use := h.use()
	for i, one := range h.replicas {
		began := time.Now()
		one.stop(t)
		t.Logf("%s ended after %s", one.name, time.Since(began).Round(time.Millisecond))
		h.replicas[i] = h.startReplica(t, fmt.Sprintf("hello-%d", i+len(h.replicas)))
		h.service.serve(t, h.replicas[:]...)
		time.Sleep(time.Second)
	}
	made := use(t)
	if err := h.isAvailable("True")(); err != nil {
		t.Error(err)
	}
	// The watch went over to another server and missed nothing.
	soon(t, "the informer has all", func() error {
		for _, name := range made {
			if _, found := seen.Load(name); !found {
				return fmt.Errorf("%s is not seen", name)
			}
		}
		return nil
	})
}

// inform follows foos as controllers do, and keeps their names.
func (h *hello) inform(t *testing.T) *sync.Map {
	t.Helper()
	client, err := dynamic.NewForConfig(h.cluster.config)
	check(t, err)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, "default", nil)
	informer := factory.ForResource(schema.GroupVersionResource{Group: "hello.zeng.dev", Version: "v2", Resource: "foos"}).Informer()
	seen := &sync.Map{}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		seen.Store(object.(metav1.Object).GetName(), true)
	}})
	check(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	factory.Start(done)
	if !cache.WaitForCacheSync(done, informer.HasSynced) {
		t.Fatal("the informer does not fill")
	}
	return seen
}

// use sends requests through kube-apiserver until what it returns is called, which checks that all
// went well and returns the names of the foos that were made.
func (h *hello) use() func(*testing.T) []string {
	const usedMin = 50
	var made, failed []string
	used := 0
	stop, stopped := make(chan struct{}), make(chan struct{})
	once := func() {
		method, path, body, want := http.MethodGet, foos, "", http.StatusOK
		name := fmt.Sprintf("during-%d", used)
		switch used % 3 {
		case 1:
			method, body, want = http.MethodPost, foo(name), http.StatusCreated
		case 2:
			path += "/shown"
		}
		used++
		began := time.Now()
		code, text, err := h.cluster.adminCall.send(method, path, body)
		if err != nil || code != want {
			failed = append(failed, fmt.Sprintf("%s %s at %s, after %s: %d %v: %s", method, path,
				began.Format("05.000"), time.Since(began).Round(time.Millisecond), code, err, message(text)))
		} else if body != "" {
			made = append(made, name)
		}
	}
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				once()
			}
		}
	}()
	return func(t *testing.T) []string {
		t.Helper()
		close(stop)
		<-stopped
		t.Logf("%d requests in that time, of which %d failed", used, len(failed))
		for _, one := range failed[:min(len(failed), shownLines)] {
			t.Error(one)
		}
		if used < usedMin {
			t.Errorf("these are too few")
		}
		return made
	}
}

// outage is that kube-apiserver does not suffer when nothing is behind the Service, and says so.
func outage(t *testing.T, h *hello) {
	var ending sync.WaitGroup
	for _, one := range h.replicas {
		ending.Go(func() { one.stop(t) })
	}
	ending.Wait()
	h.look(t)
	within(t, 2*time.Minute, "the APIServices are not available", h.isAvailable("False"))
	_, reason, text, err := h.condition("v2.hello.zeng.dev")
	check(t, err)
	if reason != "FailedDiscoveryCheck" {
		t.Errorf("the APIService says %s: %s", reason, text)
	}
	h.cluster.admin.says(t, "False (FailedDiscoveryCheck)", "", "get", "apiservices", "v1.hello.zeng.dev")
	outcomes(t, "during the outage", h.cluster.adminCall, "200 GET /readyz", "200 GET /livez", "503 GET "+foos,
		"200 GET /api/v1/namespaces/default/configmaps", "200 GET /apis", "200 GET /openapi/v2")
	h.cluster.admin.refuses(t, "(ServiceUnavailable): the server is currently unable to handle the request", "", "get", "foos")
	for i := range h.replicas {
		h.replicas[i] = h.startReplica(t, fmt.Sprintf("hello-back-%d", i))
	}
	h.service.serve(t, h.replicas[:]...)
	h.look(t)
	within(t, 2*time.Minute, "the APIServices are available again", h.isAvailable("True"))
	h.cluster.admin.says(t, "foo.hello.zeng.dev/shown", "", "get", "foos", "-o", "name")
}
