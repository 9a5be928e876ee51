package gate_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	soundImage  = "registry.example/shop/web:1.0"
	absentImage = "registry.example/shop/web:2.0-typo"
	revision    = "deployment.kubernetes.io/revision"
	pullError   = `Back-off pulling image "` + absentImage + `": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "` +
		absentImage + `": failed to resolve reference "` + absentImage + `": ` + absentImage + `: not found`
)

// target is a Deployment whose last rollout asks for an image that does not
// exist. Its ReplicaSets and its pod are what the Deployment controller and a
// kubelet would have left; neither runs.
type target struct {
	namespace, name string
	uid             types.UID
}

func (t target) String() string { return t.namespace + "/" + t.name }

func template(app, image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image}}},
	}
}

// breakOne makes a target. What it asks the API server is asked again until it
// is done: the harness is no part of what is tried.
func breakOne(ctx context.Context, client kubernetes.Interface, namespace, name string) (target, error) {
	replicas, labels := int32(1), map[string]string{"app": name}
	d, err := client.AppsV1().Deployments(namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{revision: "2"}},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(name, absentImage),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return target{}, fmt.Errorf("make target: %w", err)
	}
	var current *appsv1.ReplicaSet
	for n, image := range []string{soundImage, absentImage} {
		if current, err = makeSet(ctx, client, d, n+1, image); err != nil {
			return target{}, err
		}
	}
	if err := makePod(ctx, client, current); err != nil {
		return target{}, err
	}
	return target{namespace, name, d.UID}, nil
}

func makeSet(ctx context.Context, client kubernetes.Interface, d *appsv1.Deployment, n int, image string) (*appsv1.ReplicaSet, error) {
	replicas := int32(n - 1) // the older one is scaled down
	labels := map[string]string{"app": d.Name, appsv1.DefaultDeploymentUniqueLabelKey: fmt.Sprint(n)}
	pods := template(d.Name, image)
	pods.Labels = labels
	set, err := client.AppsV1().ReplicaSets(d.Namespace).Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%d", d.Name, n), Labels: labels, Annotations: map[string]string{revision: fmt.Sprint(n)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: pods},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("make revision %d: %w", n, err)
	}
	return set, nil
}

func makePod(ctx context.Context, client kubernetes.Interface, set *appsv1.ReplicaSet) error {
	pod, err := client.CoreV1().Pods(set.Namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: set.Name + "-x", Labels: set.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: set.Spec.Template.Spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make pod: %w", err)
	}
	now := metav1.Now()
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodPending, StartTime: &now,
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now},
			{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", LastTransitionTime: now},
		},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "main", Image: absentImage,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: pullError}},
		}},
	}
	if _, err := client.CoreV1().Pods(set.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("fail the pod: %w", err)
	}
	return nil
}

// needsRollout tells whether the target asks for the image that exists and does not
// run it yet.
func needsRollout(d *appsv1.Deployment) bool {
	return d.Spec.Template.Spec.Containers[0].Image == soundImage && d.Status.ReadyReplicas == 0
}

// rollOut does what the controllers and the kubelet would: the bad pod goes, a
// good one is ready.
func rollOut(ctx context.Context, client kubernetes.Interface, d *appsv1.Deployment) error {
	err := client.CoreV1().Pods(d.Namespace).Delete(ctx, d.Name+"-2-x", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("end the bad pod: %w", err)
	}
	status := fmt.Sprintf(`{"status":{"observedGeneration":%d,"replicas":1,"updatedReplicas":1,"readyReplicas":1,"availableReplicas":1}}`, d.Generation)
	_, err = client.AppsV1().Deployments(d.Namespace).Patch(ctx, d.Name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("report the rollout: %w", err)
	}
	return nil
}

// fate is what a target looks like in the end.
type fate struct {
	gone       bool
	generation int64
	image      string
	stamps     map[string]string
}

func fateOf(ctx context.Context, client kubernetes.Interface, t target) (fate, error) {
	d, err := client.AppsV1().Deployments(t.namespace).Get(ctx, t.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && d.UID != t.uid {
		return fate{gone: true}, nil
	}
	if err != nil {
		return fate{}, fmt.Errorf("look at target %s: %w", t, err)
	}
	stamps := map[string]string{}
	for key, value := range d.Annotations {
		if short, ours := strings.CutPrefix(key, "countersign.dev/"); ours {
			stamps[short] = value
		}
	}
	return fate{generation: d.Generation, image: d.Spec.Template.Spec.Containers[0].Image, stamps: stamps}, nil
}

// remove takes a target away with all that belongs to it.
func remove(client kubernetes.Interface, t target) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// What is not there any more is as good as removed, and the namespace goes
	// in the end anyway.
	_ = client.CoreV1().Pods(t.namespace).Delete(ctx, t.name+"-2-x", metav1.DeleteOptions{})
	_ = client.AppsV1().ReplicaSets(t.namespace).Delete(ctx, t.name+"-1", metav1.DeleteOptions{})
	_ = client.AppsV1().ReplicaSets(t.namespace).Delete(ctx, t.name+"-2", metav1.DeleteOptions{})
	_ = client.AppsV1().Deployments(t.namespace).Delete(ctx, t.name, metav1.DeleteOptions{})
}
