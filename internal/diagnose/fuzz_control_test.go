package diagnose

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// Admission, namespaces and volumes speak in words that others write into.

func FuzzAdmissionMessage(f *testing.F) {
	f.Add(`pods "a" is forbidden: [maximum cpu usage per Container is 500m, but limit is 1, minimum memory usage per Pod is 1Gi.  No request is specified]`)
	f.Add(`Error creating: admission webhook "a" denied the request: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`)
	f.Add(`Internal error occurred: failed calling webhook "a": failed to call webhook: EOF`)
	f.Fuzz(func(t *testing.T, message string) {
		r, ok := parseCreate(message)
		if ok && (r.cause == "" || !strings.Contains(message, r.name) || r.name == "" && len(r.broken) == 0) {
			t.Errorf("invented %+v", r)
		}
		for _, b := range r.broken {
			if !strings.Contains(message, b.said) || b.resource == "" || b.kind == "" {
				t.Errorf("invented %+v", b)
			}
			b.in(&corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: b.kind}}}})
		}
		// What stands behind a policy's words is the policy's.
		if said, ok := parseCreate(`pods "x" is forbidden: ValidatingAdmissionPolicy 'p' denied request: ` + message); ok {
			t.Errorf("a policy decided: %+v", said)
		}
	})
}

func FuzzNamespaceCondition(f *testing.F) {
	f.Add("Some content in the namespace has finalizers remaining: a/b in 1 resource instances, c in 2 resource instances")
	f.Add("Some resources are remaining: configmaps. has 1 resource instances")
	f.Fuzz(func(t *testing.T, message string) {
		ns := &corev1.Namespace{Status: corev1.NamespaceStatus{Conditions: []corev1.NamespaceCondition{
			{Type: corev1.NamespaceFinalizersRemaining, Status: corev1.ConditionTrue, Message: message},
			{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue, Message: message},
		}}}
		left := namespaceLeft(ns)
		for _, o := range append(left.finalizers, left.resources...) {
			if o.name == "" || o.n < 0 || !strings.Contains(message, o.name) {
				t.Errorf("invented %+v", o)
			}
		}
		if f, ok := left.foreign(); ok && ownFinalizer(f.name) {
			t.Errorf("%s is Kubernetes' own", f.name)
		}
	})
}
