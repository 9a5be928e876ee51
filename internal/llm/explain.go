package llm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxAttempts is how often one question is sent, at most.
const maxAttempts = 3

// attemptTimeout is for one request, so that one that hangs leaves time for
// another.
const attemptTimeout = 40 * time.Second

// Explain asks the model for the cause of what the rules left open. Whatever
// the model or its service do is an answer, with Failure set where there are no
// hypotheses; an error means that ctx has ended. Key and Evidence are the
// caller's to fill in.
func (e *Explainer) Explain(ctx context.Context, d incident.Diagnosis, evidence []incident.Evidence) (incident.Explained, error) {
	began := e.now()
	out := incident.Explained{Model: e.model}
	err := e.consult(ctx, d, evidence, &out)
	out.Took = max(0, e.now().Sub(began).Milliseconds())
	if ctx.Err() != nil {
		return incident.Explained{}, fmt.Errorf("ask model %s: %w", e.model, context.Cause(ctx))
	}
	if err != nil {
		f := asFailure(err)
		out.Hypotheses, out.Failure = nil, f.why
		e.log.Warn("the model gave no answer", "model", e.model, "status", f.status,
			"reason", e.redactor.Redact(f.Error()).Truncate(500).String())
	}
	return out, nil
}

// consult fills in the hypotheses.
func (e *Explainer) consult(ctx context.Context, d incident.Diagnosis, evidence []incident.Evidence, out *incident.Explained) error {
	c := newDossier(e.redactor, d, evidence)
	if len(c.evidence) == 0 {
		return fails(saidNoEvidence, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	q, err := c.question()
	if err != nil {
		return err
	}
	a, known := e.ledger.recall(q)
	if !known {
		if a, err = e.statement(ctx, c.subject(), q, out); err != nil {
			return err
		}
		e.ledger.keep(q, a)
	}
	out.Model = e.answered(a.model)
	out.Hypotheses = c.judge(a.said, e.basis(out.Model))
	if len(out.Hypotheses) == 0 {
		return fails(saidNothing, nil)
	}
	return nil
}

// repairNote is added to the case when an answer was of the wrong form. The
// answer itself is not repeated: it is foreign text.
const repairNote = "\n\nAn earlier answer to this case was not a JSON object of the given schema and was thrown away. " +
	"Answer with that JSON object alone, without a code fence."

// statement asks until an answer has the right form, twice at most.
func (e *Explainer) statement(ctx context.Context, subject string, q question, out *incident.Explained) (answer, error) {
	a, err := e.ask(ctx, subject, q, out)
	if err != nil {
		return answer{}, err
	}
	if a.said, err = readStatement(a.text, q.form); err == nil {
		return a, nil
	}
	q.user += repairNote
	if a, err = e.ask(ctx, subject, q, out); err != nil {
		return answer{}, err
	}
	if a.said, err = readStatement(a.text, q.form); err != nil {
		return answer{}, fails(saidWrongForm, errors.New("twice")) // err may quote the model
	}
	return a, nil
}

// ask sends a question until it has an answer, patience ends, or the budget.
func (e *Explainer) ask(ctx context.Context, subject string, q question, out *incident.Explained) (answer, error) {
	var last *failure
	for n := 1; ; n++ {
		if f := e.ledger.take(subject); f != nil {
			if last != nil {
				f = last
			}
			return answer{}, f
		}
		a, err := e.once(ctx, q)
		out.Prompt, out.Answer = out.Prompt+a.prompt, out.Answer+a.output
		e.ledger.spend(subject, a.prompt+a.output)
		if a.model != "" {
			out.Model = e.answered(a.model)
		}
		if err == nil {
			return a, nil
		}
		last = asFailure(err)
		if !last.again || last.daily || n == maxAttempts || !pause(ctx, last.pauseBefore(n)) {
			e.ledger.heed(last)
			return answer{}, last
		}
	}
}

// once sends one request.
func (e *Explainer) once(ctx context.Context, q question) (answer, error) {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	a, err := e.backend.ask(attempt, q)
	switch {
	case err == nil:
		return a, nil
	case errors.Is(err, errSecret):
		return a, fails(saidSecret, err)
	case attempt.Err() != nil:
		return a, &failure{why: saidSlow.text(), err: err, again: ctx.Err() == nil}
	}
	return a, err
}

// asFailure makes sure that there is a sentence.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{err: err, why: sentence(0).text()}
}

// pauseBefore is the pause after the nth attempt: what the service asked for,
// or one and two seconds. The added fraction keeps incidents from knocking
// together.
func (f *failure) pauseBefore(n int) time.Duration {
	wait := f.after
	if wait <= 0 {
		wait = time.Second << (n - 1)
	}
	return wait + rand.N(wait/10+time.Millisecond)
}

// pause waits; false, and at once, where ctx would not live to see the end.
func pause(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// answered names the model that answered. A name that is none is not repeated.
func (e *Explainer) answered(version string) string {
	version = strings.TrimPrefix(version, "models/")
	switch {
	case version == "":
		return e.model
	case !otherModel.MatchString(version) || e.redactor.Redact(version).String() != version:
		return "unnamed"
	}
	return version
}

// releases are the endings of one model's dated or numbered versions; anything
// else, such as -lite, is another model.
var releases = regexp.MustCompile(`^(-[0-9][0-9-]*)?$`)

// basis says where the confidence comes from, and that another model than the
// one asked for answered: services reroute retired models without a word.
func (e *Explainer) basis(answered string) redact.Text {
	rest, same := strings.CutPrefix(answered, e.model)
	if same && releases.MatchString(rest) || strings.HasSuffix(e.model, "-latest") {
		return redact.Literal("model, uncalibrated")
	}
	return redact.Sprintf("model %s in place of %s, uncalibrated", redact.Name(answered), redact.Name(e.model))
}
