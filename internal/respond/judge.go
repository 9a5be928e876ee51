package respond

import (
	"context"
	"fmt"
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
	who, err := g.Thread.Identify(ctx, click.Person)
	if err != nil {
		return nil, fmt.Errorf("ask Slack who pressed: %w", err)
	}
	cur, refusal := standing(i, click, g.Policy.Digest(), now)
	if refusal.IsEmpty() && !who.Member {
		refusal = redact.Sprintf("%s, so this press does not count", who.Why)
	}
	if !refusal.IsEmpty() {
		return g.refuse(ctx, click, refusal)
	}
	click.Person.Name = who.Person.Name
	vote := &incident.Voted{Click: click.Click, Verb: click.Verb, Digest: click.Digest, Person: click.Person}
	if click.Verb == incident.Manual {
		return []incident.Body{vote}, nil // any full member may take it over
	}
	in := g.questionOf(i, cur, now)
	in.Stage, in.Verb, in.Voter = policy.Approve, click.Verb, who
	d, err := g.Policy.Decide(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("may %s: %w", click.Verb, err)
	}
	if !d.Allow {
		return g.refuse(ctx, click, redact.Join("; ", d.Reasons...))
	}
	if click.Verb != incident.Approve {
		return []incident.Body{vote}, nil
	}
	in.Stage = policy.Execute
	in.Approvals = append(in.Approvals, who.Person)
	if in.History, err = g.History(ctx); err != nil {
		return nil, fmt.Errorf("read what was executed lately: %w", err)
	}
	d, err = g.Policy.Decide(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("may execute: %w", err)
	}
	if !d.Allow && d.Quorum > len(in.Approvals) {
		return []incident.Body{vote}, nil // more votes are needed; the card says how many
	}
	return []incident.Body{vote, &incident.Decided{Digest: click.Digest, Decision: d}}, nil
}

// standing checks that the click is about something that still stands, and says
// in one sentence what does not.
func standing(i incident.Incident, click incident.Clicked, inForce action.Hash, now time.Time) (*incident.Attempt, redact.Text) {
	card, _ := i.Thread()
	if !click.Genuine || click.Channel != card.Channel || click.Message != card.TS {
		return nil, redact.Literal("this is not the card that Countersign posted, so the press does not count")
	}
	if click.Verb == incident.Manual {
		if i.Taken != nil {
			return nil, redact.Literal("somebody has taken it over already")
		}
		return nil, redact.Text{}
	}
	cur := i.ByDigest(click.Digest)
	if cur == nil {
		return nil, redact.Literal("the card has changed since: look at it again")
	}
	if click.Verb == incident.Undo {
		if cur.Executed == nil || cur.Executed.Report.State != incident.StateApplied || i.Current().N != cur.N || i.Undoing != nil {
			return nil, redact.Literal("there is nothing left to undo here")
		}
		return cur, redact.Text{}
	}
	switch {
	case cur.Decided != nil || cur.Launched != nil:
		return nil, redact.Literal("this fix was decided already; it runs at most once")
	case cur.Lapsed != "":
		return nil, redact.Sprintf("this offer no longer stands (%s)", redact.Name(cur.Lapsed))
	case !cur.Open():
		return nil, redact.Literal("this fix is not open for approval")
	case cur.Proposed.Terms.Policy != inForce:
		return nil, redact.Literal("the policy has changed since this was offered: wait for the new card")
	case !click.PressedAt.Before(cur.Proposed.Terms.ExpiresAt), !now.Before(cur.Proposed.Terms.ExpiresAt):
		// A press in time that is judged late could get no order any more.
		return nil, redact.Literal("this offer has expired")
	}
	for _, v := range cur.Votes {
		if v.Person.ID == click.Person.ID && v.Person.Team == click.Person.Team {
			return nil, redact.Literal("your vote is counted already")
		}
	}
	return cur, redact.Text{}
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
	}
	return in
}
