package respond

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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

// signed checks the signature of a press against the keys as they are now.
func (g *GateEffects) signed(i incident.Incident, click incident.Clicked) error {
	cur := i.ByDigest(click.Digest)
	switch {
	case click.Via != incident.ViaSigned || click.Signature == nil || click.Signature.Signer != click.Person.ID:
		return errors.New("the press brings no signature of its own")
	case cur == nil:
		return errors.New("it is for another offer")
	case g.Signers == nil:
		return errors.New("no signers are known")
	}
	return g.Signers().Verify(cur.Proposed.Terms, *click.Signature, click.PressedAt)
}

// standing checks that the click is about something that still stands, and says
// in one sentence what does not.
func (g *GateEffects) standing(i incident.Incident, click incident.Clicked, now time.Time) (*incident.Attempt, redact.Text) {
	if refusal := g.genuine(i, click); !refusal.IsEmpty() {
		return nil, refusal
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
	if click.Verb == incident.Review {
		if !i.ReviewOwed() {
			return nil, redact.Literal("no review is owed here")
		}
		return cur, redact.Text{}
	}
	if why := g.Rules.Halted(); why != "" && click.Verb != incident.Reject {
		return nil, redact.Name(why)
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
	case cur.Proposed.Terms.Policy != g.Policy.Digest():
		return nil, newPolicy
	case !click.PressedAt.Before(cur.Proposed.Terms.ExpiresAt), !now.Before(cur.Proposed.Terms.ExpiresAt):
		// A press in time that is judged late could get no order any more.
		return nil, redact.Literal("this offer has expired")
	}
	for _, v := range cur.Votes {
		if v.Person.Is(click.Person) && (click.Signature == nil || v.Signature != nil) {
			return nil, redact.Literal("your vote is counted already")
		}
	}
	if click.Verb == incident.Edit {
		return cur, unfit(cur.Proposed.Terms.Action, click.Params)
	}
	return cur, redact.Text{}
}

// unfit says why the edited parameters cannot be those of the same change.
func unfit(act action.Action, p *action.Params) redact.Text {
	if p == nil {
		return redact.Literal("the form brought no parameters")
	}
	edited := act
	edited.Params = *p
	if err := edited.Validate(); err != nil {
		return redact.Sprintf("that cannot be offered: %s", redact.Name(err.Error()))
	}
	switch was := act.Params; {
	case was.SetImage != nil && p.SetImage != nil:
		chosen := *was.SetImage
		if chosen.To == p.SetImage.To {
			return redact.Literal("nothing was changed in the form")
		}
		chosen.To, chosen.Typed = p.SetImage.To, true
		was.SetImage = &chosen
		return unless(reflect.DeepEqual(was, *p))
	case was.SetResources != nil && p.SetResources != nil:
		chosen := *was.SetResources
		if chosen == *p.SetResources {
			return redact.Literal("nothing was changed in the form")
		}
		chosen.ToMemoryLimit, chosen.ToMemoryRequest = p.SetResources.ToMemoryLimit, p.SetResources.ToMemoryRequest
		was.SetResources = &chosen
		return unless(reflect.DeepEqual(was, *p))
	}
	return redact.Literal("this change has nothing that can be edited")
}

// unless refuses an edit of more than the form has fields for.
func unless(same bool) redact.Text {
	if same {
		return redact.Text{}
	}
	return redact.Literal("only the new value may be edited, not what it is about")
}

// genuine checks that the press came from the card that we posted, or carries a
// signature that needs no card.
func (g *GateEffects) genuine(i incident.Incident, click incident.Clicked) redact.Text {
	if click.Via == incident.ViaSigned {
		if click.Verb != incident.Approve {
			return redact.Literal("a signature approves and does nothing else")
		}
		if err := g.signed(i, click); err != nil {
			return redact.Sprintf("the signature does not count: %s", redact.Name(err.Error()))
		}
		return redact.Text{}
	}
	if card, _ := i.Thread(); !click.Genuine || click.Channel != card.Channel || click.Message != card.TS {
		return redact.Literal("this is not the card that Countersign posted, so the press does not count")
	}
	return redact.Text{}
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
