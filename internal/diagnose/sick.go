package diagnose

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// sickTaints are those that the node controller sets by a node's conditions, the
// worst first, in the order in which the node itself is judged.
var sickTaints = []string{
	corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable,
	corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure, corev1.TaintNodePIDPressure,
}

// sickTaint is the worst taint of a sick node that a pod does not tolerate; nil
// if it carries none.
func sickTaint(p *corev1.Pod, n *corev1.Node) *corev1.Taint {
	for _, key := range sickTaints {
		for i := range n.Spec.Taints {
			if t := &n.Spec.Taints[i]; t.Key == key && t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(p, t) {
				return t
			}
		}
	}
	return nil
}

// admitsWell reports whether a node would take a pod if it were well.
func admitsWell(p *corev1.Pod, n *corev1.Node) bool {
	well := *n
	well.Spec.Taints = slices.DeleteFunc(slices.Clone(n.Spec.Taints), func(t corev1.Taint) bool { return slices.Contains(sickTaints, t.Key) })
	return admits(p, &well)
}

// sick is the first node, by name, that would take a pod if it were well, where
// no other node would: the taints and labels of these are not what is wrong.
func (l *look) sick(pod *corev1.Pod, refusals []refusal) *corev1.Node {
	if !kept(refusals, incident.TaintNotTolerated) && !kept(refusals, incident.NodeCordoned) ||
		l.firstNode(func(n *corev1.Node) bool { return !n.Spec.Unschedulable && admits(pod, n) }) != nil {
		return nil
	}
	return l.firstNode(func(n *corev1.Node) bool { return sickTaint(pod, n) != nil && admitsWell(pod, n) })
}

// kept reports whether the scheduler names a cause, and none but what nodes are:
// a reason of a pod's room or volumes would stand on well nodes, too.
func kept(refusals []refusal, cause incident.Cause) bool {
	told := false
	for _, r := range refusals {
		n := filterOf(r.reason)
		if n < 0 {
			return false
		}
		switch c := filters[n].cause; c {
		case incident.NodeCordoned, incident.TaintNotTolerated, incident.NodeSelectorMismatch:
			told = told || c == cause
		default:
			return false
		}
	}
	return told
}

func (l *look) onSick(p proof, pod *corev1.Pod, n *corev1.Node) proof {
	t := sickTaint(pod, n)
	p.root = kube.RefOf(n)
	p.cites = append(p.cites, l.evidence.add("status", p.root, redact.Literal("taint"), text(t.ToString()), l.x.Taken))
	switch t.Key {
	case corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable:
		p.cause = incident.NodeNotReady
		p.summary = redact.Sprintf("%s cannot be placed: %s, the node that would fit, is not ready", refText(l.subject), refText(p.root))
	default:
		p.cause = pressureCause(t.Key)
		p.summary = redact.Sprintf("%s cannot be placed: %s, the node that would fit, is under pressure (%s)",
			refText(l.subject), refText(p.root), text(t.Key))
	}
	return p
}
