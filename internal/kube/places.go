package kube

import (
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// places find what a Service selects without a walk over the whole cluster: a
// walk for each Service makes a look at a large one take the square of its size.
// They are built when somebody first asks, which most looks never do.
type places struct {
	once      sync.Once
	pods      map[label][]*corev1.Pod // without those that are over or being deleted
	templates map[string][]Template   // by namespace, sorted by kind and name
	making    map[label][]int         // templates with a label, by their place in templates
	slices    map[served][]*discoveryv1.EndpointSlice
}

// label is one label of something in a namespace.
type label struct{ namespace, key, value string }

// served names a Service.
type served struct{ namespace, name string }

func (x *Index) at() *places {
	x.places.once.Do(func() { x.places.build(x.Snapshot) })
	return &x.places
}

func (p *places) build(s *Snapshot) {
	p.pods, p.making = map[label][]*corev1.Pod{}, map[label][]int{}
	p.templates, p.slices = map[string][]Template{}, map[served][]*discoveryv1.EndpointSlice{}
	for _, pod := range s.Pods {
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		for k, v := range pod.Labels {
			at := label{pod.Namespace, k, v}
			p.pods[at] = append(p.pods[at], pod)
		}
	}
	p.addTemplates(s)
	for ns, list := range p.templates {
		slices.SortFunc(list, byKindAndName)
		for i := range list {
			for k, v := range list[i].Pod.Labels {
				at := label{ns, k, v}
				p.making[at] = append(p.making[at], i)
			}
		}
	}
	for _, sl := range s.EndpointSlices {
		at := served{sl.Namespace, sl.Labels[discoveryv1.LabelServiceName]}
		p.slices[at] = append(p.slices[at], sl)
	}
}

// addTemplates collects the workloads that make pods for good.
func (p *places) addTemplates(s *Snapshot) {
	add := func(obj metav1.Object, replicas *int32, pod *corev1.PodTemplateSpec) {
		if obj.GetDeletionTimestamp() != nil {
			return
		}
		t := Template{Ref: RefOf(obj), Replicas: 1, Pod: pod}
		if replicas != nil {
			t.Replicas = *replicas
		}
		p.templates[t.Ref.Namespace] = append(p.templates[t.Ref.Namespace], t)
	}
	for _, o := range s.Deployments {
		add(o, o.Spec.Replicas, &o.Spec.Template)
	}
	for _, o := range s.StatefulSets {
		add(o, o.Spec.Replicas, &o.Spec.Template)
	}
	for _, o := range s.DaemonSets {
		add(o, nil, &o.Spec.Template)
	}
	for _, o := range s.ReplicaSets {
		if metav1.GetControllerOfNoCopy(o) == nil {
			add(o, o.Spec.Replicas, &o.Spec.Template)
		}
	}
}

// rarest is the shortest list that the index has for a label of the selector:
// whatever the selector picks is in it. An empty selector has none.
func rarest[T any](index map[label][]T, namespace string, selector map[string]string) []T {
	var short []T
	first := true
	for k, v := range selector {
		if list := index[label{namespace, k, v}]; first || len(list) < len(short) {
			short, first = list, false
		}
	}
	return short
}

// fits reports whether labels satisfy every pair of a selector.
func fits(selector, labels map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}
