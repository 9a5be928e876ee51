package incidents

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// begun is what a kubelet writes of a pod whose containers run, or wait for a
// volume.
func begun(p *corev1.Pod, running bool) {
	now, yes, no := metav1.Now(), true, false
	ready := corev1.ConditionFalse
	p.Status.ContainerStatuses = nil
	for _, c := range p.Spec.Containers {
		cs := corev1.ContainerStatus{Name: c.Name, Image: c.Image, Started: &no, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"},
		}}
		if running {
			cs.Ready, cs.Started, cs.ImageID, cs.ContainerID = true, &yes, c.Image, "containerd://played-"+string(p.UID)
			cs.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
		}
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, cs)
	}
	if running {
		ready, p.Status.Phase = corev1.ConditionTrue, corev1.PodRunning
	}
	if p.Status.StartTime == nil {
		p.Status.StartTime = &now
	}
	for _, t := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		status, reason := ready, ""
		if t == corev1.PodInitialized {
			status = corev1.ConditionTrue
		} else if !running {
			reason = "ContainersNotReady"
		}
		setCondition(p, corev1.PodCondition{Type: t, Status: status, Reason: reason, LastTransitionTime: now})
	}
}

func setCondition(p *corev1.Pod, c corev1.PodCondition) {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type != c.Type {
			continue
		}
		if p.Status.Conditions[i].Status != c.Status {
			p.Status.Conditions[i] = c
		}
		return
	}
	p.Status.Conditions = append(p.Status.Conditions, c)
}

// evicted is what the kubelet's eviction manager writes of a pod when its node
// runs short.
func evicted(p *corev1.Pod, short string) {
	name := p.Spec.Containers[0].Name
	p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted"
	switch short {
	case shortMemory:
		p.Status.Message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61036Ki. Container " + name +
			" was using 412Mi, request is 0, has larger consumption of memory. "
	case shortPIDs:
		p.Status.Message = "The node was low on resource: pids. Threshold quantity: 3276, available: 2871. "
	default:
		p.Status.Message = "The node was low on resource: ephemeral-storage. Threshold quantity: 4294967296, available: 3021Mi. Container " + name +
			" was using 412Mi, request is 0, has larger consumption of ephemeral-storage. "
	}
	p.Status.ContainerStatuses = nil
	setCondition(p, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonTerminationByKubelet,
		Message: p.Status.Message, LastTransitionTime: metav1.Now()})
	setCondition(p, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "PodFailed", LastTransitionTime: metav1.Now()})
}

// attach answers the attach controller as a CSI driver's attacher does.
func (n *nodes) attach(ctx context.Context, node string) error {
	api := n.bench.kube.StorageV1().VolumeAttachments()
	list, err := api.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, va := range list.Items {
		if va.Spec.NodeName != node || va.Status.Attached {
			continue
		}
		va.Status.Attached = true
		if _, err := api.UpdateStatus(ctx, &va, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// attached reports whether every volume that a pod claims is attached to its
// node.
func (n *nodes) attached(ctx context.Context, p *corev1.Pod) (bool, error) {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim, err := n.bench.kube.CoreV1().PersistentVolumeClaims(p.Namespace).Get(ctx, v.PersistentVolumeClaim.ClaimName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		list, err := n.bench.kube.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		found := false
		for _, va := range list.Items {
			name := va.Spec.Source.PersistentVolumeName
			found = found || va.Spec.NodeName == p.Spec.NodeName && name != nil && *name == claim.Spec.VolumeName && va.Status.Attached
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}
