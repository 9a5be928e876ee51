package diagnose

import (
	"slices"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// lastLines is how far back in a log a cause is looked for.
const lastLines = 60

// logLines is the end of the log of the run that ended: of the previous
// instance if the current one runs or waits and there is such a log, else the
// current one.
func (l *look) logLines(f fault) []redact.Text {
	var current, previous []redact.Text
	for _, log := range l.x.LogsOf(f.object, f.symptom.Container) {
		if log.Previous {
			previous = log.Lines
		} else {
			current = log.Lines
		}
	}
	lines := previous
	if len(lines) == 0 || f.status != nil && f.status.State.Terminated != nil && len(current) > 0 {
		lines = current
	}
	if len(lines) > lastLines {
		lines = lines[len(lines)-lastLines:]
	}
	return lines
}

// telling picks what a reader needs: from the first line of trouble on, or the
// last few lines if none looks like trouble.
func (l *look) telling(f fault) []redact.Text {
	lines := l.logLines(f)
	for n, line := range lines {
		if loglines.Tells(line.String()) {
			return lines[n:min(n+maxLogLines, len(lines))]
		}
	}
	if len(lines) > 5 {
		return lines[len(lines)-5:]
	}
	return lines
}

// excerpt is what a claim about one line cites: the telling part of the log if
// that holds the line, else the line.
func (l *look) excerpt(f fault, line redact.Text) []redact.Text {
	lines := l.telling(f)
	if slices.Contains(lines, line) {
		return lines
	}
	return []redact.Text{line}
}

// troubles are the causes that lines of a log may speak of.
var troubles = map[loglines.Trouble]struct {
	cause incident.Cause
	says  redact.Text
}{
	loglines.Dependency:    {incident.DependencyUnavailable, redact.Literal("the log speaks of a dependency that cannot be reached")},
	loglines.Lookup:        {incident.DNSFailure, redact.Literal("the log speaks of a name that does not resolve")},
	loglines.Credentials:   {incident.CredentialsRejected, redact.Literal("the log speaks of rejected credentials")},
	loglines.Permission:    {incident.RBACForbidden, redact.Literal("the log speaks of a missing permission")},
	loglines.Certificate:   {incident.CertificateInvalid, redact.Literal("the log speaks of a certificate that is not accepted")},
	loglines.DiskFull:      {incident.VolumeFull, redact.Literal("the log speaks of a full disk")},
	loglines.FileDenied:    {incident.FilesystemPermissionDenied, redact.Literal("the log speaks of a file that may not be written or read")},
	loglines.Configuration: {incident.ConfigInvalid, redact.Literal("the log speaks of a configuration that the program rejects")},
	loglines.Deadlock:      {incident.DatabaseDeadlock, redact.Literal("the log speaks of a database deadlock")},
	loglines.RateLimit:     {incident.UpstreamRateLimited, redact.Literal("the log speaks of a rate limit upstream")},
	loglines.Connections:   {incident.ConnectionPoolExhausted, redact.Literal("the log speaks of an exhausted connection pool")},
}

// suspicions are the causes that logs speak of where no rule proves one.
func (l *look) suspicions(faults []fault) []suspicion {
	const most = 3
	var out []suspicion
	seen := map[incident.Cause]bool{}
	for _, f := range faults {
		if f.pod == nil || f.symptom.Container == "" {
			continue
		}
		for _, line := range l.logLines(f) {
			t, speaks := troubles[loglines.TroubleOf(line.String())]
			if !speaks || seen[t.cause] || len(out) == most {
				continue
			}
			seen[t.cause] = true
			out = append(out, suspicion{cause: t.cause, summary: t.says, cites: []string{l.log(f, []redact.Text{line})}})
		}
	}
	return out
}
