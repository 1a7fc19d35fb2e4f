package aggregation

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// throughKubectl is the work of a user: kubectl, kube-apiserver, and what is behind it.
func throughKubectl(t *testing.T, h *hello) {
	k := h.cluster.admin
	k.must(t, "", "create", "namespace", "shop")
	defer k.must(t, "", "delete", "namespace", "shop", "--wait=false")
	in := func(args ...string) []string { return append([]string{"--namespace", "shop"}, args...) }
	lines := watch(t, k, in("get", "foos", "--watch", "-o", "name")...)

	k.says(t, "foo.hello.zeng.dev/first created", foo("first"), in("create", "-f", "-")...)
	k.says(t, "foo.hello.zeng.dev/second serverside-applied", foo("second"), in("apply", "--server-side", "-f", "-")...)
	k.says(t, "foo.hello.zeng.dev/third created", strings.Replace(foo("third"), "hello\"", "old\"", 1), in("apply", "-f", "-")...)
	for _, want := range []string{"first", "second", "third"} {
		if got := next(t, lines); got != "foo.hello.zeng.dev/"+want {
			t.Errorf("the watch: want %s, got %q", want, got)
		}
	}
	k.refuses(t, "AlreadyExists", foo("first"), in("create", "-f", "-")...)
	k.says(t, "foo.hello.zeng.dev/third configured", foo("third"), in("apply", "-f", "-")...)
	k.says(t, "foo.hello.zeng.dev/third unchanged", foo("third"), in("apply", "-f", "-")...)
	conflict := strings.Replace(foo("second"), "busybox:1.36", "busybox:1.37", 1)
	k.refuses(t, `conflict with "kubectl": .spec.image`, conflict, in("apply", "--server-side", "--field-manager=other", "-f", "-")...)
	k.refuses(t, `unknown field "spec.colour"`, strings.Replace(foo("fourth"), `"image"`, `"colour":"red","image"`, 1), in("create", "-f", "-")...)
	k.refuses(t, "spec.config.msg: Required value", strings.Replace(foo("fourth"), `"msg":"hello"`, ``, 1), in("create", "-f", "-")...)

	table := k.says(t, "first", "", in("get", "foos", "-o", "wide")...)
	if heads := strings.Join(strings.Fields(strings.Split(table, "\n")[0]), " "); heads != "NAME STATUS AGE MESSAGE MESSAGE1" {
		t.Errorf("the columns of foos: %s", heads)
	}
	k.says(t, "apiVersion: hello.zeng.dev/v1", "", in("get", "foos.v1.hello.zeng.dev", "first", "-o", "yaml")...)
	k.says(t, "foo.hello.zeng.dev/first patched", "", in("patch", "foo", "first", "--type=merge", "-p", `{"spec":{"config":{"msg":"bye"}}}`)...)
	k.says(t, "foo.hello.zeng.dev/first patched", "", in("patch", "foo", "first", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Ready"}}`)...)
	k.says(t, "condition met", "", in("wait", "--for=jsonpath={.status.phase}=Ready", "--timeout=20s", "foo/first")...)
	k.says(t, "labeled", "", in("label", "foo", "first", "a=b")...)
	k.says(t, "foo.hello.zeng.dev/first", "", in("get", "foos", "-l", "a=b", "-o", "name")...)
	k.says(t, "Msg:  bye", "", in("describe", "foo", "first")...)
	k.refuses(t, "-    msg: bye", strings.Replace(foo("first"), `"hello"`, `"again"`, 1), in("diff", "-f", "-")...)
	k.says(t, "Container image that the container is running", "", "explain", "foo.spec", "--api-version=hello.zeng.dev/v2")
	k.says(t, "msg1\t<string>", "", "explain", "foo", "--recursive", "--api-version=hello.zeng.dev/v1")
	k.says(t, `"kind":"Config"`, "", "get", "--raw", "/apis/hello.zeng.dev/v2/namespaces/shop/foos/first/config")
	k.refuses(t, "namespace/kube-system is not permitted", foo("first"), "create", "--namespace", "kube-system", "-f", "-")
	k.says(t, `foo.hello.zeng.dev "third" deleted`, "", in("delete", "foo", "third")...)
	k.refuses(t, `foos.hello.zeng.dev "third" not found`, "", in("get", "foo", "third")...)
}

// watch runs kubectl until the test ends and returns the lines that it says.
func watch(t *testing.T, k kubectl, args ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := k.command(ctx, args...)
	out, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	lines := make(chan string, 100)
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return lines
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line := <-lines:
		return line
	case <-time.After(kubectlTime):
		t.Fatal("the watch says nothing")
		return ""
	}
}
