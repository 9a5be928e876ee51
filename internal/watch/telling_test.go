package watch

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// TestTheInitContainerThatAPodWaitsForIsRead: the symptom stands on the pod as a
// whole, and only the container's log says what it waits for.
func TestTheInitContainerThatAPodWaitsForIsRead(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-time.Hour))}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec: corev1.PodSpec{
			NodeName: "node1", Containers: []corev1.Container{{Name: "web"}},
			InitContainers: []corev1.Container{{Name: "proxy", RestartPolicy: &always}, {Name: "prepare"}, {Name: "wait"}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "proxy", State: running},
			{Name: "prepare", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
			{Name: "wait", State: running},
		}},
	}
	g := &gather{snap: &kube.Snapshot{Taken: now, Pods: []*corev1.Pod{pod}}}
	got := g.failingPods(5)
	if len(got) != 1 || !slices.Equal(got[0].containers, []string{"wait"}) {
		t.Errorf("want the log of wait, have %+v", got)
	}
}
