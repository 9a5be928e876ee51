package nginx

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// LineReplacement replaces one line of a text. Neither Before nor After holds
// the line's end; After may hold several lines. Both are the very text: a
// replacement that redaction would change is not made.
type LineReplacement struct {
	Line   int         `json:"line"` // from 1, in the original text
	Before redact.Text `json:"before"`
	After  redact.Text `json:"after"`
}

// shown turns raw text into text that may be shown.
type shown struct {
	red   *redact.Redactor
	files map[*file]*shownFile
}

// shownFile is a file after redaction, line by line.
type shownFile struct {
	lines []redact.Text
	// What redaction did to the number of lines decides how far they can be
	// compared with the original: up to head from the front, and the last tail.
	head, tail int
	total      int
}

func newShown(red *redact.Redactor) *shown { return &shown{red: red, files: map[*file]*shownFile{}} }

// of redacts a file as a whole: a secret may begin on one line and end on
// another.
func (s *shown) of(f *file) *shownFile {
	if have := s.files[f]; have != nil {
		return have
	}
	out := &shownFile{lines: s.red.Redact(f.src).Lines(), total: len(f.starts)}
	raw := strings.Split(strings.TrimSuffix(f.src, "\n"), "\n")
	if len(raw) == len(out.lines) {
		out.head = len(raw)
	} else {
		for out.head < min(len(raw), len(out.lines)) && same(raw[out.head], out.lines[out.head]) {
			out.head++
		}
		for out.tail < min(len(raw), len(out.lines))-out.head && same(raw[len(raw)-1-out.tail], out.lines[len(out.lines)-1-out.tail]) {
			out.tail++
		}
	}
	out.total = len(raw)
	s.files[f] = out
	return out
}

// same compares a raw line with a shown one. Redaction takes a carriage return
// out, which is no secret.
func same(raw string, t redact.Text) bool {
	return strings.TrimSuffix(raw, "\r") == strings.TrimSuffix(t.String(), "\r")
}

// line is line n after redaction; empty where nobody can tell which it is.
func (f *shownFile) line(n int) redact.Text {
	switch {
	case n < 1 || n > f.total:
	case n <= f.head:
		return f.lines[n-1]
	case n > f.total-f.tail:
		return f.lines[len(f.lines)-1-(f.total-n)]
	}
	return redact.Text{}
}

// Quote is line n of a text after redaction; empty where there is no such line.
func Quote(red *redact.Redactor, text string, n int) redact.Text {
	return newShown(red).of(newFile("", text)).line(n).Truncate(maxQuote)
}

// maxQuote is how many runes of a line are quoted.
const maxQuote = 300

// finding shows an issue.
func (s *shown) finding(i issue) Finding {
	file := s.of(i.file)
	return Finding{
		Rule: i.rule.id, Area: i.rule.area, Severity: i.rule.severity, File: s.red.Redact(i.file.name), Line: i.line, Reported: i.reported,
		Quote: file.line(i.line).Truncate(maxQuote), Message: s.red.Redact(i.message), Why: i.rule.why, Source: i.rule.source,
		Fix: s.replacements(i.file, i.fix),
	}
}

// replacements are changes that may be shown and applied: all of them or none.
func (s *shown) replacements(f *file, changes []change) []LineReplacement {
	var out []LineReplacement
	for _, c := range changes {
		r, ok := s.replacement(f, c)
		if !ok {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// replacement is one change, if redaction leaves both of its sides as they are:
// the line in its place, and what takes its place.
func (s *shown) replacement(f *file, c change) (LineReplacement, bool) {
	if c.line < 1 || c.before == c.after {
		return LineReplacement{}, false
	}
	before, after := s.of(f).line(c.line), s.red.Redact(c.after)
	if !same(c.before, before) || after.String() != c.after {
		return LineReplacement{}, false
	}
	// Made anew of the line alone: the carriage return is not part of it.
	before = s.red.Redact(c.before)
	return LineReplacement{Line: c.line, Before: before, After: after}, before.String() == c.before
}
