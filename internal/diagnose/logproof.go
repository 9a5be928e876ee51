package diagnose

import (
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveLogCause believes the last error of a container that ended by itself.
func proveLogCause(l *look, f fault) (proof, bool) {
	t := termination(f)
	if t == nil || t.ExitCode == 0 || t.Reason == "OOMKilled" || killed(t) {
		return proof{}, false
	}
	lines := l.logLines(f)
	d, ok := lastReason(lines, false)
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
	d, ok := lastReason(lines, true)
	if !ok || d.system == someService || !insists(lines, d) {
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

// insists reports whether lines hold d's error alone, and more than once or as
// the last word.
func insists(lines []redact.Text, d decided) bool {
	times, passed := 0, wrapped(lines, true)
	for n, line := range lines {
		raw := line.String()
		r, ok := readReason(raw)
		switch {
		case isMild(raw) || passed[n]:
		case ok && r == d.reason:
			times++
		case n != d.later && fails(raw) && !continues(raw) && !closes(spoken(raw)):
			return false
		}
	}
	return times > 1 || d.at == len(lines)-1
}

// proveReason joins the reason with what the spec and the snapshot say.
func (l *look) proveReason(f fault, lines []redact.Text, d decided) (proof, bool) {
	said := []redact.Text{lines[d.at]}
	if f.symptom.Kind != kube.ProbeFailing {
		said = l.excerpt(f, lines[d.at])
	}
	if d.later >= 0 && !slices.Contains(said, lines[d.later]) {
		said = append(slices.Clone(said), lines[d.later])
	}
	p := proof{cause: d.cause, rule: ruleOf(f, d.cause), fault: f}
	p.cites = []string{l.status(f), l.log(f, said)}
	p.ruledOut = []redact.Text{redact.Literal("memory, image and missing objects: the program was started, and its log says what stops it")}
	words := text(strings.TrimSpace(lines[d.at].String())).Truncate(160)
	switch d.cause {
	case incident.RBACForbidden:
		return l.forbiddenTo(f, p, d.refused)
	case incident.ConfigInvalid:
		return l.rejectedFile(f, p, d.path)
	case incident.FilesystemPermissionDenied:
		return l.deniedFile(f, p, d.reason), true
	case incident.VolumeFull:
		return l.fullVolume(f, p, lines, d.path)
	case incident.CredentialsRejected:
		return l.rejectedCredentials(f, p, d.system, words), true
	case incident.CertificateInvalid:
		return l.invalidCertificate(f, p, d.path, words), true
	default:
		p.summary = redact.Sprintf("%s: %s: “%s”", l.fares(f), contention(d.cause), words)
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
