// Command go takes client-go through rounds against a hello.zeng.dev server: discovery,
// the dynamic client and informers. It prints a line per round and fails if one did. RESTART in the
// environment is a command that restarts the server, for the rounds that go across a restart.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

const group = "hello.zeng.dev"

// roundTimeout bounds each round, so that a server that hangs is a failure and not a hang.
const roundTimeout = 60 * time.Second

// env is what a round works with.
type env struct {
	config    *rest.Config
	discovery *discovery.DiscoveryClient
	dynamic   dynamic.Interface
	namespace string
}

// foos are the foos of the run's own namespace, in a version.
func (e *env) foos(version string) dynamic.ResourceInterface {
	return e.dynamic.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: "foos"}).Namespace(e.namespace)
}

// clear deletes what the round before left.
func (e *env) clear(ctx context.Context) error {
	return e.foos("v2").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

type round struct {
	name string
	run  func(context.Context, *env) error
}

func main() {
	server := flag.String("server", "", "URL of the server")
	token := flag.String("token", "", "bearer token")
	ca := flag.String("ca", "", "file with the authority of the server's certificate; none: not verified")
	namespace := flag.String("namespace", "client-go-"+rand.String(5), "namespace to work in")
	flag.Parse()
	env, err := newEnv(*server, *token, *ca, *namespace)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	rounds := append(objectRounds, watchRounds...)
	if os.Getenv("RESTART") != "" {
		rounds = append(rounds, restartRounds...)
	} else {
		fmt.Println("skip client-go across a restart: RESTART names no command that restarts the server")
	}
	if failed := runAll(env, rounds); failed > 0 {
		fmt.Printf("client-go: %d rounds failed\n", failed)
		os.Exit(1)
	}
}

func newEnv(server, token, ca, namespace string) (*env, error) {
	if server == "" {
		return nil, fmt.Errorf("--server is required")
	}
	config := &rest.Config{
		Host:            server,
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{CAFile: ca, Insecure: ca == ""},
		QPS:             -1,
	}
	discovery, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	dynamic, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &env{config, discovery, dynamic, namespace}, nil
}

func runAll(env *env, rounds []round) (failed int) {
	for _, round := range rounds {
		ctx, cancel := context.WithTimeout(context.Background(), roundTimeout)
		err := env.clear(ctx)
		if err == nil {
			err = round.run(ctx, env)
		}
		cancel()
		if err != nil {
			failed++
			fmt.Printf("FAIL client-go %s: %v\n", round.name, err)
			continue
		}
		fmt.Printf("ok   client-go %s\n", round.name)
	}
	_ = env.clear(context.Background())
	return failed
}
