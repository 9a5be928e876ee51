package jobs

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/countersign-dev/countersign/internal/action"
)

// maxChanges bounds the hints that nobody has taken yet.
const maxChanges = 256

// resync repeats every object from the cache, in case a wake-up was missed.
const resync = 30 * time.Second

// watched is the cache of the executor namespace's Jobs and pods, and wakes who
// waits for one of them. client-go resumes a watch that ends.
type watched struct {
	factory informers.SharedInformerFactory
	jobs    batchlisters.JobNamespaceLister
	pods    corelisters.PodNamespaceLister
	synced  []cache.InformerSynced

	changes chan string // incidents

	mu      sync.Mutex
	waiters map[string]map[chan struct{}]struct{} // by Job name
	// ended keeps the last sight of pods that are gone from the cluster: a Job
	// past its deadline takes its pod, and the executor's words, along.
	ended map[string]*corev1.Pod
}

func newWatched(client kubernetes.Interface, namespace string) *watched {
	factory := informers.NewSharedInformerFactoryWithOptions(client, resync,
		informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = IncidentLabel }),
		informers.WithTransform(slim))
	w := &watched{
		factory: factory, changes: make(chan string, maxChanges), waiters: map[string]map[chan struct{}]struct{}{}, ended: map[string]*corev1.Pod{},
	}
	jobs, pods := factory.Batch().V1().Jobs(), factory.Core().V1().Pods()
	w.jobs, w.pods = jobs.Lister().Jobs(namespace), pods.Lister().Pods(namespace)
	w.synced = []cache.InformerSynced{jobs.Informer().HasSynced, pods.Informer().HasSynced}
	// AddEventHandler fails only on an informer that was stopped.
	_, _ = jobs.Informer().AddEventHandler(w.handler())
	_, _ = pods.Informer().AddEventHandler(w.handler())
	return w
}

// slim drops what nobody reads: managed fields, and the Order, which may have
// 64 KiB, from the pods.
func slim(obj any) (any, error) {
	switch o := obj.(type) {
	case *batchv1.Job:
		o.ManagedFields = nil
		dropEnv(o.Spec.Template.Spec.Containers)
	case *corev1.Pod:
		o.ManagedFields = nil
		dropEnv(o.Spec.Containers)
	}
	return obj, nil
}

func dropEnv(containers []corev1.Container) {
	for i := range containers {
		containers[i].Env = nil
	}
}

func (w *watched) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    w.changed,
		UpdateFunc: func(_, now any) { w.changed(now) },
		DeleteFunc: w.deleted,
	}
}

func (w *watched) changed(obj any) {
	w.wake(jobOf(obj))
	object, ok := obj.(metav1.Object)
	if !ok {
		return
	}
	select {
	case w.changes <- object.GetLabels()[IncidentLabel]:
	default: // a hint only; who looks later sees the same
	}
}

func (w *watched) deleted(obj any) {
	if tomb, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tomb.Obj
	}
	name := jobOf(obj)
	w.mu.Lock()
	switch o := obj.(type) {
	case *corev1.Pod:
		w.ended[name] = o
	case *batchv1.Job:
		delete(w.ended, name)
	}
	for name := range w.ended {
		if _, err := w.jobs.Get(name); err != nil {
			delete(w.ended, name) // its Job went first
		}
	}
	w.mu.Unlock()
	w.changed(obj)
}

// jobOf names the Job that a Job or pod belongs to; empty for anything else.
func jobOf(obj any) string {
	switch o := obj.(type) {
	case *batchv1.Job:
		return o.Name
	case *corev1.Pod:
		owner := metav1.GetControllerOf(o)
		if owner != nil && owner.Kind == "Job" && strings.HasPrefix(owner.APIVersion, "batch/") && action.PodOf(owner.Name, o.Name) {
			return owner.Name
		}
	}
	return ""
}

func (w *watched) wake(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.waiters[name] {
		select {
		case c <- struct{}{}:
		default: // it is awake already
		}
	}
}

// wait registers for wake-ups of one Job; the caller must call stop.
func (w *watched) wait(name string) (woken <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiters[name] == nil {
		w.waiters[name] = map[chan struct{}]struct{}{}
	}
	w.waiters[name][c] = struct{}{}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiters[name], c)
		if len(w.waiters[name]) == 0 {
			delete(w.waiters, name)
		}
	}
}

// podOf returns the pod of job, from the cache or as it was last seen. A Job of
// the pinned shape has one pod; if the node was lost there may be two, then the
// younger one counts.
func (w *watched) podOf(job *batchv1.Job) (*corev1.Pod, error) {
	all, err := w.pods.List(everything)
	if err != nil {
		return nil, err
	}
	var found *corev1.Pod
	for _, p := range all {
		if jobOf(p) == job.Name && metav1.GetControllerOf(p).UID == job.UID &&
			(found == nil || found.CreationTimestamp.Before(&p.CreationTimestamp)) {
			found = p
		}
	}
	if found != nil {
		return found, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.ended[job.Name]; p != nil && metav1.GetControllerOf(p).UID == job.UID {
		return p, nil
	}
	return nil, nil
}

// Run keeps the cache until ctx ends and returns when its goroutines have.
func (l *Launcher) Run(ctx context.Context) error {
	l.watched.factory.StartWithContext(ctx)
	<-ctx.Done()
	l.watched.factory.Shutdown()
	return nil
}

var errNotSynced = errors.New("the executor namespace was not listed before the wait ended")

func (w *watched) isSynced() bool {
	for _, synced := range w.synced {
		if !synced() {
			return false
		}
	}
	return true
}

func (w *watched) sync(ctx context.Context) error {
	if !cache.WaitForCacheSync(ctx.Done(), w.synced...) {
		return errors.Join(errNotSynced, ctx.Err())
	}
	return nil
}
