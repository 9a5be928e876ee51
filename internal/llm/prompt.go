package llm

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// prompts are versioned: a changed prompt is a new file, so that records of old
// answers keep their meaning.
//
//go:embed prompts/system.v1.txt
var prompts embed.FS

// The bounds of a prompt, in runes. Three and a half make a token of logs, so
// that system text, schema and case together stay at about 4,000 tokens.
const (
	maxEvidenceRunes = 6500
	maxItemRunes     = 1500
	maxLineRunes     = 300
	maxItemLines     = 25
	maxFactRunes     = 400
	maxFacts         = 8
)

// question is the prompt and the schema of its answer.
func (c *dossier) question() (question, error) {
	system, err := prompts.ReadFile("prompts/system.v1.txt")
	if err != nil {
		return question{}, fmt.Errorf("read the prompt: %w", err)
	}
	body, ids := c.render()
	schema := answerSchema(ids, len(c.diagnosis.Candidates))
	form, err := resolve(schema)
	if err != nil {
		return question{}, err
	}
	return question{
		system: string(system) + strings.Join(codes(), ", ") + "\n",
		// Redacting the whole again settles what two harmless halves make
		// together; the guard would withhold it.
		user:   c.redactor.Redact(body).String(),
		schema: schema, form: form,
	}, nil
}

// render writes the case and returns the ids of the evidence that it shows.
func (c *dossier) render() (string, []string) {
	var b strings.Builder
	c.renderFacts(&b)
	b.WriteString("\nObjects that may be named as root:\n")
	for _, o := range c.objects {
		fmt.Fprintf(&b, "| kind %s, namespace %s, name %s\n", o.shown.Kind, orNone(o.shown.Namespace), o.shown.Name)
	}
	b.WriteString("\nFixes that may be chosen, by index:\n")
	for i, cand := range c.diagnosis.Candidates {
		fmt.Fprintf(&b, "%d: %s of %s\n", i, cand.Action.Kind, redact.Name(cand.Action.Target.String()))
		quote(&b, cand.Why, 1)
	}
	if len(c.diagnosis.Candidates) == 0 {
		b.WriteString("none; candidate is -1\n")
	}
	b.WriteString("\nEvidence, the most telling first:\n")
	ids := c.renderEvidence(&b)
	return b.String(), ids
}

func (c *dossier) renderFacts(b *strings.Builder) {
	d := c.diagnosis
	b.WriteString("What the rules know:\n")
	fmt.Fprintf(b, "| symptom on %s, namespace %s; %d of %d replicas ready\n",
		redact.Name(d.Object.String()), orNone(redact.Name(c.namespace()).String()), d.Ready, d.Desired)
	quote(b, d.Summary, 2)
	for _, fact := range []struct {
		title string
		texts []redact.Text
	}{{"Ruled out by the rules:", d.RuledOut}, {"To be known about the owner:", []redact.Text{d.Owner, d.Note}}} {
		title := fact.title
		for i, t := range fact.texts {
			if t.IsEmpty() || i == maxFacts {
				continue
			}
			if title != "" {
				b.WriteString(title + "\n")
				title = ""
			}
			quote(b, t, 1)
		}
	}
}

// renderEvidence shows items until the bound is reached and says which were
// left out.
func (c *dossier) renderEvidence(b *strings.Builder) []string {
	var shown, left []string
	room := maxEvidenceRunes
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

// oneWord is a place that may stand on a line of ours: a container, a field, a
// reason. Several words might be a sentence and are marked as data.
var oneWord = regexp.MustCompile(`^[A-Za-z0-9._/:\[\]-]{1,80}$`)

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
	lines := e.Text.Lines()
	keep := keepLines(lines)
	gap := 0
	for i, line := range lines {
		if !keep[i] {
			gap++
			continue
		}
		writeGap(&b, &gap)
		b.WriteString("| " + line.Truncate(maxLineRunes).String() + "\n")
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

// keepLines chooses the lines of one item: its end, then the first lines that
// tell of trouble, then its beginning, within the bounds of an item.
func keepLines(lines []redact.Text) map[int]bool {
	keep := map[int]bool{}
	room := maxItemRunes
	take := func(i int) {
		cost := min(utf8.RuneCountInString(lines[i].String()), maxLineRunes) + 3
		if keep[i] || len(keep) == maxItemLines || cost > room && len(keep) > 0 {
			return
		}
		keep[i] = true
		room -= cost
	}
	for i := len(lines) - 1; i >= max(0, len(lines)-3); i-- {
		take(i)
	}
	for i, line := range lines {
		if telling(line) {
			take(i)
		}
	}
	for i := range lines {
		take(i)
	}
	return keep
}

// quote writes at most n lines of foreign text, each marked as data.
func quote(b *strings.Builder, t redact.Text, n int) {
	lines := t.Lines()
	for _, line := range lines[:min(n, len(lines))] {
		b.WriteString("| " + line.Truncate(maxFactRunes).String() + "\n")
	}
}

func orNone(s string) string {
	if s == "" {
		return `""`
	}
	return s
}
