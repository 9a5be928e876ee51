package watch

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// addAround adds what selects the pods of the family, and what leads to that.
func (f *kin) addAround() {
	for _, s := range f.x.Services {
		if s.Namespace == f.namespace && len(s.Spec.Selector) > 0 {
			f.selecting(kube.RefOf(s), labels.SelectorFromSet(s.Spec.Selector))
		}
	}
	for _, b := range f.x.Budgets {
		f.selectingBy(kube.RefOf(b), b.Namespace, b.Spec.Selector)
	}
	for _, n := range f.x.NetworkPolicies {
		f.selectingBy(kube.RefOf(n), n.Namespace, &n.Spec.PodSelector)
	}
	for _, h := range f.x.Autoscalers {
		target := kube.Key(h.Spec.ScaleTargetRef.Kind, h.Namespace, h.Spec.ScaleTargetRef.Name)
		if _, ok := f.members[target]; ok {
			f.tie(kube.RefOf(h), scales, target)
		}
	}
	for _, i := range f.x.Ingresses {
		for _, service := range backendsOf(i) {
			if key := kube.Key("Service", i.Namespace, service); i.Namespace == f.namespace {
				if _, ok := f.members[key]; ok {
					f.tie(kube.RefOf(i), leadsTo, key)
				}
			}
		}
	}
}

func (f *kin) selectingBy(by action.Ref, namespace string, s *metav1.LabelSelector) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err == nil && namespace == f.namespace {
		f.selecting(by, selector)
	}
}

// selecting ties an object to the workloads whose pods it selects.
func (f *kin) selecting(by action.Ref, selector labels.Selector) {
	for _, p := range f.pods() {
		if !selector.Matches(labels.Set(p.Labels)) {
			continue
		}
		to := kube.RefOf(p)
		if owners := f.x.Owners(p); len(owners) > 0 {
			to = owners[len(owners)-1]
		}
		f.tie(by, selects, to)
	}
}

// pods are the pods of the family, in the order of the look.
func (f *kin) pods() []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range f.x.Pods {
		if _, ok := f.members[keyOf(kube.RefOf(p))]; ok {
			out = append(out, p)
		}
	}
	return out
}

// maxNeighbours bounds the lines of one answer.
const maxNeighbours = 30

// neighbours tells what an object is tied to, each with its state.
func (f *kin) neighbours(of action.Ref) incident.Answer {
	var lines []redact.Text
	var objects []action.Ref
	missing := 0
	for _, l := range f.links {
		other := l.to
		switch keyOf(of) {
		case l.from:
		case l.to:
			other = l.from
		default:
			continue
		}
		if len(lines) == maxNeighbours {
			missing++
			continue
		}
		line := redact.Join(" ", redact.Name(l.from.String()), redact.Name(string(l.is)), redact.Name(l.to.String()))
		if state := f.state(other); !state.IsEmpty() {
			line = redact.Sprintf("%s: %s", line, state)
		}
		lines = append(lines, line)
		if ref := f.members[other]; !slices.Contains(objects, ref) {
			objects = append(objects, ref)
		}
	}
	if len(lines) == 0 {
		lines = append(lines, redact.Literal("nothing is tied to it"))
	}
	if missing > 0 {
		lines = append(lines, redact.Sprintf("and %s more", redact.Int(int64(missing))))
	}
	return incident.Answer{
		Evidence: incident.Evidence{
			Kind: "spec", Source: of, Where: redact.Literal("neighbours"), Text: redact.Join("\n", lines...), At: f.x.Taken,
		},
		Objects: objects,
	}
}

// state is how a member is, in a few words.
func (f *kin) state(r action.Ref) redact.Text {
	if f.x.KnownAbsent(r.Kind, r.Namespace, r.Name) {
		return redact.Literal("it does not exist")
	}
	if r.Kind == "ConfigMap" {
		if k, ok := kube.FindKeys(f.x.ConfigMaps, r.Namespace, r.Name); ok {
			return redact.Sprintf("%s keys", redact.Int(int64(len(k.Keys))))
		}
	}
	obj := f.x.Object(r)
	if obj == nil {
		return redact.Text{}
	}
	if svc, ok := obj.(*corev1.Service); ok {
		ready, known := f.x.ReadyEndpoints(svc)
		if !known {
			return redact.Text{}
		}
		return redact.Sprintf("%s ready endpoints", redact.Int(int64(ready)))
	}
	return redact.Name(strings.TrimSpace(stateOf(obj)))
}
