package diagnose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
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
		if tells(line.String()) {
			return lines[n:min(n+maxLogLines, len(lines))]
		}
	}
	if len(lines) > 5 {
		return lines[len(lines)-5:]
	}
	return lines
}

// tells reports whether a line looks like trouble.
func tells(line string) bool {
	_, unset := parseUnsetVar(line)
	return unset || isTrace(line) || isErrorLine(line) || classOf(line).cause != ""
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

// variable is an environment variable's name as people write them.
const variable = `[A-Z][A-Z0-9_]{1,80}`

// unsetVar are the ways in which programs and shells call a variable unset.
var unsetVar = []*pattern{
	// shells: ${NAME:?}, set -u
	linePattern(`\b(` + variable + `): (?:parameter not set|parameter null or not set|unbound variable)`),
	linePattern(`(?i:environment variable|env(?:ironment)? var|env|variable)(?: named| called)? ["'` + "`" + `]?(` + variable + `)["'` + "`" + `]?(?: is| was| has)?(?: a)? ?(?i:not set|unset|undefined|missing|required|not defined|not found|not provided|empty|must be set|should not be empty|no value)`),
	linePattern(`(?i:missing|unset|undefined|set the|define the|required)(?i: required| mandatory)?(?i: environment variable| env(?:ironment)? var(?:iable)?| env| variable)(?i:s)?:? ["'` + "`" + `]?(` + variable + `)\b`),
	// Without the word "variable" a name must look like one: SKU is required may
	// be a field of a record.
	linePattern(`\b([A-Z][A-Z0-9]*_[A-Z0-9_]*):? (?:is |was )?(?:not set|unset|undefined|missing|not defined|not provided|empty|required but|must be set|must be provided|must not be empty|is required|required)\b`),
	linePattern(`(?:^|\s|/)\S*sh: (?:line )?(?:\d+: )?(` + variable + `): `), // ${NAME:?any words}
	// the name first: SESSION_KEY environment variable is required
	linePattern(`\b(` + variable + `) (?i:environment variable|env(?:ironment)? var)(?: is| was| has)?(?: not)? ?(?i:required|set|unset|undefined|missing|defined|found|provided|empty|must be set)\b`),
	linePattern(`(?i:set|specify|provide|define|export) (?i:the )?["'` + "`" + `]?(` + variable + `)["'` + "`" + `]? (?i:environment variable|env(?:ironment)? var|to a non-empty value)`),
	linePattern(`(?i:environment variable|env var) (?i:not found|missing|not set|required): ["'` + "`" + `]?(` + variable + `)\b`),
	linePattern(`\b(` + variable + `) (?i:not found\. declare it as envvar)`),
	linePattern(`(?i:required variable) (` + variable + `) (?i:is missing)`),
	linePattern(`key not found: "(` + variable + `)" \(KeyError\)`), // Ruby's ENV.fetch
	linePattern(`Could not resolve placeholder '(` + variable + `)'`),
	linePattern(`required key (` + variable + `) missing value`),
}

// parseUnsetVar reads the name of a variable that a log line calls unset.
func parseUnsetVar(line string) (name string, ok bool) {
	if mild.MatchString(line) {
		return "", false
	}
	for _, re := range unsetVar {
		if m := re.FindStringSubmatch(line); m != nil && !level.MatchString(m[1]) {
			return m[1], true
		}
	}
	return "", false
}

// mild marks a line by which a program says that it goes on without the
// variable: that did not end it.
var mild = linePattern(`(?i)^\W*(?:[-\d:.,tz/ ]+\W+)?(?:warn(?:ing)?|info|debug|notice)\b|\blevel="?(?:warn(?:ing)?|info|debug)\b|"level":"(?:warn(?:ing)?|info|debug)"|\b(?:using|default(?:s|ing)? to|by default|fall(?:ing|s)? back|fallback|going|disabled|skipping|ignored|optional)\b`)

// keyError is Python's word for any dictionary; only the environment's counts.
var keyError = linePattern(`^KeyError: ['"](` + variable + `)['"]`)

// unsetIn reads the variable that line n calls unset, by itself or with the
// lines around it.
func unsetIn(lines []redact.Text, n int) (name string, ok bool) {
	line := lines[n].String()
	if name, ok = parseUnsetVar(line); ok {
		return name, true
	}
	m := keyError.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	for _, before := range lines[max(0, n-6):n] {
		if strings.Contains(before.String(), "environ") {
			return m[1], true
		}
	}
	return "", false
}

// level are the words in capitals that begin a log line and are no variable.
var level = regexp.MustCompile(`^(?:FATAL|ERROR|ERR|PANIC|CRITICAL|CRIT|EMERG|SEVERE|WARN|WARNING|INFO|DEBUG|TRACE|NOTICE|ALERT|LOG|FAILED|FAILURE|EOF|NULL|TODO)$`)

var trace = linePattern(`^panic: |^goroutine \d+ \[|^Traceback \(most recent call last\)|^Exception in thread |^thread '.*' panicked at|` +
	`^\s+at [\w.$<>]+\(.*\)$|^\s+at .*:\d+:\d+\)?$|\b[Ss]egmentation fault\b|^Uncaught |Unhandled(?:Promise)?Rejection|^Unhandled exception|` +
	`^fatal error: |^(?:[\w.]+\.)?\w+(?:Error|Exception): |\(core dumped\)|^SIG(?:SEGV|ABRT)`)

// isTrace recognises what a program's own failure leaves in its log.
func isTrace(line string) bool { return trace.MatchString(line) }

var errorLine = linePattern(`(?i)(?:^|[\s\[|"=])(?:fatal|panic|critical|severe|error|err|emerg|crit)(?:[\]|":]|\s*[:=-]|\s+-\s)|"level":"(?:error|fatal|panic)"|\blevel=(?:error|fatal|panic)\b|\b(?:fatal|cannot continue|giving up|aborting|exiting):? |(?-i:(?:^|[\s\[|])(?:FATAL|ERROR|CRITICAL|SEVERE|PANIC|EMERG)\s)`)

// isErrorLine recognises a line that its program marked as an error.
func isErrorLine(line string) bool { return errorLine.MatchString(line) }

// clue is a phrase of the log that speaks for a cause other than the program's
// own. It proves nothing by itself.
type clue struct {
	cause   incident.Cause
	pattern *pattern
	says    redact.Text
}

// clues are tried in this order.
var clues = []clue{
	{incident.DependencyUnavailable, linePattern(`(?i)connection refused|econnrefused|no route to host|etimedout|i/o timeout|connection timed out|could not connect|can't connect|connection reset|econnreset|connection to .* failed|server closed the connection|host is unreachable`), redact.Literal("the log speaks of a dependency that cannot be reached")},
	{incident.DNSFailure, linePattern(`(?i)no such host|\benotfound\b|name or service not known|temporary failure in name resolution|eai_again|bad address|could not translate host name|could not resolve host|unknown host|nxdomain`), redact.Literal("the log speaks of a name that does not resolve")},
	{incident.CredentialsRejected, linePattern(`(?i)authentication failed|access denied for user|invalid password|wrongpass|noauth|401 unauthorized|invalid credentials|login failed|login was refused|not authorized to log in|\b401 client error|status code 401\b`), redact.Literal("the log speaks of rejected credentials")},
	{incident.RBACForbidden, linePattern(`(?i)is forbidden: user|403 forbidden|cannot (?:get|list|watch|create|update|patch|delete) resource`), redact.Literal("the log speaks of a missing permission")},
	{incident.CertificateInvalid, linePattern(`(?i)x509: |certificate (?:has expired|verify failed|signed by unknown)|cert_has_expired|self[- ]signed certificate|certificate problem|pkix path|tls: (?:expired|bad) certificate`), redact.Literal("the log speaks of a certificate that is not accepted")},
	{incident.VolumeFull, linePattern(`(?i)no space left on device|enospc`), redact.Literal("the log speaks of a full disk")},
	{incident.FilesystemPermissionDenied, linePattern(`(?i)permission denied|eacces|read-only file system|erofs`), redact.Literal("the log speaks of a file that may not be written or read")},
	{incident.ConfigInvalid, linePattern(`(?i)\[emerg\]|invalid config|configuration (?:file )?.*(?:invalid|error|failed)|(?:error|failed|cannot|can't|unable).{0,20} (?:parse|parsing|read|reading|load|loading|decode|decoding|unmarshal).{0,40}(?:config|\.ya?ml|\.json|\.toml|\.conf)|yaml: |unknown directive|syntax error (?:in|on line)|config file error|error initializing config|parsing \[/|error during parsing`), redact.Literal("the log speaks of a configuration that the program rejects")},
	{incident.DatabaseDeadlock, linePattern(`(?i)deadlock (?:detected|found)`), redact.Literal("the log speaks of a database deadlock")},
	{incident.UpstreamRateLimited, linePattern(`(?i)429 (?:too many requests|client error)|status code 429\b|rate limit exceeded|toomanyrequests`), redact.Literal("the log speaks of a rate limit upstream")},
	{incident.ConnectionPoolExhausted, linePattern(`(?i)too many (?:clients|connections)|pool exhausted|remaining connection slots|timeout acquiring (?:a )?connection`), redact.Literal("the log speaks of an exhausted connection pool")},
}

// classOf finds the clue in a line; its cause is empty if there is none.
func classOf(line string) clue {
	for _, c := range clues {
		if c.pattern.MatchString(line) {
			return c
		}
	}
	return clue{}
}

// otherCause finds a clue in the log, the last one if there are several.
func otherCause(lines []redact.Text) (incident.Cause, int) {
	for n := len(lines) - 1; n >= 0; n-- {
		if c := classOf(lines[n].String()); c.cause != "" {
			return c.cause, n
		}
	}
	return "", -1
}

// headline is the line of a trace that says what happened: a Python trace says
// it at its end, others at their beginning. Indented lines are frames.
func headline(lines []redact.Text, at int) redact.Text {
	says := func(n int) bool {
		s := lines[n].String()
		return (isTrace(s) || isErrorLine(s)) && !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\t") &&
			!strings.HasPrefix(s, "goroutine ") && !strings.HasPrefix(s, "Traceback ")
	}
	for n := at; n >= 0; n-- {
		if says(n) {
			return lines[n]
		}
	}
	return lines[at]
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
			c := classOf(line.String())
			if c.cause == "" || seen[c.cause] || len(out) == most {
				continue
			}
			seen[c.cause] = true
			out = append(out, suspicion{cause: c.cause, summary: c.says, cites: []string{l.log(f, []redact.Text{line})}})
		}
	}
	return out
}
