package llm

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/redact"
)

// PromptVersion names the prompt that questions are asked with. A changed prompt
// is a new file in prompts/, so that records of old answers keep their meaning;
// older files stay for those who read such records.
const PromptVersion = "v2"

//go:embed prompts/v2.txt
var systemPrompt string

// The bounds of a prompt, in runes. What the model asked for has room beyond
// them: a first question stays at about 4,000 tokens.
const (
	maxEvidenceRunes = 5500
	maxGainedRunes   = 700 // more for each answer
	maxFactRunes     = 400
	maxFacts         = 8
)

// tokensOf estimates how many tokens text is: three and a half characters of
// English, names and logs make one. It is an estimate for budgets where a
// service counts nothing, and for the size of prompts.
func tokensOf(text string) int { return (2*utf8.RuneCountInString(text) + 6) / 7 }

// question is the prompt and the schema of its answer.
func (c *dossier) question() (question, error) {
	body, ids := c.render()
	var askable []string
	if c.mayAsk {
		askable = c.numbers()
	}
	schema := answerSchema(ids, len(c.diagnosis.Candidates), askable)
	form, err := resolve(schema)
	if err != nil {
		return question{}, err
	}
	return question{
		system: systemPrompt + strings.Join(codes(), ", ") + "\n",
		// Redacting the whole again settles what two harmless halves make
		// together; the guard would withhold it.
		user:   c.redactor.Redact(body).String(),
		schema: schema, form: form, mayAsk: len(askable) > 0,
	}, nil
}

// render writes the case and returns the ids of the evidence that it shows.
func (c *dossier) render() (string, []string) {
	var b strings.Builder
	c.renderFacts(&b)
	b.WriteString("\nObjects that may be named as root, with their numbers:\n")
	for i, o := range c.objects {
		fmt.Fprintf(&b, "%s\n| kind %s, namespace %s, name %s\n", number(i), o.shown.Kind, orNone(o.shown.Namespace), o.shown.Name)
	}
	b.WriteString("\nFixes that may be chosen, by index:\n")
	for i, cand := range c.diagnosis.Candidates {
		fmt.Fprintf(&b, "%d: %s of %s\n", i, cand.Action.Kind, redact.Name(cand.Action.Target.String()))
		quote(&b, cand.Why, 1)
	}
	if len(c.diagnosis.Candidates) == 0 {
		b.WriteString("none; candidate is -1\n")
	}
	c.renderAsked(&b)
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

// oneWord is a place that may stand on a line of ours: a container, a field, a
// reason. Several words might be a sentence and are marked as data.
var oneWord = regexp.MustCompile(`^[A-Za-z0-9._/:\[\]-]{1,80}$`)

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
