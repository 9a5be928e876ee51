package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// judge answers the oldest click: who pressed, may they, does it still mean
// what the card said. The answer is a vote or a refusal with one sentence; a
// vote that completes the quorum is followed by the decision to execute.
func (g *GateEffects) judge(ctx context.Context, i incident.Incident, now time.Time) ([]incident.Body, error) {
	click := i.Clicks[0]
	if _, posted := i.Thread(); !posted && click.Genuine {
		// Slack shows a card before its answer to us is written down.
		return nil, errors.New("the press came before it was written down where the card is")
	}
	who, err := g.identify(ctx, i, click)
	if err != nil {
		return nil, fmt.Errorf("ask Slack who pressed: %w", err)
	}
	if i.Steered != nil {
		return g.judgeSteered(ctx, i, click, who, now)
	}
	cur, refusal := g.standing(i, click, now)
	if refusal.IsEmpty() && !who.Member {
		refusal = redact.Sprintf("%s, so this press does not count", who.Why)
	}
	if !refusal.IsEmpty() {
		return g.refuse(ctx, click, refusal)
	}
	click.Person.Name = who.Person.Name
	vote := &incident.Voted{Click: click.Click, Verb: click.Verb, Digest: click.Digest, Person: click.Person, Said: click.Said}
	if click.Verb == incident.Manual {
		return []incident.Body{vote}, nil // any full member may take it over
	}
	in := g.questionOf(i, cur, now)
	in.Stage, in.Verb, in.Voter, in.Reason = policy.Approve, click.Verb, who, click.Reason
	if click.Verb == incident.Review {
		in.Glass = brokenGlass(i)
	}
	d, err := g.Policy.Decide(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("may %s: %w", click.Verb, err)
	}
	if !d.Allow {
		return g.refuse(ctx, click, redact.Join("; ", d.Reasons...))
	}
	if click.Verb == incident.Approve && d.PolicyDigest != cur.Proposed.Terms.Policy {
		return g.refuse(ctx, click, newPolicy) // it was replaced while the press was judged
	}
	if click.Verb != incident.Approve {
		return []incident.Body{vote}, nil
	}
	return g.decide(ctx, cur.Proposed.Terms, in, vote)
}

var newPolicy = redact.Literal("the policy has changed since this was offered: wait for the new card")

// decide asks whether the vote completes what execution needs.
func (g *GateEffects) decide(ctx context.Context, terms action.Terms, in policy.Input, vote *incident.Voted) ([]incident.Body, error) {
	in.Stage = policy.Execute
	// A signature may come after the same person's press: one vote.
	if !slices.ContainsFunc(in.Approvals, in.Voter.Person.Is) {
		in.Approvals = append(in.Approvals, in.Voter.Person)
	}
	if vote.Signature != nil {
		in.Signed = append(in.Signed, in.Voter.Person.ID)
	}
	var err error
	if in.History, err = g.History(ctx); err != nil {
		return nil, fmt.Errorf("read what was executed lately: %w", err)
	}
	d, err := g.Policy.Decide(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("may execute: %w", err)
	}
	if d.PolicyDigest != terms.Policy {
		return nil, errors.New("the policy was replaced while the press was judged") // and is judged again
	}
	if d.Pending && !d.Allow {
		return []incident.Body{vote}, nil // more votes or a signature are needed; the card says what
	}
	if in.Glass == nil || !d.Allow {
		return []incident.Body{vote, &incident.Decided{Digest: vote.Digest, Decision: d}}, nil
	}
	// Only what would not have passed without it uses the glass up.
	closed := in
	closed.Glass = nil
	without, err := g.Policy.Decide(ctx, closed)
	if err != nil {
		return nil, fmt.Errorf("may execute without broken glass: %w", err)
	}
	return []incident.Body{vote, &incident.Decided{Digest: vote.Digest, Decision: d, Glass: !without.Allow}}, nil
}

func brokenGlass(i incident.Incident) *policy.Glass {
	return &policy.Glass{Person: i.Glass.Person, Reason: i.Glass.Reason}
}

// identify says who pressed. Slack is asked at every press; when it does not
// answer, a signature outside Slack stands for its signer.
func (g *GateEffects) identify(ctx context.Context, i incident.Incident, click incident.Clicked) (incident.Identity, error) {
	who, err := g.Thread.Identify(ctx, click.Person)
	if err != nil && click.Via == incident.ViaSigned && g.signed(i, click) == nil {
		return incident.Identity{Person: click.Person, Member: true}, nil
	}
	return who, err
}

// refuse writes the refusal down and shows it to the person, in that order of
// importance: the whisper may get lost.
func (g *GateEffects) refuse(ctx context.Context, click incident.Clicked, why redact.Text) ([]incident.Body, error) {
	if err := g.Thread.Whisper(ctx, click, why); err != nil && ctx.Err() != nil {
		return nil, err
	}
	return []incident.Body{&incident.Refused{Click: click.Click, Reason: why}}, nil
}

// questionOf is the policy input about an attempt that was rehearsed.
func (g *GateEffects) questionOf(i incident.Incident, cur *incident.Attempt, now time.Time) policy.Input {
	in := g.input(policy.Approve, i, cur.Proposed.Terms.Action, now)
	in.Facts, in.DiffCut, in.Rehearsed = cur.Report.Facts, cur.Report.DiffMissing > 0, true
	in.Undo, in.Requester = cur.Rehearsal.Undo != "", cur.Rehearsal.Requester
	for _, v := range cur.Approvals() {
		in.Approvals = append(in.Approvals, v.Person)
		if v.Signature != nil {
			in.Signed = append(in.Signed, v.Person.ID)
		}
		if in.Reason.IsEmpty() {
			in.Reason = v.Reason
		}
	}
	return in
}
