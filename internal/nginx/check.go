package nginx

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Severity is how bad a finding is.
type Severity int

// The severities; Refused means that nginx does not start.
const (
	Refused Severity = iota + 1
	High
	Medium
	Low
)

var severities = []string{"", "refused", "high", "medium", "low"}

func (s Severity) String() string {
	if s < Refused || s > Low {
		return "unknown"
	}
	return severities[s]
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that is wrong. Everything in it has passed redaction.
type Finding struct {
	Rule     string      `json:"rule"`
	Area     string      `json:"area"` // syntax, security, performance, practice
	Severity Severity    `json:"severity"`
	File     redact.Text `json:"file"`
	Line     int         `json:"line"` // where it is, from 1
	// Reported is the line that nginx names in its error; 0 where nginx takes the
	// text, and -1 where its error names no line.
	Reported int         `json:"reported,omitempty"`
	Quote    redact.Text `json:"quote"` // the line
	Message  redact.Text `json:"message"`
	Why      redact.Text `json:"why,omitzero"`
	Source   redact.Text `json:"source,omitzero"`
	// Fix corrects this finding alone. It is empty where nobody can tell what was
	// meant, or where a line that it touches holds something to redact.
	Fix []LineReplacement `json:"fix,omitempty"`
}

// Report is what a check found, the first lines first.
type Report struct {
	Files    []redact.Text `json:"files"`   // looked at
	LeftOut  []redact.Text `json:"leftOut"` // do not look like nginx's
	Findings []Finding     `json:"findings"`
	// More is how many findings were left out at the end.
	More int `json:"more,omitempty"`
}

// Options shape a check.
type Options struct {
	Redactor *redact.Redactor
	// All looks at every file, also at one that does not look like nginx's.
	All bool
}

// ErrNothing means that no text is a configuration of nginx.
var ErrNothing = errors.New("no configuration of nginx")

// ErrTooLarge means that the texts are larger than what is looked at.
var ErrTooLarge = fmt.Errorf("more than %d MiB", MaxBytes>>20)

// issue is a finding before redaction.
type issue struct {
	rule     rule
	file     *file
	line     int
	reported int
	message  string
	fix      []change
}

// examine finds everything in texts, by file and line.
func examine(texts map[string]string, all bool) (*config, []issue, []string, error) {
	total := 0
	for _, t := range texts {
		total += len(t)
	}
	if total > MaxBytes {
		return nil, nil, nil, ErrTooLarge
	}
	c, leftOut := read(texts, all)
	if len(c.files) == 0 {
		return nil, nil, leftOut, ErrNothing
	}
	c.checkGrammar()
	issues := c.checkRules()
	for _, f := range c.files {
		f.consequences()
		for _, x := range f.faults {
			issues = append(issues, issue{rule: ruleByID(x.rule), file: f, line: x.line, reported: x.reported, message: x.message, fix: x.fix})
		}
	}
	slices.SortStableFunc(issues, func(a, b issue) int {
		return cmp.Or(strings.Compare(a.file.name, b.file.name), cmp.Compare(a.line, b.line), cmp.Compare(a.rule.severity, b.rule.severity), strings.Compare(a.rule.id, b.rule.id))
	})
	return c, issues, leftOut, nil
}

// Check looks at files that belong together, by name, such as the keys of a
// ConfigMap.
func Check(texts map[string]string, o Options) (Report, error) {
	c, issues, leftOut, err := examine(texts, o.All)
	var r Report
	for _, name := range leftOut {
		r.LeftOut = append(r.LeftOut, o.Redactor.Redact(name))
	}
	if err != nil {
		return r, err
	}
	shown := newShown(o.Redactor)
	for _, f := range c.files {
		r.Files = append(r.Files, o.Redactor.Redact(f.name))
	}
	for n, i := range issues {
		if n == maxFindings {
			r.More = len(issues) - n
			break
		}
		r.Findings = append(r.Findings, shown.finding(i))
	}
	return r, nil
}

// Refused reports whether nginx would not start.
func (r Report) Refused() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Refused })
}
