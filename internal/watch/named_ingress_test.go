package watch

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign-dev/countersign/internal/kube"
)

// routed is an Ingress that leads to two Services, of which one exists, and names
// a Secret.
func routed() []runtime.Object {
	to := func(name string) networkingv1.IngressBackend {
		return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}
	}
	everything := to("web")
	return []runtime.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u-svc"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "api"}}},
		&networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u-ing"},
			Spec: networkingv1.IngressSpec{
				DefaultBackend: &everything,
				Rules: []networkingv1.IngressRule{{}, {IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{{Backend: to("gone")}, {Backend: networkingv1.IngressBackend{}}},
				}}}},
				TLS: []networkingv1.IngressTLS{{SecretName: "web-tls"}, {}},
			},
		},
	}
}

func TestWhatIngressesNameIsLookedUp(t *testing.T) {
	for _, secrets := range []bool{true, false} {
		c, client, meta := odd(t, secrets, append(family(1), routed()...)...)
		ref := kube.Key("Ingress", "shop", "web")
		subject, err := c.Subject(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		namespace, err := c.Namespace(t.Context(), []string{"shop"})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*kube.Snapshot{subject, namespace} {
			if s.Index().Object(ref) == nil || s.IngressClasses == nil {
				t.Error("the look lacks the Ingress or the list of classes")
			}
			if !s.KnownAbsent("Service", "shop", "gone") || s.KnownAbsent("Service", "shop", "web") || s.KnownAbsent("Secret", "shop", "web-tls") != secrets {
				t.Errorf("secrets %t: absent are %v", secrets, s.Absent)
			}
		}
		for _, a := range client.Actions() {
			if a.GetResource().Resource == "secrets" {
				t.Errorf("the values of Secrets were asked for: %v", a)
			}
		}
		for _, a := range meta.Actions() {
			if !secrets && a.GetResource().Resource == "secrets" {
				t.Errorf("Secrets were asked for: %v", a)
			}
		}
	}
}

func TestALookAtAServiceSeesEverythingThatItCouldMean(t *testing.T) {
	c, _, _ := odd(t, false, append(family(3), routed()...)...)
	s, err := c.Subject(t.Context(), kube.Key("Service", "shop", "web"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Pods) != 3 || len(s.Deployments) != 1 || s.ReplicaSets == nil || s.StatefulSets == nil || s.DaemonSets == nil || len(s.Services) != 1 {
		t.Errorf("%d pods, %d Deployments, %d Services; ReplicaSets %v, StatefulSets %v, DaemonSets %v",
			len(s.Pods), len(s.Deployments), len(s.Services), s.ReplicaSets, s.StatefulSets, s.DaemonSets)
	}
}
