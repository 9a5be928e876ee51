package diagnose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// remains is what a namespace that is being deleted still holds, by its own
// conditions.
type remains struct {
	said       string // the condition that tells most
	finalizers []leftover
	resources  []leftover
	failing    bool // its content could not be listed or deleted: another matter
}

// leftover is a finalizer or resource and how many objects have it.
type leftover struct {
	name string
	n    int
}

var (
	finalizersLeft = regexp.MustCompile(`^Some (?:content in the namespace has finalizers|finalizers are) remaining: (.+)$`)
	resourcesLeft  = regexp.MustCompile(`^Some resources are remaining: (.+)$`)
	finalizerCount = regexp.MustCompile(`^(\S+) in (\d+) resource instances$`)
	resourceCount  = regexp.MustCompile(`^(\S+) has (\d+) resource instances$`)
)

// namespaceLeft reads the conditions of the namespace controller.
func namespaceLeft(ns *corev1.Namespace) remains {
	var out remains
	for i := range ns.Status.Conditions {
		c := &ns.Status.Conditions[i]
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case corev1.NamespaceFinalizersRemaining:
			out.said, out.finalizers = c.Message, parseCounts(c.Message, finalizersLeft, finalizerCount)
		case corev1.NamespaceContentRemaining:
			out.resources = parseCounts(c.Message, resourcesLeft, resourceCount)
		default: // discovery, parsing or deletion failed
			out.failing = true
			if out.said == "" {
				out.said = c.Message
			}
		}
	}
	return out
}

func parseCounts(message string, list, item *regexp.Regexp) []leftover {
	m := list.FindStringSubmatch(message)
	if m == nil {
		return nil
	}
	var out []leftover
	for part := range strings.SplitSeq(m[1], ", ") {
		if c := item.FindStringSubmatch(part); c != nil {
			if n, err := strconv.Atoi(c[2]); err == nil {
				out = append(out, leftover{name: c[1], n: n})
			}
		}
	}
	return out
}

// foreign is the first finalizer that is not one of Kubernetes' own.
func (r remains) foreign() (leftover, bool) {
	for _, f := range r.finalizers {
		if !ownFinalizer(f.name) {
			return f, true
		}
	}
	return leftover{}, false
}

// stuck reports whether the namespace waits for more than its own pods to end.
func (r remains) stuck() bool {
	_, foreign := r.foreign()
	return foreign || r.failing
}

// heldNamespace names the object that keeps a namespace from going, where one
// alone has the finalizer and the snapshot holds it; else the namespace.
func (l *look) heldNamespace(f fault) (proof, bool) {
	ns, ok := l.top.(*corev1.Namespace)
	if !ok {
		return proof{}, false
	}
	left := namespaceLeft(ns)
	finalizer, ok := left.foreign()
	if !ok {
		return proof{}, false
	}
	p := proof{cause: incident.FinalizerStuck, root: l.subject, key: finalizer.name, cites: []string{l.status(f)}}
	what := redact.Sprintf("%s objects", redact.Int(int64(finalizer.n)))
	if finalizer.n == 1 {
		what = redact.Literal("an object")
	}
	if len(left.resources) == 1 {
		what = redact.Sprintf("%s of %s", what, text(strings.TrimSuffix(left.resources[0].name, ".")))
	}
	if holders := l.holders(ns.Name, finalizer.name); finalizer.n == 1 && len(holders) == 1 {
		p.root = kube.RefOf(holders[0])
		what = refText(p.root)
	}
	p.summary = redact.Sprintf("%s cannot be deleted: %s waits for the finalizer %s, which nobody removes",
		refText(l.subject), what, text(finalizer.name))
	return p, true
}

// holders lists what is being deleted in a namespace and has the finalizer.
func (l *look) holders(namespace, finalizer string) []metav1.Object {
	var out []metav1.Object
	out = append(out, holding(l.x.Pods, namespace, finalizer)...)
	out = append(out, holding(l.x.Deployments, namespace, finalizer)...)
	out = append(out, holding(l.x.StatefulSets, namespace, finalizer)...)
	out = append(out, holding(l.x.DaemonSets, namespace, finalizer)...)
	out = append(out, holding(l.x.ReplicaSets, namespace, finalizer)...)
	out = append(out, holding(l.x.Jobs, namespace, finalizer)...)
	out = append(out, holding(l.x.CronJobs, namespace, finalizer)...)
	out = append(out, holding(l.x.Services, namespace, finalizer)...)
	out = append(out, holding(l.x.Ingresses, namespace, finalizer)...)
	out = append(out, holding(l.x.Claims, namespace, finalizer)...)
	out = append(out, holding(l.x.Autoscalers, namespace, finalizer)...)
	out = append(out, holding(l.x.Budgets, namespace, finalizer)...)
	return out
}

func holding[T metav1.Object](list []T, namespace, finalizer string) []metav1.Object {
	var out []metav1.Object
	for _, o := range list {
		if o.GetNamespace() == namespace && o.GetDeletionTimestamp() != nil && slices.Contains(o.GetFinalizers(), finalizer) {
			out = append(out, o)
		}
	}
	return out
}
