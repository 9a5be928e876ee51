package diagnose

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

func TestALivenessProbeIsTooEarlyOnlyWhereTheStartIsUnderWay(t *testing.T) {
	probe := func(s *kube.Snapshot) *corev1.Probe { return s.Pods[0].Spec.Containers[0].LivenessProbe }
	ended := func(s *kube.Snapshot) *corev1.ContainerStateTerminated {
		c := &s.Pods[0].Status.ContainerStatuses[0]
		if c.State.Terminated != nil {
			return c.State.Terminated
		}
		return c.LastTerminationState.Terminated
	}
	says := func(words ...string) func(*kube.Snapshot) {
		return func(s *kube.Snapshot) {
			for i := range s.Logs {
				s.Logs[i].Lines = nil
				for _, w := range words {
					s.Logs[i].Lines = append(s.Logs[i].Lines, text(w))
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*kube.Snapshot)
		want   incident.Cause
	}{
		"as captured":                  {func(*kube.Snapshot) {}, incident.ProbeMisconfigured},
		"a start longer than allowed":  {says("Starting Application v4.1", "Started Application in 40.113 seconds"), incident.ProbeMisconfigured},
		"a start shorter than allowed": {says("Starting Application v4.1", "Started Application in 3.2 seconds"), incident.LivenessProbeFailing},
		"a start of nothing but words": {says("hello"), incident.LivenessProbeFailing},
		"no log":                       {func(s *kube.Snapshot) { s.Logs = nil }, incident.LivenessProbeFailing},
		"a start that waits":           {says("Starting Application v4.1", "waiting for the lock of the schema"), incident.LivenessProbeFailing},
		"a start that fails":           {says("Starting Application v4.1", "ERROR: schema is locked"), incident.LivenessProbeFailing},
		"a probe that gets no answer in time": {func(s *kube.Snapshot) {
			for i := range s.Events {
				if s.Events[i].Reason == "Unhealthy" {
					s.Events[i].Message = redact.Literal("Liveness probe failed: Get \"http://⟨pod⟩:8080/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
				}
			}
		}, incident.LivenessProbeFailing},
		"a startup probe": {func(s *kube.Snapshot) {
			s.Pods[0].Spec.Containers[0].StartupProbe = probe(s).DeepCopy()
		}, incident.LivenessProbeFailing},
		"a run that was well for a while": {func(s *kube.Snapshot) {
			ended(s).StartedAt = metav1.NewTime(ended(s).StartedAt.Add(-time.Minute))
		}, incident.LivenessProbeFailing},
		"a run that ended by itself": {func(s *kube.Snapshot) { ended(s).ExitCode = 3 }, incident.LivenessProbeFailing},
		"a run that ended before the probe said so": {func(s *kube.Snapshot) {
			probe(s).InitialDelaySeconds = 60
		}, incident.LivenessProbeFailing},
		"a pod that ran for a day before": {func(s *kube.Snapshot) {
			s.Pods[0].Status.StartTime = &metav1.Time{Time: s.Taken.Add(-24 * time.Hour)}
			for i := range s.Pods[0].Status.Conditions {
				s.Pods[0].Status.Conditions[i].LastTransitionTime = *s.Pods[0].Status.StartTime
			}
		}, incident.LivenessProbeFailing},
		"another pod that got through": {func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			p.Name, p.UID = "web-other", "other"
			p.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: "web", Ready: true, State: corev1.ContainerState{
				Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(s.Taken.Add(-time.Hour))}}}
			s.Pods = append(s.Pods, p)
		}, incident.LivenessProbeFailing},
		"a port that it does not declare": {func(s *kube.Snapshot) {
			s.Pods[0].Spec.Containers[0].Ports = nil
			probe(s).HTTPGet.Port = intstr.FromInt32(8081)
		}, incident.LivenessProbeFailing},
		"no start of the pod in its status": {func(s *kube.Snapshot) { s.Pods[0].Status.StartTime = nil }, incident.LivenessProbeFailing},
		"a threshold beyond all bounds": {func(s *kube.Snapshot) {
			probe(s).FailureThreshold, probe(s).PeriodSeconds = 1<<31-1, 1<<31-1
		}, incident.LivenessProbeFailing},
	} {
		t.Run(name, func(t *testing.T) {
			f := captured(t, "probe-liveness-early", c.change)
			if f.Diagnosis.Cause != c.want {
				t.Errorf("want %s, have %s", c.want, describe(f))
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}

func TestAProgramThatDoesNotHeedSIGTERMLivesOnForItsGracePeriod(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	run := func(lasted time.Duration, code int32) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{ExitCode: code, StartedAt: metav1.NewTime(at), FinishedAt: metav1.NewTime(at.Add(lasted))}
	}
	f := fault{pod: &corev1.Pod{}, container: &corev1.Container{LivenessProbe: &corev1.Probe{}}}
	for _, c := range []struct {
		name  string
		run   *corev1.ContainerStateTerminated
		grace int64
		want  time.Duration
	}{
		{"killed after the grace period", run(40*time.Second, 137), 30, 10 * time.Second},
		{"killed by somebody else before it", run(10*time.Second, 137), 30, 10 * time.Second},
		{"ended at SIGTERM", run(10*time.Second, 143), 30, 10 * time.Second},
		{"no grace", run(10*time.Second, 137), 0, 10 * time.Second},
	} {
		f.pod.Spec.TerminationGracePeriodSeconds = &c.grace
		if have := livedUntilKilled(f, c.run); have != c.want {
			t.Errorf("%s: want %s, have %s", c.name, c.want, have)
		}
	}
}
