package kube

import (
	"cmp"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
)

// RevisionAnnotation numbers the revisions of a Deployment on its ReplicaSets.
const RevisionAnnotation = "deployment.kubernetes.io/revision"

// maxOwners bounds the walk up an owner chain: API objects may own in circles.
const maxOwners = 8

// Index answers who owns whom in a Snapshot. It is built once per look and is
// safe for concurrent readers.
type Index struct {
	*Snapshot
	byUID    map[types.UID]metav1.Object
	byName   map[action.Ref]metav1.Object // under Key
	children map[types.UID][]metav1.Object
	events   map[action.Ref][]Event // under Key
	logs     map[action.Ref][]Log   // under Key
	places   places
}

// Index builds the lookups of s.
func (s *Snapshot) Index() *Index {
	x := &Index{
		Snapshot: s,
		byUID:    make(map[types.UID]metav1.Object, len(s.Pods)+len(s.ReplicaSets)),
		byName:   make(map[action.Ref]metav1.Object, len(s.Pods)+len(s.ReplicaSets)),
		children: make(map[types.UID][]metav1.Object),
		events:   make(map[action.Ref][]Event),
		logs:     make(map[action.Ref][]Log),
	}
	addAll(x, s.Pods)
	addAll(x, s.ReplicaSets)
	addAll(x, s.Revisions)
	addAll(x, s.Deployments)
	addAll(x, s.StatefulSets)
	addAll(x, s.DaemonSets)
	addAll(x, s.Jobs)
	addAll(x, s.CronJobs)
	addAll(x, s.Nodes)
	addAll(x, s.Namespaces)
	addAll(x, s.Services)
	addAll(x, s.Claims)
	addAll(x, s.StorageClasses)
	addAll(x, s.ServiceAccounts)
	addAll(x, s.Autoscalers)
	addAll(x, s.Budgets)
	addAll(x, s.Quotas)
	addAll(x, s.Limits)
	addAll(x, s.Ingresses)
	addAll(x, s.IngressClasses)
	addAll(x, s.NetworkPolicies)
	addAll(x, s.ValidatingWebhooks)
	addAll(x, s.MutatingWebhooks)
	for _, e := range s.Events {
		k := Key(e.Object.Kind, e.Object.Namespace, e.Object.Name)
		x.events[k] = append(x.events[k], e)
	}
	for _, l := range s.Logs {
		k := Key(l.Pod.Kind, l.Pod.Namespace, l.Pod.Name)
		x.logs[k] = append(x.logs[k], l)
	}
	return x
}

func addAll[T metav1.Object](x *Index, objs []T) {
	for _, o := range objs {
		x.byUID[o.GetUID()] = o
		x.byName[Key(kindOf(o), o.GetNamespace(), o.GetName())] = o
		if c := metav1.GetControllerOf(o); c != nil {
			x.children[c.UID] = append(x.children[c.UID], o)
		}
	}
}

// Object finds what ref names: by UID where it has one, else by name. Nil means
// that the snapshot does not hold it, which proves nothing.
func (x *Index) Object(ref action.Ref) metav1.Object {
	o := x.byName[Key(ref.Kind, ref.Namespace, ref.Name)]
	if o == nil || (ref.UID != "" && string(o.GetUID()) != ref.UID) {
		return nil
	}
	return o
}

// Pod is the pod that ref names, or nil.
func (x *Index) Pod(ref action.Ref) *corev1.Pod { return as[*corev1.Pod](x, ref) }

// Deployment is the Deployment that ref names, or nil.
func (x *Index) Deployment(ref action.Ref) *appsv1.Deployment {
	return as[*appsv1.Deployment](x, ref)
}

// Job is the Job that ref names, or nil.
func (x *Index) Job(ref action.Ref) *batchv1.Job { return as[*batchv1.Job](x, ref) }

// Node is the Node of that name, or nil.
func (x *Index) Node(name string) *corev1.Node { return as[*corev1.Node](x, Key("Node", "", name)) }

func as[T metav1.Object](x *Index, ref action.Ref) T {
	o, _ := x.Object(ref).(T)
	return o
}

// Owners is the chain of controllers above obj, nearest first. An owner that
// the snapshot lacks ends the chain and is still named.
func (x *Index) Owners(obj metav1.Object) []action.Ref {
	var chain []action.Ref
	for range maxOwners {
		if isNil(obj) {
			return chain
		}
		c := metav1.GetControllerOf(obj)
		if c == nil {
			return chain
		}
		chain = append(chain, action.Ref{
			APIVersion: c.APIVersion, Kind: c.Kind, Namespace: obj.GetNamespace(), Name: c.Name, UID: string(c.UID),
		})
		obj = x.byUID[c.UID]
	}
	return chain
}

// Subject is what people call "it": the workload on top of ref's owner chain,
// or ref itself where nothing owns it. A Deployment that a custom resource owns
// stays the subject, because the custom resource is not what runs.
func (x *Index) Subject(ref action.Ref) action.Ref {
	obj := x.Object(ref)
	if isNil(obj) {
		return ref
	}
	top := RefOf(obj)
	for _, o := range x.Owners(obj) {
		if !workloadKind(o.Kind) || APIVersion(o.Kind) != o.APIVersion {
			break
		}
		top = o
	}
	return top
}

func workloadKind(kind string) bool {
	switch kind {
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob":
		return true
	}
	return false
}

// PodsOf lists the pods below ref, or the pod itself, sorted by name. Pods that
// are being deleted are included: the caller knows what they mean to it.
func (x *Index) PodsOf(ref action.Ref) []*corev1.Pod {
	obj := x.Object(ref)
	if isNil(obj) {
		return nil
	}
	var pods []*corev1.Pod
	x.walk(obj, 0, &pods)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods
}

func (x *Index) walk(obj metav1.Object, depth int, pods *[]*corev1.Pod) {
	if p, ok := obj.(*corev1.Pod); ok {
		*pods = append(*pods, p)
		return
	}
	if depth == maxOwners {
		return
	}
	for _, child := range x.children[obj.GetUID()] {
		x.walk(child, depth+1, pods)
	}
}

// RevisionsOf lists the ReplicaSets that d controls, oldest revision first.
func (x *Index) RevisionsOf(d *appsv1.Deployment) []*appsv1.ReplicaSet {
	var sets []*appsv1.ReplicaSet
	for _, child := range x.children[d.UID] {
		if rs, ok := child.(*appsv1.ReplicaSet); ok {
			sets = append(sets, rs)
		}
	}
	slices.SortFunc(sets, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(Revision(a), Revision(b)), cmp.Compare(a.Name, b.Name))
	})
	return sets
}

// ControllerRevisionsOf lists the revisions of a StatefulSet or DaemonSet,
// oldest first.
func (x *Index) ControllerRevisionsOf(obj metav1.Object) []*appsv1.ControllerRevision {
	var out []*appsv1.ControllerRevision
	for _, child := range x.children[obj.GetUID()] {
		if r, ok := child.(*appsv1.ControllerRevision); ok {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Revision reads the revision annotation; 0 where there is none.
func Revision(obj metav1.Object) int64 {
	n, err := strconv.ParseInt(obj.GetAnnotations()[RevisionAnnotation], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// JobsOf lists the Jobs that a CronJob made, oldest first.
func (x *Index) JobsOf(c *batchv1.CronJob) []*batchv1.Job {
	var jobs []*batchv1.Job
	for _, child := range x.children[c.UID] {
		if j, ok := child.(*batchv1.Job); ok {
			jobs = append(jobs, j)
		}
	}
	slices.SortFunc(jobs, func(a, b *batchv1.Job) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return jobs
}

// EventsOf lists the events about ref, oldest first. Events of an earlier
// object of the same name are left out.
func (x *Index) EventsOf(ref action.Ref) []Event {
	var out []Event
	for _, e := range x.events[Key(ref.Kind, ref.Namespace, ref.Name)] {
		if e.Object.Same(ref) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.Last.Compare(b.Last) })
	return out
}

// LogsOf lists the logs of a container of pod: the current one first.
func (x *Index) LogsOf(pod action.Ref, container string) []Log {
	var out []Log
	for _, l := range x.logs[Key(pod.Kind, pod.Namespace, pod.Name)] {
		if l.Container == container && l.Pod.Same(pod) {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Log) int {
		switch {
		case a.Previous == b.Previous:
			return 0
		case b.Previous:
			return -1
		}
		return 1
	})
	return out
}

// FindKeys finds a ConfigMap or Secret of that name among those looked at.
func FindKeys(list []Keys, namespace, name string) (Keys, bool) {
	for _, k := range list {
		if k.Ref.Namespace == namespace && k.Ref.Name == name {
			return k, true
		}
	}
	return Keys{}, false
}
