package kube

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// crowd is a namespace of n workloads of ten pods, each with its Service.
func crowd(n int) *Snapshot {
	s := &Snapshot{EndpointSlices: []*discoveryv1.EndpointSlice{}}
	for k := range n {
		name := fmt.Sprintf("app-%d", k)
		meta := metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": name, "team": "shop"}}
		d := &appsv1.Deployment{ObjectMeta: meta}
		d.Spec.Template.Labels = meta.Labels
		s.Deployments = append(s.Deployments, d)
		s.Services = append(s.Services, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: meta.Labels}})
		slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}}}
		for p := range 10 {
			pod := &corev1.Pod{ObjectMeta: meta, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
			pod.Name = fmt.Sprintf("%s-%d", name, 9-p)
			s.Pods = append(s.Pods, pod)
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{})
		}
		s.EndpointSlices = append(s.EndpointSlices, slice)
	}
	return s
}

// TestSelectorsFindWhatAWalkFinds compares the lookups with a walk over all pods.
func TestSelectorsFindWhatAWalkFinds(t *testing.T) {
	s := crowd(20)
	s.Pods[3].Status.Phase = corev1.PodFailed
	now := metav1.Now()
	s.Pods[4].DeletionTimestamp = &now
	other := s.Pods[5].DeepCopy()
	other.Namespace = "else"
	s.Pods = append(s.Pods, other)
	x := s.Index()
	for _, selector := range []map[string]string{
		nil, {"app": "app-0"}, {"team": "shop"}, {"app": "app-0", "team": "shop"}, {"app": "app-0", "team": "bank"}, {"app": "app-0", "absent": ""}, {"none": "such"},
	} {
		var want []string
		for _, p := range s.Pods {
			if len(selector) > 0 && p.Namespace == "shop" && p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodFailed &&
				labels.SelectorFromSet(selector).Matches(labels.Set(p.Labels)) {
				want = append(want, p.Name)
			}
		}
		got := x.PodsSelected("shop", selector)
		if len(got) != len(want) {
			t.Errorf("%v picks %d pods, want %d", selector, len(got), len(want))
		}
		for i := 1; i < len(got); i++ {
			if got[i-1].Name > got[i].Name {
				t.Errorf("%v: %s stands before %s", selector, got[i-1].Name, got[i].Name)
			}
		}
	}
	for _, svc := range s.Services {
		if b := x.Behind(svc); len(b) != 1 || b[0].Ref.Name != svc.Name {
			t.Errorf("behind %s stand %d workloads", svc.Name, len(b))
		}
		if n, known := x.ReadyEndpoints(svc); n != 10 || !known {
			t.Errorf("%s has %d ready endpoints (known: %t), want 10", svc.Name, n, known)
		}
	}
	if list := x.Templates("shop"); len(list) != 20 || list[0].Ref.Name != "app-0" || list[1].Ref.Name != "app-1" || list[2].Ref.Name != "app-10" {
		t.Errorf("%d templates, in a wrong order", len(list))
	}
}

// BenchmarkServicesOfOneNamespace asks for everything about every Service: with
// ten times the pods it may take ten times as long, not a hundred times.
func BenchmarkServicesOfOneNamespace(b *testing.B) {
	for _, n := range []int{500, 5000} {
		s := crowd(n)
		b.Run(fmt.Sprintf("%d pods", 10*n), func(b *testing.B) {
			for b.Loop() {
				x := s.Index()
				for _, svc := range s.Services {
					if len(x.PodsSelected(svc.Namespace, svc.Spec.Selector)) != 10 || len(x.Behind(svc)) != 1 {
						b.Fatal("wrong")
					}
					x.ReadyEndpoints(svc)
				}
			}
		})
	}
}
