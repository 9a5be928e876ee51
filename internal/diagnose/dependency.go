package diagnose

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// knownService is what redaction makes of the address of a Service.
var knownService = regexp.MustCompile(`⟨svc ([a-z0-9-]+)/([a-z0-9.-]+)⟩`)

var hostWord = regexp.MustCompile(`[a-z0-9][a-z0-9.-]*[a-z0-9]`)

// proveDependency joins a log that cannot connect with a Service that has no
// ready endpoint. Both are needed: a refused connection alone names nobody.
func proveDependency(l *look, f fault) (proof, bool) {
	if l.x.Services == nil || l.x.EndpointSlices == nil {
		return proof{}, false
	}
	lines := l.logLines(f)
	for n := len(lines) - 1; n >= 0; n-- {
		line := lines[n].String()
		if classOf(line).cause != incident.DependencyUnavailable {
			continue
		}
		svc := l.serviceIn(line, f.object.Namespace)
		if svc == nil || l.readyEndpoints(svc) > 0 {
			continue
		}
		root := l.behind(svc)
		return proof{
			cause: incident.DependencyUnavailable, root: root,
			cites: []string{
				l.status(f), l.log(f, l.excerpt(f, lines[n])),
				l.evidence.add("status", kube.RefOf(svc), redact.Literal("endpoints"), redact.Literal("no ready endpoint"), l.x.Taken),
			},
			summary: redact.Sprintf("%s keeps crashing because %s, which it connects to, has no ready endpoint",
				refText(l.subject), refText(root)),
			ruledOut: []redact.Text{redact.Literal("the program itself: its log says that it gave up on the connection")},
		}, true
	}
	return proof{}, false
}

// serviceIn finds the Service that a line names, by placeholder or by DNS name.
func (l *look) serviceIn(line, namespace string) *corev1.Service {
	if m := knownService.FindStringSubmatch(line); m != nil {
		svc, _ := l.x.Object(kube.Key("Service", m[1], m[2])).(*corev1.Service)
		return svc
	}
	for _, word := range hostWord.FindAllString(line, -1) {
		parts := strings.Split(word, ".")
		ns := namespace
		if len(parts) > 1 {
			if len(parts) > 2 && parts[2] != "svc" {
				continue
			}
			ns = parts[1]
		}
		if svc, ok := l.x.Object(kube.Key("Service", ns, parts[0])).(*corev1.Service); ok {
			return svc
		}
	}
	return nil
}

func (l *look) readyEndpoints(svc *corev1.Service) int {
	ready := 0
	for _, s := range l.x.EndpointSlices {
		if s.Namespace != svc.Namespace || s.Labels[discoveryv1.LabelServiceName] != svc.Name {
			continue
		}
		for i := range s.Endpoints {
			if r := s.Endpoints[i].Conditions.Ready; r == nil || *r {
				ready++
			}
		}
	}
	return ready
}

// behind is the one workload that a Service selects, or the Service.
func (l *look) behind(svc *corev1.Service) action.Ref {
	root := kube.RefOf(svc)
	if len(svc.Spec.Selector) == 0 {
		return root
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	found := 0
	for _, d := range l.x.Deployments {
		if d.Namespace == svc.Namespace && selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			root = kube.RefOf(d)
			found++
		}
	}
	for _, d := range l.x.StatefulSets {
		if d.Namespace == svc.Namespace && selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			root = kube.RefOf(d)
			found++
		}
	}
	if found != 1 {
		return kube.RefOf(svc)
	}
	return root
}
