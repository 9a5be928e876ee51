package watch

import (
	"context"
	"runtime/debug"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// deliver hands signals to the reader, one at a time, in the order in which
// they came up. It begins when all is listed, because the owner of a pod may be
// in another list.
func (w *Watcher) deliver(ctx context.Context) {
	if !w.await(ctx, func(*source) bool { return true }) {
		return
	}
	// The first lists leave several times as much garbage as is kept of them, and
	// an idle process would not miss it for minutes.
	debug.FreeOSMemory()
	for {
		next, ok := w.next()
		if !ok {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case w.out <- w.signal(ctx, next):
			w.mu.Lock()
			w.delivered++
			w.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// pending is a copy of what a signal is made from.
type pending struct {
	ref     action.Ref
	owner   owner
	symptom kube.Symptom
}

func (w *Watcher) next() (pending, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	front := w.queue.Front()
	if front == nil {
		return pending{}, false
	}
	f := w.queue.Remove(front).(*fault)
	f.place = nil
	by := f.rec.owner
	if by.none() {
		by = w.sets[types.UID(f.rec.ref.UID)] // a ReplicaSet or a Job that is refused its pods
	}
	if by.none() {
		by = w.jobs[types.UID(f.rec.ref.UID)]
	}
	return pending{ref: f.rec.ref, owner: by, symptom: f.symptom}, true
}

func (w *Watcher) signal(ctx context.Context, p pending) incident.Signal {
	return incident.Signal{
		Symptom: incident.Symptom(p.symptom.Kind),
		Object:  p.ref,
		Subject: w.subject(ctx, p.ref, p.owner),
		Message: w.redactor.Redact(p.symptom.Message),
		Since:   p.symptom.Since.UTC(),
	}
}

// maxClimb bounds the walk up the owners, which may own each other in circles.
const maxClimb = 4

// subject is the workload on top: what people call "it". Custom resources that
// own a workload are not climbed to.
func (w *Watcher) subject(ctx context.Context, object action.Ref, by owner) action.Ref {
	top := object
	for range maxClimb {
		if by.none() || !climbable(by.ref()) {
			break
		}
		top = by.ref()
		by = w.ownerOf(ctx, top)
	}
	return top
}

func climbable(r action.Ref) bool {
	switch r.Kind {
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob":
		return kube.APIVersion(r.Kind) == r.APIVersion
	}
	return false
}

// ownerOf is what controls a ReplicaSet or a Job. A ReplicaSet that the watch
// has not brought yet is asked for.
func (w *Watcher) ownerOf(ctx context.Context, r action.Ref) owner {
	w.mu.Lock()
	by, set := w.jobs[types.UID(r.UID)], w.sets[types.UID(r.UID)]
	w.mu.Unlock()
	switch {
	case r.Kind == "Job":
		return by
	case r.Kind != "ReplicaSet":
		return owner{}
	case !set.none():
		return set
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	live, err := w.cfg.Metadata.Resource(appsv1.SchemeGroupVersion.WithResource("replicasets")).
		Namespace(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil || string(live.UID) != r.UID {
		w.log.Debug("owner of a ReplicaSet unknown; it stands for its workload", "replicaset", r.Namespace+"/"+r.Name)
		return owner{}
	}
	return controller(live)
}
