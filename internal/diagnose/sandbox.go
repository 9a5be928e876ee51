package diagnose

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

const sandboxFailed = "FailedCreatePodSandBox"

var (
	sandboxWords = regexp.MustCompile(`(?s)^(?:\(combined from similar events\): )?Failed to create pod sandbox: (?:rpc error: code = \w+ desc = )?(.+)$`)
	sandboxID    = regexp.MustCompile(` for sandbox \\?"[^"]*"`)
	// The runtime's word about a RuntimeClass whose handler the node lacks.
	noHandler = regexp.MustCompile(`no runtime for \\?"([^"\\]*)\\?" is configured`)
)

// proveSandbox finds a pod for which the runtime or the network plugin cannot
// make a sandbox, and blames the node where it fails for others as well.
func proveSandbox(l *look, f fault) (proof, bool) {
	if !beforeContainers(f) {
		return proof{}, false
	}
	events := l.persisting(f.object, sandboxFailed)
	if len(events) == 0 {
		return proof{}, false
	}
	last := events[len(events)-1]
	m := sandboxWords.FindStringSubmatch(last.Message.String())
	if m == nil {
		return proof{}, false
	}
	p := proof{cause: incident.PodSandboxFailed, cites: []string{l.status(f), l.event(last)}}
	p.ruledOut = []redact.Text{redact.Literal("bad image or crash: the container was never started")}
	node := kube.Key("Node", "", f.pod.Spec.NodeName)
	words := text(strings.TrimSpace(sandboxID.ReplaceAllString(m[1], ""))).Truncate(200)
	if class := f.pod.Spec.RuntimeClassName; class != nil && noHandler.MatchString(m[1]) {
		p.summary = redact.Sprintf("%s cannot start: %s does not know the runtime of RuntimeClass/%s, which its pods ask for",
			refText(l.subject), refText(node), text(*class))
		return p, true
	}
	other, fails := l.failsForOthers(f.pod)
	if !fails {
		p.summary = redact.Sprintf("%s cannot start: no sandbox can be made for its pods on %s: %s", refText(l.subject), refText(node), words)
		return p, true
	}
	p.root = node
	if o := l.x.Node(node.Name); o != nil {
		p.root = kube.RefOf(o)
	}
	p.cites = append(p.cites, l.event(other))
	p.summary = redact.Sprintf("%s cannot start: %s can make no sandbox for the pods of several workloads: %s", refText(l.subject), refText(p.root), words)
	return p, true
}

// failsForOthers finds the same failure for a pod of another workload on the
// node of p.
func (l *look) failsForOthers(p *corev1.Pod) (kube.Event, bool) {
	for _, o := range l.x.Pods {
		if o.Spec.NodeName != p.Spec.NodeName || o.Status.Phase != corev1.PodPending || o.DeletionTimestamp != nil {
			continue
		}
		ref := kube.RefOf(o)
		if l.x.Subject(ref) == l.subject {
			continue
		}
		if events := l.persisting(ref, sandboxFailed); len(events) > 0 && !noHandler.MatchString(events[len(events)-1].Message.String()) {
			return events[len(events)-1], true
		}
	}
	return kube.Event{}, false
}
