package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/watch"
)

// A memory figure is of a process: what is compared runs in a child, which is
// this test binary once more. The environment says what it does and with what.
const (
	childKind = "COUNTERSIGN_BENCH_CHILD" // list, informer or watch
	childURIs = "COUNTERSIGN_BENCH_LISTS" // what list asks for, one a line
	childPods = "COUNTERSIGN_BENCH_PODS"  // how many pods informer and watch wait for
	childTime = 2 * time.Minute           // until it gives up
)

// told is what a child says of itself.
type told struct {
	Objects int           // that it listed or knows
	Heap    int64         // grown since before, in bytes, after a collection
	Took    time.Duration // until it had everything
}

func child(kind string) int {
	ctx, cancel := context.WithTimeout(context.Background(), childTime)
	defer cancel()
	cfg, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err == nil {
		err = childDoes(ctx, kind, watch.Tune(cfg))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, kind, err)
		return 1
	}
	return 0
}

func childDoes(ctx context.Context, kind string, cfg *rest.Config) error {
	switch kind {
	case "list":
		began := time.Now()
		n, err := listBare(ctx, cfg, strings.Split(os.Getenv(childURIs), "\n"))
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(told{Objects: n, Took: time.Since(began)})
	case "informer":
		return holds(func(ctx context.Context) (func() int, error) { return plainInformer(ctx, cfg) })
	case "watch":
		return holds(func(ctx context.Context) (func() int, error) { return ourWatch(ctx, cfg) })
	}
	return fmt.Errorf("%s=%s is unknown", childKind, kind)
}

// listBare asks for lists as scan does, eight at a time and page after page, and
// decodes them and does nothing else.
func listBare(ctx context.Context, cfg *rest.Config, uris []string) (objects int, err error) {
	cfg.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(cfg)
	if err != nil {
		return 0, err
	}
	counts := make([]int, len(uris))
	var group errgroup.Group
	group.SetLimit(8)
	for n, uri := range uris {
		group.Go(func() error {
			for next := ""; ; {
				obj, err := client.Get().RequestURI(uri + next).Do(ctx).Get()
				if err != nil {
					return fmt.Errorf("%s: %w", uri, err)
				}
				list, err := meta.ListAccessor(obj)
				if err != nil {
					return err
				}
				counts[n] += meta.LenList(obj)
				if list.GetContinue() == "" {
					return nil
				}
				next = "&continue=" + url.QueryEscape(list.GetContinue())
			}
		})
	}
	err = group.Wait()
	for _, n := range counts {
		objects += n
	}
	return objects, err
}

// holds starts something that knows pods, says what it costs once it knows all of
// them, and keeps it until its input ends.
func holds(start func(context.Context) (known func() int, err error)) error {
	var pods int
	if _, err := fmt.Sscan(os.Getenv(childPods), &pods); err != nil {
		return err
	}
	before := heap()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	known, err := start(ctx)
	if err != nil {
		return err
	}
	for known() < pods {
		if time.Since(began) > childTime {
			return fmt.Errorf("it knows %d of %d pods after %s", known(), pods, childTime)
		}
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(began)
	if err := json.NewEncoder(os.Stdout).Encode(told{Objects: known(), Heap: heap() - before, Took: took}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func plainInformer(ctx context.Context, cfg *rest.Config) (func() int, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	factory.StartWithContext(ctx)
	return func() int {
		if !pods.HasSynced() {
			return 0
		}
		return len(pods.GetStore().ListKeys())
	}, nil
}

func ourWatch(ctx context.Context, cfg *rest.Config) (func() int, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	objects, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	w, err := watch.New(watch.Config{
		Client: client, Metadata: objects, Redactor: redact.New(redact.Config{}), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := w.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	go func() {
		for range w.Signals() {
		}
	}()
	return func() int {
		if !w.Synced() {
			return 0
		}
		return w.Stats().Pods
	}, nil
}
