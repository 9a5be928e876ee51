package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// offered is a story with a posted card and an open offer.
func offered(t *testing.T, quorum int) (*story, action.Hash) {
	t.Helper()
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	digest := digestOf(t, s.rehearsed(quorum))
	s.posted()
	return s, digest
}

// first is the gate's step of the act lane.
func (s *story) acts() (incident.Do, string) {
	s.t.Helper()
	steps, _ := s.rules.Due(s.i, incident.Gate, s.now, func(string) time.Time { return time.Time{} })
	for _, step := range steps {
		if step.Lane == incident.Act {
			return step.Do, step.Arg
		}
	}
	return 0, ""
}

func (s *story) wants(do incident.Do, arg string) {
	s.t.Helper()
	if gotDo, gotArg := s.acts(); gotDo != do || !strings.HasPrefix(gotArg, arg) {
		s.t.Fatalf("due %d %q, want %d %q", gotDo, gotArg, do, arg)
	}
}

func (s *story) edits(p incident.Person, digest action.Hash, image string) {
	s.t.Helper()
	said := incident.Said{Via: incident.ViaForm, Params: &action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: image},
	}}
	s.gate(&incident.Clicked{Click: "edit", Verb: incident.Edit, Digest: digest, Person: p, Genuine: true, Said: said})
	s.gate(&incident.Voted{Click: "edit", Verb: incident.Edit, Digest: digest, Person: p, Said: said})
}

func TestAnEditVoidsTheVotesAndItsEditorDoesNotCount(t *testing.T) {
	s, digest := offered(t, 2)
	s.votes(bob, incident.Approve, digest)
	s.edits(alice, digest, "shop/web:3")
	if cur := s.i.Current(); cur.Open() || cur.Lapsed != "edited" {
		t.Fatalf("the first offer still stands: %+v", cur)
	}
	s.refuses(incident.Gate, &incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}}, "not open")
	s.wants(incident.DoPlan, "edit:edit")

	edited := setImage()
	edited.Params.SetImage.To = "shop/web:3"
	s.gate(&incident.Rehearsing{Attempt: 2, Basis: s.i.Attempts[0].Basis, Candidate: incident.Candidate{Action: edited}, Edited: true, Requester: alice, Job: "cs-r2"})
	if s.i.Editing != nil {
		t.Fatal("the edit is planned twice")
	}
	s.gate(&incident.Rehearsed{Attempt: 2, Report: incident.ExecutorReport{State: incident.StateRehearsed, UID: web.UID, Before: before, After: after}})
	edited.Bound = before
	terms := action.NewTerms(edited, before, s.now.Add(time.Minute))
	next := digestOf(t, terms)
	if next == digest {
		t.Fatal("the edit has the digest of what it replaces")
	}
	s.gate(&incident.Proposed{Attempt: 2, Terms: terms, Digest: next, Button: true, Decision: incident.Decision{Allow: true, Quorum: 1}})
	s.votes(alice, incident.Approve, next)
	s.refuses(incident.Gate, &incident.Decided{Digest: next, Decision: incident.Decision{Allow: true, Quorum: 1}}, "0 of 1 votes")
	s.now = s.now.Add(time.Second)
	s.votes(bob, incident.Approve, next)
	s.gate(&incident.Decided{Digest: next, Decision: incident.Decision{Allow: true, Quorum: 1}})
}

func TestAnEditThatComesToNothingIsSaidAndTheFirstFixIsPlannedAgain(t *testing.T) {
	s, digest := offered(t, 1)
	s.edits(alice, digest, "shop/web:3")
	s.gate(&incident.Withheld{Attempt: 2, Basis: s.i.Attempts[0].Basis, Reasons: []redact.Text{redact.Literal("no such image")}})
	last := s.i.Notes[len(s.i.Notes)-1].Text.String()
	if !strings.Contains(last, "no such image") {
		t.Errorf("the thread says %q", last)
	}
	s.posted()
	s.wants(incident.DoPlan, s.i.Diagnosis.Basis())
}

func TestAVoteSaysNoMoreThanItsPress(t *testing.T) {
	s, digest := offered(t, 1)
	said := incident.Said{Reason: redact.Literal("checked the release")}
	s.gate(&incident.Clicked{Click: "c", Verb: incident.Approve, Digest: digest, Person: alice, Genuine: true, Said: said})
	for name, other := range map[string]incident.Said{
		"another reason": {Reason: redact.Literal("whatever")},
		"a signature":    {Reason: said.Reason, Via: incident.ViaSigned, Signature: &action.Signature{Signer: "U1", SSHSig: "x"}},
		"parameters":     {Reason: said.Reason, Params: setImageParams()},
	} {
		if err := s.try(incident.Gate, &incident.Voted{Click: "c", Verb: incident.Approve, Digest: digest, Person: alice, Said: other}); err == nil {
			t.Errorf("%s: a vote with it is accepted", name)
		}
	}
	s.gate(&incident.Voted{Click: "c", Verb: incident.Approve, Digest: digest, Person: alice, Said: said})
}

func setImageParams() *action.Params {
	p := setImage().Params
	return &p
}

func TestAHaltTakesTheOfferBackSaysSoOnceAndIsOverWhenItEnds(t *testing.T) {
	s, _ := offered(t, 1)
	halt := ""
	s.rules.Halt = func() string { return halt }
	s.wants(0, "")
	halt = "remediation is stopped by U1"
	s.wants(incident.DoLapse, incident.LapsedHalted)
	s.gate(&incident.Lapsed{Digest: s.i.Current().Proposed.Digest, Why: incident.LapsedHalted})
	s.posted()
	s.wants(incident.DoPlan, "halt:")
	s.gate(&incident.Withheld{Attempt: 2, Basis: incident.HaltBasis(halt), Reasons: []redact.Text{redact.Literal("stopped")}})
	s.posted()
	s.wants(0, "")
	halt = ""
	s.wants(incident.DoPlan, s.i.Diagnosis.Basis())
}

func TestWhileAHaltIsOnHoldOfferAndPressesWait(t *testing.T) {
	s, digest := offered(t, 1)
	hold := true
	s.rules.Halt, s.rules.Hold = func() string { return "the fence is being proven" }, func() bool { return hold }
	s.gate(&incident.Clicked{Click: "c", Verb: incident.Approve, Digest: digest, Person: alice, Genuine: true})
	s.wants(0, "")
	if _, again := s.rules.Due(s.i, incident.Gate, s.now, func(string) time.Time { return time.Time{} }); again.IsZero() || again.Sub(s.now) > time.Second {
		t.Errorf("asked again at %s", again)
	}
	hold = false
	s.wants(incident.DoJudge, "c")
	s.gate(&incident.Voted{Click: "c", Verb: incident.Approve, Digest: digest, Person: alice})
	s.gate(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}})
	hold = true
	s.wants(0, "")
	terms := s.i.Current().Proposed.Terms
	job, err := action.JobName(action.Apply, terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	hold = false
	s.rules.Halt = nil
	s.gate(&incident.Launched{Digest: digest, Job: job})
	hold = true
	s.wants(incident.DoReport, job) // what runs is followed
}

func TestAHaltAfterTheDecisionKeepsTheOrderBack(t *testing.T) {
	s, digest := offered(t, 1)
	s.votes(alice, incident.Approve, digest)
	s.gate(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}})
	s.wants(incident.DoLaunch, "")
	s.rules.Halt = func() string { return "stopped" }
	s.wants(incident.DoLapse, incident.LapsedHalted)
	s.gate(&incident.Lapsed{Digest: digest, Why: incident.LapsedHalted})
	s.refuses(incident.Gate, &incident.Launched{Digest: digest, Job: "cs-a-x"}, "not decided")
}

func TestAnotherPolicyVoidsTheOfferAndTheFindingIsPlannedUnderIt(t *testing.T) {
	s, digest := offered(t, 1)
	inForce := before // what rehearsed() offers under
	s.rules.Policy = func() action.Hash { return inForce }
	s.votes(alice, incident.Reject, digest) // a rejection is final, whatever the policy
	s.posted()
	s.wants(0, "")

	s, digest = offered(t, 1)
	s.rules.Policy = func() action.Hash { return inForce }
	s.wants(0, "")
	inForce = after
	s.wants(incident.DoLapse, incident.LapsedPolicy)
	s.gate(&incident.Lapsed{Digest: digest, Why: incident.LapsedPolicy})
	s.posted()
	s.wants(incident.DoPlan, s.i.Diagnosis.Basis())
}

func TestWhatIsDeniedForATimeIsAskedAgainAfterIt(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	s.gate(&incident.Withheld{Attempt: 1, Basis: s.i.Diagnosis.Basis(), Reasons: []redact.Text{redact.Literal("frozen")}, Until: s.now.Add(time.Hour)})
	s.posted()
	s.wants(0, "")
	if _, again := s.rules.Due(s.i, incident.Gate, s.now, func(string) time.Time { return time.Time{} }); !again.Equal(s.now.Add(time.Hour)) {
		t.Errorf("asked again at %s", again)
	}
	s.now = s.now.Add(time.Hour)
	s.wants(incident.DoPlan, s.i.Diagnosis.Basis())
}

func TestBrokenGlassLetsOneDecisionPassCallsPeopleAndOwesAReview(t *testing.T) {
	s, digest := offered(t, 2)
	s.votes(alice, incident.Approve, digest)
	alone := incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}, Glass: true}
	s.refuses(incident.Gate, &alone, "not open")
	glass := incident.Glass{Person: alice, Reason: redact.Literal("checkout is down"), ExpiresAt: s.now.Add(15 * time.Minute), Page: []string{"U2"}}
	s.gate(&glass)
	s.refuses(incident.Gate, &glass, "already")
	if n := s.i.Notes[len(s.i.Notes)-1]; len(n.Page) != 1 || !strings.Contains(n.Text.String(), "checkout is down") {
		t.Errorf("nobody is called: %+v", n)
	}
	s.gate(&alone)
	if !s.i.ReviewOwed() || s.i.GlassOpen(s.now) {
		t.Fatal("the glass was used, and no review is owed or it is still open")
	}
	s.refuses(incident.Gate, &glass, "not reviewed")
	s.gate(&incident.Clicked{Click: "r", Verb: incident.Review, Digest: digest, Person: alice})
	s.refuses(incident.Gate, &incident.Voted{Click: "r", Verb: incident.Review, Digest: digest, Person: alice}, "cannot review")
	s.gate(&incident.Refused{Click: "r"})
	s.votes(bob, incident.Review, digest)
	if s.i.ReviewOwed() {
		t.Error("a review is owed after the review")
	}
}

func TestGlassServesOnlyWhoBrokeIt(t *testing.T) {
	s, digest := offered(t, 2)
	s.votes(bob, incident.Approve, digest)
	s.gate(&incident.Glass{Person: alice, Reason: redact.Literal("down"), ExpiresAt: s.now.Add(15 * time.Minute)})
	s.refuses(incident.Gate, &incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}, Glass: true}, "who broke it")
}

func TestGlassThatExpiredDecidesNothing(t *testing.T) {
	s, digest := offered(t, 2)
	s.votes(alice, incident.Approve, digest)
	s.gate(&incident.Glass{Person: alice, Reason: redact.Literal("down"), ExpiresAt: s.now.Add(15 * time.Minute)})
	s.now = s.now.Add(15 * time.Minute)
	s.refuses(incident.Gate, &incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}, Glass: true}, "not open")
}

func TestAnIncidentWithAnOwedReviewStaysOpen(t *testing.T) {
	s, digest := offered(t, 2)
	s.votes(alice, incident.Approve, digest)
	s.gate(&incident.Glass{Person: alice, Reason: redact.Literal("down"), ExpiresAt: s.now.Add(15 * time.Minute)})
	s.gate(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}, Glass: true})
	s.gate(&incident.Lapsed{Digest: digest, Why: "expired"})
	s.watcher(&incident.Cleared{Ready: 2, Desired: 2})
	s.now = s.now.Add(time.Hour)
	closes := func() bool {
		steps, _ := s.rules.Due(s.i, incident.Watcher, s.now, func(string) time.Time { return s.now })
		for _, step := range steps {
			if step.Do == incident.DoClose {
				return true
			}
		}
		return false
	}
	if closes() {
		t.Fatal("it is closed while a review is owed")
	}
	s.votes(bob, incident.Review, digest)
	if !closes() {
		t.Fatal("it stays open after the review")
	}
}

func TestAPolicyThatWidensWaitsForTwoPeopleAndIsAdoptedOnce(t *testing.T) {
	s := newStory(t)
	s.gate(&incident.Steered{What: incident.NewPolicy, Old: before, New: after, Agree: 2, Wider: []redact.Text{redact.Literal("U9 may approve")}})
	s.due(incident.Gate, incident.DoCard)
	s.posted()
	s.due(incident.Gate)
	s.due(incident.Watcher)
	s.votes(alice, incident.Approve, after)
	s.refuses(incident.Gate, &incident.Adopted{}, "without agreement")
	s.gate(&incident.Clicked{Click: "twice", Verb: incident.Approve, Digest: after, Person: alice})
	s.refuses(incident.Gate, &incident.Voted{Click: "twice", Verb: incident.Approve, Digest: after, Person: alice}, "second vote")
	s.gate(&incident.Refused{Click: "twice"})
	s.now = s.now.Add(time.Second)
	s.votes(bob, incident.Approve, after)
	s.wants(incident.DoAdopt, string(after))
	s.gate(&incident.Adopted{})
	s.wants(0, "")
	s.refuses(incident.Gate, &incident.Adopted{}, "without agreement")
	s.posted()
	s.due(incident.Watcher, incident.DoClose)
}

func TestAPolicyThatOnePersonRejectsIsNotAdopted(t *testing.T) {
	s := newStory(t)
	s.gate(&incident.Steered{What: incident.NewPolicy, Old: before, New: after, Agree: 2})
	s.votes(alice, incident.Approve, after)
	s.now = s.now.Add(time.Second)
	s.votes(bob, incident.Reject, after)
	s.gate(&incident.Clicked{Click: "late", Verb: incident.Approve, Digest: after, Person: bob})
	s.refuses(incident.Gate, &incident.Voted{Click: "late", Verb: incident.Approve, Digest: after, Person: bob}, "does not wait")
	s.wants(incident.DoJudge, "late")
}

func TestAStopIsAnnouncedAndClosedAndAFirstPolicyQuietly(t *testing.T) {
	s := newStory(t)
	s.gate(&incident.Steered{What: incident.Stop, Person: alice})
	s.due(incident.Gate, incident.DoCard)
	s.due(incident.Watcher)
	s.posted()
	s.due(incident.Watcher, incident.DoClose)

	s = newStory(t)
	s.gate(&incident.Steered{What: incident.NewPolicy, New: after})
	s.due(incident.Gate)
	s.due(incident.Watcher, incident.DoClose)
}

func TestAStormIsCountedUntilItIsOverAndThenClosed(t *testing.T) {
	s := newStory(t)
	s.gate(&incident.Storm{Waiting: 900, Budget: 60})
	s.due(incident.Gate, incident.DoCard)
	s.posted()
	s.gate(&incident.Storm{Waiting: 12, Budget: 60})
	s.now = s.now.Add(time.Minute)
	s.due(incident.Gate, incident.DoCard)
	s.due(incident.Watcher)
	s.gate(&incident.Storm{Budget: 60, Over: true})
	s.refuses(incident.Gate, &incident.Storm{Waiting: 1}, "outside of its stream")
	s.due(incident.Watcher)
	s.posted()
	s.due(incident.Watcher, incident.DoClose)

	finding := newStory(t)
	finding.open()
	finding.refuses(incident.Gate, &incident.Storm{Waiting: 1}, "outside of its stream")
}
