package watch

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// lastApplied holds the whole object once more, as somebody typed it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// scrub redacts the free text inside a typed object and drops what nobody reads
// and much memory holds. Typed fields stay as they are: rules compare them, and
// a bound hash is made of them.
func (g *gather) scrub(obj metav1.Object) {
	slimMeta(obj)
	g.c.cfg.Addresses.learn(obj)
	switch o := obj.(type) {
	case *corev1.Pod:
		g.scrubPod(o)
	case *appsv1.Deployment:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *appsv1.ReplicaSet:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *appsv1.StatefulSet:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *appsv1.DaemonSet:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *batchv1.Job:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *corev1.Node:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
		o.Status.Images = nil
	case *corev1.Namespace:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *corev1.PersistentVolumeClaim:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *autoscalingv2.HorizontalPodAutoscaler:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *policyv1.PodDisruptionBudget:
		for i := range o.Status.Conditions {
			g.text(&o.Status.Conditions[i].Message)
		}
	case *admissionv1.ValidatingWebhookConfiguration:
		for i := range o.Webhooks {
			o.Webhooks[i].ClientConfig.CABundle = nil
		}
	case *admissionv1.MutatingWebhookConfiguration:
		for i := range o.Webhooks {
			o.Webhooks[i].ClientConfig.CABundle = nil
		}
	}
}

func (g *gather) scrubPod(p *corev1.Pod) {
	g.text(&p.Status.Message)
	for i := range p.Status.Conditions {
		g.text(&p.Status.Conditions[i].Message)
	}
	for _, list := range [][]corev1.ContainerStatus{
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses,
	} {
		for i := range list {
			g.scrubState(&list[i].State)
			g.scrubState(&list[i].LastTerminationState)
		}
	}
}

func (g *gather) scrubState(s *corev1.ContainerState) {
	if s.Waiting != nil {
		g.text(&s.Waiting.Message)
	}
	if s.Terminated != nil {
		g.text(&s.Terminated.Message) // the end of /dev/termination-log, or of the log itself
	}
}

func (g *gather) text(s *string) {
	if *s != "" {
		*s = g.red.Redact(*s).String()
	}
}

// slimMeta keeps who wrote the object and when, with the tops of the fields that
// are theirs, and drops the rest of the record.
func slimMeta(obj metav1.Object) {
	delete(obj.GetAnnotations(), lastApplied)
	if _, pod := obj.(*corev1.Pod); pod {
		obj.SetManagedFields(nil)
		return
	}
	kube.TrimWrites(obj)
}
