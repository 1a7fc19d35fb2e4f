package aggregation

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	aggregateToView = "rbac.authorization.k8s.io/aggregate-to-view"
	forbiddenList   = `foos.hello.zeng.dev is forbidden: User "system:serviceaccount:default:%s" cannot list resource "foos" in API group "hello.zeng.dev" in the namespace "default"`
	forbiddenDelete = `foos.hello.zeng.dev "shown" is forbidden: User "system:serviceaccount:default:%s" cannot delete resource "foos" in API group "hello.zeng.dev" in the namespace "default"`
)

// roles is what the cluster's RBAC makes of users, through kube-apiserver and straight at a server.
func roles(t *testing.T, h *hello) {
	admin := h.cluster.admin
	admin.must(t, foo("shown"), "create", "-f", "-")
	// As deployed, the role is a part of `view`; for this play it is not.
	admin.must(t, "", "label", "clusterrole", "hello-view", aggregateToView+"-")
	user, token := h.account(t, "default", "readuser")
	admin.must(t, "", "create", "clusterrolebinding", "readuser-view", "--clusterrole=view", "--serviceaccount=default:readuser")
	// The role `view` is filled by a controller.
	soon(t, "readuser sees config maps", func() error {
		_, err := user.run("", "get", "configmaps")
		return err
	})
	straight := [2]caller{}
	for i, one := range h.replicas {
		straight[i] = h.direct(t, one, identity{}, token)
	}

	list, deletion := fmt.Sprintf(forbiddenList, "readuser"), fmt.Sprintf(forbiddenDelete, "readuser")
	user.refuses(t, "Error from server (Forbidden): "+list, "", "get", "foos")
	user.refuses(t, "no", "", "auth", "can-i", "list", "foos.hello.zeng.dev")
	for _, one := range straight {
		expect(t, one, http.MethodGet, foos, 403, list)
	}
	admin.refuses(t, fmt.Sprintf(forbiddenList, "other"), "", "get", "foos", "--as", "system:serviceaccount:default:other")

	admin.must(t, "", "create", "clusterrolebinding", "readuser-hello", "--clusterrole=hello-view", "--serviceaccount=default:readuser")
	soon(t, "readuser sees foos", func() error {
		_, err := user.run("", "get", "foos")
		return err
	})
	user.says(t, "shown", "", "get", "foos", "-o", "name")
	user.refuses(t, "Error from server (Forbidden): "+deletion, "", "delete", "foo", "shown")
	user.refuses(t, "cannot create resource", foo("own"), "create", "-f", "-")
	for _, one := range straight {
		// A refusal is remembered for some seconds.
		soon(t, "readuser sees foos straight", func() error {
			code, text, err := one.send(http.MethodGet, foos, "")
			if err == nil && code != 200 {
				err = fmt.Errorf("%d %s", code, text)
			}
			return err
		})
		expect(t, one, http.MethodGet, foos+"/shown/config", 200, `"msg":"hello"`)
		expect(t, one, http.MethodDelete, foos+"/shown", 403, deletion)
	}

	viewer, _ := h.account(t, "default", "viewer")
	admin.must(t, "", "create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount=default:viewer")
	viewer.refuses(t, fmt.Sprintf(forbiddenList, "viewer"), "", "get", "foos")
	admin.must(t, "", "label", "clusterrole", "hello-view", aggregateToView+"=true")
	soon(t, "the role view has come to mean foos", func() error {
		_, err := viewer.run("", "get", "foos")
		return err
	})
	viewer.refuses(t, "at the cluster scope", "", "get", "foos", "--all-namespaces")
}

// expect checks a code and a part of the message, or of the body.
func expect(t *testing.T, from caller, method, path string, want int, part string) {
	t.Helper()
	body := ""
	if method == http.MethodPost {
		body = foo("made")
	}
	code, text, err := from.send(method, path, body)
	got := message(text)
	if err != nil || code != want || !strings.Contains(got, part) {
		t.Errorf("%s %s: want %d %q, got %d %v: %s", method, path, want, part, code, err, got)
	}
}

// straight is who may do what without the aggregator.
func straight(t *testing.T, h *hello) {
	one := h.replicas[0]
	_, stranger := h.account(t, "default", "stranger")
	_, editor := h.account(t, "default", "editor")
	h.cluster.admin.must(t, "", "create", "rolebinding", "editor", "--clusterrole=edit", "--serviceaccount=default:editor")
	admin := h.cluster.clients.issue(t, "root", []string{"system:masters"})
	jane := h.cluster.clients.issue(t, "jane", []string{"readers"})
	foreign := newAuthority(t, t.TempDir(), "foreign").issue(t, "root", []string{"system:masters"})
	soon(t, "the editor sees foos", func() error {
		code, text, err := h.direct(t, one, identity{}, editor).send(http.MethodGet, foos, "")
		if err == nil && code != 200 {
			err = fmt.Errorf("%d %s", code, text)
		}
		return err
	})
	list, create, health := "GET "+foos, "POST "+foos+"?dryRun=All", "GET /readyz"
	outcomes(t, "nobody", h.direct(t, one, identity{}, ""), "403 "+list, "403 "+create, "200 "+health, "403 GET /metrics")
	outcomes(t, "a wrong token", h.direct(t, one, identity{}, "wrong"), "401 "+list, "401 "+create, "401 "+health)
	outcomes(t, "a forged token", h.direct(t, one, identity{}, forged(editor)), "401 "+list, "401 "+health)
	outcomes(t, "a stranger", h.direct(t, one, identity{}, stranger), "403 "+list, "403 "+create, "200 "+health)
	outcomes(t, "an editor", h.direct(t, one, identity{}, editor), "200 "+list, "201 "+create, "403 GET /metrics")
	outcomes(t, "jane", h.direct(t, one, jane, ""), "403 "+list, "403 "+create, "200 "+health)
	outcomes(t, "an administrator", h.direct(t, one, admin, ""), "200 "+list, "201 "+create, "200 GET /metrics")
	outcomes(t, "an administrator as jane", h.direct(t, one, admin, "").with("Impersonate-User", "jane"), "403 "+list, "403 "+create)
	outcomes(t, "an editor as root", h.direct(t, one, identity{}, editor).with("Impersonate-User", "root"), "403 "+list)
	outcomes(t, "a foreign certificate", h.direct(t, one, foreign, ""), "401 "+list, "401 "+create)
	expect(t, h.direct(t, one, identity{}, stranger), http.MethodGet, foos, 403, fmt.Sprintf(forbiddenList, "stranger"))
	expect(t, h.direct(t, one, identity{}, ""), http.MethodGet, foos, 403,
		`foos.hello.zeng.dev is forbidden: User "system:anonymous" cannot list resource "foos" in API group "hello.zeng.dev" in the namespace "default"`)
}

// frontProxy is who is believed to be kube-apiserver.
func frontProxy(t *testing.T, h *hello) {
	one := h.replicas[0]
	cluster := h.cluster
	as := func(who identity, user, group string) caller {
		from := h.direct(t, one, who, "").with("X-Remote-User", user)
		if group != "" {
			from = from.with("X-Remote-Group", group)
		}
		return from
	}
	// Only the authority of the aggregator makes a proxy, and only the names that the cluster tells.
	lookalike := cluster.clients.issue(t, "misty", nil)
	other := cluster.proxies.issue(t, "someone-else", nil)
	list, create := "GET "+foos, "POST "+foos+"?dryRun=All"
	const masters = "system:masters"
	outcomes(t, "the proxy as root", as(cluster.proxy, "root", masters), "200 "+list, "201 "+create, "200 GET /metrics")
	outcomes(t, "the proxy as joe", as(cluster.proxy, "joe", ""), "403 "+list, "403 "+create)
	outcomes(t, "the proxy as readuser", as(cluster.proxy, "system:serviceaccount:default:readuser", ""), "200 "+list, "403 "+create)
	outcomes(t, "headers alone", as(identity{}, "root", masters), "403 "+list, "403 "+create, "403 GET /metrics")
	outcomes(t, "a lookalike", as(lookalike, "root", masters), "403 "+list, "403 "+create)
	outcomes(t, "another name", as(other, "root", masters), "401 "+list, "401 "+create)
	expect(t, as(cluster.proxy, "joe", ""), http.MethodGet, foos, 403, `User "joe" cannot list resource "foos"`)
	expect(t, as(lookalike, "root", masters), http.MethodGet, foos, 403, `User "misty" cannot list resource "foos"`)
}
