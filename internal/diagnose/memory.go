package diagnose

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// What tells a leak from a limit that is too low: the latter is reached soon
// after the start.
const (
	// soonAfterStart is how long a program may need to fill its memory at start.
	soonAfterStart = 10 * time.Second
	// minSamples are the readings of memory, each above the one before, that make
	// a steady growth.
	minSamples = 4
	// longRun is a run that did its work for a while, without a reading.
	longRun = 5 * time.Minute
	// minRuns are the long runs that must have ended.
	minRuns = 3
)

// memorySample finds a reading of the program's own memory.
// The unit stands behind the number or, in the keys of structured lines, in the
// name.
var memorySample = regexp.MustCompile(`(?i)\b((?:process_|used_)?(?:rss|resident|heap|mem(?:ory)?|alloc(?:ated)?)(?:[ _-]?(?:usage|used|size|inuse|in use|set size|alloc(?:ated)?|rss|memory))?)(?:[ _-]?\(?(bytes|[kmg]i?b)\)?)?"?\s*(?:is|now|at|[:=])?\s*"?(\d{1,15}(?:\.\d{1,3})?)\s*([kmg]i?b?|bytes?|b)?\b`)

// parseMemory reads what a line says of the program's memory: under which name,
// and how much in bytes.
func parseMemory(line string) (name string, bytes float64, ok bool) {
	m := memorySample.FindStringSubmatch(line)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.ParseFloat(m[3], 64)
	if err != nil {
		return "", 0, false
	}
	switch strings.ToLower(cmp.Or(m[4], m[2], " "))[0] {
	case 'k':
		n *= 1 << 10
	case 'm':
		n *= 1 << 20
	case 'g':
		n *= 1 << 30
	}
	return strings.ToLower(m[1]), n, true
}

// growth is a steady rise of one reading in a log.
type growth struct {
	from, to redact.Text // the first and the last line
	samples  int
}

// growing finds the reading that rises from line to line until the log ends. A
// single fall is a collection of garbage, and no steady growth.
func growing(lines []redact.Text) (growth, bool) {
	type series struct {
		growth
		first, last float64
	}
	found := map[string]*series{}
	order := []string{}
	for _, line := range lines {
		name, n, ok := parseMemory(line.String())
		if !ok {
			continue
		}
		s := found[name]
		switch {
		case s == nil:
			found[name] = &series{growth{line, line, 1}, n, n}
			order = append(order, name)
		case n > s.last:
			s.last, s.to, s.samples = n, line, s.samples+1
		default:
			s.samples = -len(lines) // it never counts again
		}
	}
	for _, name := range order {
		if s := found[name]; s.samples >= minSamples && s.last >= 1.25*s.first {
			return s.growth, true
		}
	}
	return growth{}, false
}

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
	if g, ok := growing(l.logLines(f)); ok {
		p.cites = append(p.cites, l.log(f, []redact.Text{g.from, g.to}))
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
