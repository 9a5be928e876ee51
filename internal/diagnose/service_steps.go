package diagnose

import (
	"strconv"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// networkSteps are those of Services and Ingresses.
func (l *look) networkSteps(p proof, edit redact.Text) []redact.Text {
	ns, root, name := text(p.root.Namespace), refText(p.root), text(p.root.Name)
	describe := redact.Sprintf("look at it: kubectl describe %s -n %s", root, ns)
	pods := redact.Sprintf("compare with the labels of the pods: kubectl get pods -n %s --show-labels", ns)
	selector := redact.Sprintf("correct the selector in the manifest of %s", root)
	if p.key != "" {
		selector = redact.Sprintf("correct the selector, here and in its manifest: kubectl set selector service %s %s -n %s", name, text(p.key), ns)
	}
	switch p.cause {
	case incident.ServiceSelectorMismatch:
		return []redact.Text{pods, selector}
	case incident.ServiceSelectorOverlap:
		return []redact.Text{
			redact.Sprintf("see whose pods answer: kubectl get endpointslices -n %s -l kubernetes.io/service-name=%s -o yaml", ns, name), pods, selector,
		}
	case incident.ServicePortMismatch:
		return []redact.Text{describe, l.portStep(p)}
	case incident.IngressBackendMissing:
		list := redact.Literal("look for it under another name or namespace: kubectl get services -A")
		if p.root.Kind != "Service" {
			list = redact.Sprintf("see which ports there are: kubectl get services -n %s", ns)
		}
		return []redact.Text{list, redact.Sprintf("create what is missing, or: %s", edit)}
	case incident.IngressClassMissing:
		class := redact.Literal("CLASS")
		if p.key != "" {
			class = text(p.key)
		}
		return []redact.Text{
			redact.Literal("see which classes there are: kubectl get ingressclasses"),
			redact.Sprintf(`set one that exists, here and in its manifest: kubectl patch ingress %s -n %s --type merge -p '{"spec":{"ingressClassName":"%s"}}'`, name, ns, class),
			redact.Literal("or install the controller that brings the class"),
		}
	default:
		return []redact.Text{
			redact.Literal("look for it under another name or namespace: kubectl get secrets -A --field-selector type=kubernetes.io/tls"),
			redact.Sprintf("create it: kubectl create secret tls %s --cert=FILE --key=FILE -n %s", name, ns), edit,
		}
	}
}

// portStep is the command that sets the right target port where it is known.
func (l *look) portStep(p proof) redact.Text {
	svc := l.x.Service(p.root.Namespace, p.root.Name)
	if svc == nil || p.key == "" {
		return redact.Sprintf("set targetPort in the manifest of %s to a port that the containers serve", refText(p.root))
	}
	at := 0
	if d, ok := l.deadPort(svc); ok {
		at = d.index
	}
	return redact.Sprintf(`set the port that they serve, here and in its manifest: kubectl patch service %s -n %s --type json -p '[{"op":"replace","path":"/spec/ports/%s/targetPort","value":%s}]'`,
		text(p.root.Name), text(p.root.Namespace), redact.Name(strconv.Itoa(at)), text(p.key))
}
