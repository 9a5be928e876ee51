package diagnose

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// waiting is a failed call of a container and whom it was meant for.
type waiting struct {
	call loglines.Call
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
	failed := loglines.FailedCalls(lines, least)
	out := make([]waiting, len(failed))
	for n, f := range failed {
		out[n] = waiting{call: f.Call, peer: l.peerOf(pod, f.Call), line: f.Line}
	}
	return out
}
