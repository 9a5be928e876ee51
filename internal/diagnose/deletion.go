package diagnose

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// deletionAfter is how long a finalizer may take before those who ask are told;
// it is announced after its hold.
const deletionAfter = kube.EarlyAfter

// deletionFaults says whether an object, or a pod of it, waits for a finalizer
// that nobody works on. What is deleted and seen by nobody here (a ConfigMap, a
// custom resource) shows at its namespace, if that is being deleted, too.
func (l *look) deletionFaults(obj metav1.Object) []kube.Symptom {
	if ns, ok := obj.(*corev1.Namespace); ok && ns.DeletionTimestamp != nil {
		if left := namespaceLeft(ns); left.stuck() && l.now.Sub(ns.DeletionTimestamp.Time) >= deletionAfter {
			return []kube.Symptom{{Kind: kube.DeletionStuck, Class: "namespace", Since: ns.DeletionTimestamp.Time, Message: left.said}}
		}
	}
	held, finalizer := l.held(obj)
	if held == nil {
		return nil
	}
	return []kube.Symptom{{
		Kind: kube.DeletionStuck, Class: "finalizer", Since: held.GetDeletionTimestamp().Time,
		Message: kube.RefOf(held).String() + " is being deleted and waits for its finalizer " + finalizer,
	}}
}

// held finds what of obj cannot go, obj itself or the first of its pods, and the
// finalizer that it waits for.
func (l *look) held(obj metav1.Object) (metav1.Object, string) {
	if f := l.abandoned(obj); f != "" {
		return obj, f
	}
	for _, p := range l.x.PodsOf(kube.RefOf(obj)) {
		if f := l.abandoned(p); f != "" {
			return p, f
		}
	}
	return nil, ""
}

// abandoned is the first finalizer of an object that should be gone for a while,
// is not one of Kubernetes' own, and whose owner has not written to the object
// since it was deleted. The deletion timestamp of a pod has its grace in it. A
// node waits for its drain, which may take as long as it likes.
func (l *look) abandoned(obj metav1.Object) string {
	at := obj.GetDeletionTimestamp()
	if _, node := obj.(*corev1.Node); node || at == nil || l.now.Sub(at.Time) < deletionAfter || touchedSince(obj, at.Time) {
		return ""
	}
	for _, f := range obj.GetFinalizers() {
		if !ownFinalizer(f) {
			return f
		}
	}
	return ""
}

// ownFinalizer reports the finalizers of Kubernetes itself: protection of what is
// in use, garbage collection, cloud load balancers. Their owners run with the
// control plane, and what they wait for is a matter of its own.
func ownFinalizer(name string) bool {
	domain, _, qualified := strings.Cut(name, "/")
	return !qualified || domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io")
}

// touchedSince reports whether somebody who may own a finalizer wrote to the
// object after its deletion: then there is an owner, and it is at work. People
// and Kubernetes' own components do not count.
func touchedSince(obj metav1.Object, at time.Time) bool {
	for _, m := range obj.GetManagedFields() {
		if m.Time != nil && m.Time.After(at) && !strings.HasPrefix(m.Manager, "kubectl") && !strings.HasPrefix(m.Manager, "kube-") && m.Manager != "kubelet" {
			return true
		}
	}
	return false
}

// proveFinalizer names the object that somebody has to let go. An owner that
// complains about the object in an event exists: then something else is wrong.
func proveFinalizer(l *look, f fault) (proof, bool) {
	if f.symptom.Class == "namespace" {
		return l.heldNamespace(f)
	}
	held, finalizer := l.held(l.top)
	if held == nil {
		return proof{}, false
	}
	root, at := kube.RefOf(held), held.GetDeletionTimestamp().Time
	for _, e := range l.x.EventsOf(root) {
		if _, pod := held.(*corev1.Pod); !pod && e.Type == corev1.EventTypeWarning && e.Last.After(at) {
			return proof{}, false
		}
	}
	p := proof{cause: incident.FinalizerStuck, root: root, key: finalizer}
	p.cites = []string{l.status(f), l.evidence.add("spec", root, redact.Literal("finalizers"), text(strings.Join(held.GetFinalizers(), ", ")), at)}
	p.summary = redact.Sprintf("%s cannot be deleted: it waits for its finalizer %s, and whoever has to remove that has not touched it since",
		refText(root), text(finalizer))
	return p, true
}
