package respond

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// otherPolicy is the same policy under another digest.
type otherPolicy struct{ Policy }

func (otherPolicy) Digest() action.Hash { return after }

func TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		who   incident.Person
		verb  incident.Verb
		world func(*world)
		click func(*incident.Clicked)
		says  string
	}{
		"a guest": {who: alice, says: "is a guest", world: func(w *world) {
			w.thread.strange["U1"] = redact.Literal("this account is a guest")
		}},
		"no approver":          {who: carol, says: "you are not among the approvers"},
		"no approver, reject":  {who: carol, verb: incident.Reject, says: "you are not among the approvers"},
		"an older digest":      {who: alice, click: func(c *incident.Clicked) { c.Digest = before }, says: "the card has changed"},
		"no digest":            {who: alice, click: func(c *incident.Clicked) { c.Digest = "" }, says: "the card has changed"},
		"another message":      {who: alice, click: func(c *incident.Clicked) { c.Message = "9.9" }, says: "not the card"},
		"another channel":      {who: alice, click: func(c *incident.Clicked) { c.Channel = "C2" }, says: "not the card"},
		"an edited card":       {who: alice, click: func(c *incident.Clicked) { c.Genuine = false }, says: "not the card"},
		"an edited card, hand": {who: carol, verb: incident.Manual, click: func(c *incident.Clicked) { c.Genuine = false }, says: "not the card"},
		"pressed too late": {who: alice, says: "expired", click: func(c *incident.Clicked) {
			c.PressedAt = c.PressedAt.Add(15 * time.Minute)
		}},
		"pressed in time, judged too late": {who: alice, says: "expired", world: func(w *world) { w.now = w.now.Add(15 * time.Minute) },
			click: func(c *incident.Clicked) { c.PressedAt = noon }},
		"the policy is another by now": {who: alice, says: "the policy has changed", world: func(w *world) {
			w.effects.Policy = otherPolicy{w.effects.Policy}
		}},
		"nothing to undo": {who: alice, verb: incident.Undo, says: "nothing left to undo"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.offered()
			if c.world != nil {
				c.world(w)
			}
			verb := c.verb
			if verb == "" {
				verb = incident.Approve
			}
			w.press(c.who, verb, c.click)
			if !strings.Contains(w.thread.told(), c.says) {
				t.Errorf("told %q, want %q", w.thread.told(), c.says)
			}
			i := w.load()
			if cur := i.Current(); len(cur.Votes) > 0 || cur.Decided != nil || !cur.Open() || i.Taken != nil || i.Undoing != nil {
				t.Errorf("the press had an effect: %+v", cur)
			}
			if len(i.Clicks) != 0 {
				t.Error("the click is still waiting")
			}
		})
	}
}

func TestAnEmptyApproverListMeansNobody(t *testing.T) {
	for name, set := range map[string]func(*policy.Settings){
		"no list at all":                 func(s *policy.Settings) { s.Approvers = nil },
		"an empty list":                  func(s *policy.Settings) { s.Approvers = map[string][]string{"*": {}} },
		"an empty list of the namespace": func(s *policy.Settings) { s.Approvers["shop"] = []string{} },
	} {
		for _, verb := range []incident.Verb{incident.Approve, incident.Reject} {
			t.Run(name+", "+string(verb), func(t *testing.T) {
				w := newWorld(t, set)
				w.offered()
				w.press(alice, verb, nil)
				if got := w.thread.told(); !strings.Contains(got, "nobody is named as an approver") {
					t.Errorf("told %q", got)
				}
				if cur := w.load().Current(); len(cur.Votes) != 0 || cur.Decided != nil || !cur.Open() {
					t.Errorf("a press counted: %+v", cur)
				}
			})
		}
	}
}

func TestOneApprovalIsDecidedOrderedExecutedAndNamed(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.offered()
	w.applied()
	cur := w.load().Current()
	order, err := action.ReadOrder(cur.Launched.Order, action.Keys{"k1": w.effects.Key.Private.Public().(ed25519.PublicKey)})
	if err != nil {
		t.Fatal(err)
	}
	if order.Proposal != digest || order.Mode != action.Apply || order.After != after || order.Decision != cur.Decided.Decision.InputDigest {
		t.Errorf("order %+v", order)
	}
	if len(order.Stamps.ApprovedBy) != 1 || order.Stamps.ApprovedBy[0] != alice.ID {
		t.Errorf("stamps %+v", order.Stamps)
	}
	if cur.Executed.Report.State != incident.StateApplied || w.launcher.launches != 2 {
		t.Errorf("%+v after %d launches", cur.Executed, w.launcher.launches)
	}
}

func TestAQuorumOfTwoNeedsTwoPeople(t *testing.T) {
	w := newWorld(t, func(s *policy.Settings) { s.Quorum = map[string]int{"low": 2, "medium": 2, "high": 2} })
	w.offered()
	w.press(alice, incident.Approve, nil)
	if cur := w.load().Current(); len(cur.Votes) != 1 || cur.Decided != nil {
		t.Fatalf("after one vote: %+v", cur)
	}
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "your vote is counted already") {
		t.Fatalf("told %q", got)
	}
	if cur := w.load().Current(); len(cur.Votes) != 1 || cur.Decided != nil {
		t.Fatalf("after the same vote twice: %+v", cur)
	}
	w.press(bob, incident.Approve, nil)
	if cur := w.load().Current(); len(cur.Votes) != 2 || cur.Decided == nil || !cur.Decided.Decision.Allow {
		t.Fatalf("after two votes: %+v", cur)
	}
	w.press(bob, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "decided already; it runs at most once") {
		t.Errorf("told %q", got)
	}
}

func TestVotesForAnOfferThatWasPlannedAgainAreVoid(t *testing.T) {
	w := newWorld(t, func(s *policy.Settings) { s.Quorum = map[string]int{"low": 2, "medium": 2, "high": 2} })
	w.offered()
	w.press(alice, incident.Approve, nil)
	d := *w.load().Diagnosis
	other := fixImage()
	other.Action.Params.SetImage.To = "shop/web:0"
	d.Candidates = []incident.Candidate{other}
	w.says(w.watcher, &incident.Collected{Digest: after, Diagnosis: d})
	w.act(incident.DoLapse)
	w.rehearsed(before, after)
	w.act(incident.DoPropose)
	w.press(bob, incident.Approve, nil)
	if cur := w.load().Current(); len(cur.Votes) != 1 || cur.Votes[0].Person.ID != bob.ID || cur.Decided != nil {
		t.Errorf("after one vote for the new offer: %+v", cur)
	}
}

func TestARejectionByAnApproverEndsTheOffer(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.press(bob, incident.Reject, nil)
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "no longer stands (rejected)") {
		t.Errorf("told %q", got)
	}
	if cur := w.load().Current(); cur.Decided != nil || len(cur.Approvals()) != 0 {
		t.Errorf("%+v", cur)
	}
}

func TestAnyMemberMayTakeOverByHandOnceAndAGuestMayNot(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.thread.strange["U3"] = redact.Literal("this account is a guest")
	w.press(carol, incident.Manual, nil)
	if w.load().Taken != nil || !strings.Contains(w.thread.told(), "guest") {
		t.Fatalf("a guest took it over, told %q", w.thread.told())
	}
	delete(w.thread.strange, "U3")
	w.press(carol, incident.Manual, nil)
	if i := w.load(); i.Taken == nil || i.Taken.ID != carol.ID || i.Current().Open() {
		t.Fatalf("taken %+v", i.Taken)
	}
	w.press(bob, incident.Manual, nil)
	if got := w.thread.told(); !strings.Contains(got, "taken it over already") {
		t.Errorf("told %q", got)
	}
}

func TestAnUndoIsRehearsedOfferedAndNeedsSomebodyElse(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.applied()
	w.press(bob, incident.Undo, nil)
	job := w.load().Current().Launched.Job
	w.says(w.watcher,
		&incident.Observed{Execution: job, Healthy: true, Ready: 2, Desired: 2},
		&incident.Concluded{Execution: job, Result: incident.Recovered})
	w.rehearsed(after, before)
	w.act(incident.DoPropose)
	cur := w.load().Current()
	if cur.Proposed == nil || cur.Rehearsal.Undo != job || cur.Proposed.Terms.Action.Params.SetImage.To != "shop/web:2" {
		t.Fatalf("%+v %v", cur.Proposed, cur.Reasons)
	}
	w.press(bob, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "who asked for a change cannot approve it") {
		t.Fatalf("told %q", got)
	}
	w.press(alice, incident.Approve, nil)
	if cur := w.load().Current(); cur.Decided == nil || !cur.Decided.Decision.Allow {
		t.Errorf("%+v", cur.Decided)
	}
}

func TestAnUndoOfAnObjectThatSomebodyChangedSinceIsWithheld(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.applied()
	w.press(bob, incident.Undo, nil)
	job := w.load().Current().Launched.Job
	w.says(w.watcher,
		&incident.Observed{Execution: job, Healthy: true, Ready: 2, Desired: 2},
		&incident.Concluded{Execution: job, Result: incident.Recovered})
	w.rehearsed(action.Hash(strings.Repeat("c", 64)), before)
	w.act(incident.DoPropose)
	cur := w.load().Current()
	if cur.Proposed != nil || len(cur.Reasons) != 1 || !strings.Contains(cur.Reasons[0].String(), "changed since the fix") {
		t.Errorf("%+v %v", cur.Proposed, cur.Reasons)
	}
}

func TestWhenItCannotBeToldWhoOrWhetherNothingHappensAndThePressWaits(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"Slack does not say who": func(w *world) { w.thread.err = errors.New("no answer") },
		"the log cannot be read": func(w *world) {
			w.effects.History = func(context.Context) ([]policy.Execution, error) { return nil, errors.New("no answer") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			digest := w.offered()
			w.says(w.gate, &incident.Clicked{
				Click: "k", Verb: incident.Approve, Digest: digest, Person: alice,
				Channel: "C1", Message: "1.1", Genuine: true, PressedAt: w.now,
			})
			was := w.load()
			spoil(w)
			if err := w.try(incident.DoJudge); err == nil {
				t.Fatal("no error")
			}
			if i := w.load(); i.Version != was.Version || len(i.Clicks) != 1 {
				t.Errorf("something was written: %+v", i)
			}
		})
	}
}
