package diagnose

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// ingressFaults says whether an Ingress names something that does not exist: its
// class, a Service or a port of one, a Secret with a certificate. The rules stand
// in this order: without a class nobody reads the rest.
func (l *look) ingressFaults(ing *networkingv1.Ingress) []kube.Symptom {
	if ing.DeletionTimestamp != nil {
		return nil
	}
	var out []kube.Symptom
	add := func(class, message string) {
		out = append(out, kube.Symptom{Kind: kube.IngressBroken, Class: class, Since: specChangedAt(ing), Message: message})
	}
	if name, ok := l.absentClass(ing); ok {
		add("class", "there is no IngressClass "+name)
	}
	if b, ok := l.absentBackend(ing); ok {
		add("backend", b.lack())
	}
	if name, ok := l.absentCertificate(ing); ok {
		add("tls", "there is no Secret "+name+" for TLS")
	}
	return out
}
