package diagnose

import (
	"slices"

	"github.com/agnivade/levenshtein"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// classAnnotation is how Ingresses named their class before spec.ingressClassName.
const classAnnotation = "kubernetes.io/ingress.class"

// absentClass is the class that an Ingress names and that does not exist. An
// Ingress with an address is served, whatever its class. The value of the old
// annotation need not be the name of an IngressClass (controllers compare it with
// a flag of theirs), so that it counts only as a misspelling of one. An Ingress
// without any class is for controllers that take all.
func (l *look) absentClass(ing *networkingv1.Ingress) (name string, ok bool) {
	if l.x.IngressClasses == nil || len(ing.Status.LoadBalancer.Ingress) > 0 {
		return "", false
	}
	is := func(name string) bool {
		return slices.ContainsFunc(l.x.IngressClasses, func(c *networkingv1.IngressClass) bool { return c.Name == name })
	}
	if ing.Spec.IngressClassName != nil {
		name = *ing.Spec.IngressClassName
		return name, name != "" && !is(name)
	}
	name = ing.Annotations[classAnnotation]
	return name, name != "" && !is(name) && l.nearClass(name) != ""
}

// maxMisspelt is how many letters may be wrong in a name that is recognised.
const maxMisspelt = 2

// nearClass is the class that a misspelt name comes closest to; empty if none is
// near.
func (l *look) nearClass(name string) string {
	if len(name) > 253 {
		return ""
	}
	near, least := "", maxMisspelt+1
	for _, c := range l.x.IngressClasses {
		if far := levenshtein.ComputeDistance(c.Name, name); far < least && far*2 < len(c.Name) {
			near, least = c.Name, far
		}
	}
	return near
}

// proveIngressClass names the class that nobody has.
func proveIngressClass(l *look, f fault) (proof, bool) {
	ing, ok := l.top.(*networkingv1.Ingress)
	if !ok || f.symptom.Class != "class" {
		return proof{}, false
	}
	name, ok := l.absentClass(ing)
	if !ok {
		return proof{}, false
	}
	p := proof{cause: incident.IngressClassMissing, key: l.nearClass(name)}
	p.cites = []string{l.status(f), l.absence(kube.Key("IngressClass", "", name)), l.evidence.add("spec", l.subject, redact.Literal("class"), text(name), l.x.Taken)}
	p.summary = redact.Sprintf("no controller serves %s: its class %s does not exist", refText(l.subject), text(name))
	switch {
	case p.key != "":
		p.summary = redact.Sprintf("%s; there is one named %s", p.summary, text(p.key))
	case len(l.x.IngressClasses) == 0:
		p.summary = redact.Sprintf("%s, nor does any other", p.summary)
	}
	p.ruledOut = []redact.Text{redact.Literal("a controller that serves it all the same: the Ingress has no address")}
	return p, true
}
