package gate_test

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/admission"
)

// furnish does for the namespace of probes what the Deployment and ReplicaSet
// controllers would, which do not run here: the Deployment has two revisions of
// its own, and the ReplicaSet its pod.
func furnish(ctx context.Context, client kubernetes.Interface, namespace string) error {
	apps := client.AppsV1()
	d, err := apps.Deployments(namespace).Get(ctx, admission.ProbeName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("find the Deployment for probes: %w", err)
	}
	owner := []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	d.Annotations = map[string]string{revision: "2"}
	if _, err := apps.Deployments(namespace).Update(ctx, d, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("number the revision for probes: %w", err)
	}
	earlier, err := apps.ReplicaSets(namespace).Get(ctx, admission.ProbeBefore, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("find the earlier revision for probes: %w", err)
	}
	earlier.OwnerReferences = owner
	if _, err := apps.ReplicaSets(namespace).Update(ctx, earlier, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("adopt the earlier revision for probes: %w", err)
	}
	current := earlier.DeepCopy()
	current.ObjectMeta = metav1.ObjectMeta{
		Name: admission.ProbeName + "-now", OwnerReferences: owner, Annotations: map[string]string{revision: "2"},
		Labels: map[string]string{"app": admission.ProbeName, appsv1.DefaultDeploymentUniqueLabelKey: "now"},
	}
	current.Spec.Template.Spec = d.Spec.Template.Spec
	current.Spec.Template.Labels, current.Spec.Selector = current.Labels, &metav1.LabelSelector{MatchLabels: current.Labels}
	if _, err := apps.ReplicaSets(namespace).Create(ctx, current, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make the revision for probes: %w", err)
	}
	set, err := apps.ReplicaSets(namespace).Get(ctx, admission.ProbePod, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("find the ReplicaSet for probes: %w", err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: set.Name + "-x", Labels: set.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: set.Spec.Template.Spec,
	}
	for end := time.Now().Add(20 * time.Second); ; sleep(ctx, 100*time.Millisecond) {
		// The namespace's default account comes a moment after the namespace.
		if _, err = client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err == nil || apierrors.IsAlreadyExists(err) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("make the pod for probes: %w", err)
		}
	}
}
