package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"golang.org/x/sync/errgroup"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// CollectorConfig is what a Collector needs. Client, Metadata and Redactor are
// required.
type CollectorConfig struct {
	Client   kubernetes.Interface
	Metadata metadata.Interface
	// Metrics is optional; without it nothing is known about usage.
	Metrics  metricsclient.Interface
	Redactor *redact.Redactor
	// Secrets lets the Collector ask whether a Secret exists, by its metadata.
	// It stays off under the in-cluster role, which has no right to Secrets;
	// values are never asked for by anyone.
	Secrets bool
	// Addresses learns which object stands behind an address; optional. It works
	// only with a Redactor that looks there.
	Addresses *Addresses
	// LogPods is how many pods a look at a namespace may read logs of; 0 means
	// 50. A look at one workload reads 3.
	LogPods int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Collector reads the cluster live and changes nothing. It is safe for
// concurrent use.
type Collector struct {
	cfg    CollectorConfig
	recent *recentUsage
}

// NewCollector makes a Collector. It does no I/O.
func NewCollector(cfg CollectorConfig) (*Collector, error) {
	if cfg.Client == nil || cfg.Metadata == nil || cfg.Redactor == nil {
		return nil, errors.New("collector: the API clients or the redactor are missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.LogPods == 0 {
		cfg.LogPods = 50
	}
	return &Collector{cfg: cfg, recent: &recentUsage{}}, nil
}

// WithRedactor returns a Collector that redacts with r, for the pseudonyms of
// one incident.
func (c *Collector) WithRedactor(r *redact.Redactor) *Collector {
	cfg := c.cfg
	cfg.Redactor = r
	return &Collector{cfg: cfg, recent: c.recent}
}

// parallel is how many requests of one look run at a time.
const parallel = 8

// gather is one look in the making.
type gather struct {
	c    *Collector
	red  *redact.Redactor
	mu   sync.Mutex
	snap *kube.Snapshot
	eg   errgroup.Group
	// texts are those of ConfigMaps, until configs has looked at them.
	texts     map[action.Ref]map[string]string
	textBytes int
}

func (c *Collector) gather() *gather {
	g := &gather{c: c, red: c.cfg.Redactor, snap: &kube.Snapshot{Taken: c.cfg.Now().UTC()}}
	g.eg.SetLimit(parallel)
	return g
}

// do runs read in parallel with others; wait for all with wait.
func (g *gather) do(read func()) {
	g.eg.Go(func() error { read(); return nil })
}

func (g *gather) wait() { _ = g.eg.Wait() } // do never returns an error

// add changes the snapshot.
func (g *gather) add(f func(*kube.Snapshot)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g.snap)
}

// missed records what a failed read means: proof of absence, or nothing.
func (g *gather) missed(err error, kind, namespace, name string) {
	g.add(func(s *kube.Snapshot) {
		if apierrors.IsNotFound(err) && name != "" {
			s.MarkAbsent(kind, namespace, name)
			return
		}
		what := redact.Join(" ", redact.Name(kind), redact.Name(name))
		if name == "" {
			what = redact.Sprintf("the list of %s", redact.Name(kind))
		}
		s.Unreadable = append(s.Unreadable, redact.Sprintf("%s: %s", what, g.reason(err)))
	})
}

// reason says why a read failed, in words that do not vary.
func (g *gather) reason(err error) redact.Text {
	switch {
	case apierrors.IsForbidden(err):
		return redact.Literal("this account may not read it")
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return redact.Literal("the API server did not answer in time")
	case apierrors.IsNotFound(err):
		return redact.Literal("the API server does not serve it")
	}
	return g.red.Redact(err.Error())
}

// getter is the part of a typed client that reads one object.
type getter[T any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
}

// get reads one object; ok is false where it is absent or unreadable, which the
// snapshot then says.
func get[T metav1.Object](ctx context.Context, g *gather, api getter[T], kind, namespace, name string) (obj T, ok bool) {
	obj, err := api.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		g.missed(err, kind, namespace, name)
		return obj, false
	}
	g.scrub(obj)
	return obj, true
}

// pages is the size of one page of a list.
const pages = 500

// listed is a typed list, such as *corev1.PodList.
type listed interface {
	GetContinue() string
}

// listAll reads a whole list in pages. A continuation that has expired starts
// over without pages.
func listAll[L listed, T any](ctx context.Context, list func(context.Context, metav1.ListOptions) (L, error), opts metav1.ListOptions, items func(L) []T) ([]T, error) {
	var all []T
	opts.Limit = pages
	for {
		page, err := list(ctx, opts)
		switch {
		case apierrors.IsResourceExpired(err) && opts.Continue != "":
			opts.Limit, opts.Continue, all = 0, "", nil
			continue
		case err != nil:
			return nil, err
		}
		if got := items(page); all == nil {
			all = got
		} else {
			all = append(all, got...)
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			return all, nil
		}
	}
}

// object is a pointer to T that is an API object.
type object[T any] interface {
	*T
	metav1.Object
}

// listInto reads a list in parallel with others and stores it. An empty list
// is stored as such: looked, nothing there. What an earlier list brought is not
// stored twice.
func listInto[L listed, T any, P object[T]](ctx context.Context, g *gather, kind string, list func(context.Context, metav1.ListOptions) (L, error), opts metav1.ListOptions, items func(L) []T, into func(*kube.Snapshot) *[]P) {
	g.do(func() {
		all, err := listAll(ctx, list, opts, items)
		if err != nil {
			g.missed(err, kind, "", "")
			return
		}
		out := make([]P, len(all))
		for i := range all {
			out[i] = &all[i]
			g.scrub(out[i])
		}
		g.add(func(s *kube.Snapshot) {
			at := into(s)
			if *at == nil {
				*at = out
				return
			}
			known := make(map[types.UID]bool, len(*at))
			for _, o := range *at {
				known[o.GetUID()] = true
			}
			*at = append(*at, slices.DeleteFunc(out, func(o P) bool { return known[o.GetUID()] })...)
		})
	})
}

// fatal makes an error of a read without which a look is worth nothing.
func fatal(ref action.Ref, err error) error {
	return fmt.Errorf("read %s in namespace %q: %w", ref, ref.Namespace, err)
}
