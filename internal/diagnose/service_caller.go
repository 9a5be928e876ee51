package diagnose

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveBrokenService blames a Service for a caller that cannot reach it, where
// the Service itself is what is wrong: with its caller it is one finding then.
func proveBrokenService(l *look, f fault) (proof, bool) {
	if f.init {
		return proof{}, false
	}
	for _, w := range l.waits(f) {
		if w.peer.svc == nil {
			continue
		}
		if p, ok := l.brokenFor(w, []string{l.status(f), l.log(f, l.excerpt(f, w.line))}); ok {
			p.summary = redact.Sprintf("%s because of a Service that it connects to: %s", l.effect(f), p.summary)
			return p, true
		}
	}
	return proof{}, false
}

func (l *look) brokenFor(w waiting, cites []string) (proof, bool) {
	svc := w.peer.svc
	for _, s := range l.serviceFaults(svc) {
		switch {
		// The name of a headless Service resolves to its pods.
		case s.Class == "no-pod" && (!w.call.How.Named() || svc.Spec.ClusterIP == corev1.ClusterIPNone && w.call.How != loglines.NameTimeout):
			return l.selectorProof(svc, cites)
		case s.Class == "port" && !w.call.How.Named():
			if d, ok := l.deadPort(svc); ok && d.port.Port == w.call.Port {
				return l.portProof(svc, d, cites), true
			}
		}
	}
	return proof{}, false
}

// refusedBy finds a caller whose log says that the port refuses it, in a run that
// began when the pods behind the Service were ready.
func (l *look) refusedBy(svc *corev1.Service, d deadPort) (f fault, w waiting, ok bool) {
	seen := map[action.Ref]bool{}
	for _, log := range l.x.Logs {
		pod := l.x.Pod(log.Pod)
		if pod == nil || seen[log.Pod] || !speaksOf(log, svc) {
			continue
		}
		seen[log.Pod] = true
		found, _ := kube.PodSymptoms(pod, l.x.EventsOf(log.Pod), l.now)
		for _, s := range found {
			if s.Kind != kube.CrashLoop && s.Kind != kube.ProbeFailing {
				continue
			}
			f = podFault(pod, s)
			for _, w := range l.waits(f) {
				if w.peer.svc == svc && w.call.Port == d.port.Port && strings.Contains(strings.ToLower(w.line.String()), "refused") && startedAt(f).After(d.since) {
					return f, w, true
				}
			}
		}
	}
	return fault{}, waiting{}, false
}

// speaksOf tells cheaply which logs are worth reading.
func speaksOf(log kube.Log, svc *corev1.Service) bool {
	for _, line := range log.Lines {
		if said := strings.ToLower(line.String()); strings.Contains(said, "refused") && strings.Contains(said, svc.Name) {
			return true
		}
	}
	return false
}

// startedAt is when the container's last run that is over began, else the
// present one; zero where it has not run.
func startedAt(f fault) time.Time {
	switch t := termination(f); {
	case t != nil:
		return t.StartedAt.Time
	case f.status != nil && f.status.State.Running != nil:
		return f.status.State.Running.StartedAt.Time
	}
	return time.Time{}
}
