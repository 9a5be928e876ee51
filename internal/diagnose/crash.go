package diagnose

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	execMissing = regexp.MustCompile(`exec:? \\?"([^"\\]+)\\?": (executable file not found|permission denied|stat [^:]*: (?:no such file or directory|not a directory|permission denied)|is a directory)`)
	execPath    = regexp.MustCompile(`exec (\S+): (no such file or directory|permission denied)`)
	shellNoFile = regexp.MustCompile(`(?:^|: )([^:\s]+): (?:command )?not found$`)
)

// parseExec reads which program the runtime could not start and why.
func parseExec(message string) (program, why string, ok bool) {
	for _, re := range []*regexp.Regexp{execMissing, execPath} {
		if m := re.FindStringSubmatch(message); m != nil {
			return m[1], m[2], true
		}
	}
	return "", "", false
}

// proveCommand finds a command that is not there, cannot be executed, or was
// built for another platform.
func proveCommand(l *look, f fault) (proof, bool) {
	said := f.symptom.Message
	t := termination(f)
	if t != nil && t.Message != "" {
		said = t.Message
	}
	if strings.Contains(said, "exec format error") || l.logSays(f, "exec format error") {
		return proof{
			cause:   incident.ImagePlatformMismatch,
			summary: redact.Sprintf("%s cannot start: image %s was not built for the node's platform", refText(l.subject), image(f)),
		}, true
	}
	if program, why, ok := parseExec(said); ok {
		return proof{
			cause: incident.CommandNotFound,
			summary: redact.Sprintf("%s cannot start: the command %s of container %s cannot be run (%s)",
				refText(l.subject), text(program), text(f.symptom.Container), text(why)),
			ruledOut: []redact.Text{redact.Literal("crash of the program: it was never started")},
		}, true
	}
	// 127 and 126 are what a shell answers for a command it cannot find or run.
	if t == nil || t.ExitCode != 127 && t.ExitCode != 126 || t.Reason == "OOMKilled" {
		return proof{}, false
	}
	p := proof{cause: incident.CommandNotFound, cites: []string{l.status(f)}}
	program := redact.Literal("its command")
	lines := l.telling(f)
	for _, line := range lines {
		if m := shellNoFile.FindStringSubmatch(strings.TrimSpace(line.String())); m != nil {
			program = text(m[1])
		}
	}
	if len(lines) > 0 {
		p.cites = append(p.cites, l.log(f, lines))
	}
	p.summary = redact.Sprintf("%s keeps ending: container %s cannot find or run %s (exit code %s)",
		refText(l.subject), text(f.symptom.Container), program, redact.Int(int64(t.ExitCode)))
	return p, true
}

func (l *look) logSays(f fault, phrase string) bool {
	for _, line := range l.logLines(f) {
		if strings.Contains(line.String(), phrase) {
			return true
		}
	}
	return false
}

func proveOOM(l *look, f fault) (proof, bool) {
	p := proof{cause: incident.OOMKilled, cites: []string{l.status(f)}}
	if q, ok := f.memoryLimit(); ok {
		p.summary = redact.Sprintf("%s is killed again and again: container %s needs more than its memory limit of %s",
			refText(l.subject), text(f.symptom.Container), text(q.String()))
	} else {
		p.summary = redact.Sprintf("%s is killed: container %s has no memory limit and its node ran out of memory",
			refText(l.subject), text(f.symptom.Container))
	}
	p.ruledOut = []redact.Text{redact.Literal("failing probe or bug in the program: the kernel ended it for its memory (reason OOMKilled)")}
	return p, true
}

func (f fault) memoryLimit() (resource.Quantity, bool) {
	if f.container == nil {
		return resource.Quantity{}, false
	}
	q, ok := f.container.Resources.Limits[corev1.ResourceMemory]
	return q, ok
}

// proveEnvVar believes a log that names an unset variable, if the container's
// spec agrees that nothing sets it.
func proveEnvVar(l *look, f fault) (proof, bool) {
	if t := termination(f); t == nil || t.ExitCode == 0 {
		return proof{}, false
	}
	lines := l.logLines(f)
	for n := len(lines) - 1; n >= 0; n-- {
		name, ok := loglines.UnsetIn(lines, n)
		if !ok || f.setsVar(name) {
			continue
		}
		return proof{
			cause: incident.EnvVarMissing, key: name,
			cites: []string{l.status(f), l.log(f, l.excerpt(f, lines[n]))},
			summary: redact.Sprintf("%s keeps crashing: container %s needs the environment variable %s, which is not set",
				refText(l.subject), text(f.symptom.Container), text(name)),
			ruledOut: []redact.Text{redact.Literal("memory, probe and image: the program started and ended by itself")},
		}, true
	}
	return proof{}, false
}

// setsVar reports whether the spec gives the variable a value of its own. What
// comes from a ConfigMap or Secret may be empty, so that it proves nothing.
func (f fault) setsVar(name string) bool {
	if f.container == nil {
		return false
	}
	for _, e := range f.container.Env {
		if e.Name == name && e.Value != "" {
			return true
		}
	}
	return false
}

// proveInit names an init container that fails for a cause of its own.
func proveInit(l *look, f fault) (proof, bool) {
	t := termination(f)
	if !f.init || t == nil || t.ExitCode == 0 {
		return proof{}, false
	}
	p := proof{cause: incident.InitContainerFailed, cites: []string{l.status(f)}}
	if lines := l.telling(f); len(lines) > 0 {
		p.cites = append(p.cites, l.log(f, lines))
	}
	p.summary = redact.Sprintf("%s cannot start: its init container %s ends with exit code %s",
		refText(l.subject), text(f.symptom.Container), redact.Int(int64(t.ExitCode)))
	p.ruledOut = []redact.Text{redact.Literal("the main containers: they were never started")}
	return p, true
}

// proveTrace believes a stack trace or panic in the log of a container that
// ended by itself.
func proveTrace(l *look, f fault) (proof, bool) { return l.proveByLog(f, loglines.IsTrace) }

// proveErrorLine believes a line that is marked as an error at the end of the
// log. It proves less than a trace and is counted apart.
func proveErrorLine(l *look, f fault) (proof, bool) { return l.proveByLog(f, loglines.IsError) }

func (l *look) proveByLog(f fault, shows func(string) bool) (proof, bool) {
	t := termination(f)
	if f.init || t == nil || t.ExitCode == 0 || t.Reason == "OOMKilled" || killed(t) {
		return proof{}, false
	}
	lines := l.logLines(f)
	if loglines.LastTrouble(lines) != "" {
		return proof{}, false
	}
	at := -1
	for n, line := range lines {
		if shows(line.String()) {
			at = n
		}
	}
	if at < 0 {
		return proof{}, false
	}
	return proof{
		cause: incident.AppError,
		cites: []string{l.status(f), l.log(f, l.telling(f))},
		summary: redact.Sprintf("%s keeps crashing: container %s ends with exit code %s after “%s”",
			refText(l.subject), text(f.symptom.Container), redact.Int(int64(t.ExitCode)), loglines.Headline(lines, at).Truncate(120)),
		ruledOut: []redact.Text{redact.Literal("memory, probe, image and missing configuration: the program started and ended by itself")},
	}, true
}

// killed reports an end by SIGKILL or SIGTERM: somebody else's doing.
func killed(t *corev1.ContainerStateTerminated) bool { return t.ExitCode == 137 || t.ExitCode == 143 }
