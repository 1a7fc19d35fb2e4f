package aggregation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	requestTime = 20 * time.Second
	kubectlTime = 60 * time.Second
)

// kubectl is a version of it with a kubeconfig.
type kubectl struct {
	program, kubeconfig, cache string
}

func newKubectl(t *testing.T, kubeconfig string) kubectl {
	t.Helper()
	return kubectl{*kubectlProgram, kubeconfig, filepath.Join(filepath.Dir(kubeconfig), "cache-"+filepath.Base(kubeconfig))}
}

func (k kubectl) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, k.program, append([]string{"--kubeconfig", k.kubeconfig, "--cache-dir", k.cache}, args...)...)
	command.Env = append(os.Environ(), "HOME="+filepath.Dir(k.kubeconfig), "TERM=dumb")
	return command
}

// run returns all that kubectl says, and whether it says that all went well.
func (k kubectl) run(input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), kubectlTime)
	defer cancel()
	command := k.command(ctx, args...)
	command.Stdin = strings.NewReader(input)
	said, err := command.CombinedOutput()
	return strings.TrimSpace(string(said)), err
}

// says checks that kubectl succeeds and says what is wanted.
func (k kubectl) says(t *testing.T, want, input string, args ...string) string {
	t.Helper()
	said, err := k.run(input, args...)
	if err != nil || !strings.Contains(said, want) {
		t.Errorf("kubectl %s: want %q, got (%v):\n%s", strings.Join(args, " "), want, err, said)
	}
	return said
}

// refuses checks that kubectl fails and says what is wanted.
func (k kubectl) refuses(t *testing.T, want, input string, args ...string) {
	t.Helper()
	said, err := k.run(input, args...)
	if err == nil || !strings.Contains(said, want) {
		t.Errorf("kubectl %s: want a failure and %q, got (%v):\n%s", strings.Join(args, " "), want, err, said)
	}
}

// must is says for what the test cannot go on without.
func (k kubectl) must(t *testing.T, input string, args ...string) string {
	t.Helper()
	said, err := k.run(input, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return said
}

// caller sends requests to one server as somebody.
type caller struct {
	base   string
	client *http.Client
	header http.Header
}

// newCaller knows the server by an authority; the identity and the token may be empty.
func newCaller(t *testing.T, base, authorityFile string, who identity, token string) caller {
	t.Helper()
	pem, err := os.ReadFile(authorityFile)
	check(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s has no certificate", authorityFile)
	}
	settings := &tls.Config{RootCAs: pool}
	if who.certificate != "" {
		pair, err := tls.LoadX509KeyPair(who.certificate, who.key)
		check(t, err)
		// It is shown also where the server asks for those of other authorities.
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return caller{base, &http.Client{Transport: transport, Timeout: requestTime}, header}
}

// with adds headers, given as names and values in turn.
func (c caller) with(headers ...string) caller {
	c.header = c.header.Clone()
	for i := 0; i+1 < len(headers); i += 2 {
		c.header.Add(headers[i], headers[i+1])
	}
	return c
}

func (c caller) send(method, path, body string) (int, []byte, error) {
	request, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = c.header.Clone()
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

// document reads a JSON document.
func (c caller) document(path string, into any) error {
	code, text, err := c.send(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("%s: %d %s", path, code, text)
	}
	return json.Unmarshal(text, into)
}

// message is that of a Status, or else the text.
func message(text []byte) string {
	var status struct{ Message string }
	if json.Unmarshal(text, &status) == nil && status.Message != "" {
		return status.Message
	}
	return string(text)
}

// forged is a token whose signature does not fit.
func forged(token string) string {
	last := strings.LastIndex(token, ".")
	signature := []byte(token[last+1:])
	slices.Reverse(signature)
	return token[:last+1] + string(signature)
}
