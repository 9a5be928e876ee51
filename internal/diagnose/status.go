package diagnose

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// status records what a fault shows and returns the evidence's id. The words do
// not depend on which moment of a crash loop the look met.
func (l *look) status(f fault) string {
	where := redact.Text{}
	if f.symptom.Container != "" {
		where = redact.Sprintf("container %s", text(f.symptom.Container))
	}
	return l.evidence.add("status", f.object, where, statusText(f), f.symptom.Since)
}

func statusText(f fault) redact.Text {
	message := text(f.symptom.Message)
	switch f.symptom.Kind {
	case kube.ImagePull:
		return redact.Sprintf("cannot pull image %s", image(f))
	case kube.CrashLoop, kube.OOMKill:
		return exitText(f)
	case kube.StartFailure:
		return redact.Sprintf("cannot be started: %s", message)
	case kube.ProbeFailing:
		return redact.Sprintf("%s probe fails", text(f.symptom.Class))
	case kube.ConfigError:
		return redact.Sprintf("cannot be created: %s", message)
	case kube.Unschedulable, kube.Pending:
		return redact.Sprintf("waits to be started: %s", orText(message, text(f.symptom.Class)))
	case kube.Evicted:
		return redact.Sprintf("was evicted: %s", message)
	case kube.JobFailed, kube.RolloutStuck, kube.NodeNotReady, kube.NodePressure, kube.ServiceBroken, kube.IngressBroken,
		kube.ScalingStuck, kube.EvictionBlocked, kube.DeletionStuck, kube.Suspended:
		return redact.Sprintf("%s: %s", text(string(f.symptom.Kind)), orText(message, text(f.symptom.Class)))
	}
	return redact.Sprintf("%s: %s", text(string(f.symptom.Kind)), message)
}

func exitText(f fault) redact.Text {
	t := termination(f)
	if t == nil {
		return redact.Literal("keeps ending")
	}
	restarted := redact.Text{}
	switch n := f.status.RestartCount; {
	case n == 1:
		restarted = redact.Literal(", restarted once")
	case n > 1:
		restarted = redact.Sprintf(", restarted %s times", redact.Int(int64(n)))
	}
	if t.Reason == "OOMKilled" {
		limit := redact.Literal("no memory limit of its own")
		if q, ok := f.memoryLimit(); ok {
			limit = redact.Sprintf("memory limit %s", text(q.String()))
		}
		return redact.Sprintf("was killed for want of memory (OOMKilled, %s)%s", limit, restarted)
	}
	return redact.Sprintf("ends with exit code %s (%s)%s", redact.Int(int64(t.ExitCode)), text(t.Reason), restarted)
}

// termination is how the container ended last: now, or before it was started
// again.
func termination(f fault) *corev1.ContainerStateTerminated {
	switch {
	case f.status == nil:
		return nil
	case f.status.State.Terminated != nil:
		return f.status.State.Terminated
	}
	return f.status.LastTerminationState.Terminated
}

func image(f fault) redact.Text {
	if f.container == nil {
		return redact.Literal("(unknown)")
	}
	return text(f.container.Image)
}

func orText(t, otherwise redact.Text) redact.Text {
	if t.IsEmpty() {
		return otherwise
	}
	return t
}

// event records an event and returns the evidence's id.
func (l *look) event(e kube.Event) string {
	return l.evidence.add("event", e.Object, text(e.Reason), text(strings.TrimSpace(e.Message.String())), e.Last)
}

// maxLogLines bounds the log lines in one piece of evidence.
const maxLogLines = 20

// log records lines of a container's log as one piece of evidence.
func (l *look) log(f fault, lines []redact.Text) string {
	if len(lines) > maxLogLines {
		lines = lines[len(lines)-maxLogLines:]
	}
	where := redact.Sprintf("log of container %s", text(f.symptom.Container))
	return l.evidence.add("log", f.object, where, redact.Join("\n", lines...), time.Time{})
}

// noise are events that repeat what the status says.
var noise = map[string]bool{"BackOff": true}

// maxContextEvents bounds the events per object that no rule asked for.
const maxContextEvents = 4

// context adds what no rule cited and a reader, or a model, will want: warning
// events, the end of the logs, the last rollout.
func (l *look) context(faults []fault) {
	for _, f := range faults {
		events := l.x.EventsOf(f.object)
		added := 0
		for n := len(events) - 1; n >= 0 && added < maxContextEvents; n-- {
			e := events[n]
			if e.Type != corev1.EventTypeWarning || noise[e.Reason] || strings.HasPrefix(e.Message.String(), "Error: ") ||
				l.evidence.says(canonicalPull(e.Message)) {
				continue
			}
			l.event(e)
			added++
		}
		if f.symptom.Kind == kube.CrashLoop || f.symptom.Kind == kube.ProbeFailing || f.symptom.Kind == kube.OOMKill {
			if lines := l.telling(f); len(lines) > 0 {
				l.log(f, lines)
			}
		}
	}
	if c := l.change(); c != nil {
		l.evidence.add("spec", l.subject, redact.Literal("last rollout"), c.said(), c.at)
	}
}
