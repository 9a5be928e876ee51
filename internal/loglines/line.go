package loglines

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Tells reports whether a line looks like trouble.
func Tells(line string) bool {
	_, unset := Unset(line)
	return unset || IsTrace(line) || IsError(line) || TroubleOf(line) != ""
}

var trace = linePattern(`^panic: |^goroutine \d+ \[|^Traceback \(most recent call last\)|^Exception in thread |^thread '.*' panicked at|` +
	`^\s+at [\w.$<>]+\(.*\)$|^\s+at .*:\d+:\d+\)?$|\b[Ss]egmentation fault\b|^Uncaught |Unhandled(?:Promise)?Rejection|^Unhandled exception|` +
	`^fatal error: |^(?:[\w.]+\.)?\w+(?:Error|Exception): |\(core dumped\)|^SIG(?:SEGV|ABRT)`)

// IsTrace recognises what a program's own failure leaves in its log.
func IsTrace(line string) bool { return trace.MatchString(line) }

var errorLine = linePattern(`(?i)(?:^|[\s\[|"=])(?:fatal|panic|critical|severe|error|err|emerg|crit)(?:[\]|":]|\s*[:=-]|\s+-\s)|"level":"(?:error|fatal|panic)"|\blevel=(?:error|fatal|panic)\b|\b(?:fatal|cannot continue|giving up|aborting|exiting):? |(?-i:(?:^|[\s\[|])(?:FATAL|ERROR|CRITICAL|SEVERE|PANIC|EMERG)\s)`)

// IsError recognises a line that its program marked as an error.
func IsError(line string) bool { return errorLine.MatchString(line) }

// Headline is the line of a trace that says what happened: a Python trace says
// it at its end, others at their beginning. Indented lines are frames.
func Headline(lines []redact.Text, at int) redact.Text {
	says := func(n int) bool {
		s := lines[n].String()
		return (IsTrace(s) || IsError(s)) && !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\t") &&
			!strings.HasPrefix(s, "goroutine ") && !strings.HasPrefix(s, "Traceback ")
	}
	for n := at; n >= 0; n-- {
		if says(n) {
			return lines[n]
		}
	}
	return lines[at]
}
