package diagnose

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveNetworkPolicy joins a call that nobody answered with the policies that
// isolate the caller or the called. A refused connection is none of theirs:
// what a policy does not allow is dropped.
func proveNetworkPolicy(l *look, f fault) (proof, bool) { return l.blocked(f, l.waits(f)) }

func (l *look) blocked(f fault, ws []waiting) (proof, bool) {
	if f.pod == nil || f.pod.Spec.HostNetwork || len(l.x.NetworkPolicies) == 0 {
		return proof{}, false // policies do not hold for pods in the node's network
	}
	for _, w := range ws {
		if w.call.Loose {
			continue
		}
		policy, words := l.blocks(f.pod, w)
		if policy == nil {
			continue
		}
		root := kube.RefOf(policy)
		return proof{
			cause: incident.NetworkPolicyBlocking, root: root,
			cites: []string{
				l.status(f), l.log(f, l.excerpt(f, w.line)),
				l.evidence.add("spec", root, redact.Literal("rules"), words, l.x.Taken),
			},
			summary:  redact.Sprintf("%s because its traffic is dropped: %s %s", l.effect(f), refText(root), words),
			ruledOut: []redact.Text{redact.Literal("a dependency that is down: a closed port would refuse the connection, this one does not answer")},
		}, true
	}
	return proof{}, false
}

// blocks finds the policy that drops what a failed call sent; nil if none is
// sure to.
func (l *look) blocks(pod *corev1.Pod, w waiting) (*networkingv1.NetworkPolicy, redact.Text) {
	from := podSide(pod, 0)
	switch {
	case w.call.How == loglines.NameTimeout, w.call.How == loglines.NameFailed && (w.peer.svc != nil || w.peer.outside()):
		if !l.clusterResolves(pod) {
			return nil, redact.Text{}
		}
		return l.shut(from, l.dnsSides(), redact.Literal("DNS (UDP port 53)"))
	case w.call.How != loglines.TimedOut:
		return nil, redact.Text{}
	case w.peer.outside():
		to := side{outside: true, number: w.peer.port, protocol: corev1.ProtocolTCP, names: []string{}}
		return l.shut(from, []side{to}, redact.Sprintf("%s outside the cluster", text(w.peer.host)))
	case w.peer.svc == nil, w.peer.port != 0 && !headless(w.peer.svc) && !servesPort(w.peer.svc, w.peer.port):
		return nil, redact.Text{} // a port that the Service does not have does not answer either
	}
	return l.shut(from, l.sidesOf(w.peer), refText(kube.RefOf(w.peer.svc)))
}

// shut finds the first policy that would have to change for one of the ends to
// be reached; nil if some end may be reached, or if there is none.
func (l *look) shut(from side, ends []side, what redact.Text) (first *networkingv1.NetworkPolicy, words redact.Text) {
	for _, to := range ends {
		policy, said := l.shutEnd(from, to, what)
		if policy == nil {
			return nil, redact.Text{}
		}
		if first == nil {
			first, words = policy, said
		}
	}
	return first, words
}

func (l *look) shutEnd(from, to side, what redact.Text) (*networkingv1.NetworkPolicy, redact.Text) {
	out := l.policiesFor(from, networkingv1.PolicyTypeEgress, true)
	leaves := func(p *networkingv1.NetworkPolicy) bool { return l.mayLeave(p, to) }
	if len(out) > 0 && !slices.ContainsFunc(out, leaves) {
		return out[0], redact.Sprintf("selects the caller for egress, and no rule allows it to reach %s", what)
	}
	if to.outside {
		return nil, redact.Text{}
	}
	in := l.policiesFor(to, networkingv1.PolicyTypeIngress, true)
	enters := func(p *networkingv1.NetworkPolicy) bool { return l.mayEnter(p, from, to) }
	if len(in) > 0 && !slices.ContainsFunc(l.policiesFor(to, networkingv1.PolicyTypeIngress, false), enters) {
		return in[0], redact.Sprintf("selects the pods of %s for ingress, and no rule lets the caller in", what)
	}
	return nil, redact.Text{}
}

// sidesOf are the ready pods behind a Service; none where it has none, or where
// one of them is in its node's network.
func (l *look) sidesOf(p peer) []side {
	var out []side
	for _, slice := range l.x.EndpointSlices {
		if slice.Namespace != p.svc.Namespace || slice.Labels[discoveryv1.LabelServiceName] != p.svc.Name {
			continue
		}
		number := podPort(p, slice)
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			s := side{namespace: p.svc.Namespace, labels: p.svc.Spec.Selector, number: number, protocol: corev1.ProtocolTCP}
			if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
				if pod := l.x.Pod(kube.Key("Pod", e.TargetRef.Namespace, e.TargetRef.Name)); pod != nil {
					if pod.Spec.HostNetwork {
						return nil
					}
					s = podSide(pod, number)
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// podPort is the port on the pods that a Service's port leads to; 0 if it is
// not known which was called.
func podPort(p peer, slice *discoveryv1.EndpointSlice) int32 {
	name := ""
	switch {
	case headless(p.svc): // its name resolves to the pods, whose ports are called
		return p.port
	case p.port == 0 && len(p.svc.Spec.Ports) == 1:
		name = p.svc.Spec.Ports[0].Name
	case p.port == 0:
		return 0
	default:
		i := slices.IndexFunc(p.svc.Spec.Ports, func(sp corev1.ServicePort) bool { return sp.Port == p.port })
		if i < 0 {
			return 0
		}
		name = p.svc.Spec.Ports[i].Name
	}
	for _, sp := range slice.Ports {
		if sp.Port != nil && (sp.Name == nil && name == "" || sp.Name != nil && *sp.Name == name) {
			return *sp.Port
		}
	}
	return 0
}

// dnsSides are the pods of the cluster's DNS: those that the snapshot knows,
// else what every installation has, each of which must be shut.
func (l *look) dnsSides() []side {
	if svc := l.clusterDNS(); svc != nil {
		ends := l.sidesOf(peer{svc: svc, port: 53})
		for i := range ends {
			ends[i].protocol = corev1.ProtocolUDP
		}
		if len(ends) > 0 {
			return ends
		}
	}
	var out []side
	for _, namespace := range []string{systemNamespace, "openshift-dns"} {
		for _, number := range []int32{53, 5353, 8053} {
			out = append(out, side{namespace: namespace, number: number, protocol: corev1.ProtocolUDP})
		}
	}
	return out
}
