package diagnose

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func TestAFinalizerIsStuckOnlyWhereNobodyWorksOnIt(t *testing.T) {
	const from = "finalizer-stuck"
	service := func(change func(*kube.Snapshot, *corev1.Service)) func(*kube.Snapshot) {
		return func(s *kube.Snapshot) { change(s, s.Services[0]) }
	}
	wrote := func(manager string, after time.Duration) func(*kube.Snapshot) {
		return service(func(_ *kube.Snapshot, o *corev1.Service) {
			at := metav1.NewTime(o.DeletionTimestamp.Add(after))
			o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Time: &at}}
		})
	}
	for _, c := range []struct {
		name   string
		change func(*kube.Snapshot)
		cause  incident.Cause // empty: healthy
	}{
		{"nobody touches it", nil, incident.FinalizerStuck},
		{"deleted a moment ago", service(func(s *kube.Snapshot, o *corev1.Service) {
			at := metav1.NewTime(s.Taken.Add(-20 * time.Second))
			o.DeletionTimestamp = &at
		}), ""},
		{"not deleted at all", service(func(_ *kube.Snapshot, o *corev1.Service) { o.DeletionTimestamp = nil }), ""},
		{"a load balancer is being removed", service(func(_ *kube.Snapshot, o *corev1.Service) {
			o.Finalizers = []string{"service.kubernetes.io/load-balancer-cleanup", "foregroundDeletion"}
		}), ""},
		{"its owner wrote to it since", wrote("dns-operator", time.Minute), ""},
		{"its owner wrote to it before", wrote("dns-operator", -time.Minute), incident.FinalizerStuck},
		{"somebody typed at it since", wrote("kubectl-edit", time.Minute), incident.FinalizerStuck},
		{"its owner complains", service(func(s *kube.Snapshot, o *corev1.Service) {
			s.Events = append(s.Events, kube.Event{Object: kube.RefOf(o), Type: corev1.EventTypeWarning, Reason: "CleanupFailed", Message: text("zone is locked"), Count: 3, First: o.DeletionTimestamp.Add(time.Second), Last: s.Taken, Source: "dns-operator"})
		}), incident.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, from, c.change)
			if f.Diagnosis.Cause != c.cause || f.Healthy != (c.cause == "") {
				t.Errorf("want %q, have %s", c.cause, describe(f))
			}
			if !f.Healthy {
				for _, problem := range sound(f) {
					t.Error(problem)
				}
			}
		})
	}
}

func TestKubernetesOwnFinalizersAreNobodysFault(t *testing.T) {
	for name, own := range map[string]bool{
		"foregroundDeletion": true, "orphan": true, "kubernetes": true, "kubernetes.io/pvc-protection": true, "batch.kubernetes.io/job-tracking": true,
		"service.kubernetes.io/load-balancer-cleanup": true, "gateway.networking.k8s.io/x": true,
		"operator.example.com/records": false, "notkubernetes.io/x": false, "ingress.k8s.aws/resources": false, "kubernetes.io.example.com/x": false,
	} {
		if ownFinalizer(name) != own {
			t.Errorf("%s: want %t", name, own)
		}
	}
}

func TestNamespacesSayWhatTheyWaitFor(t *testing.T) {
	ns := func(conditions ...corev1.NamespaceCondition) *corev1.Namespace {
		for i := range conditions {
			conditions[i].Status = corev1.ConditionTrue
		}
		return &corev1.Namespace{Status: corev1.NamespaceStatus{Conditions: conditions}}
	}
	for _, c := range []struct {
		name      string
		ns        *corev1.Namespace
		stuck     bool
		finalizer string
	}{
		{"pods that end", ns(corev1.NamespaceCondition{Type: corev1.NamespaceContentRemaining, Message: "Some resources are remaining: pods. has 3 resource instances"}), false, ""},
		{"a claim in use", ns(corev1.NamespaceCondition{Type: corev1.NamespaceFinalizersRemaining, Message: "Some content in the namespace has finalizers remaining: kubernetes.io/pvc-protection in 1 resource instances"}), false, ""},
		{"a custom resource", ns(corev1.NamespaceCondition{Type: corev1.NamespaceFinalizersRemaining, Message: "Some content in the namespace has finalizers remaining: kubernetes.io/pvc-protection in 1 resource instances, kafka.example.com/topic in 2 resource instances"}), true, "kafka.example.com/topic"},
		{"an API that does not answer", ns(corev1.NamespaceCondition{Type: corev1.NamespaceDeletionDiscoveryFailure, Message: "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery"}), true, ""},
		{"words of another release", ns(corev1.NamespaceCondition{Type: corev1.NamespaceFinalizersRemaining, Message: "finalizers: x in y"}), false, ""},
	} {
		left := namespaceLeft(c.ns)
		if f, _ := left.foreign(); left.stuck() != c.stuck || f.name != c.finalizer {
			t.Errorf("%s: have %+v", c.name, left)
		}
	}
}

func TestAnObjectThatHoldsItsNamespaceIsOneFinding(t *testing.T) {
	_, s := readCapture(t, "testdata/finalizer-stuck-namespace-of-service")
	found := All(s, Options{Now: s.Taken})
	if len(found) != 1 || found[0].Diagnosis.Root.String() != "Service/cache" || len(found[0].Victims) != 1 {
		t.Errorf("have %d: %+v", len(found), found)
	}
	for _, f := range found {
		if !strings.Contains(f.Diagnosis.Summary.String(), "operator.example.com/records") {
			t.Errorf("have %s", describe(f))
		}
	}
}
