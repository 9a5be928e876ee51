package loglines

import "github.com/countersign-dev/countersign/internal/redact"

// Failed is a failed call and the line of the log that tells of it.
type Failed struct {
	Call
	Line redact.Text
}

// FailedCalls lists the calls that had failed when a log ended, the last one
// first, each peer once and only if its calls failed at least so often. It is
// empty where the log goes on to something else: then that is what failed. Of
// a program that ended (least is one) also work that it went to counts as such.
func FailedCalls(lines []redact.Text, least int) []Failed {
	calls := map[Call]int{}
	var out []Failed
	overtaken := false
	for n := len(lines) - 1; n >= 0; n-- {
		line := lines[n].String()
		c, ok := ParseCall(line)
		switch {
		case ok && goesOn.MatchString(line):
			continue
		case !ok && causedBy.MatchString(line):
			overtaken = false // what came after was the consequence
			continue
		case !ok:
			overtaken = overtaken || overtakes(line) || least == 1 && worksOn(line)
			continue
		case overtaken && len(out) == 0:
			return nil
		}
		if calls[c.To()]++; calls[c.To()] == 1 {
			out = append(out, Failed{Call: c, Line: lines[n]})
		}
	}
	kept := out[:0]
	for _, f := range out {
		if calls[f.To()] >= least {
			kept = append(kept, f)
		}
	}
	return kept
}

var (
	// goesOn marks a failed call that its program can do without.
	goesOn = linePattern(`(?i)\b(?:continuing|going on|carry(?:ing)? on|fall(?:ing|s)? back|fallback|without it|ignor(?:ed|ing)|optional|skip(?:ped|ping)|degraded|disabl(?:ed|ing)|using default)\b`)
	// laterFailure begins what a program says of a failure of its own.
	laterFailure = linePattern(`^panic: |^fatal error: |^Exception in thread |^(?:[\w.]+\.)?\w+(?:Error|Exception)\b.{0,40}: |^Uncaught |^thread '.*' panicked at`)
	reached      = linePattern(`(?i)\b(?:re)?connected (?:to|successfully)\b|\bconnection (?:established|restored|successful)`)
	notReached   = linePattern(`(?i)\bnot (?:yet )?connected\b|\bno connection\b`)
	// causedBy is how Python says that the next traceback follows from the last.
	causedBy = linePattern(`^(?:During handling of the above exception|The above exception was the direct cause)`)
)

// overtakes reports whether a line after the last failed call says that
// something else happened.
func overtakes(line string) bool {
	if _, unset := Unset(line); unset || reached.MatchString(line) && !notReached.MatchString(line) {
		return true
	}
	switch TroubleOf(line) {
	case "":
		return laterFailure.MatchString(line)
	case Dependency, Lookup:
		return false
	default:
		return true
	}
}
