package diagnose

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveHook finds a postStart hook that fails: the kubelet kills the container
// for it. A preStop hook runs in a pod that is leaving, and breaks nothing that
// stays.
//
// A program that ends while its hook runs makes the hook fail, too. Its exit
// code tells: the kubelet's kill is no error of the program's own.
func proveHook(l *look, f fault) (proof, bool) {
	if f.container == nil || f.status == nil || f.container.Lifecycle == nil || f.container.Lifecycle.PostStart == nil {
		return proof{}, false
	}
	t := termination(f)
	if t == nil || t.ExitCode != 0 && !killed(t) || t.Reason == "OOMKilled" {
		return proof{}, false
	}
	p := proof{cause: incident.LifecycleHookFailed, cites: []string{l.status(f)}}
	id, told := l.hookEvent(f, t)
	if told {
		p.cites = append(p.cites, id)
	}
	if w := f.status.State.Waiting; !told && (w == nil || w.Reason != "PostStartHookError") {
		return proof{}, false
	}
	hook := describeHook(f.container.Lifecycle.PostStart)
	p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Sprintf("postStart hook of container %s", text(f.symptom.Container)), hook, l.x.Taken))
	p.summary = redact.Sprintf("%s cannot start: the postStart hook of container %s (%s) fails, for which the kubelet kills the container",
		refText(l.subject), text(f.symptom.Container), hook)
	p.ruledOut = []redact.Text{redact.Literal("a crash of the program: the kubelet ended it (after FailedPostStartHook)")}
	return p, true
}

// hookEvent is the kubelet's event about the hook in the run that ended last.
func (l *look) hookEvent(f fault, t *corev1.ContainerStateTerminated) (id string, ok bool) {
	events := l.x.EventsOf(f.object)
	for n := len(events) - 1; n >= 0; n-- {
		e := events[n]
		if e.Reason == "FailedPostStartHook" && kube.ContainerOf(e.Field) == f.symptom.Container &&
			!e.Last.Before(t.StartedAt.Time) && l.now.Sub(e.Last) <= kube.EventAge {
			return l.event(e), true
		}
	}
	return "", false
}

func describeHook(h *corev1.LifecycleHandler) redact.Text {
	switch {
	case h.Exec != nil:
		return redact.Literal("a command inside the container")
	case h.HTTPGet != nil:
		return redact.Sprintf("HTTP GET %s on port %s", text(h.HTTPGet.Path), text(h.HTTPGet.Port.String()))
	case h.TCPSocket != nil:
		return redact.Sprintf("TCP connection to port %s", text(h.TCPSocket.Port.String()))
	}
	return redact.Literal("a pause")
}
