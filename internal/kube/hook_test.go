package kube

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kubelet says PostStartHookError first and CrashLoopBackOff later: a look
// must see one symptom at both moments.
func TestAFailedHookLooksTheSameBeforeAndDuringTheBackOff(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "web", RestartCount: 2,
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "Error", FinishedAt: metav1.NewTime(now.Add(-time.Minute)),
		}},
	}}}}
	for _, reason := range []string{"PostStartHookError", "CrashLoopBackOff"} {
		pod.Status.ContainerStatuses[0].State.Waiting = &corev1.ContainerStateWaiting{Reason: reason}
		found, _ := PodSymptoms(pod, nil, now)
		if len(found) != 1 || found[0].Kind != CrashLoop || found[0].Class != "exit-137" {
			t.Errorf("%s: have %+v", reason, found)
		}
	}
}
