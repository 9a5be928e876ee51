package diagnose

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// What tells a leak from a limit that is too low: the latter is reached soon
// after the start.
const (
	// soonAfterStart is how long a program may need to fill its memory at start.
	soonAfterStart = 10 * time.Second
	// longRun is a run that did its work for a while, without a reading.
	longRun = 5 * time.Minute
	// minRuns are the long runs that must have ended.
	minRuns = 3
)

// proveLeak tells a program whose memory grows while it works from one whose
// limit is too low for its start.
func proveLeak(l *look, f fault) (proof, bool) {
	t := termination(f)
	if t == nil || t.Reason != "OOMKilled" || t.StartedAt.IsZero() {
		return proof{}, false
	}
	ran := t.FinishedAt.Sub(t.StartedAt.Time)
	limit, limited := f.memoryLimit()
	if ran < soonAfterStart || !limited {
		return proof{}, false
	}
	p := proof{cause: incident.MemoryLeak, cites: []string{l.status(f)}}
	p.ruledOut = []redact.Text{redact.Literal("a limit too low for its start: it ran well below the limit first")}
	if g, ok := loglines.Growing(l.logLines(f)); ok {
		p.cites = append(p.cites, l.log(f, []redact.Text{g.From, g.To}))
		p.summary = redact.Sprintf("%s leaks memory: container %s grows steadily, as its log shows, until it is killed at its limit of %s",
			refText(l.subject), text(f.symptom.Container), text(limit.String()))
		return p, true
	}
	runs, mean, ok := f.runs(t)
	if !ok || ran < longRun || runs < minRuns || !alike(ran, mean) {
		return proof{}, false
	}
	p.summary = redact.Sprintf("%s leaks memory: container %s runs for about %s, reaches its limit of %s and is killed, time and again",
		refText(l.subject), text(f.symptom.Container), redact.Duration(ran.Round(time.Minute)), text(limit.String()))
	return p, true
}

// runs are how many runs have ended, and how long they were on the average,
// with the waits between them.
func (f fault) runs(last *corev1.ContainerStateTerminated) (n int, mean time.Duration, ok bool) {
	if f.status == nil || f.pod == nil || f.pod.Status.StartTime == nil {
		return 0, 0, false
	}
	n = int(f.status.RestartCount)
	if f.status.State.Running == nil {
		n++ // the last one was not followed by another yet
	}
	if n < 1 || f.symptom.Kind != kube.OOMKill {
		return 0, 0, false
	}
	return n, last.FinishedAt.Sub(f.pod.Status.StartTime.Time) / time.Duration(n), true
}

// maxBackOff is what the kubelet waits at most before it starts a container
// again.
const maxBackOff = 5 * time.Minute

// alike reports whether the last run is as long as the others: a leak takes
// its time, a burst of work comes when it will.
func alike(last, mean time.Duration) bool {
	return mean >= last*6/10 && mean <= last*14/10+maxBackOff
}
