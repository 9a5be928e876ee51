package nginx

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Correction is what would have to change in one file.
type Correction struct {
	File  redact.Text       `json:"file"`
	Lines []LineReplacement `json:"lines"`
	// Before and After are the SHA-256 of the whole text in hex.
	Before string `json:"before"`
	After  string `json:"after"`
	// Diff is for people; it has passed redaction and may not apply.
	Diff redact.Text `json:"diff"`
	// Refused means that nginx would still refuse the file.
	Refused bool `json:"refused"`
}

// The bounds of a correction. Beyond them nothing is corrected.
const (
	maxCorrected = 256 << 10 // bytes of all files
	maxRounds    = 40
	maxTries     = 10 // single changes that are tried where many together do not help
)

// Correct makes the corrections for the findings that wanted takes; nil takes
// all. A correction is kept only if it leaves less that is wrong, so that
// correcting the corrected text changes nothing more. Findings whose lines hold
// something to redact stay as they are.
func Correct(texts map[string]string, o Options, wanted func(rule string, s Severity) bool) ([]Correction, error) {
	w := &worker{o: o, wanted: wanted, cells: map[string]*cells{}, tries: map[change]bool{}}
	total := 0
	for name, t := range texts {
		w.cells[name] = newCells(t)
		total += len(t)
	}
	if total > maxCorrected {
		return nil, nil
	}
	now, err := w.look(maps.Clone(texts))
	if err != nil {
		return nil, err
	}
	original := now.c
	for rounds := 0; ; rounds++ {
		next, ok := w.round(now)
		if !ok {
			break
		}
		if rounds == maxRounds {
			return nil, nil
		}
		now = next
	}
	var out []Correction
	shown := newShown(o.Redactor)
	for _, f := range original.files {
		if c, ok := w.correction(shown, f); ok {
			c.Refused = slices.ContainsFunc(now.issues, func(i issue) bool { return i.file.name == f.name && i.rule.severity == Refused })
			out = append(out, c)
		}
	}
	return out, nil
}

// worker corrects texts step by step.
type worker struct {
	o      Options
	wanted func(string, Severity) bool
	cells  map[string]*cells
	tries  map[change]bool
}

// state is the texts after some steps.
type state struct {
	texts  map[string]string
	c      *config
	issues []issue
}

func (w *worker) look(texts map[string]string) (state, error) {
	c, issues, _, err := examine(texts, w.o.All)
	return state{texts, c, issues}, err
}

// better reports whether b leaves less that is wrong than a. A file that cannot
// be read to its end hides what follows: reading on is better, whatever comes
// to light.
func better(a, b state) bool {
	return cmp.Or(cmp.Compare(b.unread(), a.unread()), cmp.Compare(b.refused(), a.refused()), cmp.Compare(len(b.issues), len(a.issues))) < 0
}

// unread counts files whose reading ended early.
func (s state) unread() int {
	n := 0
	for _, i := range s.issues {
		if slices.Contains([]string{ruleQuote, ruleUnexpected, ruleTooLong, ruleBrace, ruleTooLarge}, i.rule.id) {
			n++
		}
	}
	return n
}

func (s state) refused() int {
	n := 0
	for _, i := range s.issues {
		if i.rule.severity == Refused {
			n++
		}
	}
	return n
}

// edit is a change with its file.
type edit struct {
	file string
	change
}

// round makes the changes that help. Those of the form go first and one by one:
// each shows the rest of the file in another light.
func (w *worker) round(now state) (state, bool) {
	edits := w.edits(now)
	if len(edits) == 0 {
		return now, false
	}
	if next, ok := w.try(now, edits); ok {
		return next, true
	}
	if len(edits) == 1 {
		return now, false
	}
	for _, e := range edits[:min(len(edits), maxTries)] {
		if next, ok := w.try(now, []edit{e}); ok {
			return next, true
		}
	}
	return now, false
}

// structural are the rules whose correction moves blocks or ends a reading.
var structural = setOf("unclosed-block unexpected-brace missing-block unclosed-quote unexpected-character no-events")

func (w *worker) edits(now state) []edit {
	shown := newShown(w.o.Redactor)
	type place struct {
		file string
		line int
	}
	taken := map[place]bool{}
	var out []edit
	for _, i := range now.issues[:min(len(now.issues), maxFindings)] {
		if len(i.fix) == 0 || w.wanted != nil && !w.wanted(i.rule.id, i.rule.severity) || len(shown.replacements(i.file, i.fix)) == 0 {
			continue
		}
		if structural[i.rule.id] {
			if single := w.all(i); !w.tries[i.fix[0]] {
				w.tries[i.fix[0]] = true
				return single
			}
			continue
		}
		if slices.ContainsFunc(i.fix, func(c change) bool { return taken[place{i.file.name, c.line}] }) {
			continue
		}
		for _, c := range i.fix {
			taken[place{i.file.name, c.line}] = true
		}
		out = append(out, w.all(i)...)
	}
	return out
}

func (w *worker) all(i issue) []edit {
	var out []edit
	for _, c := range i.fix {
		out = append(out, edit{i.file.name, c})
	}
	return out
}

// try makes the changes if that helps, and leaves everything as it was if not.
func (w *worker) try(now state, edits []edit) (state, bool) {
	before := map[string]*cells{}
	texts := maps.Clone(now.texts)
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(b.line, a.line) }) // from below: no line moves
	done := true
	for _, e := range edits {
		if before[e.file] == nil {
			before[e.file] = w.cells[e.file].clone()
		}
		done = w.cells[e.file].apply(e.change) && done
		texts[e.file] = w.cells[e.file].text()
	}
	if next, err := w.look(texts); done && err == nil && better(now, next) {
		return next, true
	}
	for name, c := range before {
		w.cells[name] = c
	}
	return now, false
}

// correction is what became of one file.
func (w *worker) correction(s *shown, f *file) (Correction, bool) {
	changes := w.cells[f.name].changes(f.src)
	lines := s.replacements(f, changes)
	if len(lines) == 0 {
		return Correction{}, false
	}
	after := newFile(f.name, w.cells[f.name].text())
	c := Correction{File: s.red.Redact(f.name), Lines: lines, Before: hash(f.src), After: hash(after.src)}
	c.Diff = diff(s.red, c.File, s.red.Redact(f.src), s.red.Redact(after.src))
	return c, true
}

// diff is a unified diff of two texts that have passed redaction.
func diff(red *redact.Redactor, name, before, after redact.Text) redact.Text {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: diffLines(before), B: diffLines(after),
		FromFile: name.String(), ToFile: name.String() + " (corrected)", Context: 3,
	})
	if err != nil { // never: it writes to memory
		return redact.Text{}
	}
	return red.Redact(text)
}

// diffLines keeps each line's end; the library's own splitting adds a line.
func diffLines(t redact.Text) []string {
	return strings.SplitAfter(strings.TrimSuffix(t.String(), "\n")+"\n", "\n")[:strings.Count(strings.TrimSuffix(t.String(), "\n"), "\n")+1]
}
