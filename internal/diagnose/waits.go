package diagnose

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// waiting is a failed call of a container and whom it was meant for.
type waiting struct {
	call call
	peer peer
	line redact.Text
}

// waiter is a container as one symptom shows it.
type waiter struct {
	pod       action.Ref
	container string
	symptom   kube.SymptomKind
}

// leastCalls is how often a program that still runs must have failed to reach a
// peer: one failed call at its start is no fault.
const leastCalls = 2

// waits lists whom the container of f could not reach when its log ended, the
// last call first, each peer once. It is empty where the log goes on to
// something else: then that is what failed.
func (l *look) waits(f fault) []waiting {
	if f.pod == nil || f.container == nil {
		return nil
	}
	// Several rules ask, and reading a log is what a look spends its time on.
	asks := waiter{f.object, f.symptom.Container, f.symptom.Kind}
	if known, ok := l.waited[asks]; ok {
		return slices.Clone(known)
	}
	found := l.readWaits(f)
	l.waited[asks] = found
	return slices.Clone(found)
}

func (l *look) readWaits(f fault) []waiting {
	switch t := termination(f); {
	case f.symptom.Kind == kube.ProbeFailing:
		return l.waitsIn(f.pod, l.probedLines(f), leastCalls)
	case f.symptom.Kind == kube.Pending:
		return l.waitsIn(f.pod, l.currentLines(f), leastCalls)
	case t == nil || t.ExitCode == 0:
		return nil
	case killed(t):
		return l.waitsIn(f.pod, l.logLines(f), leastCalls)
	}
	return l.waitsIn(f.pod, l.logLines(f), 1)
}

// currentLines is the end of the log of a container that runs.
func (l *look) currentLines(f fault) []redact.Text {
	for _, log := range l.x.LogsOf(f.object, f.symptom.Container) {
		if !log.Previous {
			return log.Lines[max(0, len(log.Lines)-lastLines):]
		}
	}
	return nil
}

func (l *look) waitsIn(pod *corev1.Pod, lines []redact.Text, least int) []waiting {
	calls := map[call]int{}
	var out []waiting
	overtaken := false
	for n := len(lines) - 1; n >= 0; n-- {
		line := lines[n].String()
		c, ok := parseCall(line)
		switch {
		case ok && goesOn.MatchString(line):
			continue
		case !ok && causedBy.MatchString(line):
			overtaken = false // what came after was the consequence
			continue
		case !ok:
			overtaken = overtaken || overtakes(line) || least == 1 && worksOn(line)
			continue
		case overtaken && len(out) == 0:
			return nil
		}
		if calls[c.to()]++; calls[c.to()] == 1 {
			out = append(out, waiting{call: c, peer: l.peerOf(pod, c), line: lines[n]})
		}
	}
	kept := out[:0]
	for _, w := range out {
		if calls[w.call.to()] >= least {
			kept = append(kept, w)
		}
	}
	return kept
}

var (
	// goesOn marks a failed call that its program can do without.
	goesOn = linePattern(`(?i)\b(?:continuing|going on|carry(?:ing)? on|fall(?:ing|s)? back|fallback|without it|ignor(?:ed|ing)|optional|skip(?:ped|ping)|degraded|disabl(?:ed|ing)|using default)\b`)
	// laterFailure begins what a program says of a failure of its own.
	laterFailure = linePattern(`^panic: |^fatal error: |^Exception in thread |^(?:[\w.]+\.)?\w+(?:Error|Exception)\b.{0,40}: |^Uncaught |^thread '.*' panicked at`)
	reached      = linePattern(`(?i)\b(?:re)?connected (?:to|successfully)\b|\bconnection (?:established|restored|successful)`)
	notReached   = linePattern(`(?i)\bnot (?:yet )?connected\b|\bno connection\b`)
	// causedBy is how Python says that the next traceback follows from the last.
	causedBy = linePattern(`^(?:During handling of the above exception|The above exception was the direct cause)`)
)

// overtakes reports whether a line after the last failed call says that
// something else happened.
func overtakes(line string) bool {
	if _, unset := parseUnsetVar(line); unset || reached.MatchString(line) && !notReached.MatchString(line) {
		return true
	}
	switch classOf(line).cause {
	case "":
		return laterFailure.MatchString(line)
	case incident.DependencyUnavailable, incident.DNSFailure:
		return false
	default:
		return true
	}
}
