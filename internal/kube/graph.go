package kube

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign-dev/countersign/internal/action"
)

// Service is the Service of that name, or nil.
func (x *Index) Service(namespace, name string) *corev1.Service {
	return as[*corev1.Service](x, Key("Service", namespace, name))
}

// ServiceByHost finds the Service behind a host name as a pod in namespace
// would resolve it: cache, cache.shop, cache.shop.svc and so on. host carries
// no port.
func (x *Index) ServiceByHost(namespace, host string) *corev1.Service {
	parts := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	switch {
	case len(parts) > 2 && parts[2] != "svc":
		return nil
	case len(parts) > 1:
		namespace = parts[1]
	}
	return x.Service(namespace, parts[0])
}

// PodsSelected lists the pods of a namespace that selector picks, sorted by
// name, without those that are over or being deleted. An empty selector picks
// none, as in a Service.
func (x *Index) PodsSelected(namespace string, selector map[string]string) []*corev1.Pod {
	if len(selector) == 0 {
		return nil
	}
	want := labels.SelectorFromSet(selector)
	var out []*corev1.Pod
	for _, p := range x.Pods {
		if p.Namespace == namespace && p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded &&
			p.Status.Phase != corev1.PodFailed && want.Matches(labels.Set(p.Labels)) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Template is a workload and the pods that it makes, or would make if it were
// not scaled to zero.
type Template struct {
	Ref      action.Ref
	Replicas int32
	Pod      *corev1.PodTemplateSpec
}

// Templates lists the workloads of a namespace that make pods for good, sorted
// by kind and name.
func (x *Index) Templates(namespace string) []Template {
	var out []Template
	add := func(obj metav1.Object, replicas *int32, pod *corev1.PodTemplateSpec) {
		if obj.GetNamespace() != namespace || obj.GetDeletionTimestamp() != nil {
			return
		}
		t := Template{Ref: RefOf(obj), Replicas: 1, Pod: pod}
		if replicas != nil {
			t.Replicas = *replicas
		}
		out = append(out, t)
	}
	for _, o := range x.Deployments {
		add(o, o.Spec.Replicas, &o.Spec.Template)
	}
	for _, o := range x.StatefulSets {
		add(o, o.Spec.Replicas, &o.Spec.Template)
	}
	for _, o := range x.DaemonSets {
		add(o, nil, &o.Spec.Template)
	}
	for _, o := range x.ReplicaSets {
		if metav1.GetControllerOf(o) == nil {
			add(o, o.Spec.Replicas, &o.Spec.Template)
		}
	}
	slices.SortFunc(out, func(a, b Template) int {
		return cmp.Or(cmp.Compare(a.Ref.Kind, b.Ref.Kind), cmp.Compare(a.Ref.Name, b.Ref.Name))
	})
	return out
}

// Behind lists the workloads whose pods a Service selects.
func (x *Index) Behind(svc *corev1.Service) []Template {
	if len(svc.Spec.Selector) == 0 {
		return nil
	}
	want := labels.SelectorFromSet(svc.Spec.Selector)
	return slices.DeleteFunc(x.Templates(svc.Namespace), func(t Template) bool { return !want.Matches(labels.Set(t.Pod.Labels)) })
}

// ReadyEndpoints counts the ready endpoints of a Service; known is false where
// EndpointSlices were not looked at.
func (x *Index) ReadyEndpoints(svc *corev1.Service) (ready int, known bool) {
	for _, s := range x.EndpointSlices {
		if s.Namespace != svc.Namespace || s.Labels[discoveryv1.LabelServiceName] != svc.Name {
			continue
		}
		for i := range s.Endpoints {
			if r := s.Endpoints[i].Conditions.Ready; r == nil || *r {
				ready++
			}
		}
	}
	return ready, x.EndpointSlices != nil
}
