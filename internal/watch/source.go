package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternal "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/countersign-dev/countersign/internal/redact"
)

// deniedPause is how long a forbidden list waits before it is tried again:
// rights may be granted later, and nobody wants a request a second until then.
const deniedPause = 30 * time.Second

// source keeps one list-and-watch of one kind in one scope going. client-go's
// Reflector does the work: it survives closed watches, 410 Gone and a server
// that is away, and lists again when it has to. There is no store behind it but
// the Watcher's own records.
type source struct {
	name      string // "pods" or "pods in namespace shop"
	resource  string // "pods"
	namespace string
	optional  bool // a forbidden list costs something but not the point
	client    any
	api       *cache.ListWatch
	example   runtime.Object
	sink      sink
	log       *slog.Logger
	redactor  *redact.Redactor
	now       func() time.Time
	nothing   *metav1.ObjectMeta // see stub

	mu      sync.Mutex
	down    time.Time // since when there has been no connection; zero if there is one
	denied  bool
	lists   int
	settled chan struct{} // closed once the first list is in, or forbidden
}

// sink takes what a source sees.
type sink struct {
	put  func(runtime.Object)
	drop func(runtime.Object)
	// keep forgets everything of the source that is not in seen; nil where
	// nothing is remembered.
	keep func(seen map[types.UID]bool)
}

// lister is the part of a typed client that a source needs.
type lister[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (apiwatch.Interface, error)
}

func listWatch[L runtime.Object](api lister[L], selector, fields string) *cache.ListWatch {
	narrow := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector, o.FieldSelector = selector, fields
		return o
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return api.List(ctx, narrow(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return api.Watch(ctx, narrow(o))
		},
	}
}

// run blocks until ctx ends.
func (s *source) run(ctx context.Context) {
	// The Reflector logs raw errors, which may carry addresses; ours are
	// redacted and said once.
	quiet := logr.Discard()
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: s.list, WatchFuncWithContext: s.watch,
	}, s.client)
	cache.NewReflectorWithOptions(lw, s.example, (*store)(s), cache.ReflectorOptions{
		Name: s.name, Logger: &quiet,
		Backoff: &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 30, Cap: 5 * time.Second},
	}).RunWithContext(klog.NewContext(ctx, quiet))
}

func (s *source) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	list, err := s.paged(ctx, o)
	if err == nil {
		s.connected()
		return list, nil
	}
	s.failed(ctx, err)
	if apierrors.IsForbidden(err) {
		s.settle(true)
		select {
		case <-ctx.Done():
		case <-time.After(deniedPause):
		}
	}
	return nil, err
}

// paged reads a list from a server that does not stream lists: page by page, each
// handed to the sink before the next is asked for. Pages are of the newest version:
// from its cache an API server gives everything at once. A continuation that has
// expired is an error, after which the Reflector lists again.
func (s *source) paged(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	o.Limit, o.ResourceVersion, o.ResourceVersionMatch = pages, "", ""
	all := &metainternal.List{}
	for {
		page, err := s.api.ListWithContextFunc(ctx, o)
		if err != nil {
			return nil, err
		}
		about, err := meta.ListAccessor(page)
		if err != nil {
			return nil, err
		}
		if err := meta.EachListItem(page, func(obj runtime.Object) error {
			left, err := (*store)(s).take(obj)
			if st, ok := left.(runtime.Object); ok && err == nil {
				all.Items = append(all.Items, st)
			}
			return err
		}); err != nil {
			return nil, err
		}
		all.ResourceVersion = about.GetResourceVersion()
		if o.Continue = about.GetContinue(); o.Continue == "" {
			return all, nil
		}
	}
}

func (s *source) watch(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
	w, err := s.api.WatchFuncWithContext(ctx, o)
	if err != nil {
		s.failed(ctx, err)
		return nil, err
	}
	s.connected()
	return w, nil
}

// failed notes that the connection is gone. An expired version is none of that:
// the Reflector lists again at once.
func (s *source) failed(ctx context.Context, err error) {
	if ctx.Err() != nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsInvalid(err) {
		return
	}
	s.mu.Lock()
	first := s.down.IsZero()
	if first {
		s.down = s.now()
	}
	s.mu.Unlock()
	if first {
		s.log.Warn("watch interrupted; it goes on trying", "what", s.name, "error", s.redactor.Redact(err.Error()).String())
	}
}

func (s *source) connected() {
	s.mu.Lock()
	down := s.down
	s.down = time.Time{}
	s.mu.Unlock()
	if !down.IsZero() {
		s.log.Info("watch resumed", "what", s.name, "after", s.now().Sub(down).Round(time.Millisecond).String())
	}
}

// settle says that the first list is in, or that it will not come.
func (s *source) settle(denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = denied
	if !denied {
		s.lists++
	}
	select {
	case <-s.settled:
	default:
		close(s.settled)
	}
}

func (s *source) hasSettled() bool {
	select {
	case <-s.settled:
		return true
	default:
		return false
	}
}

// behind is how long there has been no connection.
func (s *source) behind() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down.IsZero() {
		return 0
	}
	return s.now().Sub(s.down)
}
