package diagnose

import (
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// issuedAfter is how long it may take until a certificate that somebody issues on
// demand is there.
const issuedAfter = 10 * time.Minute

// issuers begin the annotations by which an Ingress orders its certificate.
var issuers = []string{"cert-manager.io/", "acme.cert-manager.io/", "certmanager.k8s.io/", "kubernetes.io/tls-acme", "cert.gardener.cloud/"}

// absentCertificate is the name of a Secret for TLS that does not exist: the API
// server was asked for it. Load balancers of AWS take their certificates from
// elsewhere and do not look at the Secret.
func (l *look) absentCertificate(ing *networkingv1.Ingress) (name string, ok bool) {
	ordered := false
	for key := range ing.Annotations {
		if strings.HasPrefix(key, "alb.ingress.kubernetes.io/") {
			return "", false
		}
		for _, issuer := range issuers {
			ordered = ordered || strings.HasPrefix(key, issuer)
		}
	}
	if ordered && l.now.Sub(specChangedAt(ing)) < issuedAfter || l.controllerOf(ing) == "ingress.k8s.aws/alb" {
		return "", false
	}
	for i := range ing.Spec.TLS {
		if name = ing.Spec.TLS[i].SecretName; l.x.KnownAbsent("Secret", ing.Namespace, name) {
			return name, true
		}
	}
	return "", false
}

// controllerOf is the controller of an Ingress's class; empty where the class is
// not known.
func (l *look) controllerOf(ing *networkingv1.Ingress) string {
	name := ing.Annotations[classAnnotation]
	if ing.Spec.IngressClassName != nil {
		name = *ing.Spec.IngressClassName
	}
	for _, c := range l.x.IngressClasses {
		if c.Name == name {
			return c.Spec.Controller
		}
	}
	return ""
}

// proveIngressTLS names the Secret that is not there.
func proveIngressTLS(l *look, f fault) (proof, bool) {
	ing, ok := l.top.(*networkingv1.Ingress)
	if !ok || f.symptom.Class != "tls" {
		return proof{}, false
	}
	name, ok := l.absentCertificate(ing)
	if !ok {
		return proof{}, false
	}
	root := kube.Key("Secret", ing.Namespace, name)
	return proof{
		cause: incident.IngressTLSSecretMissing, root: root,
		cites: []string{l.status(f), l.absence(root)},
		summary: redact.Sprintf("%s has no certificate of its own: %s, which it names for TLS, does not exist",
			refText(l.subject), refText(root)),
		ruledOut: []redact.Text{redact.Literal("an expired or untrusted certificate: there is none")},
	}, true
}
