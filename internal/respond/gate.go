package respond

import (
	"context"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Thread is the incident's view in Slack.
type Thread interface {
	// Card posts the card, or updates the one that stands at at.
	Card(ctx context.Context, i incident.Incident, at incident.Posted) (incident.Posted, error)
	Note(ctx context.Context, card incident.Posted, note incident.Note) (ts string, err error)
	// Whisper shows text to one person only; it may get lost and is never the
	// only record of anything.
	Whisper(ctx context.Context, click incident.Clicked, text redact.Text) error
	// Identify asks Slack who a person is now.
	Identify(ctx context.Context, p incident.Person) (incident.Identity, error)
}

// Policy decides. An error means that it could not tell, and nothing happens.
type Policy interface {
	Decide(ctx context.Context, in policy.Input) (incident.Decision, error)
	// Digest names the policy and the settings in force.
	Digest() action.Hash
	// ApproversFor are those whom the settings name for a namespace with these
	// labels.
	ApproversFor(namespace string, labels []incident.Label) []string
}

// Launcher creates executor Jobs and reads what they report.
type Launcher interface {
	Launch(ctx context.Context, o action.Order) (jobs.Launched, error)
	// Look is the end of a Job; done is false while there is none.
	Look(ctx context.Context, job string) (end jobs.Finished, done bool, err error)
	// ServerNow is the API server's time, the only clock of orders.
	ServerNow(ctx context.Context) (time.Time, error)
}

// GateEffects are the steps of the gate.
type GateEffects struct {
	Thread   Thread
	Policy   Policy
	Launcher Launcher
	Key      action.SigningKey
	Rules    incident.Rules
	// Signers are the keys of the second factor, as they are in the cluster now.
	Signers  func() action.AllowedSigners
	Steering Steering
	// Fresh asks the cluster itself, at that moment, whether the kill switch is
	// thrown; empty means that it is not.
	Fresh func(ctx context.Context) (halt string, err error)
	// History is what was executed lately, for quotas.
	History func(ctx context.Context) ([]policy.Execution, error)
	Cards   *Cards
	Gather  *Gather
}

// Run does one step.
func (g *GateEffects) Run(ctx context.Context, i incident.Incident, step incident.Step, now time.Time) ([]incident.Body, error) {
	switch step.Do {
	case incident.DoCard:
		return g.card(ctx, i)
	case incident.DoNote:
		return g.note(ctx, i, step.Arg)
	case incident.DoJudge:
		return g.judge(ctx, i, now)
	case incident.DoPlan:
		return g.plan(ctx, i, now)
	case incident.DoRehearsal:
		return g.rehearsal(ctx, i)
	case incident.DoPropose:
		return g.propose(ctx, i, now)
	case incident.DoLapse:
		return []incident.Body{&incident.Lapsed{Digest: i.Current().Proposed.Digest, Why: step.Arg}}, nil
	case incident.DoLaunch:
		return g.launch(ctx, i)
	case incident.DoReport:
		return g.report(ctx, i)
	case incident.DoAdopt:
		return g.adopt(ctx, i)
	case incident.DoHear:
		return g.hear(ctx, i)
	default:
		return nil, fmt.Errorf("the gate has no step %d", step.Do)
	}
}

// plan takes the first candidate that was not tried for this finding, asks
// policy whether it may be proposed at all, and starts its rehearsal.
func (g *GateEffects) plan(ctx context.Context, i incident.Incident, now time.Time) ([]incident.Body, error) {
	attempt := len(i.Attempts) + 1
	start, reasons := g.choose(i)
	start.Attempt = attempt
	if why := g.Rules.Halted(); why != "" {
		// Nothing is asked or rehearsed while everything is halted; an undo or
		// an edit that waits is answered by the same sentence.
		start.Basis, reasons = incident.HaltBasis(why), []redact.Text{redact.Name(why)}
	}
	if reasons != nil {
		return []incident.Body{&incident.Withheld{Attempt: attempt, Basis: start.Basis, Reasons: reasons}}, nil
	}
	in := g.input(policy.Propose, i, start.Candidate.Action, now)
	in.Undo = start.Undo != ""
	in.Requester = start.Requester
	d, err := g.Policy.Decide(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("may propose: %w", err)
	}
	if !d.Allow {
		return []incident.Body{&incident.Withheld{Attempt: attempt, Basis: start.Basis, Reasons: d.Reasons, Until: d.Until}}, nil
	}
	return g.rehearse(ctx, i, start, d)
}

// choose picks what the next attempt is about, or says why there is nothing.
func (g *GateEffects) choose(i incident.Incident) (incident.Rehearsing, []redact.Text) {
	if u := i.Undoing; u != nil {
		done := i.ByDigest(u.Digest)
		start := incident.Rehearsing{Basis: "undo:" + u.Digest.Short(), Undo: done.Launched.Job, Requester: u.Person}
		inverse, ok := done.Proposed.Terms.Action.Inverse()
		if !ok {
			return start, []redact.Text{redact.Literal("this change has no inverse")}
		}
		start.Candidate = incident.Candidate{Action: inverse, Why: redact.Literal("takes back what was changed")}
		return start, nil
	}
	if e := i.Editing; e != nil {
		before := i.ByDigest(e.Digest)
		edited := before.Proposed.Terms.Action
		edited.Params, edited.Bound = *e.Params, ""
		why := redact.Sprintf("edited by %s", e.Person.Name)
		return incident.Rehearsing{
			Basis: before.Basis, Edited: true, Requester: e.Person,
			Candidate: incident.Candidate{Action: edited, Why: why},
		}, nil
	}
	d := i.Diagnosis
	start := incident.Rehearsing{Basis: d.Basis()}
	if !d.Owner.IsEmpty() {
		return start, []redact.Text{redact.Sprintf("managed by %s, which would revert a change made here: change it at the source", d.Owner)}
	}
	if len(d.Candidates) == 0 {
		return start, []redact.Text{redact.Literal("no safe automatic fix for this cause: follow the steps")}
	}
	start.Candidate = d.Candidates[0]
	if p := start.Candidate.Action.Params.SetImage; p != nil && p.Typed {
		// The watcher's records are not sealed, and nobody has typed this one.
		return start, []redact.Text{redact.Literal("only a person may name an image that never ran here")}
	}
	return start, nil
}

// rehearse signs a rehearsal, writes it down and starts its Job. The Job comes
// after the event: a crash in between leaves an order that is repeated or
// expires, never a Job that nobody remembers.
func (g *GateEffects) rehearse(ctx context.Context, i incident.Incident, start incident.Rehearsing, d incident.Decision) ([]incident.Body, error) {
	clock, err := g.Launcher.ServerNow(ctx)
	if err != nil {
		return nil, err
	}
	terms := action.NewTerms(start.Candidate.Action, d.PolicyDigest, clock.Add(g.Rules.Timing.Offer))
	name, err := action.JobName(action.Rehearse, terms, start.Attempt%10)
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	order, err := action.Order{
		Execution: name, Incident: string(i.ID), Mode: action.Rehearse, Terms: terms, Decision: d.InputDigest,
		ExpiresAt: clock.Add(action.OrderLife).UTC().Truncate(time.Second),
	}.Sign(g.Key)
	if err != nil {
		return nil, err
	}
	if start.Order, err = order.Encode(); err != nil {
		return nil, err
	}
	start.Job, start.ExpiresAt = name, order.ExpiresAt
	return []incident.Body{&start}, nil
}

// rehearsal makes sure that the rehearsal's Job exists and reads its end.
func (g *GateEffects) rehearsal(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	cur := i.Current()
	report, done, err := g.follow(ctx, action.Rehearse, cur.Rehearsal.Job, cur.Rehearsal.Order, cur.Rehearsal.ExpiresAt)
	if err != nil || !done {
		return nil, err
	}
	return []incident.Body{&incident.Rehearsed{Attempt: cur.N, Report: report}}, nil
}

// propose offers what was rehearsed, if policy still allows it with the facts
// that the rehearsal brought.
func (g *GateEffects) propose(ctx context.Context, i incident.Incident, now time.Time) ([]incident.Body, error) {
	cur := i.Current()
	withhold := func(reasons ...redact.Text) ([]incident.Body, error) {
		return []incident.Body{&incident.Withheld{Attempt: cur.N, Basis: cur.Basis, Reasons: reasons}}, nil
	}
	if cur.Report.State != incident.StateRehearsed {
		return withhold(redact.Sprintf("the rehearsal was refused: %s", cur.Report.Reason))
	}
	if cur.Rehearsal.Undo != "" && !undoes(i, cur) {
		return withhold(redact.Literal("the object was changed since the fix, so it is not taken back automatically"))
	}
	act := cur.Rehearsal.Candidate.Action
	act.Bound = cur.Report.Before
	in := g.input(policy.Propose, i, act, now)
	in.Facts, in.DiffCut, in.Undo, in.Requester = cur.Report.Facts, cur.Report.DiffMissing > 0, cur.Rehearsal.Undo != "", cur.Rehearsal.Requester
	in.Rehearsed = true
	d, err := g.Policy.Decide(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("may propose: %w", err)
	}
	if !d.Allow {
		return []incident.Body{&incident.Withheld{Attempt: cur.N, Basis: cur.Basis, Reasons: d.Reasons, Until: d.Until}}, nil
	}
	clock, err := g.Launcher.ServerNow(ctx)
	if err != nil {
		return nil, err
	}
	terms := action.NewTerms(act, d.PolicyDigest, clock.Add(g.Rules.Timing.Offer))
	digest, err := terms.Digest()
	if err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	p := &incident.Proposed{Attempt: cur.N, Terms: terms, Digest: digest, Decision: d, Button: in.Mode == incident.ModeApprove}
	for _, id := range g.Policy.ApproversFor(i.Subject.Namespace, cur.Report.Facts.NamespaceLabels) {
		p.Approvers = append(p.Approvers, redact.Name(id))
	}
	return []incident.Body{p}, nil
}

// input fills what every policy question holds.
func (g *GateEffects) input(stage policy.Stage, i incident.Incident, act action.Action, now time.Time) policy.Input {
	in := policy.Input{Stage: stage, Now: now, Action: act, Mode: incident.ModeOff}
	if g.Rules.Mode != nil {
		in.Mode = g.Rules.Mode(act.Target.Namespace)
	}
	if i.Diagnosis != nil {
		in.Cause, in.Confidence = i.Diagnosis.Cause, i.Diagnosis.Confidence
	}
	if i.GlassOpen(now) {
		in.Glass = brokenGlass(i)
	}
	return in
}
