package watch

import (
	"container/list"
	"slices"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// record is what is remembered of one object. Of a healthy pod that is its name
// and its owner; of an unhealthy one the status and the telling events, too.
// Other kinds have a record only while something is wrong.
type record struct {
	ref   action.Ref
	owner owner
	made  time.Time // of a Job: when it was created

	pod    *corev1.Pod // slim; nil while nothing but a new version can change the answer
	events []kube.Event
	faults []*fault

	again  time.Time // when to look again, zero for never
	queued time.Time // the earliest time at which it stands in the due heap
}

// fault is one symptom of one object that stands.
type fault struct {
	rec     *record
	symptom kube.Symptom
	told    []string      // container/class pairs that have been queued
	place   *list.Element // in the queue; nil when it is not there
}

// tag names the finding within one object and symptom. An object that does not
// say more than before says nothing new.
func tag(s kube.Symptom) string { return s.Container + "/" + s.Class }

// ref makes a reference whose constant strings are shared between records.
func ref(kind string, o metav1.Object) action.Ref {
	return action.Ref{
		APIVersion: kube.APIVersion(kind), Kind: kind, Namespace: intern(o.GetNamespace()),
		Name: o.GetName(), UID: string(o.GetUID()),
	}
}

// owner is an object's controller; the zero value is none. Pods of one owner
// share the memory.
type owner struct{ h unique.Handle[action.Ref] }

func controller(o metav1.Object) owner {
	c := metav1.GetControllerOfNoCopy(o)
	if c == nil {
		return owner{}
	}
	return owner{unique.Make(action.Ref{
		APIVersion: c.APIVersion, Kind: c.Kind, Namespace: o.GetNamespace(), Name: c.Name, UID: string(c.UID),
	})}
}

func (o owner) none() bool { return o == owner{} }

// ref must not be called on none.
func (o owner) ref() action.Ref { return o.h.Value() }

// at returns the record of an object, made if need be. The caller holds mu.
func (w *Watcher) at(kind string, r action.Ref) *record {
	m := w.records[kind]
	if m == nil {
		m = map[types.UID]*record{}
		w.records[kind] = m
	}
	rec := m[types.UID(r.UID)]
	if rec == nil {
		rec = &record{ref: r}
		m[types.UID(r.UID)] = rec
	}
	return rec
}

// forget drops an object and what was queued about it. The caller holds mu.
func (w *Watcher) forget(kind string, uid types.UID) {
	if kind == "Job" {
		delete(w.jobs, uid)
	}
	rec := w.records[kind][uid]
	if rec == nil {
		return
	}
	w.network.gone(kind, rec.ref)
	w.settle(rec, nil)
	rec.again = time.Time{}
	delete(w.records[kind], uid)
}

// settle makes found the record's standing faults and queues what is new: a
// symptom that was not there, or one whose class was not told yet. The caller
// holds mu.
func (w *Watcher) settle(rec *record, found []kube.Symptom) {
	rec.faults = slices.DeleteFunc(rec.faults, func(f *fault) bool {
		stands := slices.ContainsFunc(found, func(s kube.Symptom) bool { return s.Kind == f.symptom.Kind })
		if !stands && f.place != nil {
			w.queue.Remove(f.place)
		}
		return !stands
	})
	for _, s := range found {
		i := slices.IndexFunc(rec.faults, func(f *fault) bool { return f.symptom.Kind == s.Kind })
		switch {
		case i < 0:
			rec.faults = append(rec.faults, &fault{rec: rec, symptom: s})
			w.enqueue(rec.faults[len(rec.faults)-1])
		case !slices.Contains(rec.faults[i].told, tag(s)) && (s.Class != "" || s.Container != rec.faults[i].symptom.Container):
			rec.faults[i].symptom = s
			w.enqueue(rec.faults[i])
		}
	}
}

// enqueue puts a fault in line unless it stands there. The caller holds mu.
func (w *Watcher) enqueue(f *fault) {
	f.told = append(f.told, tag(f.symptom))
	if f.place == nil {
		f.place = w.queue.PushBack(f)
		poke(w.wake)
	}
}

// poke wakes the one goroutine that reads c, now or when it looks next.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// slim copies what symptoms are read from. The rest of the decoded object
// (environment, volumes, annotations, managed fields) is garbage after this.
func slim(p *corev1.Pod) *corev1.Pod {
	s := &corev1.Pod{
		Spec: corev1.PodSpec{
			NodeName: p.Spec.NodeName, RestartPolicy: p.Spec.RestartPolicy,
			InitContainers: slimContainers(p.Spec.InitContainers), Containers: slimContainers(p.Spec.Containers),
		},
		Status: corev1.PodStatus{
			Phase: p.Status.Phase, Reason: p.Status.Reason, Message: p.Status.Message, StartTime: p.Status.StartTime,
			Conditions: p.Status.Conditions, InitContainerStatuses: p.Status.InitContainerStatuses,
			ContainerStatuses: p.Status.ContainerStatuses,
		},
	}
	s.Name, s.Namespace, s.UID = p.Name, p.Namespace, p.UID
	s.CreationTimestamp, s.DeletionTimestamp, s.OwnerReferences = p.CreationTimestamp, p.DeletionTimestamp, p.OwnerReferences
	return s
}

func slimContainers(list []corev1.Container) []corev1.Container {
	if len(list) == 0 {
		return nil
	}
	out := make([]corev1.Container, len(list))
	for i := range list {
		out[i] = corev1.Container{Name: list[i].Name, RestartPolicy: list[i].RestartPolicy, ReadinessProbe: list[i].ReadinessProbe}
	}
	return out
}
