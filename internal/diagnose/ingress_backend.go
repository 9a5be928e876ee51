package diagnose

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// backend is a Service, or a port of one, to which an Ingress leads.
type backend struct {
	service string
	port    string // number or name
	at      string // host and path
	svc     *corev1.Service
}

// lack says what there is not.
func (b backend) lack() string {
	if b.svc == nil {
		return "there is no Service " + b.service + " for " + b.at
	}
	return "Service " + b.service + " has no port " + b.port + " for " + b.at
}

// maxRoute bounds what a summary repeats of a host and a path, in runes.
const maxRoute = 100

// actionPort marks a backend that an annotation describes: its Service is none.
const actionPort = "use-annotation"

// backends lists what the Ingress leads to, as it is written.
func backends(ing *networkingv1.Ingress) []backend {
	var out []backend
	add := func(b *networkingv1.IngressBackend, at string) {
		if b == nil || b.Service == nil || b.Service.Name == "" || b.Service.Port.Name == actionPort {
			return
		}
		port := b.Service.Port.Name
		if port == "" {
			port = strconv.Itoa(int(b.Service.Port.Number))
		}
		out = append(out, backend{service: b.Service.Name, port: port, at: at})
	}
	add(ing.Spec.DefaultBackend, "every other request")
	for i := range ing.Spec.Rules {
		r := &ing.Spec.Rules[i]
		if r.HTTP == nil {
			continue
		}
		for j := range r.HTTP.Paths {
			p := &r.HTTP.Paths[j]
			add(&p.Backend, r.Host+p.Path)
		}
	}
	return out
}

// absentBackend is the first backend that does not exist; an absent Service
// comes before an absent port.
func (l *look) absentBackend(ing *networkingv1.Ingress) (backend, bool) {
	var noPort *backend
	for _, b := range backends(ing) {
		b.svc = l.x.Service(ing.Namespace, b.service)
		switch {
		case b.svc == nil:
			if l.x.KnownAbsent("Service", ing.Namespace, b.service) || l.servicesListed(ing.Namespace) {
				return b, true
			}
		case noPort == nil && !hasPort(b.svc, b.port):
			noPort = &b
		}
	}
	if noPort == nil {
		return backend{}, false
	}
	return *noPort, true
}

// hasPort reports whether a controller finds the port in the Service. Some take
// the target port too, and what lies behind an external name is not listed.
func hasPort(svc *corev1.Service, port string) bool {
	return svc.Spec.Type == corev1.ServiceTypeExternalName || slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		target := targetOf(p)
		return slices.Contains([]string{p.Name, strconv.Itoa(int(p.Port)), target.String()}, port)
	})
}

// proveIngressBackend names the Service that is not there, or the port that it
// does not have.
func proveIngressBackend(l *look, f fault) (proof, bool) {
	ing, ok := l.top.(*networkingv1.Ingress)
	if !ok || f.symptom.Class != "backend" {
		return proof{}, false
	}
	b, ok := l.absentBackend(ing)
	if !ok {
		return proof{}, false
	}
	at := text(b.at).Truncate(maxRoute)
	p := proof{cause: incident.IngressBackendMissing, cites: []string{
		l.status(f), l.evidence.add("spec", l.subject, at, redact.Sprintf("Service %s, port %s", text(b.service), text(b.port)), l.x.Taken),
	}}
	service := kube.Key("Service", ing.Namespace, b.service)
	if b.svc == nil {
		p.root = service
		p.cites = append(p.cites, l.absence(service))
		p.summary = redact.Sprintf("%s leads nowhere for %s: %s does not exist", refText(l.subject), at, refText(service))
		return p, true
	}
	var ports []redact.Text
	for _, have := range b.svc.Spec.Ports {
		ports = append(ports, portText(have))
	}
	p.key = b.port
	p.cites = append(p.cites, l.evidence.add("spec", kube.RefOf(b.svc), redact.Literal("ports"), redact.Join(", ", ports...), l.x.Taken))
	p.summary = redact.Sprintf("%s leads nowhere for %s: %s has no port %s, it has %s",
		refText(l.subject), at, refText(service), text(b.port), redact.Join(", ", ports...))
	return p, true
}

func portText(p corev1.ServicePort) redact.Text {
	if p.Name == "" {
		return redact.Int(int64(p.Port))
	}
	return redact.Sprintf("%s (%s)", redact.Int(int64(p.Port)), text(p.Name))
}
