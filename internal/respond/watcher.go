package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/llm"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/watch"
)

// Collector reads the cluster live, redacting as it reads.
type Collector interface {
	Subject(ctx context.Context, ref action.Ref) (*kube.Snapshot, error)
	// Resolve completes a reference that a person typed.
	Resolve(ctx context.Context, kind, namespace, name string) (action.Ref, error)
	// Bound is the bound hash of the live target of an action.
	Bound(ctx context.Context, kind action.Kind, target action.Ref) (action.Hash, error)
}

// Explainer asks a model about what the rules leave open. The model may ask from
// for more evidence; nil answers nothing.
type Explainer interface {
	Explain(ctx context.Context, d incident.Diagnosis, evidence []incident.Evidence, from llm.Collector) (incident.Explained, error)
	Model() string
	// Spared counts a case that a rule decided.
	Spared()
}

// WatcherEffects are the steps of the watcher.
type WatcherEffects struct {
	Collector Collector
	Explainer Explainer // nil without a model
	// Ask opens what a model may ask about one subject; nil lets it ask nothing.
	Ask        func(subject action.Ref) llm.Collector
	Confidence func(rule string) incident.Confidence
	// Weigh gives a model's hypotheses their confidence; nil leaves its own word.
	Weigh    func(d incident.Diagnosis, evidence []incident.Evidence, answer *incident.Explained)
	Rules    incident.Rules
	Redactor *redact.Redactor // of what is kept for a case; nil keeps nothing
	// Announce writes the event that must stand before a model is called.
	Announce func(ctx context.Context, id incident.ID, body incident.Body) error
}

// Run does one step.
func (w *WatcherEffects) Run(ctx context.Context, i incident.Incident, step incident.Step, now time.Time) ([]incident.Body, error) {
	switch step.Do {
	case incident.DoLook:
		return w.look(ctx, i, now)
	case incident.DoObserve:
		return w.observe(ctx, i, now)
	case incident.DoConclude:
		c, ok := w.Rules.Verdict(i, now)
		if !ok {
			return nil, nil
		}
		return []incident.Body{&c}, nil
	case incident.DoClose:
		return []incident.Body{&incident.Closed{Why: step.Arg}}, nil
	case incident.DoExplain:
		return w.explain(ctx, i)
	case incident.DoKeep:
		return w.keep(ctx, i)
	default:
		return nil, fmt.Errorf("the watcher has no step %d", step.Do)
	}
}

// look collects and diagnoses. It says something only when what it found
// differs from what the incident knows.
func (w *WatcherEffects) look(ctx context.Context, i incident.Incident, now time.Time) ([]incident.Body, error) {
	found, err := w.examine(ctx, i, now)
	var absent *watch.NotFoundError
	if errors.As(err, &absent) && i.Inquiry != nil {
		return notThere(i, absent), nil
	}
	if err != nil {
		return nil, err
	}
	d := found.Diagnosis
	if found.Healthy && found.Rolling && i.Inquiry == nil {
		return nil, nil // between two revisions: neither broken nor healed
	}
	if found.Healthy || found.Missing {
		if !i.ClearedAt.IsZero() {
			return nil, nil
		}
		return []incident.Body{&incident.Cleared{Ready: d.Ready, Desired: d.Desired}}, nil
	}
	digest := diagnose.EvidenceDigest(found.Evidence)
	if i.Diagnosis != nil && i.ClearedAt.IsZero() && i.EvidenceID == digest && i.Diagnosis.Basis() == d.Basis() {
		return nil, nil
	}
	if w.Explainer != nil && d.Proven() && i.Diagnosis == nil {
		w.Explainer.Spared()
	}
	return []incident.Body{&incident.Collected{Evidence: found.Evidence, Digest: digest, Diagnosis: d}}, nil
}

// notThere answers a question about an object that does not exist.
func notThere(i incident.Incident, absent *watch.NotFoundError) []incident.Body {
	summary := redact.Sprintf("There is no %s in namespace %s.", redact.Name(i.Subject.String()), redact.Name(i.Subject.Namespace))
	if len(absent.Near) > 0 {
		near := make([]redact.Text, 0, len(absent.Near))
		for _, n := range absent.Near {
			near = append(near, redact.Name(n))
		}
		summary = redact.Sprintf("%s Did you mean %s?", summary, redact.Join(", ", near...))
	}
	return []incident.Body{&incident.Collected{Diagnosis: incident.Diagnosis{
		Cause: incident.Unknown, Root: i.Subject, Object: i.Subject, Rule: "not-found", Summary: summary,
		Confidence: incident.Confidence{Basis: redact.Literal("the API server's answer")},
	}}}
}

func (w *WatcherEffects) examine(ctx context.Context, i incident.Incident, now time.Time) (diagnose.Finding, error) {
	subject := i.Subject
	if subject.UID == "" {
		ref, err := w.Collector.Resolve(ctx, subject.Kind, subject.Namespace, subject.Name)
		if err != nil {
			return diagnose.Finding{}, fmt.Errorf("find %s: %w", subject, err)
		}
		subject = ref
	}
	snapshot, err := w.Collector.Subject(ctx, subject)
	if err != nil {
		return diagnose.Finding{}, fmt.Errorf("look at %s: %w", subject, err)
	}
	found := diagnose.Diagnose(snapshot, subject, diagnose.Options{Now: now, Confidence: w.Confidence})
	if found.Chosen() && i.Inquiry == nil {
		found.Healthy = true // nobody asked
	}
	return found, nil
}

// observe looks at what a fix has done, with the rules that found the fault.
func (w *WatcherEffects) observe(ctx context.Context, i incident.Incident, now time.Time) ([]incident.Body, error) {
	cur := i.Current()
	found, err := w.examine(ctx, i, now)
	if err != nil {
		return nil, err
	}
	d := found.Diagnosis
	seen := &incident.Observed{
		Execution: cur.Launched.Job, Ready: d.Ready, Desired: d.Desired,
		Healthy: found.Healthy && d.Ready >= d.Desired, Progress: found.Settling || found.Healthy && d.Ready < d.Desired,
	}
	if found.Missing {
		seen.Healthy = false
	} else if !found.Healthy {
		seen.Cause, seen.Summary = d.Cause, d.Summary
	}
	if i.Diagnosis != nil && seen.Ready < i.Diagnosis.Ready {
		seen.Healthy = false
	}
	if cur.Executed.Report.State == incident.StateLost {
		act := cur.Proposed.Terms.Action
		if seen.Bound, err = w.Collector.Bound(ctx, act.Kind, act.Target); err != nil {
			return nil, fmt.Errorf("read what became of %s: %w", act.Target, err)
		}
	}
	if last := cur.Observed; last != nil && *last == *seen {
		return nil, nil
	}
	return []incident.Body{seen}, nil
}

// explain asks the model. A failure of the model is an answer that the card
// shows, not an error of the step.
func (w *WatcherEffects) explain(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	if w.Explainer == nil {
		return nil, nil
	}
	key := fmt.Sprintf("explain:%s", i.EvidenceID.Short())
	if err := w.Announce(ctx, i.ID, &incident.Explaining{Key: key, Model: w.Explainer.Model()}); err != nil {
		return nil, err
	}
	var from llm.Collector
	if w.Ask != nil {
		from = w.Ask(i.Subject)
	}
	answer, err := w.Explainer.Explain(ctx, *i.Diagnosis, i.Evidence, from)
	if ctx.Err() != nil {
		return nil, ctx.Err() // the process ends; that is no failure of the model, and it is asked again after the start
	}
	if err != nil {
		answer = incident.Explained{Model: w.Explainer.Model(), Failure: redact.Literal("the model could not be asked")}
	}
	answer.Key, answer.Evidence = key, i.EvidenceID
	if w.Weigh != nil {
		w.Weigh(*i.Diagnosis, append(slices.Clip(i.Evidence), answer.Gained...), &answer)
	}
	return []incident.Body{&answer}, nil
}
