package diagnose

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// serviceFaults says whether a Service selects no pod although there are pods
// that it could mean, leads to a port that nobody serves, or shares its requests
// with a workload that it does not mean. Pods that crash or are not ready are
// the fault of their workload. A Service that a controller keeps (an operator's)
// follows labels that the operator sets as it likes.
func (l *look) serviceFaults(svc *corev1.Service) []kube.Symptom {
	if svc.DeletionTimestamp != nil || svc.Spec.Type == corev1.ServiceTypeExternalName || len(svc.Spec.Selector) == 0 ||
		metav1.GetControllerOf(svc) != nil {
		return nil
	}
	one := func(class string, since time.Time, message string) []kube.Symptom {
		return []kube.Symptom{{Kind: kube.ServiceBroken, Class: class, Since: since, Message: message}}
	}
	if m, ok := l.missedPods(svc); ok {
		return one("no-pod", latest(specChangedAt(svc), l.endpointsChangedAt(svc), m.since),
			"no pod has the labels "+pairs(svc.Spec.Selector)+" that it selects")
	}
	if d, ok := l.deadPort(svc); ok {
		return one("port", latest(specChangedAt(svc), d.since), "none of the pods that it selects serves its target port "+d.target())
	}
	if o, ok := l.overlapOf(svc); ok {
		return one("overlap", latest(specChangedAt(svc), o.since),
			"its selector "+pairs(svc.Spec.Selector)+" picks the pods of "+o.meant.Ref.String()+" and of "+o.other.Ref.String())
	}
	return nil
}

// specChangedAt is when somebody last wrote an object beside its status, as far as
// the object says.
func specChangedAt(obj metav1.Object) time.Time {
	at := obj.GetCreationTimestamp().Time
	for _, m := range obj.GetManagedFields() {
		if m.Subresource == "" && m.Time != nil && m.Time.After(at) {
			at = m.Time.Time
		}
	}
	return at
}

// endpointsChangedAt is when the endpoints of a Service last changed; zero where
// that was not looked at.
func (l *look) endpointsChangedAt(svc *corev1.Service) time.Time {
	var at time.Time
	for _, s := range l.x.EndpointSlices {
		if s.Namespace != svc.Namespace || s.Labels[discoveryv1.LabelServiceName] != svc.Name {
			continue
		}
		// The annotation is of the change that made the controller write.
		triggered, err := time.Parse(time.RFC3339Nano, s.Annotations[corev1.EndpointsLastChangeTriggerTime])
		if err != nil {
			triggered = time.Time{}
		}
		at = latest(at, specChangedAt(s), triggered)
	}
	return at
}

// readySince is since when the first of pods is ready; zero if none is.
func readySince(pods []*corev1.Pod) time.Time {
	var at time.Time
	for _, p := range pods {
		for i := range p.Status.Conditions {
			c := &p.Status.Conditions[i]
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && (at.IsZero() || c.LastTransitionTime.Time.Before(at)) {
				at = c.LastTransitionTime.Time
			}
		}
	}
	return at
}

func readyOnes(pods []*corev1.Pod) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil || !podReady(p) })
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// pairs writes labels as kubectl takes them, sorted.
func pairs(set map[string]string) string {
	return metav1.FormatLabelSelector(metav1.SetAsLabelSelector(set))
}

// selectorEvidence records what a Service selects.
func (l *look) selectorEvidence(svc *corev1.Service) string {
	return l.evidence.add("spec", kube.RefOf(svc), redact.Literal("selector"), text(pairs(svc.Spec.Selector)), l.x.Taken)
}

// labelEvidence records the labels of the pods that a workload makes.
func (l *look) labelEvidence(t kube.Template) string {
	return l.evidence.add("spec", t.Ref, redact.Literal("labels of its pods"), text(pairs(t.Pod.Labels)), l.x.Taken)
}
