package diagnose

import (
	"time"

	"github.com/countersign-dev/countersign/internal/kube"
)

// beganAt is when the fault began: the earliest of the faults that show the same
// symptom. Where the record leaves room it is rather too early than too late, so
// that no change is blamed that came after.
func (l *look) beganAt(p proof, faults []fault) time.Time {
	at := l.beganOne(p.fault)
	for _, f := range faults {
		if f.symptom.Kind != p.fault.symptom.Kind {
			continue
		}
		if other := l.beganOne(f); other.Before(at) {
			at = other
		}
	}
	return at
}

// beganOne is when one fault began. The status of a crash loop tells its last end
// only; the kubelet's event tells when it first held the container back.
func (l *look) beganOne(f fault) time.Time {
	at := f.symptom.Since
	switch f.symptom.Kind {
	case kube.CrashLoop, kube.OOMKill, kube.StartFailure:
	default:
		return at
	}
	if f.pod == nil || f.status == nil || endings(f) < 2 {
		return at
	}
	for _, e := range l.x.EventsOf(f.object) {
		if e.Reason == "BackOff" && kube.ContainerOf(e.Field) == f.symptom.Container && e.First.Before(at) {
			return e.First
		}
	}
	if f.pod.Status.StartTime != nil {
		return f.pod.Status.StartTime.Time
	}
	return at
}

// endings counts how often the container has ended.
func endings(f fault) int {
	n := int(f.status.RestartCount)
	if f.status.State.Running == nil {
		n++
	}
	return n
}
