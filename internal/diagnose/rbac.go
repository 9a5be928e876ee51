package diagnose

import (
	"cmp"
	"regexp"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// forbidden is an answer 403 of the API server, read.
type forbidden struct {
	namespace, account string
	verb               string
	resource, group    string
	in                 string // the namespace asked for; empty: the whole cluster
	url                string // instead of a resource
}

// apiForbidden is the API server's sentence. Clients log it escaped once or
// twice.
var apiForbidden = regexp.MustCompile(`is forbidden: User \\*"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)\\*" cannot ([a-z*]+) (?:` +
	`resource \\*"([a-z0-9./-]+)\\*" in API group \\*"([a-z0-9.-]*)\\*"(?: in the namespace \\*"([a-z0-9-]+)\\*"| at the cluster scope)|path \\*"(/[^"\\\s]*)\\*")`)

func readForbidden(line string) (reason, bool) {
	m := apiForbidden.FindStringSubmatch(line)
	if m == nil {
		return reason{}, false
	}
	return reason{cause: incident.RBACForbidden, refused: forbidden{
		namespace: m[1], account: m[2], verb: m[3], resource: m[4], group: m[5], in: m[6], url: m[7],
	}}, true
}

// forbiddenTo believes the refusal if it names the account under which the pod
// runs. Another account's refusal is somebody else's, or made up.
func (l *look) forbiddenTo(f fault, p proof, r forbidden) (proof, bool) {
	if r.namespace != f.pod.Namespace || r.account != accountOf(f.pod) {
		return proof{}, false
	}
	p.root = kube.Key("ServiceAccount", r.namespace, r.account)
	if o := l.x.Object(p.root); o != nil {
		p.root = kube.RefOf(o)
	}
	p.key = r.question()
	p.summary = redact.Sprintf("%s: its %s may not %s", l.fares(f), refText(p.root), r.words())
	return p, true
}

func accountOf(pod *corev1.Pod) string { return cmp.Or(pod.Spec.ServiceAccountName, "default") }

// words are the verb and what it was refused for: "list pods in namespace shop".
func (r forbidden) words() redact.Text {
	switch {
	case r.url != "":
		return redact.Sprintf("%s %s", text(r.verb), text(r.url))
	case r.in != "":
		return redact.Sprintf("%s %s in namespace %s", text(r.verb), text(r.kind()), text(r.in))
	}
	return redact.Sprintf("%s %s in the whole cluster", text(r.verb), text(r.kind()))
}

// question is what kubectl auth can-i is asked: "list pods -n shop".
func (r forbidden) question() string {
	if r.in == "" {
		return r.verb + " " + cmp.Or(r.url, r.kind())
	}
	return r.verb + " " + r.kind() + " -n " + r.in
}

// kind is the resource as kubectl takes it: deployments.apps, pods.
func (r forbidden) kind() string {
	if r.group == "" {
		return r.resource
	}
	return r.resource + "." + r.group
}
