package llm

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Collector reads for a model what it asks about one case. It decides by itself
// which objects belong to the case; whatever it refuses, it refuses with a
// reason.
type Collector interface {
	Ask(ctx context.Context, q incident.Question) incident.Answer
}

// The bounds of asking.
const (
	maxRounds        = 3  // of questions in one Explain
	maxQuestions     = 4  // in one round
	maxPerIncident   = 10 // questions about one incident in 24 hours
	maxGained        = 6000
	maxEvidenceID    = 9999
	maxNewObjects    = 10 // that one answer may add to those that can be asked about
	questionTimeout  = 15 * time.Second
	maxContainerName = 63
)

// exchange is one question and what came of it.
type exchange struct {
	question incident.Question
	object   string // its number
	id       string // of the evidence; empty where it was refused
	refused  redact.Text
}

// containerName is what a container may be called.
var containerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// inquire asks the model, reads what it wants to know, and asks again, until
// there are hypotheses or no more may be asked.
func (e *Explainer) inquire(ctx context.Context, c *dossier, from Collector, out *incident.Explained) (question, answer, error) {
	for round, ended := 1, false; ; round++ {
		c.mayAsk = from != nil && !ended && round <= maxRounds && e.ledger.questionsLeft(c.subject()) > 0
		q, err := c.question()
		if err != nil {
			return question{}, answer{}, err
		}
		a, err := e.answerTo(ctx, c.subject(), q, out)
		if err != nil || len(a.said.Hypotheses) > 0 || len(a.said.Ask) == 0 || !c.mayAsk {
			return q, a, err
		}
		ended = e.collect(ctx, c, from, a.said.Ask, out)
		if ctx.Err() != nil {
			return question{}, answer{}, fails(saidSlow, context.Cause(ctx))
		}
	}
}

// answerTo is the answer that a question had, or a new one.
func (e *Explainer) answerTo(ctx context.Context, subject string, q question, out *incident.Explained) (answer, error) {
	if a, known := e.ledger.recall(q); known {
		e.account.remembered()
		return a, nil
	}
	a, err := e.statement(ctx, subject, q, out)
	if err == nil {
		e.ledger.keep(q, a)
	}
	return a, err
}

// collect puts the questions of one round. It tells whether that was the last:
// a question came again, none was sound, or the budget is spent.
func (e *Explainer) collect(ctx context.Context, c *dossier, from Collector, asks []inquiry, out *incident.Explained) (ended bool) {
	before := out.Questions
	for _, in := range asks[:min(len(asks), maxQuestions)] {
		q, object, ok := c.reading(in)
		if !ok {
			continue
		}
		if slices.ContainsFunc(c.asked, func(x exchange) bool { return x.question == q }) {
			ended = true
			continue
		}
		if !e.ledger.takeQuestion(c.subject()) {
			return true
		}
		ctx, cancel := context.WithTimeout(ctx, questionTimeout)
		got := from.Ask(ctx, q)
		cancel()
		x := c.gain(q, object, got)
		out.Questions++
		if x.id != "" {
			out.Gained = append(out.Gained, c.gained[len(c.gained)-1])
		}
		e.account.asked(x.id != "")
	}
	return ended || out.Questions == before
}

// reading makes a question of what the model said. It trusts no schema: what is
// asked must be in the list, the object one of those that the prompt shows.
func (c *dossier) reading(in inquiry) (q incident.Question, object string, ok bool) {
	digits, found := strings.CutPrefix(in.Object, "o")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 1 || n > len(c.objects) || in.Object != number(n-1) {
		return incident.Question{}, "", false
	}
	q = incident.Question{Ask: incident.Ask(in.What), Object: c.objects[n-1].ref}
	if !slices.Contains(incident.Asks(), q.Ask) {
		return incident.Question{}, "", false
	}
	if q.Ask == incident.AskLog || q.Ask == incident.AskPreviousLog {
		q.Container = in.Container
		if q.Container != "" && (len(q.Container) > maxContainerName || !containerName.MatchString(q.Container)) {
			return incident.Question{}, "", false
		}
	}
	return q, in.Object, true
}

// gain adds an answer to the case. Evidence from another namespace is none,
// whoever brings it.
func (c *dossier) gain(q incident.Question, object string, got incident.Answer) exchange {
	x := exchange{question: q, object: object, refused: got.Refused}
	foreign := got.Evidence.Source.Namespace != "" && got.Evidence.Source.Namespace != c.namespace()
	switch {
	case !got.Refused.IsEmpty():
	case foreign:
		x.refused = redact.Literal("it is of another namespace")
	case strings.TrimSpace(got.Evidence.Text.String()) == "" || c.lastID >= maxEvidenceID:
		x.refused = redact.Literal("there is nothing")
	default:
		c.lastID++
		ev := got.Evidence
		ev.ID, ev.Text = fmt.Sprintf("e%d", c.lastID), ev.Text.Truncate(maxGained)
		c.gained, c.evidence = append(c.gained, ev), append(c.evidence, ev)
		c.order()
		x.id = ev.ID
		for _, ref := range got.Objects[:min(len(got.Objects), maxNewObjects)] {
			c.addObject(ref)
		}
	}
	c.asked = append(c.asked, x)
	return x
}

// renderAsked tells the model what it asked and what came of it.
func (c *dossier) renderAsked(b *strings.Builder) {
	if len(c.asked) == 0 {
		return
	}
	b.WriteString("\nWhat you asked for:\n")
	for _, x := range c.asked {
		fmt.Fprintf(b, "%s of %s", x.question.Ask, x.object)
		if x.question.Container != "" {
			b.WriteString(", container " + redact.Name(x.question.Container).String())
		}
		if x.id != "" {
			fmt.Fprintf(b, ": evidence %s\n", x.id)
			continue
		}
		b.WriteString(": not read\n")
		quote(b, x.refused, 1)
	}
	if !c.mayAsk {
		b.WriteString("Nothing more can be asked: answer with what there is.\n")
	}
}
