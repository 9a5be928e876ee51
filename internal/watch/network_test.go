package watch

import (
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func stands(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "shop", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second)),
	}
}

func aService(name string) *corev1.Service {
	return &corev1.Service{ObjectMeta: stands(name), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": name}}}
}

func aSlice(name, service string, endpoints int) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: stands(name), Endpoints: make([]discoveryv1.Endpoint, endpoints)}
	s.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	return s
}

// quiet wants no signal for a little while.
func quiet(t *testing.T, w *Watcher, why string) {
	t.Helper()
	select {
	case s := <-w.Signals():
		t.Fatalf("%s: %s", why, told(s))
	case <-time.After(300 * time.Millisecond):
	}
}

func TestAServiceWithoutEndpointsIsTold(t *testing.T) {
	api := newFakeAPI(t, true)
	manual, outside := aService("by-hand"), aService("outside")
	manual.Spec.Selector = nil
	outside.Spec.Type = corev1.ServiceTypeExternalName
	for _, s := range []*corev1.Service{aService("cart"), aService("web"), aService("unknown"), manual, outside} {
		api.put("services", s)
	}
	young := aService("young")
	young.CreationTimestamp = metav1.Now()
	api.put("services", young)
	for _, s := range []*discoveryv1.EndpointSlice{
		aSlice("cart-a", "cart", 0), aSlice("cart-b", "cart", 0), aSlice("web-a", "web", 2), aSlice("by-hand-a", "by-hand", 0),
		aSlice("outside-a", "outside", 0), aSlice("young-a", "young", 0), aSlice("nobodys", "", 0),
	} {
		api.put("endpointslices", s)
	}
	w := start(t, api, nil)
	s := next(t, w)
	if told(s) != "service-broken cart" || s.Subject.Kind != "Service" {
		t.Errorf("%s of %v", told(s), s.Subject)
	}
	quiet(t, w, "the others have endpoints, are filled by hand, young, or unknown yet")
	if n := w.Stats().Faults; n != 1 {
		t.Errorf("%d faults stand, want 1", n)
	}
	api.put("endpointslices", aSlice("cart-b", "cart", 1))
	eventually(t, "an endpoint ends it", func() bool { return w.Stats().Faults == 0 })
	api.put("endpointslices", aSlice("web-a", "web", 0))
	quiet(t, w, "it lost its last endpoint a moment ago")
}

func TestAnIngressWhoseServiceIsGoneIsTold(t *testing.T) {
	api := newFakeAPI(t, true)
	to := func(name, service string) *networkingv1.Ingress {
		backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service}}
		return &networkingv1.Ingress{ObjectMeta: stands(name), Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{
			{}, {IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Backend: backend}}}}},
		}}}
	}
	bucket := &networkingv1.Ingress{ObjectMeta: stands("bucket"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{}}}
	api.put("services", aService("web"))
	for _, i := range []*networkingv1.Ingress{to("front", "web"), to("back", "wbe"), bucket} {
		api.put("ingresses", i)
	}
	w := start(t, api, nil)
	wantTold(t, w, "ingress-broken back")
	quiet(t, w, "the others lack nothing")
	api.put("services", aService("wbe"))
	eventually(t, "the Service came", func() bool { return w.Stats().Faults == 0 })
	api.remove("services", aService("web"))
	wantTold(t, w, "ingress-broken front")
}

func TestWithoutTheRightToServicesNoIngressIsBlamed(t *testing.T) {
	api := newFakeAPI(t, true)
	api.denied["services"] = true
	api.put("ingresses", &networkingv1.Ingress{ObjectMeta: stands("front"), Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web"}},
	}})
	w := start(t, api, nil)
	eventually(t, "the Watcher is synced", w.Synced)
	quiet(t, w, "nothing is known about Services")
}

func TestAnAutoscalerThatCannotWorkIsTold(t *testing.T) {
	api := newFakeAPI(t, true)
	scaler := func(name string, kind autoscalingv2.HorizontalPodAutoscalerConditionType, status corev1.ConditionStatus, reason string) *autoscalingv2.HorizontalPodAutoscaler {
		return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: stands(name), Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: kind, Status: status, Reason: reason, LastTransitionTime: metav1.Now()}},
		}}
	}
	api.put("horizontalpodautoscalers", scaler("works", autoscalingv2.ScalingActive, corev1.ConditionTrue, "ValidMetricFound"))
	api.put("horizontalpodautoscalers", scaler("at-its-maximum", autoscalingv2.ScalingLimited, corev1.ConditionTrue, "TooManyReplicas"))
	api.put("horizontalpodautoscalers", scaler("off", autoscalingv2.ScalingActive, corev1.ConditionFalse, "ScalingDisabled"))
	api.put("horizontalpodautoscalers", scaler("lost", autoscalingv2.AbleToScale, corev1.ConditionFalse, "FailedGetScale"))
	w := start(t, api, nil)
	wantTold(t, w, "scaling-stuck lost")
	quiet(t, w, "the others work, or are meant so")
	api.put("horizontalpodautoscalers", scaler("lost", autoscalingv2.AbleToScale, corev1.ConditionTrue, "SucceededGetScale"))
	eventually(t, "it works again", func() bool { return w.Stats().Faults == 0 })
}
