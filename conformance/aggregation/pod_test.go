package aggregation

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// What a kubelet mounts, in a namespace of the process's own; then the program.
const asPod = `set -e
mount -t tmpfs tmpfs /run
folder=/var/run/secrets/kubernetes.io/serviceaccount
mkdir -p $folder
cp "$POD_TOKEN" $folder/token
cp "$POD_CA" $folder/ca.crt
printf hello > $folder/namespace
exec "$@"`

// pod is a server that finds its cluster by itself, by what a pod is told.
func pod(t *testing.T, h *hello) {
	if err := exec.Command("unshare", "--mount", "true").Run(); err != nil {
		t.Skipf("mounting needs root: unshare: %v", err)
	}
	c := h.cluster
	token := filepath.Join(c.folder, "pod-token")
	write(t, token, c.admin.must(t, "", "create", "token", "apiserver", "--namespace", "hello"))
	address, err := url.Parse(c.url)
	check(t, err)
	t.Setenv("POD_TOKEN", token)
	t.Setenv("POD_CA", c.clients.file)
	t.Setenv("KUBERNETES_SERVICE_HOST", address.Hostname())
	t.Setenv("KUBERNETES_SERVICE_PORT", address.Port())
	one := h.startReplicaAs(t, "hello-pod", []string{"unshare", "--mount", "sh", "-c", asPod, "sh"}, nil)
	defer one.stop(t)
	user := c.admin.must(t, "", "create", "token", "readuser")
	outcomes(t, "readuser at a pod", h.direct(t, one, identity{}, user), "200 GET "+foos, "403 POST "+foos+"?dryRun=All")
	outcomes(t, "the proxy at a pod", h.direct(t, one, c.proxy, "").with("X-Remote-User", "root", "X-Remote-Group", "system:masters"),
		"201 POST "+foos+"?dryRun=All")
	expect(t, h.direct(t, one, c.proxy, "").with("X-Remote-User", "root", "X-Remote-Group", "system:masters"),
		http.MethodPost, strings.Replace(foos, "default", "nowhere", 1), 404, `namespaces "nowhere" not found`)
}

// upgrade is a watch over a WebSocket, which kube-apiserver hands on as a connection.
func upgrade(t *testing.T, h *hello) {
	trust := h.cluster.adminCall.client.Transport.(*http.Transport).TLSClientConfig
	// HTTP/2 knows no upgrade.
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trust.RootCAs, GetClientCertificate: trust.GetClientCertificate}}
	address := "wss" + strings.TrimPrefix(h.cluster.url, "https") + foos + "?watch=true&fieldSelector=metadata.name%3Dshown"
	// The Go server wants an origin, as browsers tell one.
	connection, response, err := dialer.Dial(address, http.Header{"Origin": {h.cluster.url}})
	if err != nil {
		code := 0
		if response != nil {
			code = response.StatusCode
		}
		t.Fatalf("%s: %d %v", address, code, err)
	}
	defer connection.Close()
	check(t, connection.SetReadDeadline(time.Now().Add(requestTime)))
	_, text, err := connection.ReadMessage()
	check(t, err)
	var event struct {
		Type   string
		Object struct{ Metadata struct{ Name string } }
	}
	check(t, json.Unmarshal(text, &event))
	if event.Type != "ADDED" || event.Object.Metadata.Name != "shown" {
		t.Errorf("the first event: %s", text)
	}
}
