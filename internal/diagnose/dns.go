package diagnose

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// systemNamespace holds the cluster's DNS.
const systemNamespace = "kube-system"

// proveDNS explains why a name that exists does not resolve: the cluster's DNS
// has nobody ready, or the pod does not ask it.
func proveDNS(l *look, f fault) (proof, bool) { return l.dnsFailure(f, l.waits(f)) }

func (l *look) dnsFailure(f fault, ws []waiting) (proof, bool) {
	for _, w := range ws {
		if !w.call.How.Named() || w.call.Loose {
			continue
		}
		if reason := l.ownDNS(f.pod, w.peer); !reason.IsEmpty() {
			spec := l.evidence.add("spec", l.subject, redact.Literal("DNS of the pod"), dnsOf(f.pod), l.x.Taken)
			return proof{
				cause: incident.DNSFailure,
				cites: []string{l.status(f), l.log(f, l.excerpt(f, w.line)), spec},
				summary: redact.Sprintf("%s because it cannot resolve the name of %s: %s",
					l.effect(f), refText(kube.Key("Service", w.peer.namespace, w.peer.name)), reason),
				ruledOut: []redact.Text{redact.Sprintf("a missing Service: %s exists", refText(kube.RefOf(w.peer.svc)))},
			}, true
		}
		if w.call.How == loglines.NameUnknown || !l.clusterResolves(f.pod) || w.peer.svc == nil && !w.peer.outside() {
			continue
		}
		if svc, root := l.clusterDNSDown(); svc != nil {
			return proof{
				cause: incident.DNSFailure, root: root,
				cites:   []string{l.status(f), l.log(f, l.excerpt(f, w.line)), l.noEndpoint(svc)},
				summary: redact.Sprintf("%s because names do not resolve: %s, the DNS of the cluster, %s", l.effect(f), refText(root), l.downWords(svc)),
			}, true
		}
	}
	return proof{}, false
}

// clusterDNS is the Service of the cluster's DNS, under the name that every
// installer keeps; nil if it was not looked at.
func (l *look) clusterDNS() *corev1.Service { return l.x.Service(systemNamespace, "kube-dns") }

// clusterDNSDown is the cluster's DNS if nobody behind it is ready, and what
// has to be looked at.
func (l *look) clusterDNSDown() (*corev1.Service, action.Ref) {
	svc := l.clusterDNS()
	if svc == nil || !l.down(peer{svc: svc}) {
		return nil, action.Ref{}
	}
	return svc, l.behind(svc)
}

// clusterResolves reports whether the pod asks the cluster's DNS with its search
// path, as pods do unless their spec says otherwise.
func (l *look) clusterResolves(pod *corev1.Pod) bool {
	switch pod.Spec.DNSPolicy {
	case corev1.DNSClusterFirst, "":
		return !pod.Spec.HostNetwork
	case corev1.DNSClusterFirstWithHostNet:
		return true
	case corev1.DNSNone:
		return searches(pod) && !l.foreignDNS(pod)
	case corev1.DNSDefault:
		return false
	}
	return false
}

// ownDNS says why a pod's own DNS settings cannot resolve the name of a Service
// that exists; empty if they can, or if nobody knows.
func (l *look) ownDNS(pod *corev1.Pod, p peer) redact.Text {
	if p.svc == nil {
		return redact.Text{}
	}
	switch {
	case pod.Spec.DNSPolicy == corev1.DNSDefault && l.nameservers(pod) == nil:
		return redact.Literal("its dnsPolicy is Default, so that it asks the DNS of its node, which knows no Services")
	case pod.Spec.HostNetwork && (pod.Spec.DNSPolicy == corev1.DNSClusterFirst || pod.Spec.DNSPolicy == "") && l.nameservers(pod) == nil:
		return redact.Literal("it uses the network of its node, where dnsPolicy ClusterFirst asks the DNS of the node; ClusterFirstWithHostNet asks that of the cluster")
	case pod.Spec.DNSPolicy != corev1.DNSNone:
		return redact.Text{}
	case l.foreignDNS(pod):
		return redact.Literal("its dnsPolicy is None and its nameservers are not those of the cluster, so that they know no Services")
	case p.host == p.name && !searches(pod):
		return redact.Sprintf("its dnsPolicy is None and its search path lacks %s.svc, so that a short name finds no Service", text(pod.Namespace))
	}
	return redact.Text{}
}

func (l *look) nameservers(pod *corev1.Pod) []string {
	if pod.Spec.DNSConfig == nil {
		return nil
	}
	return pod.Spec.DNSConfig.Nameservers
}

// foreignDNS reports whether none of a pod's nameservers can be the cluster's:
// none is the address of its DNS or, where that is not known, all are public.
func (l *look) foreignDNS(pod *corev1.Pod) bool {
	servers := l.nameservers(pod)
	svc := l.clusterDNS()
	return len(servers) > 0 && !slices.ContainsFunc(servers, func(s string) bool {
		addr, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			return true
		case svc != nil && slices.Contains(svc.Spec.ClusterIPs, s):
			return true
		case addr.IsLinkLocalUnicast(): // a cache on the node
			return true
		}
		// Another private address may be a second DNS of the cluster.
		return addr.IsPrivate() || addr.IsLoopback()
	})
}

// searches reports whether a pod completes short names with its own namespace.
func searches(pod *corev1.Pod) bool {
	return pod.Spec.DNSConfig != nil && slices.ContainsFunc(pod.Spec.DNSConfig.Searches, func(s string) bool {
		return strings.HasPrefix(s, pod.Namespace+".svc")
	})
}

func dnsOf(pod *corev1.Pod) redact.Text {
	policy := text(string(pod.Spec.DNSPolicy))
	if pod.Spec.HostNetwork {
		return redact.Sprintf("dnsPolicy %s with hostNetwork", policy)
	}
	if pod.Spec.DNSConfig == nil {
		return redact.Sprintf("dnsPolicy %s", policy)
	}
	return redact.Sprintf("dnsPolicy %s, nameservers %s, searches %s", policy,
		text(strings.Join(pod.Spec.DNSConfig.Nameservers, " ")), text(strings.Join(pod.Spec.DNSConfig.Searches, " ")))
}
