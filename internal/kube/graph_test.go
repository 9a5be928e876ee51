package kube

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func town() *Index {
	meta := func(name string, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels}
	}
	cache, web := map[string]string{"app": "cache"}, map[string]string{"app": "web"}
	none, yes, no := int32(0), true, false
	gone := &corev1.Pod{ObjectMeta: meta("cache-gone", cache)}
	gone.DeletionTimestamp = &metav1.Time{}
	over := &corev1.Pod{ObjectMeta: meta("cache-over", cache), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}
	deployment := func(name string, labels map[string]string, replicas *int32) *appsv1.Deployment {
		return &appsv1.Deployment{ObjectMeta: meta(name, nil), Spec: appsv1.DeploymentSpec{
			Replicas: replicas, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		}}
	}
	return (&Snapshot{
		Pods: []*corev1.Pod{
			{ObjectMeta: meta("cache-2", cache)}, {ObjectMeta: meta("cache-1", cache)}, gone, over, {ObjectMeta: meta("web-1", web)},
		},
		Deployments: []*appsv1.Deployment{deployment("web", web, nil), deployment("cache", cache, &none)},
		Services: []*corev1.Service{
			{ObjectMeta: meta("cache", nil), Spec: corev1.ServiceSpec{Selector: cache}},
			{ObjectMeta: meta("outside", nil)},
		},
		EndpointSlices: []*discoveryv1.EndpointSlice{
			{ObjectMeta: meta("cache-x", map[string]string{discoveryv1.LabelServiceName: "cache"}), Endpoints: []discoveryv1.Endpoint{
				{Conditions: discoveryv1.EndpointConditions{Ready: &yes}}, {Conditions: discoveryv1.EndpointConditions{Ready: &no}}, {},
			}},
			{ObjectMeta: meta("other-x", map[string]string{discoveryv1.LabelServiceName: "other"}), Endpoints: []discoveryv1.Endpoint{{}}},
		},
	}).Index()
}

func TestAHostNameFindsItsService(t *testing.T) {
	x := town()
	for host, want := range map[string]bool{
		"cache": true, "cache.shop": true, "CACHE.shop.svc": true, "cache.shop.svc.cluster.local.": true,
		"cache.billing": false, "cache.shop.example.com": false, "cach": false, "": false, ".": false, "cache.": true, ".shop": false,
	} {
		if got := x.ServiceByHost("shop", host) != nil; got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	if x.ServiceByHost("billing", "cache") != nil {
		t.Error("a short name is looked up in the pod's own namespace")
	}
}

func TestASelectorPicksWhatLives(t *testing.T) {
	x := town()
	var names []string
	for _, p := range x.PodsSelected("shop", map[string]string{"app": "cache"}) {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "cache-1 cache-2" {
		t.Errorf("picked %q", got)
	}
	if x.PodsSelected("shop", nil) != nil || x.PodsSelected("billing", map[string]string{"app": "cache"}) != nil {
		t.Error("an empty selector or another namespace picks pods")
	}
}

func TestBehindAServiceStandsAWorkloadThatIsScaledToZeroToo(t *testing.T) {
	x := town()
	behind := x.Behind(x.Service("shop", "cache"))
	if len(behind) != 1 || behind[0].Ref.Name != "cache" || behind[0].Replicas != 0 {
		t.Errorf("%+v", behind)
	}
	if x.Behind(x.Service("shop", "outside")) != nil {
		t.Error("a Service without a selector has something behind it")
	}
	if ready, known := x.ReadyEndpoints(x.Service("shop", "cache")); ready != 2 || !known {
		t.Errorf("%d ready endpoints, known %v", ready, known)
	}
	blind := (&Snapshot{Services: x.Services}).Index()
	if ready, known := blind.ReadyEndpoints(x.Service("shop", "cache")); ready != 0 || known {
		t.Error("what was not looked at is known")
	}
}
