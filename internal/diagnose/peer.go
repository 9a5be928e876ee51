package diagnose

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
)

// peer is what a host stands for. Where it is no Service's name, namespace is
// empty.
type peer struct {
	host            string // as the log or the spec has it; empty for an address
	port            int32
	namespace, name string
	// sure means that the name can be nothing but a Service's.
	sure bool
	svc  *corev1.Service // nil: not in the snapshot
}

// publicName are endings that no namespace has.
var publicName = regexp.MustCompile(`\.(?:com|net|org|io|cloud|example|test|invalid)$` +
	// Endings that a namespace may have, too, so that more must stand before them.
	`|\.[^.]+\.(?:internal|intranet|local|lan|corp|dev|app|ai|co|eu|uk|de|fr|us|ch|nl|info|biz|gov|edu|aws|azure)$`)

// outside reports whether the host can only be a machine outside the cluster: a
// short name with dots may be that of a Service in a namespace not looked at.
func (p peer) outside() bool {
	return p.svc == nil && p.name == "" && (publicName.MatchString(p.host) || strings.Count(p.host, ".") >= 3 && !strings.HasSuffix(p.host, ".local"))
}

// peerAt finds out what a pod means by a host.
func (l *look) peerAt(pod *corev1.Pod, host string, port int32) peer {
	p := peer{host: host, port: port}
	for i := range pod.Spec.HostAliases {
		if slices.Contains(pod.Spec.HostAliases[i].Hostnames, host) {
			return p // the pod's own hosts file answers, not the cluster
		}
	}
	ns, name, sure := kube.ServiceHost(pod.Namespace, host)
	svc := l.x.Service(ns, name)
	if svc == nil && !sure {
		// db-0.db: a pod of a Service in the pod's own namespace.
		if s := l.x.Service(pod.Namespace, ns); s != nil && headless(s) {
			ns, name, svc = s.Namespace, s.Name, s
		}
		// cache.shop is a Service's name where shop is a namespace.
		sure = sure || l.holdsNamespace(ns)
	}
	if svc == nil && (!sure || !l.mayBeService(pod.Namespace, name, host)) {
		return p
	}
	p.namespace, p.name, p.sure, p.svc = ns, name, sure, svc
	return p
}

// mayBeService leaves out names of other things that people try to reach.
func (l *look) mayBeService(namespace, name, host string) bool {
	if host != name {
		return true
	}
	return l.x.Node(name) == nil && l.x.Pod(kube.Key("Pod", namespace, name)) == nil
}

func (l *look) holdsNamespace(name string) bool {
	return name != "" && (name == l.subject.Namespace || l.x.Object(kube.Key("Namespace", "", name)) != nil ||
		slices.ContainsFunc(l.x.Services, func(s *corev1.Service) bool { return s.Namespace == name }))
}

// peerOf finds out what a failed call was meant for.
func (l *look) peerOf(pod *corev1.Pod, c loglines.Call) peer {
	kind, name, ok := strings.Cut(c.Object, " ")
	if !ok {
		if c.Host == "" {
			return peer{port: c.Port}
		}
		return l.peerAt(pod, c.Host, c.Port)
	}
	ns, name, ok := strings.Cut(name, "/")
	p := peer{port: c.Port}
	switch {
	case ok && kind == "svc":
		p.namespace, p.name, p.sure, p.svc = ns, name, true, l.x.Service(ns, name)
	case ok && kind == "pod":
		if svc := l.serviceOf(l.x.Pod(kube.Key("Pod", ns, name))); svc != nil {
			p.namespace, p.name, p.sure, p.svc = svc.Namespace, svc.Name, true, svc
		}
	}
	return p
}

func headless(svc *corev1.Service) bool { return svc.Spec.ClusterIP == corev1.ClusterIPNone }

// serviceOf is the one Service that selects a pod; nil if there are several.
func (l *look) serviceOf(pod *corev1.Pod) *corev1.Service {
	if pod == nil {
		return nil
	}
	var found *corev1.Service
	for _, s := range l.x.Services {
		if s.Namespace != pod.Namespace || !hasLabels(s.Spec.Selector, pod.Labels) {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}

func hasLabels(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

// servicesListed reports whether all Services of a namespace are in the
// snapshot. One list of several may have failed, so that a list with something
// of another namespace proves nothing about this one.
func (l *look) servicesListed(namespace string) bool {
	if l.x.Services == nil {
		return false
	}
	here := func(s *corev1.Service) bool { return s.Namespace == namespace }
	return slices.ContainsFunc(l.x.Services, here) || l.oneNamespace(namespace)
}

// oneNamespace reports whether the look went to this namespace alone.
func (l *look) oneNamespace(namespace string) bool {
	return namespace == l.subject.Namespace &&
		!slices.ContainsFunc(l.x.Pods, func(p *corev1.Pod) bool { return p.Namespace != namespace }) &&
		!slices.ContainsFunc(l.x.Services, func(s *corev1.Service) bool { return s.Namespace != namespace })
}

// missing reports whether the peer is a Service that certainly does not exist.
func (l *look) missing(p peer) bool {
	return p.svc == nil && p.sure && p.name != "" &&
		(l.x.KnownAbsent("Service", p.namespace, p.name) || l.servicesListed(p.namespace))
}

// down reports whether the peer is a Service behind which certainly nobody
// serves.
func (l *look) down(p peer) bool {
	if p.svc == nil || p.svc.Spec.Type == corev1.ServiceTypeExternalName || l.isBehind(p.svc) {
		return false
	}
	here := func(s *discoveryv1.EndpointSlice) bool { return s.Namespace == p.svc.Namespace }
	if !slices.ContainsFunc(l.x.EndpointSlices, here) && !(l.x.EndpointSlices != nil && l.oneNamespace(p.svc.Namespace)) {
		return false
	}
	return !slices.ContainsFunc(l.x.ReadyPods(p.svc), func(name string) bool {
		pod := l.x.Pod(kube.Key("Pod", p.svc.Namespace, name))
		return pod == nil || !l.keepsEnding(pod)
	})
}

// keepsEnding reports whether a pod crashes again and again.
func (l *look) keepsEnding(pod *corev1.Pod) bool {
	found, _ := kube.PodSymptoms(pod, l.x.EventsOf(kube.RefOf(pod)), l.now)
	return slices.ContainsFunc(found, func(s kube.Symptom) bool { return s.Kind == kube.CrashLoop || s.Kind == kube.OOMKill })
}

// isBehind reports whether the subject itself answers for a Service: the members
// of a group that cannot reach each other wait for nobody else.
func (l *look) isBehind(svc *corev1.Service) bool {
	for _, t := range l.x.Behind(svc) {
		if incident.AnyOf(t.Ref) == incident.AnyOf(l.subject) {
			return true
		}
	}
	return slices.ContainsFunc(l.pods, func(p *corev1.Pod) bool {
		return p.Namespace == svc.Namespace && hasLabels(svc.Spec.Selector, p.Labels)
	})
}

// behind is the one workload that a Service selects, or the Service.
func (l *look) behind(svc *corev1.Service) action.Ref {
	if list := l.x.Behind(svc); len(list) == 1 {
		return list[0].Ref
	}
	var found action.Ref
	for _, p := range l.x.PodsSelected(svc.Namespace, svc.Spec.Selector) {
		switch top := l.x.Subject(kube.RefOf(p)); found {
		case action.Ref{}, top:
			found = top
		default:
			return kube.RefOf(svc)
		}
	}
	if found == (action.Ref{}) {
		return kube.RefOf(svc)
	}
	return found
}
