package diagnose

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// overlap is a Service whose requests go to a workload that it does not mean.
type overlap struct {
	meant, other kube.Template
	since        time.Time
}

// maxSharers is how many workloads may stand behind a Service before it counts
// as one that gathers them on purpose.
const maxSharers = 4

// overlapOf finds two workloads that answer to one selector by accident. By
// design are: a headless Service, which lists the members of a group; a Service
// that is named after none of them; and variants of one application, by their
// names or by the image and command that they share. A worker of the same image
// that serves nothing is no variant.
func (l *look) overlapOf(svc *corev1.Service) (overlap, bool) {
	if svc.Spec.ClusterIP == corev1.ClusterIPNone {
		return overlap{}, false
	}
	ready := func(t kube.Template) []*corev1.Pod { return readyOnes(l.x.PodsOf(t.Ref)) }
	sharers := l.x.Behind(svc)
	if len(sharers) < 2 {
		return overlap{}, false
	}
	sharers = slices.DeleteFunc(sharers, func(t kube.Template) bool { return len(ready(t)) == 0 || len(t.Pod.Spec.Containers) == 0 })
	if len(sharers) > maxSharers {
		return overlap{}, false
	}
	for _, meant := range sharers {
		for _, other := range sharers {
			if meant.Ref != other.Ref && l.accident(svc, meant, other) {
				return overlap{meant: meant, other: other, since: latest(readySince(ready(meant)), readySince(ready(other)))}, true
			}
		}
	}
	return overlap{}, false
}

// accident reports whether a Service means one workload and reaches the other
// too.
func (l *look) accident(svc *corev1.Service, meant, other kube.Template) bool {
	if variants(meant.Ref.Name, other.Ref.Name) || !reaches(svc, &other.Pod.Spec) {
		return false
	}
	fits := slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		return targetOf(p).Type == intstr.Int && declared(&meant.Pod.Spec, p)
	})
	declares, alike := declaresTarget(svc, &other.Pod.Spec)
	elsewhere := fits && declares && !alike // the other serves other ports
	named := nameOf(svc) == meant.Ref.Name && nameOf(svc) != other.Ref.Name
	extends := strings.HasPrefix(other.Ref.Name, meant.Ref.Name+"-")
	switch {
	case sameCommand(meant, other) && sharesImage(meant, other):
		return false
	case elsewhere:
		return true
	case sharesImage(meant, other):
		return named && !extends && l.hasOwnService(other) || fits && l.worksBeside(svc, meant, other)
	default:
		// An application may move to another image under a longer name.
		return named && (!extends || fits && !alike)
	}
}

// worksBeside reports whether the other is a worker of the same image: it runs
// another program, and nothing says that it takes requests.
func (l *look) worksBeside(svc *corev1.Service, meant, other kube.Template) bool {
	if len(meant.Pod.Spec.Containers) != 1 || len(other.Pod.Spec.Containers) != 1 || differByVersion(meant, other) {
		return false
	}
	return otherProgram(&meant.Pod.Spec.Containers[0], &other.Pod.Spec.Containers[0]) && l.servesNothing(svc, other)
}

func nameOf(svc *corev1.Service) string { return serviceSuffix.ReplaceAllString(svc.Name, "") }

// variants reports whether two names differ by the mark of a variant alone.
func variants(a, b string) bool {
	return variantSuffix.ReplaceAllString(a, "") == variantSuffix.ReplaceAllString(b, "")
}

// reaches reports whether requests come to pods of this spec: a target port that
// has a name leaves out pods that do not declare it.
func reaches(svc *corev1.Service, spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		return targetOf(p).Type == intstr.Int || declared(spec, p)
	})
}

// sharesImage reports whether the first container of one runs an image that the
// other runs too, in whatever version. Sidecars are alike everywhere.
func sharesImage(a, b kube.Template) bool {
	runs := func(t kube.Template, image string) bool {
		return slices.ContainsFunc(t.Pod.Spec.Containers, func(c corev1.Container) bool { return repository(c.Image) == repository(image) })
	}
	return runs(a, b.Pod.Spec.Containers[0].Image) || runs(b, a.Pod.Spec.Containers[0].Image)
}

func sameCommand(a, b kube.Template) bool {
	first, second := a.Pod.Spec.Containers[0], b.Pod.Spec.Containers[0]
	return equality.Semantic.DeepEqual(first.Command, second.Command) && equality.Semantic.DeepEqual(first.Args, second.Args)
}

// hasOwnService reports whether a Service bears the workload's name: then it is
// an application of its own.
func (l *look) hasOwnService(t kube.Template) bool {
	return slices.ContainsFunc(l.x.Services, func(s *corev1.Service) bool {
		return s.Namespace == t.Ref.Namespace && nameOf(s) == t.Ref.Name && len(s.Spec.Selector) > 0 && len(unfit(s.Spec.Selector, t.Pod.Labels)) == 0
	})
}

// proveOverlap names both workloads.
func proveOverlap(l *look, f fault) (proof, bool) {
	svc, ok := l.top.(*corev1.Service)
	if !ok || f.symptom.Class != "overlap" {
		return proof{}, false
	}
	o, ok := l.overlapOf(svc)
	if !ok {
		return proof{}, false
	}
	p := proof{cause: incident.ServiceSelectorOverlap, key: o.narrowed(svc.Spec.Selector)}
	p.cites = []string{l.status(f), l.selectorEvidence(svc), l.labelEvidence(o.meant), l.labelEvidence(o.other)}
	for _, t := range []kube.Template{o.meant, o.other} {
		p.cites = append(p.cites, l.evidence.add("spec", t.Ref, redact.Literal("image and ports of its pods"),
			redact.Sprintf("%s; %s", text(t.Pod.Spec.Containers[0].Image), portsText(&t.Pod.Spec)), l.x.Taken))
	}
	p.summary = redact.Sprintf("%s sends requests for %s to %s as well: its selector %s fits the pods of both",
		refText(l.subject), refText(o.meant.Ref), refText(o.other.Ref), text(pairs(svc.Spec.Selector)))
	p.ruledOut = []redact.Text{redact.Literal("two variants of one application: names and programs differ")}
	return p, true
}

// narrowed is the selector with a label by which the meant pods differ from the
// others; empty if they have none.
func (o overlap) narrowed(selector map[string]string) string {
	differ := unfit(o.meant.Pod.Labels, o.other.Pod.Labels)
	if len(differ) == 0 {
		return ""
	}
	out := maps.Clone(selector)
	out[differ[0]] = o.meant.Pod.Labels[differ[0]]
	return pairs(out)
}
