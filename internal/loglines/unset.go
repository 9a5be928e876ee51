package loglines

import (
	"regexp"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

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

// Unset reads the name of a variable that a log line calls unset. Structured
// lines escape the quotation marks around it.
func Unset(line string) (name string, ok bool) {
	if mild.MatchString(line) {
		return "", false
	}
	if strings.Contains(line, `\"`) {
		line = strings.ReplaceAll(line, `\"`, `"`)
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

// UnsetIn reads the variable that line n calls unset, by itself or with the
// lines around it.
func UnsetIn(lines []redact.Text, n int) (name string, ok bool) {
	line := lines[n].String()
	if name, ok = Unset(line); ok {
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
