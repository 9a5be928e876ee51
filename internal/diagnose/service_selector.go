package diagnose

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// missed is a workload whose pods a Service means and does not select.
type missed struct {
	kube.Template
	keys  []string // of the selector that the pods do not fit, sorted
	since time.Time
}

// missedPods finds what a Service means that selects no pod, no workload that
// would make one, and has no endpoint that somebody keeps by hand. What cannot
// be listed could be what it selects.
func (l *look) missedPods(svc *corev1.Service) (missed, bool) {
	if l.x.Deployments == nil || l.x.StatefulSets == nil || l.x.DaemonSets == nil || l.x.ReplicaSets == nil ||
		l.selectsSomething(svc) {
		return missed{}, false
	}
	if ready, _ := l.x.ReadyEndpoints(svc); ready > 0 {
		return missed{}, false
	}
	var sameApp []missed
	for _, t := range l.makers(svc.Namespace) {
		pods := l.livePods(t.Ref)
		m := missed{Template: t, keys: unfit(svc.Spec.Selector, t.Pod.Labels)}
		if len(pods) == 0 || !fixed(svc.Spec.Selector, t.Pod.Labels, m.keys) {
			continue
		}
		m.since = pods[0].CreationTimestamp.Time
		switch {
		case l.namesake(svc, t):
			if !slices.ContainsFunc(m.keys, isAppLabel) || !l.servedByAnother(svc, t) {
				return m, true
			}
		case l.variantOfSameApp(svc, m):
			sameApp = append(sameApp, m)
		}
	}
	if len(sameApp) == 1 || len(sameApp) > 1 && slices.Contains(versionLabels, sameApp[0].keys[0]) {
		return sameApp[0], true
	}
	return missed{}, false
}

// selectsSomething reports whether a pod, in whatever state, or the template of
// something that makes pods fits the selector.
func (l *look) selectsSomething(svc *corev1.Service) bool {
	if len(l.x.Behind(svc)) > 0 {
		return true
	}
	want := labels.SelectorFromSet(svc.Spec.Selector)
	fits := func(obj metav1.Object, set map[string]string) bool {
		return obj.GetNamespace() == svc.Namespace && want.Matches(labels.Set(set))
	}
	return slices.ContainsFunc(l.x.Pods, func(p *corev1.Pod) bool { return fits(p, p.Labels) }) || l.selectsMaker(fits)
}

// makers lists the workloads of a namespace and the pods that nothing makes.
func (l *look) makers(namespace string) []kube.Template {
	out := l.x.Templates(namespace)
	for _, p := range l.x.Pods {
		if p.Namespace == namespace && metav1.GetControllerOf(p) == nil {
			out = append(out, kube.Template{Ref: kube.RefOf(p), Replicas: 1,
				Pod: &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: p.Labels}, Spec: p.Spec}})
		}
	}
	return out
}

// livePods lists the pods of a workload that run or will run, oldest first.
func (l *look) livePods(workload action.Ref) []*corev1.Pod {
	pods := slices.DeleteFunc(l.x.PodsOf(workload), func(p *corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return pods
}

// unfit lists the keys of a selector that labels do not satisfy, sorted.
func unfit(selector, set map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		if v, ok := set[k]; !ok || v != selector[k] {
			out = append(out, k)
		}
	}
	return out
}

// corrected is the selector that would fit the pods: their values for the keys
// that do not fit, without the keys that they lack.
func (m missed) corrected(selector map[string]string) map[string]string {
	out := maps.Clone(selector)
	for _, k := range m.keys {
		delete(out, k)
		if v, ok := m.Pod.Labels[k]; ok {
			out[k] = v
		}
	}
	return out
}

// proveSelector names the labels that do not fit, and the pods that were meant.
func proveSelector(l *look, f fault) (proof, bool) {
	svc, ok := l.top.(*corev1.Service)
	if !ok || f.symptom.Class != "no-pod" {
		return proof{}, false
	}
	return l.selectorProof(svc, []string{l.status(f)})
}

func (l *look) selectorProof(svc *corev1.Service, cites []string) (proof, bool) {
	m, ok := l.missedPods(svc)
	if !ok {
		return proof{}, false
	}
	root := kube.RefOf(svc)
	p := proof{cause: incident.ServiceSelectorMismatch, root: root, key: pairs(m.corrected(svc.Spec.Selector))}
	p.cites = slices.Concat(cites, []string{l.selectorEvidence(svc), l.labelEvidence(m.Template)})
	if len(m.corrected(svc.Spec.Selector)) == 0 {
		p.key = ""
	}
	wanted := map[string]string{}
	var have []string
	for _, k := range m.keys {
		wanted[k] = svc.Spec.Selector[k]
		if v, ok := m.Pod.Labels[k]; ok {
			have = append(have, k+"="+v)
			continue
		}
		have = append(have, "no label "+k)
	}
	whose := redact.Sprintf("the pods of %s have", refText(m.Ref))
	if m.Ref.Kind == "Pod" {
		whose = redact.Sprintf("%s has", refText(m.Ref))
	}
	p.summary = redact.Sprintf("%s reaches no pod: it selects %s, but %s %s",
		refText(root), text(pairs(wanted)), whose, text(strings.Join(have, ",")))
	p.ruledOut = []redact.Text{redact.Literal("pods that crash or are scaled to zero: no workload makes pods with these labels")}
	return p, true
}
