package diagnose

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func class(s *kube.Snapshot, name, controller string) {
	s.IngressClasses = append(s.IngressClasses, &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressClassSpec{Controller: controller},
	})
}

func annotated(s *kube.Snapshot, key, value string) {
	s.Ingresses[0].Annotations = map[string]string{key: value}
}

func byAnnotation(s *kube.Snapshot, value string) {
	s.Ingresses[0].Spec.IngressClassName = nil
	annotated(s, classAnnotation, value)
}

func TestAnIngressIsAtFaultOnlyForWhatCertainlyIsNotThere(t *testing.T) {
	path := func(s *kube.Snapshot) *networkingv1.IngressServiceBackend {
		return s.Ingresses[0].Spec.Rules[0].HTTP.Paths[0].Backend.Service
	}
	for name, c := range map[string]struct {
		of     string // the case
		change func(*kube.Snapshot)
		want   incident.Cause // empty: no fault
	}{
		"no class of that name":   {"ingress-class-missing", func(*kube.Snapshot) {}, incident.IngressClassMissing},
		"other classes only":      {"ingress-class-missing", func(s *kube.Snapshot) { class(s, "nginx", "k8s.io/ingress-nginx") }, incident.IngressClassMissing},
		"the class exists":        {"ingress-class-missing", func(s *kube.Snapshot) { class(s, "edge", "k8s.io/ingress-nginx") }, ""},
		"classes were not listed": {"ingress-class-missing", func(s *kube.Snapshot) { s.IngressClasses = nil }, ""},
		"no class at all":         {"ingress-class-missing", func(s *kube.Snapshot) { s.Ingresses[0].Spec.IngressClassName = nil }, ""},
		"it has an address": {"ingress-class-missing", func(s *kube.Snapshot) {
			s.Ingresses[0].Status.LoadBalancer.Ingress = make([]networkingv1.IngressLoadBalancerIngress, 1)
		}, ""},
		"it goes":                       {"ingress-class-missing", func(s *kube.Snapshot) { s.Ingresses[0].DeletionTimestamp = &metav1.Time{Time: s.Taken} }, ""},
		"an annotation, no such object": {"ingress-class-missing", func(s *kube.Snapshot) { class(s, "internal", "x"); byAnnotation(s, "nginx") }, ""},
		"an annotation, misspelt":       {"ingress-class-missing", func(s *kube.Snapshot) { class(s, "nginx", "k8s.io/ingress-nginx"); byAnnotation(s, "ngnix") }, incident.IngressClassMissing},
		"an annotation without classes": {"ingress-class-missing", func(s *kube.Snapshot) { byAnnotation(s, "gce") }, ""},
		"no Service of that name":       {"ingress-backend-missing", func(*kube.Snapshot) {}, incident.IngressBackendMissing},
		"only listed, not asked for":    {"ingress-backend-missing", func(s *kube.Snapshot) { s.Absent = nil }, incident.IngressBackendMissing},
		"neither listed nor asked for":  {"ingress-backend-missing", func(s *kube.Snapshot) { s.Absent, s.Services = nil, nil }, ""},
		"a Service for everything else": {"ingress-backend-missing", func(s *kube.Snapshot) {
			s.Absent, s.Ingresses[0].Spec.DefaultBackend = nil, s.Ingresses[0].Spec.Rules[0].HTTP.Paths[0].Backend.DeepCopy()
			path(s).Name = "web"
		}, incident.IngressBackendMissing},
		"an annotation instead of a Service": {"ingress-backend-missing", func(s *kube.Snapshot) {
			s.Absent = nil
			path(s).Port = networkingv1.ServiceBackendPort{Name: actionPort}
		}, ""},
		"a bucket instead of a Service": {"ingress-backend-missing", func(s *kube.Snapshot) {
			s.Absent = nil
			s.Ingresses[0].Spec.Rules[0].HTTP.Paths[0].Backend = networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{Kind: "Bucket", Name: "b"}}
		}, ""},
		"a rule without paths":         {"ingress-backend-missing", func(s *kube.Snapshot) { s.Absent, s.Ingresses[0].Spec.Rules[0].HTTP = nil, nil }, ""},
		"no such port":                 {"ingress-backend-port-missing", func(*kube.Snapshot) {}, incident.IngressBackendMissing},
		"the target port":              {"ingress-backend-port-missing", func(s *kube.Snapshot) { path(s).Port.Number = 8080 }, ""},
		"the name of the port":         {"ingress-backend-port-missing", func(s *kube.Snapshot) { path(s).Port = networkingv1.ServiceBackendPort{Name: "http"} }, ""},
		"the name of the target":       {"ingress-backend-port-missing", func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].TargetPort = intstr.FromInt32(8000) }, ""},
		"a Service outside":            {"ingress-backend-port-missing", func(s *kube.Snapshot) { s.Services[0].Spec.Type = corev1.ServiceTypeExternalName }, ""},
		"no Secret":                    {"ingress-tls-secret-missing", func(*kube.Snapshot) {}, incident.IngressTLSSecretMissing},
		"nobody asked for the Secret":  {"ingress-tls-secret-missing", func(s *kube.Snapshot) { s.Absent = nil }, ""},
		"TLS without a Secret":         {"ingress-tls-secret-missing", func(s *kube.Snapshot) { s.Ingresses[0].Spec.TLS[0].SecretName = "" }, ""},
		"a certificate just ordered":   {"ingress-tls-secret-missing", func(s *kube.Snapshot) { annotated(s, "cert-manager.io/cluster-issuer", "le") }, ""},
		"a load balancer that ignores": {"ingress-tls-secret-missing", func(s *kube.Snapshot) { annotated(s, "alb.ingress.kubernetes.io/scheme", "internal") }, ""},
		"a class that ignores": {"ingress-tls-secret-missing", func(s *kube.Snapshot) {
			class(s, "aws", "ingress.k8s.aws/alb")
			s.Ingresses[0].Spec.IngressClassName = new("aws")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := captured(t, c.of, c.change)
			switch {
			case c.want == "" && !f.Healthy:
				t.Errorf("want no fault, have %s", describe(f))
			case c.want != "" && f.Diagnosis.Cause != c.want:
				t.Errorf("want %s, have %s", c.want, describe(f))
			}
		})
	}
}

func TestACertificateThatWasOrderedLongAgoIsMissing(t *testing.T) {
	_, s := readCapture(t, "testdata/ingress-tls-secret-missing")
	annotated(s, "cert-manager.io/cluster-issuer", "le")
	f := Diagnose(s, kube.Key("Ingress", namespaceOf(s), "web"), Options{Now: s.Taken.Add(11 * time.Minute)})
	if f.Diagnosis.Cause != incident.IngressTLSSecretMissing || f.Settling {
		t.Errorf("have %s, settling %t", describe(f), f.Settling)
	}
}

func TestTheDeepestFaultOfAnIngressIsTold(t *testing.T) {
	f := captured(t, "ingress-backend-missing", func(s *kube.Snapshot) { s.Ingresses[0].Spec.IngressClassName = new("edge") })
	if f.Diagnosis.Cause != incident.IngressClassMissing || len(f.Evidence) < 4 {
		t.Errorf("have %s", describe(f))
	}
	f = captured(t, "ingress-backend-missing", func(s *kube.Snapshot) {
		class(s, "public", "k8s.io/ingress-nginx")
		s.Ingresses[0].Spec.IngressClassName = new("pubic")
	})
	if said := strings.Join(stepsOf(f), "\n"); !strings.Contains(f.Diagnosis.Summary.String(), "there is one named public") || !strings.Contains(said, `"ingressClassName":"public"`) {
		t.Errorf("have %s with steps %s", describe(f), said)
	}
}

func TestTwoIngressesWithoutTheSameServiceAreOneFinding(t *testing.T) {
	_, s := readCapture(t, "testdata/ingress-backend-missing")
	o := s.Ingresses[0].DeepCopy()
	o.Name, o.UID = "admin", o.UID[:35]+"f"
	s.Ingresses = append(s.Ingresses, o)
	found := All(s, Options{Now: s.Taken})
	if len(found) != 1 || found[0].Diagnosis.Root.String() != "Service/webb" || len(found[0].Victims) != 1 {
		t.Errorf("have %d findings: %v", len(found), found)
	}
}

func TestServicesAndIngressesOfZeroValuesAreNoFault(t *testing.T) {
	s := &kube.Snapshot{
		Pods: []*corev1.Pod{{}}, Deployments: []*appsv1.Deployment{{}}, StatefulSets: []*appsv1.StatefulSet{{}},
		DaemonSets: []*appsv1.DaemonSet{{}}, ReplicaSets: []*appsv1.ReplicaSet{{}}, Jobs: []*batchv1.Job{{}}, CronJobs: []*batchv1.CronJob{{}},
		Services:       []*corev1.Service{{}, {Spec: corev1.ServiceSpec{Selector: map[string]string{"": ""}, Ports: make([]corev1.ServicePort, 1)}}},
		EndpointSlices: []*discoveryv1.EndpointSlice{{}},
		IngressClasses: []*networkingv1.IngressClass{{}},
		Ingresses: []*networkingv1.Ingress{{}, {Spec: networkingv1.IngressSpec{
			IngressClassName: new(""), DefaultBackend: &networkingv1.IngressBackend{}, TLS: make([]networkingv1.IngressTLS, 1),
			Rules: []networkingv1.IngressRule{{}, {IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: make([]networkingv1.HTTPIngressPath, 1)}}}},
		}}},
		Logs: make([]kube.Log, 1),
	}
	for _, signal := range Subjects(s, time.Time{}) {
		if signal.Subject.Kind == "Service" || signal.Subject.Kind == "Ingress" {
			t.Errorf("%s on %s", signal.Symptom, signal.Subject)
		}
	}
}

func stepsOf(f Finding) []string {
	var out []string
	for _, s := range f.Diagnosis.Steps {
		out = append(out, s.String())
	}
	return out
}
