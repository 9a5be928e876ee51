package respond

import (
	"context"
	"errors"
	"fmt"

	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// hear answers the oldest press that says what the incident was. Any full member
// may say so, as any may take it over by hand; policy is not asked, because
// nothing comes of it.
func (g *GateEffects) hear(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	click := i.Sayings[0]
	if _, posted := i.Thread(); !posted && click.Genuine {
		// Slack shows a card before its answer to us is written down.
		return nil, errors.New("the press came before it was written down where the card is")
	}
	who, err := g.Thread.Identify(ctx, click.Person)
	if err != nil {
		return nil, fmt.Errorf("ask Slack who pressed: %w", err)
	}
	refusal := g.genuine(i, click)
	verdict, unfit := verdictOf(i, click)
	switch {
	case !refusal.IsEmpty():
	case !who.Member:
		refusal = redact.Sprintf("%s, so this press does not count", who.Why)
	default:
		refusal = unfit
	}
	if !refusal.IsEmpty() {
		return g.refuse(ctx, click, refusal)
	}
	verdict.By.Name = who.Person.Name
	return []incident.Body{&verdict}, nil
}

var changedClaim = redact.Literal("the card says something else by now: look at it again")

// verdictOf is what the press says of what the card claims now. Whoever names
// the cause may have done so in a form that was open for a while: that is true or
// not whatever the card says meanwhile.
func verdictOf(i incident.Incident, click incident.Clicked) (incident.Verdict, redact.Text) {
	if click.Verdict == nil {
		return incident.Verdict{}, redact.Literal("the form brought no verdict")
	}
	v, of := *click.Verdict, i.Claimed()
	v.Click, v.By, v.At, v.Of = click.Click, click.Person, click.PressedAt, of
	if v.Cause == "" && click.Digest != of.Digest() {
		return v, changedClaim
	}
	if v.Cause != "" && of.Names(v.Cause, v.Root) {
		v.Right = true
	}
	if v.Right {
		v.Cause, v.Root = of.Cause, of.Root
	}
	if err := v.Unfit(of); err != nil {
		return v, redact.Sprintf("that cannot be taken: %s", redact.Name(err.Error()))
	}
	return v, redact.Text{}
}

// keep writes down what the rules see, once for each finding that was announced.
// What cannot be replayed is not kept: then the event says why.
func (w *WatcherEffects) keep(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	if w.Redactor == nil {
		return nil, nil
	}
	snapshot, err := w.Collector.Subject(ctx, i.Subject)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", i.Subject, err)
	}
	seen := diagnose.Diagnose(snapshot, i.Subject, diagnose.Options{Now: snapshot.Taken})
	was := *i.Diagnosis
	if seen.Healthy || seen.Missing || seen.Diagnosis.Cause != was.Cause || !seen.Diagnosis.Root.Same(was.Root) {
		return nil, nil // it has moved on, and the next look says what it is now
	}
	kept := &incident.Kept{Cause: was.Cause, Root: was.Root, Rule: was.Rule, Subject: i.Subject}
	kept.Snapshot, kept.Missing = replayable(snapshot, seen, w.Redactor)
	return []incident.Body{kept}, nil
}

// replayable is the snapshot as it may be kept, if the rules say the same of it.
func replayable(s *kube.Snapshot, seen diagnose.Finding, r *redact.Redactor) (text, missing redact.Text) {
	text, err := kube.Save(s, r, incident.MaxSnapshot, seen.Subject, seen.Diagnosis.Root)
	if errors.Is(err, kube.ErrTooLarge) {
		return redact.Text{}, redact.Literal("what the rules saw is too large to be kept")
	}
	if err != nil {
		return redact.Text{}, redact.Literal("what the rules saw could not be written down")
	}
	again, err := kube.Read(text)
	if err != nil {
		return redact.Text{}, redact.Literal("what the rules saw cannot be read any more once it is redacted")
	}
	f := diagnose.Diagnose(again, seen.Subject, diagnose.Options{Now: again.Taken})
	if f.Healthy || f.Missing || f.Diagnosis.Cause != seen.Diagnosis.Cause || !f.Diagnosis.Root.Same(seen.Diagnosis.Root) {
		return redact.Text{}, redact.Literal("the rules say something else once what had to be hidden is hidden")
	}
	return text, redact.Text{}
}
