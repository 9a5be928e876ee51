package diagnose

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// admits reports whether selector, affinity and taints would let a pod onto a
// node, were it not cordoned. Room and ports are not looked at.
func admits(p *corev1.Pod, n *corev1.Node) bool {
	for i := range n.Spec.Taints {
		t := &n.Spec.Taints[i]
		if t.Effect != corev1.TaintEffectPreferNoSchedule && t.Key != corev1.TaintNodeUnschedulable && !tolerates(p, t) {
			return false
		}
	}
	return labelsFit(p, n)
}

// labelsFit reports whether a node is one of those that a pod asks for.
func labelsFit(p *corev1.Pod, n *corev1.Node) bool {
	if !labels.SelectorFromSet(p.Spec.NodeSelector).Matches(labels.Set(n.Labels)) {
		return false
	}
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil || p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return true
	}
	for _, term := range p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		if termFits(&term, n) {
			return true
		}
	}
	return false
}

var nodeOperators = map[corev1.NodeSelectorOperator]selection.Operator{
	corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn,
	corev1.NodeSelectorOpExists: selection.Exists, corev1.NodeSelectorOpDoesNotExist: selection.DoesNotExist,
	corev1.NodeSelectorOpGt: selection.GreaterThan, corev1.NodeSelectorOpLt: selection.LessThan,
}

// termFits reports whether a node meets all that a term demands. An empty term
// fits no node, as in the scheduler.
func termFits(term *corev1.NodeSelectorTerm, n *corev1.Node) bool {
	for _, list := range []struct {
		demands []corev1.NodeSelectorRequirement
		has     labels.Set
	}{{term.MatchExpressions, n.Labels}, {term.MatchFields, labels.Set{metav1.ObjectNameField: n.Name}}} {
		for _, d := range list.demands {
			r, err := labels.NewRequirement(d.Key, nodeOperators[d.Operator], d.Values)
			if err != nil || !r.Matches(list.has) {
				return false
			}
		}
	}
	return len(term.MatchExpressions)+len(term.MatchFields) > 0
}

// picks reports whether a label selector picks these labels. One that cannot
// be read picks none.
func picks(s *metav1.LabelSelector, set map[string]string) bool {
	sel, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && sel.Matches(labels.Set(set))
}

// counts is what a pod takes of a quota's item, such as requests.cpu.
func counts(p *corev1.Pod, item string) resource.Quantity {
	switch {
	case item == "pods" || item == "count/pods":
		return resource.MustParse("1")
	case strings.HasPrefix(item, "limits."):
		var sum resource.Quantity
		for i := range p.Spec.Containers {
			if q, ok := p.Spec.Containers[i].Resources.Limits[corev1.ResourceName(strings.TrimPrefix(item, "limits."))]; ok {
				sum.Add(q)
			}
		}
		return sum
	}
	return requested(p, corev1.ResourceName(strings.TrimPrefix(item, "requests.")))
}
