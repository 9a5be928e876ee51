package watch

import (
	"cmp"
	"regexp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// The bounds of the kin of one case.
const (
	kinPods = 20
	kinSize = 120
)

// relation is how one member stands to another, read from the first to the
// second.
type relation string

const (
	controls relation = "controls"
	names    relation = "names"
	selects  relation = "selects the pods of"
	scales   relation = "scales"
	leadsTo  relation = "leads to"
	runsOn   relation = "runs on"
)

type link struct {
	from action.Ref
	is   relation
	to   action.Ref
}

// kin is the owner graph of one case: the subject, its controllers, its pods,
// what these name, and what selects them. Nothing of another namespace is in it.
type kin struct {
	x         *kube.Index
	namespace string
	members   map[action.Ref]action.Ref // by key, with UIDs
	links     []link
}

// kinOf finds the kin of a subject in a look at it.
func kinOf(x *kube.Index, subject action.Ref) *kin {
	f := &kin{x: x, namespace: subject.Namespace, members: map[action.Ref]action.Ref{}}
	top := x.Subject(subject)
	f.add(subject)
	f.add(top)
	switch o := x.Object(top).(type) {
	case *networkingv1.Ingress:
		for _, name := range backendsOf(o) {
			f.tie(top, leadsTo, kube.Key("Service", f.namespace, name))
		}
	case *autoscalingv2.HorizontalPodAutoscaler:
		f.tie(top, scales, kube.Key(o.Spec.ScaleTargetRef.Kind, f.namespace, o.Spec.ScaleTargetRef.Name))
	}
	pods := f.podsBelow(top)
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	for _, p := range pods[:min(len(pods), kinPods)] {
		f.addPod(p)
	}
	if d := x.Deployment(top); d != nil {
		for _, rs := range x.RevisionsOf(d) {
			f.tie(top, controls, kube.RefOf(rs))
		}
	}
	if spec := templateOf(x.Object(top)); spec != nil {
		f.addNamed(top, spec)
	}
	f.addAround()
	return f
}

// rankOf puts pods that are not ready first.
func rankOf(p *corev1.Pod) int {
	if startingOrUnready(p) || p.Status.Phase == corev1.PodFailed {
		return 0
	}
	return 1
}

// member finds an object of the family. A UID that differs is another object.
func (f *kin) member(r action.Ref) (action.Ref, bool) {
	known, ok := f.members[keyOf(r)]
	if !ok || r.UID != "" && known.UID != "" && r.UID != known.UID {
		return action.Ref{}, false
	}
	return known, true
}

// add takes an object in; false where it is of another namespace or there is no
// room.
func (f *kin) add(r action.Ref) bool {
	key := keyOf(r)
	if _, known := f.members[key]; known {
		return true
	}
	if r.Name == "" || r.Kind == "Secret" || r.Namespace != f.namespace && r.Kind != "Node" || len(f.members) == kinSize {
		return false
	}
	if o := f.x.Object(key); o != nil && r.UID == "" {
		r = kube.RefOf(o)
	}
	f.members[key] = r
	return true
}

// tie adds two objects and how the first stands to the second.
func (f *kin) tie(from action.Ref, is relation, to action.Ref) {
	l := link{keyOf(from), is, keyOf(to)}
	if f.add(from) && f.add(to) && !slices.Contains(f.links, l) {
		f.links = append(f.links, l)
	}
}

// addPod adds a pod, the controllers above it, its node and what it names.
func (f *kin) addPod(p *corev1.Pod) {
	ref := kube.RefOf(p)
	if !f.add(ref) {
		return
	}
	for _, owner := range f.x.Owners(p) {
		f.tie(owner, controls, ref)
	}
	if p.Spec.NodeName != "" {
		f.tie(ref, runsOn, kube.Key("Node", "", p.Spec.NodeName))
	}
	f.addNamed(ref, &p.Spec)
	if owners := f.x.Owners(p); len(owners) > 0 {
		f.addNamed(owners[len(owners)-1], &p.Spec)
	}
}

// hostInValue finds hosts in what variables and arguments say: the whole value,
// or what stands after a scheme or a user.
var hostInValue = regexp.MustCompile(`(?:^|://|@|=|,)([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)(?::[0-9]+)?(?:/|,|$)`)

// addNamed adds what a pod spec names: objects, and Services by their hosts.
func (f *kin) addNamed(of action.Ref, spec *corev1.PodSpec) {
	want := map[action.Ref]bool{}
	namedBy(want, f.namespace, spec)
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		values := slices.Concat(c.Command, c.Args)
		for _, e := range c.Env {
			values = append(values, e.Value)
		}
		for _, v := range values[:min(len(values), maxNamed)] {
			for _, m := range hostInValue.FindAllStringSubmatch(v[:min(len(v), 1024)], 8) {
				if ns, service, _ := kube.ServiceHost(f.namespace, m[1]); ns == f.namespace && f.x.Service(ns, service) != nil {
					want[kube.Key("Service", ns, service)] = true
				}
			}
		}
	}
	sorted := make([]action.Ref, 0, len(want))
	for r := range want {
		sorted = append(sorted, r)
	}
	slices.SortFunc(sorted, func(a, b action.Ref) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	for _, r := range sorted {
		f.tie(of, names, r)
	}
}

// podsBelow are the pods that a subject is about, whatever its kind.
func (f *kin) podsBelow(top action.Ref) []*corev1.Pod {
	switch o := f.x.Object(top).(type) {
	case *corev1.Service:
		return f.x.PodsSelected(f.namespace, o.Spec.Selector)
	case *networkingv1.Ingress:
		var out []*corev1.Pod
		for _, name := range backendsOf(o) {
			if svc := f.x.Service(f.namespace, name); svc != nil {
				out = append(out, f.x.PodsSelected(f.namespace, svc.Spec.Selector)...)
			}
		}
		return out
	case *autoscalingv2.HorizontalPodAutoscaler:
		return f.x.PodsOf(kube.Key(o.Spec.ScaleTargetRef.Kind, f.namespace, o.Spec.ScaleTargetRef.Name))
	case *policyv1.PodDisruptionBudget:
		return f.selected(o.Spec.Selector)
	case *corev1.PersistentVolumeClaim:
		return slices.DeleteFunc(slices.Clone(f.x.Pods), func(p *corev1.Pod) bool {
			return p.Namespace != f.namespace || !slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
				return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == o.Name
			})
		})
	}
	return slices.Clone(f.x.PodsOf(top))
}

func (f *kin) selected(by *metav1.LabelSelector) []*corev1.Pod {
	selector, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.x.Pods), func(p *corev1.Pod) bool {
		return p.Namespace != f.namespace || !selector.Matches(labels.Set(p.Labels))
	})
}

// backendsOf are the Services that an Ingress names.
func backendsOf(i *networkingv1.Ingress) []string {
	var out []string
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil && !slices.Contains(out, b.Service.Name) {
			out = append(out, b.Service.Name)
		}
	}
	add(i.Spec.DefaultBackend)
	for _, rule := range i.Spec.Rules {
		if rule.HTTP != nil {
			for n := range rule.HTTP.Paths {
				add(&rule.HTTP.Paths[n].Backend)
			}
		}
	}
	return out
}

// templateOf is what a workload makes its pods of; nil for other objects.
func templateOf(obj metav1.Object) *corev1.PodSpec {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &o.Spec.Template.Spec
	case *appsv1.ReplicaSet:
		return &o.Spec.Template.Spec
	}
	return nil
}
