package llm

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The bounds of one item of evidence in a prompt; runes.
const (
	maxItemRunes = 1500
	maxLineRunes = 300
	maxItemLines = 25
)

// renderEvidence shows items until the bound is reached and says how many were
// left out. It returns the ids of those that are shown.
func (c *dossier) renderEvidence(b *strings.Builder) []string {
	var shown, left []string
	room := maxEvidenceRunes + maxGainedRunes*len(c.gained)
	for _, e := range c.evidence {
		item := renderItem(e)
		if n := utf8.RuneCountInString(item); n <= room || len(shown) == 0 {
			room -= n
			shown = append(shown, e.ID)
			b.WriteString(item)
			continue
		}
		left = append(left, e.ID)
	}
	if len(left) > 0 {
		fmt.Fprintf(b, "Left out for length: %d items of %d.\n", len(left), len(left)+len(shown))
	}
	return shown
}

func renderItem(e incident.Evidence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] %s from %s", e.ID, redact.Name(e.Kind), redact.Name(e.Source.String()))
	if where := e.Where.String(); oneWord.MatchString(where) {
		b.WriteString(", " + where)
	}
	if !e.At.IsZero() {
		b.WriteString(", " + redact.Time(e.At).String())
	}
	b.WriteByte('\n')
	if where := e.Where.String(); where != "" && !oneWord.MatchString(where) {
		quote(&b, redact.Name(where), 1)
	}
	pieces := piecesOf(e)
	keep := keepPieces(pieces)
	gap := 0
	for i, p := range pieces {
		if !keep[i] {
			gap += p.lines
			continue
		}
		writeGap(&b, &gap)
		b.WriteString(p.text)
	}
	writeGap(&b, &gap)
	return b.String()
}

func writeGap(b *strings.Builder, gap *int) {
	if *gap > 0 {
		fmt.Fprintf(b, "(%d lines left out here)\n", *gap)
	}
	*gap = 0
}

// piece is one line of an item, or the lines of one form.
type piece struct {
	text    string
	lines   int // that it stands for
	telling bool
}

// piecesOf puts the similar lines of a log together, where the last of them
// stood.
func piecesOf(e incident.Evidence) []piece {
	lines := e.Text.Lines()
	at := make([]piece, len(lines))
	for i, line := range lines {
		at[i] = piece{text: shownLine(line), lines: 1, telling: telling(line)}
	}
	if e.Kind != "log" {
		return at
	}
	for _, f := range formsOf(lines) {
		n := len(f.lines)
		if n < minLines {
			continue
		}
		first, last := f.lines[0], f.lines[n-1]
		text := fmt.Sprintf("|~ %d × %s\n", n, redact.Name(f.pattern()).Truncate(maxLineRunes)) + at[first].text
		if at[last].text != at[first].text {
			text += at[last].text
		}
		for _, i := range f.lines {
			at[i] = piece{}
		}
		at[last] = piece{text: text, lines: n, telling: f.telling}
	}
	out := at[:0]
	for _, p := range at {
		if p.lines > 0 {
			out = append(out, p)
		}
	}
	return out
}

func shownLine(line redact.Text) string { return "| " + line.Truncate(maxLineRunes).String() + "\n" }

// keepPieces chooses what is shown of one item: its end, then the first pieces
// that tell of trouble, then its beginning, within the bounds of an item.
func keepPieces(pieces []piece) map[int]bool {
	keep := map[int]bool{}
	room := maxItemRunes
	take := func(i int) {
		cost := utf8.RuneCountInString(pieces[i].text)
		if keep[i] || len(keep) == maxItemLines || cost > room && len(keep) > 0 {
			return
		}
		keep[i] = true
		room -= cost
	}
	for i := len(pieces) - 1; i >= max(0, len(pieces)-3); i-- {
		take(i)
	}
	for i, p := range pieces {
		if p.telling {
			take(i)
		}
	}
	for i := range pieces {
		take(i)
	}
	return keep
}
