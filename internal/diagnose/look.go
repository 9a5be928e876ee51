package diagnose

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// look is one diagnosis in the making.
type look struct {
	x        *kube.Index
	now      time.Time
	subject  action.Ref
	top      metav1.Object  // the subject's object; nil if the snapshot lacks it
	pods     []*corev1.Pod  // those that are not being deleted
	faulty   map[string]int // pods with a fault, by the UID of their owner
	evidence collector
	waited   map[waiter][]waiting // see waits
	began    time.Time            // when the fault began
	recent   []happening          // what was changed before, the last first
}

// fault is one symptom of one object. pod and what follows it are nil where
// the object is no pod, status also where the pod has not come so far.
type fault struct {
	symptom   kube.Symptom
	object    action.Ref
	pod       *corev1.Pod
	container *corev1.Container
	status    *corev1.ContainerStatus
	init      bool
	like      int // faults of this kind, this one included
}

func newLook(x *kube.Index, subject action.Ref, opts Options) *look {
	l := &look{x: x, now: opts.Now, subject: x.Subject(subject), faulty: map[string]int{}, waited: map[waiter][]waiting{}}
	l.top = x.Object(l.subject)
	for _, p := range x.PodsOf(l.subject) {
		if p.DeletionTimestamp == nil {
			l.pods = append(l.pods, p)
		}
	}
	return l
}

// faults lists one representative of each kind of fault, the current revision
// first. Ten thousand pods with one fault are one representative.
func (l *look) faults() []fault {
	type kind struct {
		symptom   kube.SymptomKind
		container string
		class     string
		owner     string
	}
	seen := map[kind]int{}
	var out []fault
	add := func(f fault, owner string) {
		k := kind{f.symptom.Kind, f.symptom.Container, f.symptom.Class, owner}
		if n, ok := seen[k]; ok {
			out[n].like++
			return
		}
		seen[k] = len(out)
		f.like = 1
		out = append(out, f)
	}
	for _, p := range l.podsToBlame() {
		found, _ := kube.PodSymptoms(p, l.x.EventsOf(kube.RefOf(p)), l.now)
		if len(found) == 0 {
			found = kube.EarlySymptoms(p, l.now)
		}
		if len(found) > 0 {
			l.faulty[ownerUID(p)]++
		}
		for _, s := range found {
			if l.replaced(s) {
				continue
			}
			add(podFault(p, s), ownerUID(p))
		}
	}
	for _, f := range l.objectFaults() {
		add(f, f.object.UID)
	}
	current := l.currentOwner()
	slices.SortStableFunc(out, func(a, b fault) int {
		return cmp.Compare(rank(a, current), rank(b, current))
	})
	return out
}

// replaced reports whether a pod that its node put out has its successor: then
// nothing is wrong with the workload any more.
func (l *look) replaced(s kube.Symptom) bool {
	if s.Kind != kube.Evicted || !lowNode.MatchString(s.Message) {
		return false
	}
	_, desired := l.replicas()
	ready := len(readyOnes(l.pods))
	switch l.top.(type) {
	case *appsv1.Deployment, *appsv1.StatefulSet, *appsv1.ReplicaSet, *appsv1.DaemonSet:
		return ready >= desired
	}
	return false
}

// podsToBlame leaves out pods of Jobs that came to a good end: what failed on
// the way there is over. Of a CronJob only the last Job counts.
func (l *look) podsToBlame() []*corev1.Pod {
	var out []*corev1.Pod
	last := l.lastJob()
	for _, p := range l.pods {
		if c := metav1.GetControllerOf(p); c != nil && c.Kind == "Job" {
			j := l.x.Job(action.Ref{Kind: "Job", Namespace: p.Namespace, Name: c.Name, UID: string(c.UID)})
			if j != nil && (jobComplete(j) || last != nil && j.UID != last.UID) {
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

func (l *look) lastJob() *batchv1.Job {
	c, ok := l.top.(*batchv1.CronJob)
	if !ok {
		return nil
	}
	jobs := l.x.JobsOf(c)
	if len(jobs) == 0 {
		return nil
	}
	return jobs[len(jobs)-1]
}

func jobComplete(j *batchv1.Job) bool {
	for i := range j.Status.Conditions {
		c := &j.Status.Conditions[i]
		if c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func podFault(p *corev1.Pod, s kube.Symptom) fault {
	f := fault{symptom: s, object: kube.RefOf(p), pod: p}
	if s.Container == "" {
		return f
	}
	find := func(specs []corev1.Container, statuses []corev1.ContainerStatus) bool {
		for i := range specs {
			if specs[i].Name == s.Container {
				f.container = &specs[i]
			}
		}
		for i := range statuses {
			if statuses[i].Name == s.Container {
				f.status = &statuses[i]
			}
		}
		return f.container != nil
	}
	if !find(p.Spec.Containers, p.Status.ContainerStatuses) {
		f.init = find(p.Spec.InitContainers, p.Status.InitContainerStatuses)
	}
	return f
}

// rank puts the current revision before older ones, and pods before the
// workload whose trouble they explain.
func rank(f fault, current string) int {
	switch {
	case f.pod == nil:
		return 2
	case current != "" && ownerUID(f.pod) != current:
		return 1
	}
	return 0
}

func ownerUID(obj metav1.Object) string {
	if c := metav1.GetControllerOf(obj); c != nil {
		return string(c.UID)
	}
	return ""
}

// replicas counts the subject's ready and desired pods.
func (l *look) replicas() (ready, desired int) {
	one := func(n *int32) int {
		if n == nil {
			return 1
		}
		return int(*n)
	}
	switch top := l.top.(type) {
	case *appsv1.Deployment:
		return int(top.Status.ReadyReplicas), one(top.Spec.Replicas)
	case *appsv1.StatefulSet:
		return int(top.Status.ReadyReplicas), one(top.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return int(top.Status.ReadyReplicas), one(top.Spec.Replicas)
	case *appsv1.DaemonSet:
		return int(top.Status.NumberReady), int(top.Status.DesiredNumberScheduled)
	case *batchv1.Job:
		if top.Status.Ready != nil {
			ready = int(*top.Status.Ready)
		}
		return ready, one(top.Spec.Parallelism)
	case *corev1.Pod:
		if podReady(top) {
			ready = 1
		}
		return ready, 1
	}
	return 0, 0
}

func podReady(p *corev1.Pod) bool {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
