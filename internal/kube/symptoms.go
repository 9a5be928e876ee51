package kube

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SymptomKind is what can be seen on one object without knowing why. The values
// are those of the incident's symptoms.
type SymptomKind string

// The kinds of symptoms.
const (
	ImagePull     SymptomKind = "image-pull"
	ConfigError   SymptomKind = "config-error"
	CrashLoop     SymptomKind = "crash-loop"
	OOMKill       SymptomKind = "oom-killed"
	ProbeFailing  SymptomKind = "probe-failing"
	Unschedulable SymptomKind = "unschedulable"
	StartFailure  SymptomKind = "start-failure"
	Pending       SymptomKind = "pending"
	Evicted       SymptomKind = "evicted"
	JobFailed     SymptomKind = "job-failed"
	RolloutStuck  SymptomKind = "rollout-stuck"
	NodeNotReady  SymptomKind = "node-not-ready"
	NodePressure  SymptomKind = "node-pressure"
	// What can be seen on objects that run nothing.
	ServiceBroken   SymptomKind = "service-broken"
	IngressBroken   SymptomKind = "ingress-broken"
	ScalingStuck    SymptomKind = "scaling-stuck"
	EvictionBlocked SymptomKind = "eviction-blocked"
	DeletionStuck   SymptomKind = "deletion-stuck"
	Suspended       SymptomKind = "suspended"
)

// The times that symptoms depend on.
const (
	// EventAge is how old an event's last occurrence may be to count.
	EventAge = 15 * time.Minute
	// PendingAfter is how long a pod may wait for a node or its containers.
	PendingAfter = 2 * time.Minute
	// EarlyAfter is when somebody who asks is told that a pod waits for what is
	// proven not to come. Announcements have holds of their own.
	EarlyAfter = 30 * time.Second
	// creatingAfter is the same for a pod on a node: its kubelet has failed by then,
	// and says so.
	creatingAfter = 10 * time.Second
	// recoveredAfter is when a running container counts as recovered however
	// long its last run was; the kubelet forgets its back-off then, too.
	recoveredAfter = 10 * time.Minute
	// runSlack is added to twice the last run: runs of a second or two must not
	// look like a recovery between two crashes.
	runSlack = 10 * time.Second
)

// Symptom is one state of one object that should not stand.
type Symptom struct {
	Kind      SymptomKind
	Container string // empty for the object as a whole
	// Class is a short word of a closed vocabulary that says more than Kind
	// ("not-found", "exit-1"); empty where the object does not say. Two
	// symptoms that differ in prose alone have the same class.
	Class string
	// Since is when it began, by the cluster's own record.
	Since time.Time
	// Message is what the cluster says about it, as the object holds it: it is
	// redacted only if the object is.
	Message string
}

// look collects what one object shows, and when to look again although the
// object has not changed.
type look struct {
	now   time.Time
	again time.Time
	found []Symptom
}

// past reports whether t is over; if it is not, the answer may change at t.
func (l *look) past(t time.Time) bool {
	if !l.now.Before(t) {
		return true
	}
	if l.again.IsZero() || t.Before(l.again) {
		l.again = t
	}
	return false
}

func (l *look) add(kind SymptomKind, container, class string, since time.Time, message string) {
	l.found = append(l.found, Symptom{Kind: kind, Container: container, Class: class, Since: since, Message: message})
}

// done sorts what was found, so that the same object gives the same answer.
func (l *look) done() ([]Symptom, time.Time) {
	slices.SortStableFunc(l.found, func(a, b Symptom) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Container, b.Container))
	})
	return l.found, l.again
}

// PodSymptoms says what is wrong with a pod. events are those about this pod,
// of any age and reason; without them failing probes show later. again is when
// the answer may change by the passing of time alone, zero for never.
func PodSymptoms(pod *corev1.Pod, events []Event, now time.Time) (found []Symptom, again time.Time) {
	l := &look{now: now}
	switch {
	case pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded:
	case pod.Status.Phase == corev1.PodFailed:
		l.failed(pod)
	default:
		for i := range pod.Status.InitContainerStatuses {
			l.container(pod, &pod.Status.InitContainerStatuses[i])
		}
		for i := range pod.Status.ContainerStatuses {
			l.container(pod, &pod.Status.ContainerStatuses[i])
		}
		l.probes(pod, events)
		l.withoutKills()
		l.mounts(pod, events)
		l.waiting(pod)
	}
	return l.done()
}

// withoutKills drops the crash loop of a container that the kubelet kills for
// its failing probe: it did not end by itself.
func (l *look) withoutKills() {
	killed := map[string]bool{}
	for _, s := range l.found {
		if s.Kind == ProbeFailing && s.Class != "readiness" {
			killed[s.Container] = true
		}
	}
	l.found = slices.DeleteFunc(l.found, func(s Symptom) bool { return s.Kind == CrashLoop && killed[s.Container] })
}

// failed looks at a pod that is over. Its node's reasons are old news after a
// while; a Job answers for its own pods.
func (l *look) failed(pod *corev1.Pod) {
	at := overSince(pod)
	if l.past(at.Add(EventAge)) {
		return
	}
	if pod.Status.Reason == "Evicted" {
		l.add(Evicted, "", evictedClass(pod.Status.Message), at, pod.Status.Message)
		return
	}
	c := metav1.GetControllerOf(pod)
	for i := range pod.Status.ContainerStatuses {
		cs := &pod.Status.ContainerStatuses[i]
		t := cs.State.Terminated
		switch {
		case t == nil || t.ExitCode == 0 && t.Reason != "OOMKilled":
		case t.Reason == "OOMKilled":
			l.add(OOMKill, cs.Name, "", t.FinishedAt.Time, t.Message)
		case startRefused(t):
			l.add(StartFailure, cs.Name, startClass(t.Message), t.FinishedAt.Time, t.Message)
		case c == nil || c.Kind != "Job":
			l.add(CrashLoop, cs.Name, exitClass(t), t.FinishedAt.Time, t.Message)
		}
	}
}

// overSince is when a failed pod ended, as near as its status tells.
func overSince(pod *corev1.Pod) time.Time {
	at := pod.CreationTimestamp.Time
	if pod.Status.StartTime != nil {
		at = pod.Status.StartTime.Time
	}
	for i := range pod.Status.ContainerStatuses {
		if t := pod.Status.ContainerStatuses[i].State.Terminated; t != nil && t.FinishedAt.After(at) {
			at = t.FinishedAt.Time
		}
	}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
	}
	return at
}

// waiting looks at a pod that has not come to run.
func (l *look) waiting(pod *corev1.Pod) {
	if pod.Status.Phase != corev1.PodPending {
		return
	}
	since := pod.CreationTimestamp.Time
	if c := podCondition(pod, corev1.PodScheduled); c != nil {
		switch {
		case c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable:
			l.add(Unschedulable, "", schedulingClass(c.Message), c.LastTransitionTime.Time, c.Message)
			return
		case c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonSchedulingGated:
			return
		case c.Status == corev1.ConditionTrue:
			since = c.LastTransitionTime.Time
		}
	}
	if len(l.found) > 0 || !l.past(since.Add(PendingAfter)) {
		return
	}
	class, message := "creating", ""
	switch {
	case pod.Spec.NodeName == "":
		class = "unscheduled"
	case initRunning(pod):
		class = "initializing"
	}
	for i := range pod.Status.ContainerStatuses {
		if w := pod.Status.ContainerStatuses[i].State.Waiting; w != nil && message == "" {
			message = strings.TrimSpace(w.Reason + " " + w.Message)
		}
	}
	l.add(Pending, "", class, since, message)
}

// EarlySymptoms says what a pod waits for that has none of PodSymptoms' symptoms
// yet: it may pass, so that it counts only where its cause is proven.
func EarlySymptoms(pod *corev1.Pod, now time.Time) []Symptom {
	since := pod.CreationTimestamp.Time
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodPending || now.Sub(since) < creatingAfter {
		return nil
	}
	early := now.Sub(since) < EarlyAfter
	switch {
	case initRunning(pod):
		if early {
			return nil
		}
		return []Symptom{{Kind: Pending, Class: "initializing", Since: since}}
	case pod.Spec.NodeName == "" && podCondition(pod, corev1.PodScheduled) == nil && !early:
		return []Symptom{{Kind: Pending, Class: "unscheduled", Since: since}}
	case pod.Spec.NodeName != "":
		return []Symptom{{Kind: Pending, Class: "creating", Since: since}}
	}
	return nil
}

func initRunning(pod *corev1.Pod) bool {
	for i := range pod.Status.InitContainerStatuses {
		if pod.Status.InitContainerStatuses[i].State.Running != nil {
			return true
		}
	}
	return false
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// mounts finds volumes whose ConfigMap, Secret or claim is absent: the pod says
// ContainerCreating for ever, only the event names the object.
func (l *look) mounts(pod *corev1.Pod, events []Event) {
	if pod.Status.Phase != corev1.PodPending {
		return
	}
	for i := range events {
		e := &events[i]
		if e.Reason != "FailedMount" || l.past(e.Last.Add(EventAge)) {
			continue
		}
		if class := configClass(e.Message.String()); class != "" {
			l.add(ConfigError, "", class, e.First, e.Message.String())
			return
		}
	}
}
