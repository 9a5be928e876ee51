package kube

import (
	"reflect"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

// APIVersion is the version under which a kind of the snapshot is served; empty
// for a kind that this package does not know.
func APIVersion(kind string) string {
	switch kind {
	case "Pod", "Node", "Namespace", "Service", "ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount", "ResourceQuota", "LimitRange":
		return "v1"
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ControllerRevision":
		return "apps/v1"
	case "Job", "CronJob":
		return "batch/v1"
	case "HorizontalPodAutoscaler":
		return "autoscaling/v2"
	case "PodDisruptionBudget":
		return "policy/v1"
	case "StorageClass":
		return "storage.k8s.io/v1"
	case "Ingress", "IngressClass", "NetworkPolicy":
		return "networking.k8s.io/v1"
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		return "admissionregistration.k8s.io/v1"
	}
	return ""
}

// Key is a reference without UID: what a lookup by name asks for.
func Key(kind, namespace, name string) action.Ref {
	return action.Ref{APIVersion: APIVersion(kind), Kind: kind, Namespace: namespace, Name: name}
}

// RefOf is the reference of an object that this package knows. Objects from
// informers come without their kind, so that the Go type has to say it.
func RefOf(obj metav1.Object) action.Ref {
	if isNil(obj) {
		return action.Ref{}
	}
	r := Key(kindOf(obj), obj.GetNamespace(), obj.GetName())
	r.UID = string(obj.GetUID())
	return r
}

func kindOf(obj metav1.Object) string {
	switch obj.(type) {
	case *corev1.Pod:
		return "Pod"
	case *corev1.Node:
		return "Node"
	case *corev1.Namespace:
		return "Namespace"
	case *corev1.Service:
		return "Service"
	case *corev1.PersistentVolumeClaim:
		return "PersistentVolumeClaim"
	case *corev1.ServiceAccount:
		return "ServiceAccount"
	case *corev1.ResourceQuota:
		return "ResourceQuota"
	case *appsv1.Deployment:
		return "Deployment"
	case *appsv1.ReplicaSet:
		return "ReplicaSet"
	case *appsv1.ControllerRevision:
		return "ControllerRevision"
	case *appsv1.StatefulSet:
		return "StatefulSet"
	case *appsv1.DaemonSet:
		return "DaemonSet"
	case *batchv1.Job:
		return "Job"
	case *batchv1.CronJob:
		return "CronJob"
	case *autoscalingv2.HorizontalPodAutoscaler:
		return "HorizontalPodAutoscaler"
	case *policyv1.PodDisruptionBudget:
		return "PodDisruptionBudget"
	case *storagev1.StorageClass:
		return "StorageClass"
	case *corev1.LimitRange:
		return "LimitRange"
	case *networkingv1.Ingress:
		return "Ingress"
	case *networkingv1.IngressClass:
		return "IngressClass"
	case *networkingv1.NetworkPolicy:
		return "NetworkPolicy"
	case *admissionv1.ValidatingWebhookConfiguration:
		return "ValidatingWebhookConfiguration"
	case *admissionv1.MutatingWebhookConfiguration:
		return "MutatingWebhookConfiguration"
	}
	return ""
}

// isNil also catches a nil pointer inside the interface.
func isNil(obj metav1.Object) bool {
	if obj == nil {
		return true
	}
	v := reflect.ValueOf(obj)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
