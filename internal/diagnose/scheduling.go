package diagnose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// refusal is one reason of the scheduler and how many nodes it speaks for. The
// reasons of one node may be several, so that counts need not add up.
type refusal struct {
	nodes  int
	reason string
}

var (
	availability = regexp.MustCompile(`^(\d+)/(\d+) nodes are available`)
	counted      = regexp.MustCompile(`^(\d+) (.+)$`)
	insufficient = regexp.MustCompile(`^Insufficient (\S+)$`)
	absentClaim  = regexp.MustCompile(`persistentvolumeclaim \\?"([^"\\]+)\\?" not found`)
)

// parseScheduling reads the scheduler's message "0/3 nodes are available: 1
// Insufficient cpu, 2 node(s) had untolerated taint(s). preemption: …".
func parseScheduling(message string) (total int, refusals []refusal, ok bool) {
	// What follows the first sentence is about claims and preemption.
	message, _, _ = strings.Cut(message, ". ")
	message, _, _ = strings.Cut(message, " preemption: ")
	m := availability.FindStringSubmatch(message)
	if m == nil {
		return 0, nil, false
	}
	total, err := strconv.Atoi(m[2])
	if err != nil {
		return 0, nil, false
	}
	rest := strings.TrimSuffix(strings.TrimSpace(strings.TrimPrefix(message[len(m[0]):], ":")), ".")
	for _, part := range splitReasons(rest) {
		r := refusal{reason: part}
		if c := counted.FindStringSubmatch(part); c != nil {
			n, err := strconv.Atoi(c[1])
			if err != nil {
				continue
			}
			r = refusal{nodes: n, reason: c[2]}
		}
		if r.reason != "" {
			refusals = append(refusals, r)
		}
	}
	return total, refusals, len(refusals) > 0
}

// splitReasons splits at commas outside braces: taints are written {key: value}.
func splitReasons(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth = max(0, depth-1)
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

// filters are the scheduler's reasons in the order in which it tries them. A
// node that fails a late one has passed those before, so that the latest reason
// tells what really stands in the way.
var filters = []struct {
	phrase string
	cause  incident.Cause
}{
	{"were unschedulable", incident.NodeCordoned},
	{"had untolerated taint", incident.TaintNotTolerated},
	{"didn't match Pod's node affinity/selector", incident.NodeSelectorMismatch},
	{"didn't have free ports", incident.HostPortConflict},
	{"Insufficient cpu", incident.InsufficientCPU},
	{"Insufficient memory", incident.InsufficientMemory},
	{"Insufficient ", incident.InsufficientResource},
	{"Too many pods", incident.InsufficientResource},
	{"unbound immediate PersistentVolumeClaims", incident.PVCUnbound},
	{"didn't find available persistent volumes to bind", incident.PVCUnbound},
	{"didn't match pod topology spread constraints", incident.TopologySpreadUnsatisfiable},
	{"didn't match pod anti-affinity rules", incident.PodAntiAffinity},
	{"didn't satisfy existing pods anti-affinity rules", incident.PodAntiAffinity},
}

func filterOf(reason string) int {
	for n, f := range filters {
		if strings.Contains(reason, f.phrase) {
			return n
		}
	}
	return -1
}

func proveScheduling(l *look, f fault) (proof, bool) {
	said := f.symptom.Message
	p := proof{cites: []string{l.status(f)}}
	if m := absentClaim.FindStringSubmatch(said); m != nil {
		p.cause, p.root = incident.PVCMissing, kube.Key("PersistentVolumeClaim", f.object.Namespace, m[1])
		p.summary = redact.Sprintf("%s cannot start: %s does not exist", refText(l.subject), refText(p.root))
		if l.x.KnownAbsent("PersistentVolumeClaim", f.object.Namespace, m[1]) {
			p.cites = append(p.cites, l.absence(p.root))
		}
		return p, true
	}
	total, refusals, ok := parseScheduling(said)
	if !ok || total == 0 {
		return proof{}, false
	}
	last, ok := lastFilter(refusals)
	if !ok {
		return proof{}, false
	}
	if n := l.sick(f.pod, refusals); n != nil {
		return l.onSick(p, f.pod, n), true
	}
	if n := l.cordoned(f.pod, refusals); n != nil {
		return l.onCordoned(p, n), true
	}
	return l.scheduled(f, p, last.cause, last.refusal, refusals)
}

// decisive is the reason that stands in the way.
type decisive struct {
	refusal
	cause incident.Cause
}

// lastFilter picks the reason of the latest filter. A reason that no filter here
// knows may be later than all the others: then nothing is sure.
func lastFilter(refusals []refusal) (decisive, bool) {
	last := -1
	var out decisive
	for _, r := range refusals {
		n := filterOf(r.reason)
		if n < 0 {
			return decisive{}, false
		}
		if n > last {
			last, out = n, decisive{r, filters[n].cause}
		}
	}
	return out, last >= 0
}

// scheduled words the proof, with what Node objects and the spec add.
func (l *look) scheduled(f fault, p proof, cause incident.Cause, last refusal, all []refusal) (proof, bool) {
	p.cause = cause
	who := refText(l.subject)
	switch cause {
	case incident.InsufficientCPU, incident.InsufficientMemory, incident.InsufficientResource:
		p.cause, p.summary = l.insufficient(f, last, all)
	case incident.TaintNotTolerated:
		return l.tainted(f, p)
	case incident.NodeSelectorMismatch:
		if l.firstNode(func(n *corev1.Node) bool { return labelsFit(f.pod, n) }) != nil {
			if !kept(all, incident.TaintNotTolerated) {
				return proof{}, false // it has come, or was labelled, since
			}
			return l.tainted(f, p) // the other nodes are not meant
		}
		if len(f.pod.Spec.NodeSelector) == 0 {
			p.cause = incident.NodeAffinityMismatch
			p.summary = redact.Sprintf("%s cannot be placed: no node fits its node affinity", who)
			break
		}
		p.summary = redact.Sprintf("%s cannot be placed: no node has the labels %s", who, selectorText(f.pod.Spec.NodeSelector))
		p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Literal("nodeSelector"), selectorText(f.pod.Spec.NodeSelector), l.x.Taken))
	case incident.NodeCordoned:
		return proof{}, false // all nodes are cordoned, and this pod would fit onto none of them
	case incident.HostPortConflict:
		p.summary = redact.Sprintf("%s cannot be placed: its host port %s is taken on every node that would fit", who, hostPorts(f.pod))
	case incident.PodAntiAffinity:
		p.summary = redact.Sprintf("%s cannot be placed: its anti-affinity leaves no node for one more pod", who)
	case incident.TopologySpreadUnsatisfiable:
		p.summary = redact.Sprintf("%s cannot be placed: its topology spread leaves no node for one more pod", who)
	case incident.PVCUnbound:
		return l.unbound(f, p)
	default:
		return proof{}, false
	}
	return p, true
}

func selectorText(selector map[string]string) redact.Text {
	parts := make([]string, 0, len(selector))
	for k, v := range selector {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return text(strings.Join(parts, ", "))
}

func (l *look) firstNode(is func(*corev1.Node) bool) *corev1.Node {
	var first *corev1.Node
	for _, n := range l.x.Nodes {
		if is(n) && (first == nil || n.Name < first.Name) {
			first = n
		}
	}
	return first
}
