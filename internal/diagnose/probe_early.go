package diagnose

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The times that tell a probe that comes too early from a program that hangs.
const (
	// killSlack is for the probe's own time and the whole seconds of the cluster's record.
	killSlack = 2 * time.Second
	// longestStart is what no probe is too early for.
	longestStart = 24 * time.Hour
	// startOfPod is for pulling images before the first run.
	startOfPod = 2 * time.Minute
	// longestWait is how long the kubelet waits at most before it starts a
	// container again; it begins with firstWait and doubles.
	firstWait, longestWait = 10 * time.Second, 5 * time.Minute
)

// proveTooEarly finds a liveness probe that has its program killed while that
// still starts. All of this must hold, or the program may be at fault:
//
//   - No startup probe holds the liveness probe back, and the port is the
//     container's own: nobody listened on it when it was asked.
//   - The run was ended when the first probes had failed, so that none succeeded,
//     and the pod is too young for a run that went well.
//   - No other pod of the same revision gets through its start.
//   - The log shows a start that is under way and no trouble, or a start that took
//     longer than the probe allows.
func (l *look) proveTooEarly(f fault, failed probeFailure) (proof, bool) {
	probe, t := f.container.LivenessProbe, termination(f)
	if probe == nil || f.container.StartupProbe != nil || !failed.refused || t == nil || f.pod == nil {
		return proof{}, false
	}
	port, _, ok := probePort(probe, f.container)
	allowed, lived := allowance(probe), livedUntilKilled(f, t)
	if !ok || allowed >= longestStart || !declaresPort(f.container, port) || !killed(t) && t.ExitCode != 0 ||
		lived < allowed-period(probe)-killSlack || lived > allowed+killSlack ||
		l.hasRunWell(f, t, allowed) || l.siblingStarts(f, allowed) {
		return proof{}, false
	}
	said := loglines.Starting(l.logLines(f), allowed)
	if len(said) == 0 || len(l.waits(f)) > 0 {
		return proof{}, false
	}
	return proof{
		cause: incident.ProbeMisconfigured,
		cites: []string{l.log(f, said)},
		summary: redact.Sprintf("%s is killed by its liveness probe while it still starts: the probe allows it %s seconds, and nothing listens on port %s by then",
			refText(l.subject), redact.Int(int64(allowed/time.Second)), redact.Int(int64(port))),
		ruledOut: []redact.Text{redact.Literal("crash and hang: the kubelet ended each run during its start, of which the log tells no trouble")},
	}, true
}

// allowance is how long after its start a container is killed at the latest if no
// probe succeeds. The first one comes within a period after the delay.
func allowance(p *corev1.Probe) time.Duration {
	seconds := int64(p.InitialDelaySeconds) + int64(cmp.Or(p.FailureThreshold, 3))*int64(cmp.Or(p.PeriodSeconds, 10))
	return min(time.Duration(min(seconds, 1<<32))*time.Second, longestStart)
}

func period(p *corev1.Probe) time.Duration {
	return time.Duration(cmp.Or(p.PeriodSeconds, 10)) * time.Second
}

// livedUntilKilled is how long the last run lasted until the kubelet decided to
// end it. A program that does not heed SIGTERM has lived on for the grace period.
func livedUntilKilled(f fault, t *corev1.ContainerStateTerminated) time.Duration {
	lived := t.FinishedAt.Sub(t.StartedAt.Time)
	if grace := gracePeriod(f); t.ExitCode == 137 && lived > grace {
		lived -= grace
	}
	return lived
}

func gracePeriod(f fault) time.Duration {
	seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if s := f.pod.Spec.TerminationGracePeriodSeconds; s != nil {
		seconds = *s
	}
	if s := f.container.LivenessProbe.TerminationGracePeriodSeconds; s != nil {
		seconds = *s
	}
	return time.Duration(max(0, seconds)) * time.Second
}

// hasRunWell reports whether the pod is older than all its runs can have taken if
// each of them was ended as the last one.
func (l *look) hasRunWell(f fault, last *corev1.ContainerStateTerminated, allowed time.Duration) bool {
	if f.status == nil || f.pod.Status.StartTime == nil {
		return true
	}
	most, wait := startOfPod, time.Duration(0)
	for range min(f.status.RestartCount, 1000) {
		most += allowed + killSlack + gracePeriod(f) + wait
		wait = min(max(firstWait, 2*wait), longestWait)
	}
	began := f.pod.Status.StartTime.Time
	for i := range f.pod.Status.Conditions {
		if c := &f.pod.Status.Conditions[i]; c.Type == corev1.PodInitialized && c.LastTransitionTime.After(began) {
			began = c.LastTransitionTime.Time
		}
	}
	return last.StartedAt.Sub(began) > most
}

// siblingStarts reports whether another pod of the same revision has outlived what
// the probe allows.
func (l *look) siblingStarts(f fault, allowed time.Duration) bool {
	owner := metav1.GetControllerOf(f.pod)
	return owner != nil && slices.ContainsFunc(l.pods, func(p *corev1.Pod) bool {
		if p.UID == f.pod.UID || ownerUID(p) != string(owner.UID) {
			return false
		}
		return slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
			return s.Name == f.symptom.Container && s.State.Running != nil && l.now.Sub(s.State.Running.StartedAt.Time) > allowed+killSlack
		})
	})
}

func declaresPort(c *corev1.Container, port int32) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == port })
}
