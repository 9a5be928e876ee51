package diagnose

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// forbiddenTo believes the refusal if it names the account under which the pod
// runs. Another account's refusal is somebody else's, or made up.
func (l *look) forbiddenTo(f fault, p proof, r loglines.Refusal) (proof, bool) {
	if r.Namespace != f.pod.Namespace || r.Account != accountOf(f.pod) {
		return proof{}, false
	}
	p.root = kube.Key("ServiceAccount", r.Namespace, r.Account)
	if o := l.x.Object(p.root); o != nil {
		p.root = kube.RefOf(o)
	}
	p.key = question(r)
	p.summary = redact.Sprintf("%s: its %s may not %s", l.fares(f), refText(p.root), refusedWords(r))
	return p, true
}

func accountOf(pod *corev1.Pod) string { return cmp.Or(pod.Spec.ServiceAccountName, "default") }

// refusedWords are the verb and what it was refused for: "list pods in namespace shop".
func refusedWords(r loglines.Refusal) redact.Text {
	switch {
	case r.URL != "":
		return redact.Sprintf("%s %s", text(r.Verb), text(r.URL))
	case r.In != "":
		return redact.Sprintf("%s %s in namespace %s", text(r.Verb), text(refusedKind(r)), text(r.In))
	}
	return redact.Sprintf("%s %s in the whole cluster", text(r.Verb), text(refusedKind(r)))
}

// question is what kubectl auth can-i is asked: "list pods -n shop".
func question(r loglines.Refusal) string {
	if r.In == "" {
		return r.Verb + " " + cmp.Or(r.URL, refusedKind(r))
	}
	return r.Verb + " " + refusedKind(r) + " -n " + r.In
}

// refusedKind is the resource as kubectl takes it: deployments.apps, pods.
func refusedKind(r loglines.Refusal) string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}
