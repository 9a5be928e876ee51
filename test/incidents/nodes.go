package incidents

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// nodes plays the kubelets of Node objects that have none: it says what a
// kubelet says of itself and of pods, and attaches volumes as a CSI driver's
// attacher does. Scheduler, node controller, eviction API and attach controller
// are the cluster's own. No container runs, so there are no logs.
type nodes struct {
	bench *Bench

	mu    sync.Mutex
	state map[string]string // by node: alive, silent or what it is short of
}

const (
	alive  = "alive"
	silent = "silent" // the kubelet has died

	shortDisk   = "disk"
	shortMemory = "memory"
	shortPIDs   = "pids"

	heartbeat = 4 * time.Second
)

// shortages are what a node may be short of.
var shortages = []string{shortDisk, shortMemory, shortPIDs}

func (n *nodes) add(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state[name] = alive
}

func (n *nodes) turn(name, to string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state[name] == "" {
		return fmt.Errorf("no node %s is played", name)
	}
	n.state[name] = to
	return nil
}

// live speaks for the nodes until ctx ends.
func (n *nodes) live(ctx context.Context) {
	for {
		n.mu.Lock()
		for name, state := range n.state {
			if state != silent {
				// A request that fails is tried again at the next beat, as a kubelet would.
				_ = n.beat(ctx, name, state)
			}
		}
		n.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(heartbeat):
		}
	}
}

// beat is one heartbeat: the lease, the node's status, its pods' and its volumes'.
func (n *nodes) beat(ctx context.Context, name, state string) error {
	node, err := n.bench.kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := n.renew(ctx, node); err != nil {
		return err
	}
	node.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"),
		corev1.ResourcePods: resource.MustParse("110"), corev1.ResourceEphemeralStorage: resource.MustParse("40Gi"),
	}
	node.Status.Allocatable = node.Status.Capacity
	node.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.36.3", OperatingSystem: "linux", Architecture: "amd64", ContainerRuntimeVersion: "containerd://1.6.20"}
	node.Status.Conditions = conditions(node.Status.Conditions, state)
	if _, err := n.bench.kube.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := n.attach(ctx, name); err != nil {
		return err
	}
	return n.runPods(ctx, name, state)
}

func (n *nodes) renew(ctx context.Context, node *corev1.Node) error {
	leases := n.bench.kube.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	now, seconds := metav1.NowMicro(), int32(40)
	lease := &coordinationv1.Lease{
		// Owned by the node, so that it goes with it.
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
	_, err := leases.Create(ctx, lease, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	was, err := leases.Get(ctx, node.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	was.Spec.RenewTime = &now
	_, err = leases.Update(ctx, was, metav1.UpdateOptions{})
	return err
}

// conditions are a kubelet's words; a time of change stays while nothing changes.
func conditions(before []corev1.NodeCondition, state string) []corev1.NodeCondition {
	now := metav1.Now()
	out := []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
		{Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available"},
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"},
	}
	switch state {
	case shortMemory:
		out[0].Status, out[0].Reason, out[0].Message = corev1.ConditionTrue, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"
	case shortDisk:
		out[1].Status, out[1].Reason, out[1].Message = corev1.ConditionTrue, "KubeletHasDiskPressure", "kubelet has disk pressure"
	case shortPIDs:
		out[2].Status, out[2].Reason, out[2].Message = corev1.ConditionTrue, "KubeletHasInsufficientPID", "kubelet has insufficient PID available"
	}
	for i := range out {
		out[i].LastHeartbeatTime, out[i].LastTransitionTime = now, now
		at := slices.IndexFunc(before, func(c corev1.NodeCondition) bool { return c.Type == out[i].Type && c.Status == out[i].Status })
		if at >= 0 {
			out[i].LastTransitionTime = before[at].LastTransitionTime
		}
	}
	return out
}

func (n *nodes) runPods(ctx context.Context, name, state string) error {
	on := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", name).String()}
	list, err := n.bench.kube.CoreV1().Pods(metav1.NamespaceAll).List(ctx, on)
	if err != nil {
		return err
	}
	for _, p := range list.Items {
		pods := n.bench.kube.CoreV1().Pods(p.Namespace)
		switch {
		case p.DeletionTimestamp != nil:
			now := int64(0)
			err = pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		case slices.Contains(shortages, state) && p.Status.Phase == corev1.PodRunning:
			evicted(&p, state)
			_, err = pods.UpdateStatus(ctx, &p, metav1.UpdateOptions{})
		case p.Status.Phase == corev1.PodPending:
			var attached bool
			if attached, err = n.attached(ctx, &p); err == nil {
				begun(&p, attached)
				_, err = pods.UpdateStatus(ctx, &p, metav1.UpdateOptions{})
			}
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}
