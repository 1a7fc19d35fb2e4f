package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"pintle.dev/conformance/reference/api/hello/v2"
)

// watchRounds are the rounds that follow changes.
var watchRounds = []round{
	{"watch", follow},
	{"watch with initial events", followFromStart},
	{"typed informer, WatchList", func(ctx context.Context, e *env) error { return inform(ctx, e, "application/json") }},
	{"typed informer, WatchList, protobuf", func(ctx context.Context, e *env) error { return inform(ctx, e, runtime.ContentTypeProtobuf) }},
}

func follow(ctx context.Context, e *env) error {
	list, err := e.foos("v2").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	watcher, err := e.foos("v2").Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion(), LabelSelector: "parity=even"})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	if err := createMany(ctx, e, 2); err != nil {
		return err
	}
	for _, body := range []string{`{"spec":{"image":"x"}}`, `{"metadata":{"labels":{"parity":"odd"}}}`} {
		if _, err := e.foos("v2").Patch(ctx, "f0", types.MergePatchType, []byte(body), metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	// An object that a change takes out of the selection is gone for this watcher.
	return events(ctx, watcher, watch.Added, watch.Modified, watch.Deleted)
}

func followFromStart(ctx context.Context, e *env) error {
	if err := createMany(ctx, e, 2); err != nil {
		return err
	}
	yes := true
	watcher, err := e.foos("v2").Watch(ctx, metav1.ListOptions{
		SendInitialEvents: &yes, AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	return events(ctx, watcher, watch.Added, watch.Added, watch.Bookmark)
}

// events wants these next, in this order.
func events(ctx context.Context, watcher watch.Interface, wanted ...watch.EventType) error {
	for i, want := range wanted {
		select {
		case event := <-watcher.ResultChan():
			if event.Type != want {
				return fmt.Errorf("event %d: want %s, got %s %v", i, want, event.Type, event.Object)
			}
		case <-ctx.Done():
			return fmt.Errorf("event %d: want %s, got none", i, want)
		}
	}
	return nil
}

// inform runs a shared informer of v2 Foos and watches it follow the server.
func inform(ctx context.Context, e *env, contentType string) error {
	if err := createMany(ctx, e, 2); err != nil {
		return err
	}
	client, streamed, err := typedClient(e.config, contentType)
	if err != nil {
		return err
	}
	source := cache.NewListWatchFromClient(client, "foos", e.namespace, fields.Everything())
	informer := cache.NewSharedIndexInformer(source, &v2.Foo{}, 0, cache.Indexers{})
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("the informer did not sync")
	}
	if err := expect("objects at first", len(informer.GetStore().List()), 2); err != nil {
		return err
	}
	if _, err := e.foos("v2").Patch(ctx, "f0", types.MergePatchType, []byte(`{"spec":{"image":"new"}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := e.foos("v2").Delete(ctx, "f1", metav1.DeleteOptions{}); err != nil {
		return err
	}
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(context.Context) (bool, error) {
		foos := informer.GetStore().List()
		return len(foos) == 1 && foos[0].(*v2.Foo).Spec.Image == "new", nil
	})
	if err != nil {
		return fmt.Errorf("the informer holds %v: %w", informer.GetStore().List(), err)
	}
	if !streamed.Load() {
		return fmt.Errorf("the informer did not ask for the initial list as a stream")
	}
	return nil
}

// typedClient also says, later, whether anything asked for a list as a stream.
func typedClient(config *rest.Config, contentType string) (*rest.RESTClient, *atomic.Bool, error) {
	scheme := runtime.NewScheme()
	if err := v2.AddToScheme(scheme); err != nil {
		return nil, nil, err
	}
	streamed := &atomic.Bool{}
	config = rest.CopyConfig(config)
	config.APIPath, config.GroupVersion = "/apis", &v2.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes, config.ContentType = contentType, contentType
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return transport(func(request *http.Request) (*http.Response, error) {
			if request.URL.Query().Get("sendInitialEvents") == "true" {
				streamed.Store(true)
			}
			return next.RoundTrip(request)
		})
	})
	client, err := rest.RESTClientFor(config)
	return client, streamed, err
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) { return t(request) }
