package watch

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

// TestTheYoungestPodOfAFailedJobIsRead: the Job answers for its pods, and only
// their logs say why it failed.
func TestTheYoungestPodOfAFailedJobIsRead(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	job := func(name string, kind batchv1.JobConditionType) *batchv1.Job {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
		if kind != "" {
			j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue}}
		}
		return j
	}
	pod := func(of, name string, age time.Duration, code int32) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(now.Add(-age)),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: of, UID: types.UID(of), Controller: new(true)}},
		}}
		p.Status.Phase = corev1.PodFailed
		ended := func(code int32) corev1.ContainerState {
			return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.NewTime(now.Add(-age))}}
		}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "proxy", State: ended(0)}, {Name: "main", State: ended(code)}}
		return p
	}
	crashing := pod("none", "web", 24*time.Hour, 1)
	crashing.OwnerReferences, crashing.Status.ContainerStatuses[1].State.Terminated.FinishedAt = nil, metav1.NewTime(now)
	evicted := pod("load", "load-3", time.Minute, 0) // with nothing to say
	snap := &kube.Snapshot{
		Taken: now,
		Jobs:  []*batchv1.Job{job("load", batchv1.JobFailed), job("done", batchv1.JobComplete), job("tries", ""), job("again", batchv1.JobFailed)},
		Pods: []*corev1.Pod{
			pod("load", "load-1", 3*time.Minute, 1), pod("load", "load-2", 2*time.Minute, 1), evicted, crashing,
			pod("done", "done-1", time.Minute, 1), pod("tries", "tries-1", time.Minute, 1), pod("again", "again-1", time.Hour, 2),
		},
	}
	for limit, want := range map[int][]string{9: {"web", "load-2", "again-1"}, 2: {"web", "load-2"}, 1: {"web"}} {
		var have []string
		for _, told := range (&gather{snap: snap}).failingPods(limit) {
			have = append(have, told.pod.Name)
			if !slices.Equal(told.containers, []string{"main"}) {
				t.Errorf("%s: want the log of main, have %v", told.pod.Name, told.containers)
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("limit %d: want %v, have %v", limit, want, have)
		}
	}
}
