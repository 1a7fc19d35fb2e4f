package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"pintle.dev/conformance/reference/api/hello/v2"
)

// restartRounds end the server and start it again; the last rounds, since they break connections.
var restartRounds = []round{
	{"dynamic informer across a restart", func(ctx context.Context, e *env) error {
		informers := dynamicinformer.NewFilteredDynamicSharedInformerFactory(e.dynamic, 0, e.namespace, nil)
		return acrossRestart(ctx, e, informers.ForResource(v2.SchemeGroupVersion.WithResource("foos")).Informer())
	}},
	{"typed informer across a restart", func(ctx context.Context, e *env) error { return typedAcrossRestart(ctx, e, "application/json") }},
	{"typed informer across a restart, protobuf", func(ctx context.Context, e *env) error {
		return typedAcrossRestart(ctx, e, runtime.ContentTypeProtobuf)
	}},
}

func typedAcrossRestart(ctx context.Context, e *env, contentType string) error {
	client, _, err := typedClient(e.config, contentType)
	if err != nil {
		return err
	}
	source := cache.NewListWatchFromClient(client, "foos", e.namespace, fields.Everything())
	return acrossRestart(ctx, e, cache.NewSharedIndexInformer(source, &v2.Foo{}, 0, cache.Indexers{}))
}

// acrossRestart wants an informer to end up with what there is, and to tell of each change to an
// object once and in order.
func acrossRestart(ctx context.Context, e *env, informer cache.SharedIndexInformer) error {
	if err := createMany(ctx, e, 3); err != nil {
		return err
	}
	told := &told{at: map[string][]string{}}
	if _, err := informer.AddEventHandler(told); err != nil {
		return err
	}
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("the informer did not sync")
	}
	want := map[string]string{}
	note := func(name string) error {
		foo, err := e.foos("v2").Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			want[name] = foo.GetResourceVersion()
		}
		return err
	}
	for _, image := range []string{"before", "after"} {
		body := fmt.Sprintf(`{"spec":{"image":%q}}`, image)
		if _, err := e.foos("v2").Patch(ctx, "f0", types.MergePatchType, []byte(body), metav1.PatchOptions{}); err != nil {
			return err
		}
		if image == "before" {
			if err := restart(ctx); err != nil {
				return err
			}
		}
	}
	if err := e.foos("v2").Delete(ctx, "f1", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if _, err := e.foos("v2").Create(ctx, fooV2("f3", "nginx", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := firstError(note("f0"), note("f2"), note("f3")); err != nil {
		return err
	}
	var difference error
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (bool, error) {
		difference = holds(informer, want)
		return difference == nil, nil
	})
	if err != nil {
		return difference
	}
	return told.check("f0", "f1", "f2", "f3")
}

// restart runs the command that RESTART names.
func restart(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "sh", "-c", os.Getenv("RESTART")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the restart: %w: %s", err, out)
	}
	return nil
}

// holds says how what an informer has differs from these resource versions.
func holds(informer cache.SharedIndexInformer, want map[string]string) error {
	got := map[string]string{}
	for _, object := range informer.GetStore().List() {
		if foo, err := meta.Accessor(object); err == nil {
			got[foo.GetName()] = foo.GetResourceVersion()
		}
	}
	return expect("what the informer holds", fmt.Sprint(got), fmt.Sprint(want))
}

// told is a handler that keeps what it is told of each object.
type told struct {
	lock sync.Mutex
	at   map[string][]string
}

func (t *told) note(what string, object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	foo, err := meta.Accessor(object)
	if err != nil {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.at[foo.GetName()] = append(t.at[foo.GetName()], what+" "+foo.GetResourceVersion())
}

func (t *told) OnAdd(object any, _ bool) { t.note("add", object) }
func (t *told) OnDelete(object any)      { t.note("delete", object) }

func (t *told) OnUpdate(before, object any) {
	old, _ := meta.Accessor(before)
	foo, err := meta.Accessor(object)
	if err == nil && old != nil && old.GetResourceVersion() == foo.GetResourceVersion() {
		return // A list that was read again says nothing new.
	}
	t.note("update", object)
}

// check wants one addition, growing versions, and of f1 a removal at the end.
func (t *told) check(names ...string) error {
	t.lock.Lock()
	defer t.lock.Unlock()
	for _, name := range names {
		events, last := t.at[name], 0
		for i, event := range events {
			what, version, _ := strings.Cut(event, " ")
			number, err := strconv.Atoi(version)
			fits := (what == "add") == (i == 0) && (what == "delete") == (name == "f1" && i == len(events)-1)
			if err != nil || number < last || number == last && what != "delete" || !fits {
				return fmt.Errorf("%s: told of %v", name, events)
			}
			last = number
		}
		if wanted := map[string]int{"f1": 2}[name]; len(events) < max(wanted, 1) {
			return fmt.Errorf("%s: told of %v", name, events)
		}
	}
	return nil
}
