package diagnose

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func TestWhatSomebodyHaltedIsToldOnlyWhereSomethingWaits(t *testing.T) {
	for _, c := range []struct {
		name, from string
		change     func(*kube.Snapshot)
		cause      incident.Cause // empty: healthy
	}{
		{"a change waits", "rollout-paused", nil, incident.RolloutPaused},
		{"nobody paused it", "rollout-paused", func(s *kube.Snapshot) { s.Deployments[0].Spec.Paused = false }, ""},
		{"the controller has not seen it yet", "rollout-paused", func(s *kube.Snapshot) { s.Deployments[0].Generation++ }, ""},
		{"pods of both revisions run", "rollout-paused-current", func(s *kube.Snapshot) { s.Deployments[0].Status.Replicas++ }, incident.RolloutPaused},
		{"every pod is current", "rollout-paused-current", nil, ""},
		{"the ReplicaSets were not looked at", "rollout-paused", func(s *kube.Snapshot) {
			s.ReplicaSets = nil
			s.Deployments[0].Status.UpdatedReplicas = s.Deployments[0].Status.Replicas
		}, ""},
		{"its pods are refused", "rollout-paused", func(s *kube.Snapshot) {
			d := s.Deployments[0]
			d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "late"})
		}, incident.Unknown},
		{"a CronJob that rests", "cronjob-suspended", nil, incident.CronJobSuspended},
		{"a CronJob that was resumed", "cronjob-suspended", func(s *kube.Snapshot) { s.CronJobs[0].Spec.Suspend = nil }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, c.from, c.change)
			if f.Diagnosis.Cause != c.cause || f.Healthy != (c.cause == "") {
				t.Errorf("want %q, have %s", c.cause, describe(f))
			}
			if want := c.cause != "" && c.cause != incident.Unknown; f.Chosen() != want {
				t.Errorf("chosen: want %t", want)
			}
		})
	}
}

// TestAPauseNeverHidesAFault pauses a Deployment, with a change that waits, whose
// pods are killed.
func TestAPauseNeverHidesAFault(t *testing.T) {
	f := captured(t, "oom-killed", func(s *kube.Snapshot) {
		s.Deployments[0].Spec.Paused = true
		s.Deployments[0].Spec.Template.Spec.PriorityClassName = "high"
	})
	if f.Diagnosis.Cause != incident.OOMKilled || f.Chosen() {
		t.Errorf("have %s", describe(f))
	}
}

// TestWhatIsChosenIsNoSignalOfAWatcher: the watcher tells what these functions
// see, and they see none of it.
func TestWhatIsChosenIsNoSignalOfAWatcher(t *testing.T) {
	_, s := readCapture(t, "testdata/rollout-paused")
	if found := kube.DeploymentSymptoms(s.Deployments[0]); len(found) != 0 {
		t.Errorf("have %v", found)
	}
}
