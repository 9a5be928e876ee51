package diagnose

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveScheduler finds a pod that no scheduler has looked at because it asks for
// one that nobody runs. A scheduler that finds no node says so in a condition.
func proveScheduler(l *look, f fault) (proof, bool) {
	if f.pod == nil || f.symptom.Class != "unscheduled" || len(f.pod.Spec.SchedulingGates) > 0 {
		return proof{}, false
	}
	name := f.pod.Spec.SchedulerName
	if name == "" || name == corev1.DefaultSchedulerName || l.schedulerLives(f.pod, name) {
		return proof{}, false
	}
	for i := range f.pod.Status.Conditions {
		if f.pod.Status.Conditions[i].Type == corev1.PodScheduled {
			return proof{}, false
		}
	}
	return proof{
		cause: incident.SchedulerMissing,
		cites: []string{l.status(f), l.evidence.add("spec", l.subject, redact.Literal("schedulerName"), text(name), l.x.Taken)},
		summary: redact.Sprintf("%s gets no node: its pods ask for the scheduler %s, and no scheduler of that name answers",
			refText(l.subject), text(name)),
		ruledOut: []redact.Text{redact.Literal("full or unfit nodes: no scheduler has looked for a node yet")},
	}, true
}

// schedulerLives reports whether the scheduler has spoken of the pod, or has
// found a node for another one since the pod was made.
func (l *look) schedulerLives(pod *corev1.Pod, name string) bool {
	for _, e := range l.x.EventsOf(kube.RefOf(pod)) {
		if e.Source == name {
			return true
		}
	}
	for _, p := range l.x.Pods {
		if p.Spec.SchedulerName != name {
			continue
		}
		for i := range p.Status.Conditions {
			if c := &p.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.LastTransitionTime.After(pod.CreationTimestamp.Time) {
				return true
			}
		}
	}
	return false
}
