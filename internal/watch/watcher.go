package watch

import (
	"container/list"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Watcher watches one cluster. Make it with New, run it once.
type Watcher struct {
	cfg      Config
	log      *slog.Logger
	redactor *redact.Redactor
	now      func() time.Time
	sources  []*source
	out      chan incident.Signal

	wake    chan struct{} // the queue has something
	dueWake chan struct{} // the next due time came closer

	mu        sync.Mutex
	records   map[string]map[types.UID]*record // by kind
	sets      map[types.UID]owner              // ReplicaSets to what controls them
	jobs      map[types.UID]owner              // Jobs to what controls them
	lastGood  map[string]time.Time             // CronJob UID to when its youngest complete Job was made
	network   network
	queue     *list.List // of *fault
	due       dueHeap
	retellAt  time.Time
	delivered uint64
	events    uint64
}

// Stats are figures for metrics.
type Stats struct {
	Pods      int           // known
	Faults    int           // symptoms that stand
	Queued    int           // signals that wait for the reader
	Delivered uint64        // signals handed over
	Events    uint64        // Warning events seen
	Lists     int           // full lists, of all sources; more than one each means a relist
	Behind    time.Duration // how long the worst source has had no connection
	Denied    []string      // what this account may not list
}

// New makes a Watcher. It does no I/O.
func New(cfg Config) (*Watcher, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	w := &Watcher{
		cfg: cfg, log: cfg.Log, redactor: cfg.Redactor, now: cfg.Now,
		out:  make(chan incident.Signal),
		wake: make(chan struct{}, 1), dueWake: make(chan struct{}, 1),
		records: map[string]map[types.UID]*record{}, sets: map[types.UID]owner{}, jobs: map[types.UID]owner{},
		lastGood: map[string]time.Time{}, network: newNetwork(), queue: list.New(),
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.cfg.Retell <= 0 {
		w.cfg.Retell = defaultRetell
	}
	w.retellAt = w.now().Add(w.cfg.Retell)
	for _, ns := range cfg.scopes() {
		w.addNamespaced(ns)
		if cfg.Selector == "" { // which is about the labels of workloads
			w.addNetwork(ns)
		}
	}
	w.add(&source{
		resource: "nodes", optional: true, example: &corev1.Node{},
		api: listWatch(cfg.Client.CoreV1().Nodes(), "", ""), sink: of(w, "Node", "", w.putNode),
	})
	return w, nil
}

func (w *Watcher) addNamespaced(ns string) {
	c, sel := w.cfg.Client, w.cfg.Selector
	w.add(&source{
		resource: "pods", namespace: ns, example: &corev1.Pod{},
		api: listWatch(c.CoreV1().Pods(ns), sel, ""), sink: of(w, "Pod", ns, w.putPod),
	})
	// Owners do not carry the labels of the pods that the selector is about.
	sets := w.cfg.Metadata.Resource(appsv1.SchemeGroupVersion.WithResource("replicasets")).Namespace(ns)
	w.add(&source{
		resource: "replicasets", namespace: ns, example: &metav1.PartialObjectMetadata{}, client: w.cfg.Metadata,
		api: listWatch(sets, "", ""), sink: w.replicaSets(ns),
	})
	w.add(&source{
		resource: "deployments", namespace: ns, example: &appsv1.Deployment{},
		api: listWatch(c.AppsV1().Deployments(ns), sel, ""), sink: of(w, "Deployment", ns, w.putDeployment),
	})
	w.add(&source{
		resource: "jobs", namespace: ns, example: &batchv1.Job{},
		api: listWatch(c.BatchV1().Jobs(ns), sel, ""), sink: of(w, "Job", ns, w.putJob),
	})
	w.add(&source{
		resource: "events", namespace: ns, example: &corev1.Event{},
		api:  listWatch(c.CoreV1().Events(ns), "", "type="+corev1.EventTypeWarning),
		sink: sink{put: w.putEvent, drop: func(runtime.Object) {}},
	})
}

func (w *Watcher) add(s *source) {
	s.name = s.resource
	if s.namespace != "" {
		s.name += " in namespace " + s.namespace
	}
	if s.client == nil {
		s.client = w.cfg.Client
	}
	s.log, s.redactor, s.now = w.log, w.redactor, w.now
	s.settled, s.nothing = make(chan struct{}), &metav1.ObjectMeta{}
	w.sources = append(w.sources, s)
}

// of makes the sink of a kind whose records follow its lists.
func of[T interface {
	runtime.Object
	metav1.Object
}](w *Watcher, kind, ns string, put func(T)) sink {
	return sink{
		put: func(o runtime.Object) {
			if t, ok := o.(T); ok {
				w.mu.Lock()
				defer w.mu.Unlock()
				put(t)
			}
		},
		drop: func(o runtime.Object) {
			if t, ok := o.(T); ok {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.forget(kind, t.GetUID())
			}
		},
		keep: func(seen map[types.UID]bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for uid, r := range w.records[kind] {
				if !seen[uid] && (ns == "" || r.ref.Namespace == ns) {
					w.forget(kind, uid)
				}
			}
			if kind == "Job" {
				keepOwners(w.jobs, ns, seen)
			}
		},
	}
}

// Run watches until ctx ends and returns when every goroutine has ended. It
// goes on through whatever the API server does; Check says beforehand whether
// there is a point. It must be called once; it closes the channel of Signals.
func (w *Watcher) Run(ctx context.Context) error {
	defer close(w.out)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, s := range w.sources {
		if s.resource == "events" {
			// An event about a pod that is not known yet would be lost.
			wg.Go(func() {
				if w.await(ctx, func(o *source) bool { return o.resource == "pods" }) {
					s.run(ctx)
				}
			})
			continue
		}
		wg.Go(func() { s.run(ctx) })
	}
	wg.Go(func() { w.recheckLoop(ctx) })
	wg.Go(func() { w.deliver(ctx) })
	<-ctx.Done()
	return nil
}

// await blocks until the sources that which picks have settled; false if ctx
// ended first.
func (w *Watcher) await(ctx context.Context, which func(*source) bool) bool {
	for _, s := range w.sources {
		if !which(s) {
			continue
		}
		select {
		case <-s.settled:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Signals hands over one Signal per standing fault and change of it, and after
// Config.Retell each one again. Reading slowly is fine. The channel is closed
// when Run returns.
func (w *Watcher) Signals() <-chan incident.Signal { return w.out }

// Synced reports whether every first list is in, except those that the account
// may not read.
func (w *Watcher) Synced() bool {
	return !slices.ContainsFunc(w.sources, func(s *source) bool { return !s.hasSettled() })
}

// Stats returns the figures of this moment.
func (w *Watcher) Stats() Stats {
	w.mu.Lock()
	st := Stats{Pods: len(w.records["Pod"]), Queued: w.queue.Len(), Delivered: w.delivered, Events: w.events}
	for _, m := range w.records {
		for r := range maps.Values(m) {
			st.Faults += len(r.faults)
		}
	}
	w.mu.Unlock()
	for _, s := range w.sources {
		st.Behind = max(st.Behind, s.behind())
		s.mu.Lock()
		st.Lists += s.lists
		if s.denied {
			st.Denied = append(st.Denied, s.name)
		}
		s.mu.Unlock()
	}
	return st
}
