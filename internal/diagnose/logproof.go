package diagnose

import (
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveLogCause believes the last error of a container that ended by itself.
func proveLogCause(l *look, f fault) (proof, bool) {
	t := termination(f)
	if t == nil || t.ExitCode == 0 || t.Reason == "OOMKilled" || killed(t) {
		return proof{}, false
	}
	lines := l.logLines(f)
	d, ok := loglines.LastReason(lines, false)
	if !ok {
		return proof{}, false
	}
	return l.proveReason(f, lines, d)
}

// proveUnreadyCause believes the error that a container repeats while its probe
// fails.
func proveUnreadyCause(l *look, f fault) (proof, bool) {
	lines := l.probedLines(f)
	if f.container == nil || len(lines) == 0 || l.probeIsWrong(f) {
		return proof{}, false
	}
	d, ok := loglines.LastReason(lines, true)
	if !ok || d.System == loglines.SomeService || !loglines.Insists(lines, d) {
		return proof{}, false
	}
	return l.proveReason(f, lines, d)
}

// probedLines is the log of the run that the probe asks: the current one while
// it is not ready, the ended one where a probe has it killed.
func (l *look) probedLines(f fault) []redact.Text {
	if f.symptom.Class != "readiness" {
		return l.logLines(f)
	}
	for _, log := range l.x.LogsOf(f.object, f.symptom.Container) {
		if !log.Previous {
			return log.Lines[max(0, len(log.Lines)-lastLines):]
		}
	}
	return nil
}

// probeIsWrong reports whether the probe itself is at fault: then the log's errors
// do not explain it.
func (l *look) probeIsWrong(f fault) bool {
	probe := f.container.ReadinessProbe
	switch f.symptom.Class {
	case "liveness":
		probe = f.container.LivenessProbe
	case "startup":
		probe = f.container.StartupProbe
	}
	failed, _, _ := l.failure(f, f.symptom.Class)
	return probe == nil || !l.wrongProbe(f, probe, failed).IsEmpty()
}

// proveReason joins the reason with what the spec and the snapshot say.
func (l *look) proveReason(f fault, lines []redact.Text, d loglines.Decided) (proof, bool) {
	said := []redact.Text{lines[d.At]}
	if f.symptom.Kind != kube.ProbeFailing {
		said = l.excerpt(f, lines[d.At])
	}
	if d.Later >= 0 && !slices.Contains(said, lines[d.Later]) {
		said = append(slices.Clone(said), lines[d.Later])
	}
	cause := troubles[d.Trouble].cause
	p := proof{cause: cause, rule: ruleOf(f, cause), fault: f}
	p.cites = []string{l.status(f), l.log(f, said)}
	p.ruledOut = []redact.Text{redact.Literal("memory, image and missing objects: the program was started, and its log says what stops it")}
	words := text(strings.TrimSpace(lines[d.At].String())).Truncate(160)
	switch d.Trouble {
	case loglines.Permission:
		return l.forbiddenTo(f, p, d.Refused)
	case loglines.Configuration:
		p, ok := l.rejectedFile(f, p, d.Path)
		return l.nginxFault(p, lines[d.At]), ok
	case loglines.FileDenied:
		return l.deniedFile(f, p, d.Reason), true
	case loglines.DiskFull:
		return l.fullVolume(f, p, lines, d.Path)
	case loglines.Credentials:
		return l.rejectedCredentials(f, p, d.System, words), true
	case loglines.Certificate:
		return l.invalidCertificate(f, p, d.Path, lines[d.At], words), true
	default:
		p.summary = redact.Sprintf("%s: %s: “%s”", l.fares(f), contention(d.Trouble), words)
		return p, true
	}
}

// ruleOf names the rule by its cause: how often a log was right differs much
// between, say, a refusal of the API server and a rejected password.
func ruleOf(f fault, c incident.Cause) string {
	if f.symptom.Kind == kube.ProbeFailing {
		return "unready." + string(c)
	}
	return "log." + string(c)
}

// fares says in what way the subject fails, as the beginning of a sentence.
func (l *look) fares(f fault) redact.Text {
	who := refText(l.subject)
	switch {
	case f.symptom.Kind == kube.ProbeFailing && f.symptom.Class == "readiness":
		return redact.Sprintf("%s runs and is not ready", who)
	case f.symptom.Kind == kube.ProbeFailing:
		return redact.Sprintf("%s fails its probe", who)
	case l.subject.Kind == "Job" || l.subject.Kind == "CronJob":
		return redact.Sprintf("%s fails", who)
	case f.init:
		return redact.Sprintf("%s cannot start", who)
	}
	return redact.Sprintf("%s keeps crashing", who)
}

// contention says in words what the program gives up for.
func contention(t loglines.Trouble) redact.Text {
	switch t {
	case loglines.Deadlock:
		return redact.Literal("it gives up after a deadlock in its database")
	case loglines.Connections:
		return redact.Literal("it gets no connection, all are taken")
	default:
		return redact.Literal("a service that it calls limits its requests")
	}
}
