package diagnose

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// cordoned is the first cordoned node, by name, that a pod would fit onto, where
// no other node is one that it could ever go to: the taints and labels of these
// are not what is wrong.
func (l *look) cordoned(pod *corev1.Pod, refusals []refusal) *corev1.Node {
	if !kept(refusals, incident.NodeCordoned) || l.firstNode(func(n *corev1.Node) bool { return !n.Spec.Unschedulable && admits(pod, n) }) != nil {
		return nil
	}
	return l.firstNode(func(n *corev1.Node) bool { return n.Spec.Unschedulable && admits(pod, n) })
}

func (l *look) onCordoned(p proof, n *corev1.Node) proof {
	p.cause, p.root = incident.NodeCordoned, kube.RefOf(n)
	p.cites = append(p.cites, l.evidence.add("status", p.root, redact.Literal("unschedulable"), redact.Literal("is cordoned"), cordonedSince(n)))
	p.summary = redact.Sprintf("%s cannot be placed: %s, the node that would fit, is cordoned", refText(l.subject), refText(p.root))
	return p
}
