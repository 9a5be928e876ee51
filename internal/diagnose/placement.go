package diagnose

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// insufficient names the resource that stands in the way. Where a node lacks
// several, the one that no node could ever give counts first.
func (l *look) insufficient(f fault, last refusal, all []refusal) (incident.Cause, redact.Text) {
	var names []string
	for _, r := range all {
		if m := insufficient.FindStringSubmatch(r.reason); m != nil {
			names = append(names, m[1])
		}
	}
	if len(names) == 0 {
		return incident.InsufficientResource, redact.Sprintf("%s cannot be placed: %s", refText(l.subject), text(last.reason))
	}
	name := names[0]
	for _, n := range names {
		if want, most, ok := l.beyond(f.pod, corev1.ResourceName(n)); ok && want.Cmp(most) > 0 {
			name = n
			break
		}
	}
	cause := incident.InsufficientResource
	switch name {
	case "cpu":
		cause = incident.InsufficientCPU
	case "memory":
		cause = incident.InsufficientMemory
	}
	want, most, ok := l.beyond(f.pod, corev1.ResourceName(name))
	switch {
	case ok && want.Cmp(most) > 0:
		return cause, redact.Sprintf("%s cannot be placed: it asks for %s of %s, the largest node has %s",
			refText(l.subject), text(want.String()), text(name), text(most.String()))
	case ok:
		return cause, redact.Sprintf("%s cannot be placed: it asks for %s of %s, no node has so much left",
			refText(l.subject), text(want.String()), text(name))
	}
	return cause, redact.Sprintf("%s cannot be placed: no node has enough %s left", refText(l.subject), text(name))
}

// beyond compares what the pod asks for with the most that any node has; ok is
// false where the nodes are not known.
func (l *look) beyond(pod *corev1.Pod, name corev1.ResourceName) (want, most resource.Quantity, ok bool) {
	if len(l.x.Nodes) == 0 {
		return want, most, false
	}
	for i := range pod.Spec.Containers {
		if q, has := pod.Spec.Containers[i].Resources.Requests[name]; has {
			want.Add(q)
		}
	}
	for _, n := range l.x.Nodes {
		if q, has := n.Status.Allocatable[name]; has && q.Cmp(most) > 0 {
			most = q
		}
	}
	return want, most, true
}

// tainted names the taint, which the scheduler does not: the nodes that the pod
// asks for do.
func (l *look) tainted(f fault, p proof) (proof, bool) {
	p.cause = incident.TaintNotTolerated
	p.summary = redact.Sprintf("%s cannot be placed: it tolerates the taints of no node that would fit", refText(l.subject))
	ordinary := false
	for _, n := range l.x.Nodes {
		for i := range n.Spec.Taints {
			if !labelsFit(f.pod, n) {
				break
			}
			t := &n.Spec.Taints[i]
			if t.Effect == corev1.TaintEffectPreferNoSchedule || slices.Contains(sickTaints, t.Key) || tolerates(f.pod, t) {
				continue
			}
			if ordinaryTaint(t) {
				ordinary = ordinary || t.Key != corev1.TaintNodeUnschedulable
				continue
			}
			node := kube.RefOf(n)
			p.cites = append(p.cites, l.evidence.add("status", node, redact.Literal("taint"), text(t.ToString()), l.x.Taken))
			p.summary = redact.Sprintf("%s cannot be placed: it does not tolerate the taint %s of %s",
				refText(l.subject), text(t.ToString()), refText(node))
			return p, true
		}
	}
	return p, ordinary || len(l.x.Nodes) == 0 // else the taint is gone by now
}

// ordinaryTaint keeps workloads off the control plane, as everywhere, or repeats
// that a node is cordoned, which the scheduler calls by another name.
func ordinaryTaint(t *corev1.Taint) bool {
	return t.Key == "node-role.kubernetes.io/control-plane" || t.Key == "node-role.kubernetes.io/master" || t.Key == corev1.TaintNodeUnschedulable
}

func tolerates(pod *corev1.Pod, taint *corev1.Taint) bool {
	for _, t := range pod.Spec.Tolerations {
		if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
			continue
		}
		if t.Operator == corev1.TolerationOpExists || t.Key == taint.Key && t.Value == taint.Value {
			return true
		}
	}
	return false
}

func pressureCause(key string) incident.Cause {
	switch {
	case strings.Contains(strings.ToLower(key), "disk"):
		return incident.NodeDiskPressure
	case strings.Contains(strings.ToLower(key), "pid"):
		return incident.NodePIDPressure
	}
	return incident.NodeMemoryPressure
}
