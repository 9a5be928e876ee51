package llm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// Explain asks the model for the cause of what the rules left open. The model
// may ask from for more evidence; nil answers nothing. Whatever the model or its
// service do is an answer, with Failure set where there are no hypotheses; an
// error means that ctx has ended. Key and Evidence are the caller's to fill in.
func (e *Explainer) Explain(ctx context.Context, d incident.Diagnosis, evidence []incident.Evidence, from Collector) (incident.Explained, error) {
	began := e.now()
	out := incident.Explained{Model: e.model, PromptVersion: PromptVersion}
	err := e.consult(ctx, d, evidence, from, &out)
	took := max(0, e.now().Sub(began))
	out.Took = took.Milliseconds()
	if ctx.Err() != nil {
		return incident.Explained{}, fmt.Errorf("ask model %s: %w", e.model, context.Cause(ctx))
	}
	if err != nil {
		f := asFailure(err)
		out.Hypotheses, out.Failure = nil, f.why
		if f.spent {
			e.account.overBudget()
		}
		e.log.Warn("the model gave no answer", "model", e.model, "status", f.status,
			"reason", e.redactor.Redact(f.Error()).Truncate(500).String())
	}
	e.account.explained(err == nil)
	e.tell(out, took)
	return out, nil
}

// tell logs what one case took, and all of them so far.
func (e *Explainer) tell(out incident.Explained, took time.Duration) {
	sum := e.Account()
	e.log.Info("model asked", "model", out.Model, "prompt", out.PromptVersion, "hypotheses", len(out.Hypotheses), "calls", out.Calls,
		"questions", out.Questions, "gained", len(out.Gained), "promptTokens", out.Prompt, "outputTokens", out.Answer,
		"cost", e.account.cost(out.Prompt, out.Answer), "took", took.Round(time.Millisecond).String(),
		slog.Group("sinceStart", "explained", sum.Explained, "answered", sum.Answered, "calls", sum.Calls, "callsFailed", sum.CallsFailed,
			"avoidedByRules", sum.AvoidedByRules, "avoidedByMemory", sum.AvoidedByMemory, "avoidedByBudget", sum.AvoidedByBudget,
			"promptTokens", sum.PromptTokens, "outputTokens", sum.OutputTokens, "cost", sum.Cost))
}

// consult fills in the hypotheses.
func (e *Explainer) consult(ctx context.Context, d incident.Diagnosis, evidence []incident.Evidence, from Collector, out *incident.Explained) error {
	c := newDossier(e.redactor, d, evidence)
	if len(c.evidence) == 0 {
		return fails(saidNoEvidence, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	q, a, err := e.inquire(ctx, c, from, out)
	if err != nil {
		return err
	}
	out.Model = e.answered(a.model)
	out.Hypotheses = e.sampled(ctx, c, q, c.judge(a.said, e.basis(out.Model)), out)
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
		a, err := e.counted(ctx, subject, q, out)
		if a.model != "" {
			out.Model = e.answered(a.model)
		}
		if err == nil {
			return a, nil
		}
		last = asFailure(err)
		if last.plainer && n < maxAttempts {
			continue
		}
		if !last.again || last.daily || n == maxAttempts || !pause(ctx, last.pauseBefore(n)) {
			e.ledger.heed(last)
			return answer{}, last
		}
	}
}

// counted sends one request and books what it cost.
func (e *Explainer) counted(ctx context.Context, subject string, q question, out *incident.Explained) (answer, error) {
	began := e.now()
	a, err := e.once(ctx, q)
	took := max(0, e.now().Sub(began))
	if err == nil && a.prompt+a.output == 0 { // the service counts nothing
		a.prompt, a.output = tokensOf(q.system+q.user), tokensOf(a.text)
	}
	out.Calls++
	out.Prompt, out.Answer = out.Prompt+a.prompt, out.Answer+a.output
	var f *failure
	outcome := "answered"
	if err != nil {
		f = asFailure(err)
		outcome = f.why.String()
	}
	e.ledger.came(subject, a.prompt+a.output, f)
	e.account.called(a.prompt, a.output, took, err != nil)
	e.log.Info("model call", "model", e.model, "outcome", outcome, "promptTokens", a.prompt, "outputTokens", a.output,
		"cost", e.account.cost(a.prompt, a.output), "took", took.Round(time.Millisecond).String())
	return a, err
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
		return a, &failure{why: saidSlow.text(), err: err, again: ctx.Err() == nil, service: ctx.Err() == nil}
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
