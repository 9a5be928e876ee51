package diagnose

import (
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// objectFaults are those of the subject itself, beside those of its pods.
func (l *look) objectFaults() []fault {
	var out []fault
	add := func(obj metav1.Object, found []kube.Symptom) {
		for _, s := range found {
			out = append(out, fault{symptom: s, object: kube.RefOf(obj)})
		}
	}
	switch top := l.top.(type) {
	case *appsv1.Deployment:
		add(top, kube.DeploymentSymptoms(top))
		add(top, l.rolloutFaults(top))
	case *appsv1.StatefulSet, *appsv1.DaemonSet, *appsv1.ReplicaSet:
		if ready, desired := l.replicas(); ready < desired {
			found, _ := kube.CreateSymptoms(l.x.EventsOf(l.subject), l.now)
			add(top, found)
		}
	case *batchv1.Job:
		add(top, l.jobFaults(top))
	case *batchv1.CronJob:
		if j := l.lastJob(); j != nil {
			add(j, l.jobFaults(j))
		}
		add(top, l.cronFaults(top))
	case *corev1.Node:
		add(top, kube.NodeSymptoms(top))
	case *corev1.Service:
		add(top, l.serviceFaults(top))
	case *networkingv1.Ingress:
		add(top, l.ingressFaults(top))
	case *autoscalingv2.HorizontalPodAutoscaler:
		add(top, l.autoscalerFaults(top))
	case *policyv1.PodDisruptionBudget:
		add(top, l.budgetFaults(top))
	}
	if l.top != nil {
		add(l.top, l.deletionFaults(l.top))
	}
	return out
}

// jobFaults says whether a Job failed, or is refused its pods.
func (l *look) jobFaults(j *batchv1.Job) []kube.Symptom {
	found := kube.JobSymptoms(j)
	if ref := kube.RefOf(j); j.Status.Succeeded == 0 && len(l.x.PodsOf(ref)) == 0 {
		refused, _ := kube.CreateSymptoms(l.x.EventsOf(ref), l.now)
		found = append(found, refused...)
	}
	return found
}
