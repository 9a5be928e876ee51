package kube

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

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
	var out []*corev1.Pod
	for _, p := range rarest(x.at().pods, namespace, selector) {
		if fits(selector, p.Labels) {
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
// by kind and name. The list is the caller's own.
func (x *Index) Templates(namespace string) []Template {
	return slices.Clone(x.at().templates[namespace])
}

func byKindAndName(a, b Template) int {
	return cmp.Or(cmp.Compare(a.Ref.Kind, b.Ref.Kind), cmp.Compare(a.Ref.Name, b.Ref.Name))
}

// Behind lists the workloads whose pods a Service selects, sorted by kind and
// name.
func (x *Index) Behind(svc *corev1.Service) []Template {
	list := x.at().templates[svc.Namespace]
	var out []Template
	for _, i := range rarest(x.at().making, svc.Namespace, svc.Spec.Selector) {
		if fits(svc.Spec.Selector, list[i].Pod.Labels) {
			out = append(out, list[i])
		}
	}
	return out
}

// ReadyEndpoints counts the ready endpoints of a Service; known is false where
// EndpointSlices were not looked at.
func (x *Index) ReadyEndpoints(svc *corev1.Service) (ready int, known bool) {
	for _, s := range x.at().slices[served{svc.Namespace, svc.Name}] {
		for i := range s.Endpoints {
			if r := s.Endpoints[i].Conditions.Ready; r == nil || *r {
				ready++
			}
		}
	}
	return ready, x.EndpointSlices != nil
}
