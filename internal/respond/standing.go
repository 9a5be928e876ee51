package respond

import (
	"errors"
	"reflect"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

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
	if click.Verb == incident.Reject {
		return g.Signers().VerifyRejection(cur.Proposed.Terms, *click.Signature, click.PressedAt)
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
		if click.Verb != incident.Approve && click.Verb != incident.Reject {
			return redact.Literal("a signature approves or rejects and does nothing else")
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
