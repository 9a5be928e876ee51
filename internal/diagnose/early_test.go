package diagnose

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// younger moves the look back in time, to so long after the pod was made.
func younger(age time.Duration) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		made := s.Pods[0].CreationTimestamp
		for _, p := range s.Pods {
			if p.CreationTimestamp.After(made.Time) {
				made = p.CreationTimestamp
			}
		}
		s.Taken = made.Add(age)
		for _, p := range s.Pods {
			if p.CreationTimestamp.Time.After(s.Taken) {
				p.CreationTimestamp = metav1.NewTime(s.Taken)
			}
		}
	}
}

// Who asks after forty seconds is told what is proven by then; what is not is
// no finding: it is on its way.
func TestWhatWaitsShortlyIsToldOnlyIfItIsProven(t *testing.T) {
	for name, cause := range map[string]incident.Cause{
		"scheduler-missing": incident.SchedulerMissing, "init-container-waiting": incident.InitContainerWaiting,
		"volume-mount-multi-attach": incident.VolumeMountFailed,
	} {
		t.Run(name, func(t *testing.T) {
			if f := captured(t, name, younger(40*time.Second)); f.Diagnosis.Cause != cause || !f.Settling {
				t.Errorf("after 40 s: want %s, settling; have %s, settling %v", cause, describe(f), f.Settling)
			}
			quiet := 20 * time.Second
			if cause == incident.VolumeMountFailed { // its kubelet has spoken
				quiet = 8 * time.Second
			}
			if f := captured(t, name, younger(quiet)); !f.Healthy {
				t.Errorf("after %s: want nothing, have %s", quiet, describe(f))
			}
			silent := func(s *kube.Snapshot) {
				younger(40 * time.Second)(s)
				s.Logs, s.Events, s.Services = nil, nil, nil
				for _, p := range s.Pods {
					p.Spec.SchedulerName = ""
				}
			}
			if f := captured(t, name, silent); !f.Healthy {
				t.Errorf("after 40 s, unproven: want nothing, have %s", describe(f))
			}
		})
	}
}
