package diagnose

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// budgetFaults says whether a budget holds up a drain that waits for it: a node
// that has been cordoned for a while and holds nothing else to evict. A budget
// that allows nothing at the moment is no fault, nor is one whose pods are not
// well: these have a finding of their own, and an eviction goes on once they are.
func (l *look) budgetFaults(b *policyv1.PodDisruptionBudget) []kube.Symptom {
	s := &b.Status
	if b.DeletionTimestamp != nil || s.ObservedGeneration < b.Generation || s.DisruptionsAllowed > 0 ||
		s.ExpectedPods == 0 || s.CurrentHealthy < s.ExpectedPods {
		return nil
	}
	n, since := l.heldNode(b)
	if n == nil {
		return nil
	}
	return []kube.Symptom{{
		Kind: kube.EvictionBlocked, Class: "budget", Since: since,
		Message: "no disruption is allowed while " + kube.RefOf(n).String() + ", which holds its pods, is cordoned",
	}}
}

// drainAfter is how long a node may be cordoned before its drain should show.
const drainAfter = kube.EarlyAfter

// heldNode is the first cordoned node, by name, that cannot be emptied for b,
// and since when it is cordoned.
func (l *look) heldNode(b *policyv1.PodDisruptionBudget) (*corev1.Node, time.Time) {
	var held *corev1.Node
	var from time.Time
	for _, n := range l.x.Nodes {
		since := cordonedSince(n)
		if since.IsZero() {
			since = budgetSince(b)
		}
		if !n.Spec.Unschedulable || n.DeletionTimestamp != nil || held != nil && held.Name < n.Name ||
			l.now.Sub(since) < drainAfter || !l.waitsFor(b, n) {
			continue
		}
		held, from = n, since
	}
	return held, from
}

// waitsFor reports whether b covers a pod on n, and every other pod there stays
// at a drain or is covered by a budget that allows nothing either. A pod that
// could go and does not says that nobody drains the node.
func (l *look) waitsFor(b *policyv1.PodDisruptionBudget, n *corev1.Node) bool {
	mine := false
	for _, p := range l.x.Pods {
		if p.Spec.NodeName != n.Name || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed || staysAtDrain(p) {
			continue
		}
		switch {
		case p.DeletionTimestamp != nil:
		case covers(b, p):
			mine = true
		case !l.protected(p):
			return false
		}
	}
	return mine
}

// protected reports whether a budget forbids to evict p.
func (l *look) protected(p *corev1.Pod) bool {
	for _, b := range l.x.Budgets {
		if b.Status.DisruptionsAllowed == 0 && covers(b, p) {
			return true
		}
	}
	return false
}

func covers(b *policyv1.PodDisruptionBudget, p *corev1.Pod) bool {
	if b.Namespace != p.Namespace || b.Spec.Selector == nil {
		return false
	}
	return picks(b.Spec.Selector, p.Labels)
}

// staysAtDrain reports pods that a drain leaves alone: those of DaemonSets and
// those that the kubelet reads from its disk.
func staysAtDrain(p *corev1.Pod) bool {
	if _, static := p.Annotations[corev1.MirrorPodAnnotationKey]; static {
		return true
	}
	c := metav1.GetControllerOf(p)
	return c != nil && c.Kind == "DaemonSet"
}

// cordonedSince is when the taint of a cordoned node was set; zero where the
// node does not say.
func cordonedSince(n *corev1.Node) time.Time {
	for i := range n.Spec.Taints {
		if t := &n.Spec.Taints[i]; t.Key == corev1.TaintNodeUnschedulable && t.TimeAdded != nil {
			return t.TimeAdded.Time
		}
	}
	return time.Time{}
}

// budgetSince is when the budget began to allow nothing.
func budgetSince(b *policyv1.PodDisruptionBudget) time.Time {
	for i := range b.Status.Conditions {
		if c := &b.Status.Conditions[i]; c.Type == policyv1.DisruptionAllowedCondition && c.Status == metav1.ConditionFalse {
			return c.LastTransitionTime.Time
		}
	}
	return b.CreationTimestamp.Time
}

// proveBudget says which node cannot be drained, and what the budget wants.
func proveBudget(l *look, f fault) (proof, bool) {
	b, ok := l.top.(*policyv1.PodDisruptionBudget)
	if !ok {
		return proof{}, false
	}
	n, since := l.heldNode(b)
	if n == nil {
		return proof{}, false
	}
	node := kube.RefOf(n)
	healthy, wanted := redact.Int(int64(b.Status.CurrentHealthy)), redact.Int(int64(b.Status.DesiredHealthy))
	return proof{
		cause: incident.PDBBlocksEviction, key: n.Name,
		cites: []string{
			l.status(f), l.evidence.add("status", node, redact.Literal("unschedulable"), redact.Literal("is cordoned"), since),
			l.evidence.add("status", l.subject, redact.Literal("disruptionsAllowed"),
				redact.Sprintf("0: %s pods are healthy and %s have to be", healthy, wanted), l.x.Taken),
		},
		summary: redact.Sprintf("%s cannot be drained: %s never allows to evict a pod, since %s of its %s pods have to stay healthy",
			refText(node), refText(l.subject), wanted, redact.Int(int64(b.Status.ExpectedPods))),
		ruledOut: []redact.Text{redact.Literal("pods that are not well: all that the budget covers are healthy")},
	}, true
}
