package diagnose

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// limit is one demand of a LimitRange that a pod or claim breaks.
type limit struct {
	said     string // in the API server's words
	bound    string // minimum, maximum or ratio
	resource corev1.ResourceName
	kind     corev1.LimitType
	value    string // as the LimitRange has it
}

var brokenLimit = regexp.MustCompile(`^(?:(minimum|maximum) (\S+) usage|(\S+) max limit to request ratio) per (Container|Pod|PersistentVolumeClaim) is ([^\s,]+)` +
	`(?:, but (?:request|limit) is [^\s,\]]+|\.  No (?:request|limit) is specified|, but no (?:request|limit) is specified or (?:request|limit) is 0|, but provided ratio is [0-9.]+)`)

// maxLimits bounds how many demands of one message are read.
const maxLimits = 32

// parseLimits reads what the API server says of a LimitRange: one demand, or
// several as "[a, b]". It is empty unless every word is understood.
func parseLimits(said string) []limit {
	said = strings.TrimSuffix(strings.TrimPrefix(said, "["), "]")
	var out []limit
	for len(out) < maxLimits {
		m := brokenLimit.FindStringSubmatch(said)
		if m == nil {
			return nil
		}
		b := limit{said: m[0], bound: m[1], resource: corev1.ResourceName(m[2]), kind: corev1.LimitType(m[4]), value: m[5]}
		if b.bound == "" {
			b.bound, b.resource = "ratio", corev1.ResourceName(m[3])
		}
		out = append(out, b)
		said = said[len(m[0]):]
		if said == "" {
			return out
		}
		if !strings.HasPrefix(said, ", ") {
			return nil
		}
		said = said[2:]
	}
	return nil
}

// in reports whether a LimitRange makes this demand.
func (b limit) in(r *corev1.LimitRange) bool {
	want, err := resource.ParseQuantity(b.value)
	if err != nil {
		return false
	}
	for i := range r.Spec.Limits {
		item := &r.Spec.Limits[i]
		list := map[string]corev1.ResourceList{"minimum": item.Min, "maximum": item.Max, "ratio": item.MaxLimitRequestRatio}[b.bound]
		if have, ok := list[b.resource]; ok && item.Type == b.kind && have.Cmp(want) == 0 {
			return true
		}
	}
	return false
}

// beyondLimits finds the LimitRange that refuses, which the message does not
// name: the one that makes all the demands. Where none does, somebody changed it
// since, and the message proves nothing any more.
func (l *look) beyondLimits(p proof, ns string, r refusedCreate) (proof, bool) {
	p.summary = redact.Sprintf("%s gets no pods: a LimitRange of its namespace forbids them: %s", refText(l.subject), text(r.detail))
	if l.x.Limits == nil {
		return p, true
	}
	var by *corev1.LimitRange
	for _, o := range l.x.Limits {
		if o.Namespace != ns || by != nil && by.Name < o.Name {
			continue
		}
		all := true
		for _, b := range r.broken {
			all = all && b.in(o)
		}
		if all {
			by = o
		}
	}
	if by == nil {
		return proof{}, false
	}
	p.root = kube.RefOf(by)
	p.cites = append(p.cites, l.evidence.add("spec", p.root, redact.Literal("limits"), text(r.detail), l.x.Taken))
	p.summary = redact.Sprintf("%s gets no pods: %s forbids them: %s", refText(l.subject), refText(p.root), text(r.detail))
	return p, true
}
