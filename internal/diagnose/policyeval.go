package diagnose

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// side is one end of a connection, as far as the snapshot tells. What is not
// known may match any selector, so that a policy is blamed only where nothing
// could have been allowed.
type side struct {
	outside   bool // no pod: a machine outside the cluster
	namespace string
	labels    map[string]string
	whole     bool // labels are all there are
	// number is the port on the pod, 0 where it is not known; names are the
	// names that the pod gives it, nil where they are not known.
	number   int32
	protocol corev1.Protocol
	names    []string
}

func podSide(pod *corev1.Pod, number int32) side {
	s := side{namespace: pod.Namespace, labels: pod.Labels, whole: true, number: number, protocol: corev1.ProtocolTCP, names: []string{}}
	for i := range pod.Spec.Containers {
		for _, p := range pod.Spec.Containers[i].Ports {
			if number != 0 && p.ContainerPort == number && p.Name != "" {
				s.names = append(s.names, p.Name)
			}
		}
	}
	return s
}

// policiesFor lists the policies that isolate one end in a direction, by name.
// With sure false it lists those, too, that may do so.
func (l *look) policiesFor(s side, direction networkingv1.PolicyType, sure bool) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, p := range l.x.NetworkPolicies {
		if p.Namespace != s.namespace || !concerns(p, direction) {
			continue
		}
		if certain, possible := matches(&p.Spec.PodSelector, s.labels, s.whole); certain || possible && !sure {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// concerns applies the API's defaults: without policyTypes a policy is about
// ingress, and about egress where it has such rules.
func concerns(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) > 0 {
		return slices.Contains(p.Spec.PolicyTypes, direction)
	}
	return direction == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
}

// mayLeave reports whether a policy may allow traffic from its pods to a peer.
func (l *look) mayLeave(p *networkingv1.NetworkPolicy, to side) bool {
	for i := range p.Spec.Egress {
		r := &p.Spec.Egress[i]
		if mayUsePort(r.Ports, to) && l.mayBePeer(p.Namespace, r.To, to) {
			return true
		}
	}
	return false
}

// mayEnter reports whether a policy may allow traffic from a peer to its pods,
// of which to is one.
func (l *look) mayEnter(p *networkingv1.NetworkPolicy, from, to side) bool {
	for i := range p.Spec.Ingress {
		r := &p.Spec.Ingress[i]
		if mayUsePort(r.Ports, to) && l.mayBePeer(p.Namespace, r.From, from) {
			return true
		}
	}
	return false
}

// mayUsePort reports whether a rule's ports may hold the one on the pod. No
// ports are all ports.
func mayUsePort(ports []networkingv1.NetworkPolicyPort, to side) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		switch {
		case protocol != to.protocol:
			return false
		case p.Port == nil || to.number == 0:
			return true
		case p.Port.Type == intstr.String:
			return to.names == nil || slices.Contains(to.names, p.Port.StrVal)
		case p.EndPort != nil:
			return p.Port.IntVal <= to.number && to.number <= *p.EndPort
		}
		return p.Port.IntVal == to.number
	})
}

// mayBePeer reports whether a rule's peers may hold one end. No peers are all.
// An address block may hold any address that is not known, and network plug-ins
// differ in whether one holds pods at all.
func (l *look) mayBePeer(namespace string, peers []networkingv1.NetworkPolicyPeer, s side) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		switch {
		case p.IPBlock != nil:
			return true
		case s.outside:
			return false
		case p.NamespaceSelector == nil && s.namespace != namespace:
			return false
		case p.NamespaceSelector != nil && !l.mayBeNamespace(p.NamespaceSelector, s.namespace):
			return false
		case p.PodSelector == nil:
			return true
		}
		_, possible := matches(p.PodSelector, s.labels, s.whole)
		return possible
	})
}

// mayBeNamespace knows the label that the API server sets on every namespace,
// and the others where the namespace was looked at.
func (l *look) mayBeNamespace(selector *metav1.LabelSelector, name string) bool {
	have, whole := map[string]string{corev1.LabelMetadataName: name}, false
	for _, ns := range l.x.Namespaces {
		if ns.Name == name {
			have, whole = ns.Labels, true
		}
	}
	_, possible := matches(selector, have, whole)
	return possible
}

// matches compares a selector with labels. certain means that it picks them
// whatever other labels there are, possible that it may. whole says that there
// are no others. A selector that cannot be read may pick anything.
func matches(selector *metav1.LabelSelector, have map[string]string, whole bool) (certain, possible bool) {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, true
	}
	if whole {
		picks := parsed.Matches(labels.Set(have))
		return picks, picks
	}
	requirements, _ := parsed.Requirements()
	certain, possible = true, true
	for i := range requirements {
		r := &requirements[i]
		if _, known := have[r.Key()]; !known {
			certain = false
			continue
		}
		if !r.Matches(labels.Set(have)) {
			return false, false
		}
	}
	return certain, possible
}
