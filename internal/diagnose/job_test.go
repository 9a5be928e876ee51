package diagnose

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// TestTheLastTryOfAJobSpeaks: only its log is read, wherever its name sorts.
func TestTheLastTryOfAJobSpeaks(t *testing.T) {
	last := ""
	f := captured(t, "job-backoff-limit-exceeded", func(s *kube.Snapshot) {
		last = s.Pods[0].Name
		s.Logs = slices.DeleteFunc(s.Logs, func(l kube.Log) bool { return l.Pod.Name != last })
		first := s.Pods[0].DeepCopy()
		first.Name, first.UID = "a-first-try", "first"
		for i := range first.Status.ContainerStatuses {
			at := &first.Status.ContainerStatuses[i].State.Terminated.FinishedAt
			at.Time = at.Add(-time.Minute)
		}
		s.Pods = append([]*corev1.Pod{first}, s.Pods[0])
	})
	logs := slices.DeleteFunc(slices.Clone(f.Evidence), func(e incident.Evidence) bool { return e.Kind != "log" })
	if len(logs) != 1 || logs[0].Source.Name != last {
		t.Errorf("want the log of %s, have %s", last, describe(f))
	}
}
