package respond

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// editsTo fills the form of an edit.
func editsTo(image string) func(*incident.Clicked) {
	return func(c *incident.Clicked) {
		c.Via = incident.ViaForm
		c.Params = &action.Params{SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: image, Typed: true}}
	}
}

func TestAnEditIsRehearsedOfferedUnderItsOwnDigestAndNeedsSomebodyElse(t *testing.T) {
	w := newWorld(t, nil)
	first := w.offered()
	w.press(alice, incident.Edit, editsTo("shop/web:3"))
	w.rehearsed(before, after)
	w.act(incident.DoPropose)
	cur := w.load().Current()
	if cur.Proposed == nil || cur.Proposed.Digest == first || cur.Proposed.Terms.Action.Params.SetImage.To != "shop/web:3" {
		t.Fatalf("%+v", cur)
	}
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "who asked for a change cannot approve it") {
		t.Errorf("the editor was told %q", got)
	}
	w.press(bob, incident.Approve, func(c *incident.Clicked) { c.Digest = first })
	if got := w.thread.told(); !strings.Contains(got, "no longer stands (edited)") {
		t.Errorf("a vote for what was edited: %q", got)
	}
	w.press(bob, incident.Approve, nil)
	w.act(incident.DoLaunch)
	if got := w.load().Current().Launched; got == nil || got.Digest != cur.Proposed.Digest {
		t.Errorf("launched %+v", got)
	}
}

func TestAnEditThatMakesNoSenseIsAnsweredAndTheOfferStands(t *testing.T) {
	for name, c := range map[string]struct {
		who    incident.Person
		change func(*incident.Clicked)
		says   string
	}{
		"no image":          {alice, editsTo("not an image"), "is not an image reference"},
		"nothing new":       {alice, editsTo("shop/web:1"), "nothing was changed"},
		"another kind":      {alice, func(c *incident.Clicked) { c.Params = &action.Params{DeletePod: &action.DeletePodParams{}} }, "of another kind"},
		"not as typed":      {alice, func(c *incident.Clicked) { editsTo("shop/web:3")(c); c.Params.SetImage.Typed = false }, "only the new value"},
		"another container": {alice, func(c *incident.Clicked) { editsTo("shop/web:3")(c); c.Params.SetImage.Container = "proxy" }, "only the new value"},
		"no parameters":     {alice, nil, "brought no parameters"},
		"not an editor":     {carol, editsTo("shop/web:3"), "not among the approvers"},
		"a forged form":     {alice, func(c *incident.Clicked) { editsTo("shop/web:3")(c); c.Genuine = false }, "not the card"},
		"another digest":    {alice, func(c *incident.Clicked) { editsTo("shop/web:3")(c); c.Digest = after }, "the card has changed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.offered()
			w.press(c.who, incident.Edit, c.change)
			if got := w.thread.told(); !strings.Contains(got, c.says) {
				t.Errorf("told %q, want %q", got, c.says)
			}
			if i := w.load(); !i.Current().Open() || i.Editing != nil {
				t.Error("the offer does not stand")
			}
		})
	}
}

func TestACandidateThatSaysItWasTypedIsWithheldAndNeverRehearsed(t *testing.T) {
	w := newWorld(t, nil)
	w.opened()
	typed := fixImage()
	params := *typed.Action.Params.SetImage
	params.To, params.Typed = "registry.example/attacker:1", true
	typed.Action.Params.SetImage = &params
	w.says(w.watcher, &incident.Collected{Digest: before, Diagnosis: incident.Diagnosis{
		Cause: incident.ImageNotFound, Root: web, Object: web, Candidates: []incident.Candidate{typed}, Desired: 2,
		Confidence: incident.Confidence{Value: 0.95, Lower: 0.9, Measured: true},
	}})
	w.says(w.gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: 1})
	w.act(incident.DoPlan)
	if cur := w.load().Current(); len(cur.Reasons) != 1 || !strings.Contains(cur.Reasons[0].String(), "only a person") || cur.Rehearsal.Order != "" {
		t.Errorf("%+v", cur)
	}
}

// turncoat answers under the policy in force, which is replaced in between.
type turncoat struct {
	Policy
	offered action.Hash
}

func (p turncoat) Digest() action.Hash { return p.offered }

func (p turncoat) Decide(ctx context.Context, in policy.Input) (incident.Decision, error) {
	d, err := p.Policy.Decide(ctx, in)
	d.PolicyDigest = after
	return d, err
}

func TestAPolicyThatIsReplacedWhileAPressIsJudgedLetsItNotCount(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.effects.Policy = turncoat{w.effects.Policy, w.effects.Policy.Digest()}
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "the policy has changed") {
		t.Errorf("told %q", got)
	}
	if cur := w.load().Current(); len(cur.Votes) != 0 || cur.Decided != nil {
		t.Errorf("the press counted: %+v", cur)
	}
}

func TestAnApprovalThatNeedsAReasonWithoutOneDoesNotCount(t *testing.T) {
	w := newWorld(t, func(s *policy.Settings) { s.ReasonFor.Namespaces = []string{"shop"} })
	w.offered()
	if !w.load().Current().Proposed.Decision.NeedsReason {
		t.Fatal("the offer does not say that it needs a reason")
	}
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "needs a reason") {
		t.Errorf("told %q", got)
	}
	w.press(alice, incident.Approve, func(c *incident.Clicked) {
		c.Via, c.Reason = incident.ViaForm, redact.Literal("release 2 is withdrawn")
	})
	if cur := w.load().Current(); cur.Decided == nil || !cur.Decided.Decision.Allow || cur.Votes[0].Reason.String() != "release 2 is withdrawn" {
		t.Errorf("%+v", cur.Decided)
	}
}

func TestAButtonThatNeedsToKnowMoreOpensItsFormAndWritesNothing(t *testing.T) {
	w := newWorld(t, func(s *policy.Settings) { s.ReasonFor.Risks = []string{"medium"} })
	digest := w.offered()
	was := w.load().Version
	presses := 0
	press := func(verb incident.Verb, genuine bool, askErr error) (*thread, int) {
		presses++
		desk, acks := &thread{askErr: askErr}, 0
		w.gate.takeClick(t.Context(), chat.Click{
			Incident: theID, Clicked: incident.Clicked{Click: fmt.Sprint(presses), Verb: verb, Digest: digest, Person: alice, Genuine: genuine},
			Ack: func(context.Context) { acks++ },
		}, desk)
		return desk, acks
	}
	for _, verb := range []incident.Verb{incident.Edit, incident.Approve} {
		if desk, acks := press(verb, true, nil); len(desk.asked) != 1 || acks != 1 {
			t.Errorf("%s: %d forms, %d acks", verb, len(desk.asked), acks)
		}
		if desk, acks := press(verb, true, errors.New("expired_trigger_id")); acks != 1 || !strings.Contains(desk.told(), "could not be opened") {
			t.Errorf("%s: a form that does not open: %d acks, told %q", verb, acks, desk.told())
		}
	}
	presses-- // the last press is delivered again
	if desk, acks := press(incident.Approve, true, nil); len(desk.asked) != 0 || acks != 1 || desk.told() != "" {
		t.Errorf("a copy of a press: %d forms, %d acks, told %q", len(desk.asked), acks, desk.told())
	}
	if now := w.load().Version; now != was {
		t.Errorf("opening a form wrote %d records", now-was)
	}
	if desk, _ := press(incident.Edit, false, nil); len(desk.asked) != 0 {
		t.Error("a card that is not ours opens a form")
	}
}

func TestDuringAHaltNothingIsOfferedOrderedOrCreated(t *testing.T) {
	const why = "remediation is stopped by U9"
	w := newWorld(t, nil)
	w.offered()
	w.halt = why
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); got != why {
		t.Errorf("told %q", got)
	}
	w.act(incident.DoLapse)
	w.says(w.gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: w.load().Revision})
	w.act(incident.DoPlan)
	if cur := w.load().Current(); len(cur.Reasons) != 1 || cur.Reasons[0].String() != why {
		t.Errorf("the card says %v", cur.Reasons)
	}
	w.halt = ""
	launches := w.launcher.launches
	w.rehearsed(before, after) // planned again
	if w.launcher.launches == launches {
		t.Error("nothing was rehearsed after the halt")
	}
}

func TestAnOrderThatMeetsAHaltIsNotLaunchedAndIsSettledByItsExpiry(t *testing.T) {
	for name, throw := range map[string]func(*world){
		"in memory":   func(w *world) { w.halt = "stopped" },
		"just thrown": func(w *world) { w.fresh = "stopped" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.offered()
			w.press(alice, incident.Approve, nil)
			w.act(incident.DoLaunch) // signed and written down, no Job yet
			launches := w.launcher.launches
			throw(w)
			w.act(incident.DoReport)
			if w.launcher.launches != launches {
				t.Fatal("a Job was created during a halt")
			}
			w.now = w.now.Add(action.OrderLife)
			w.act(incident.DoReport)
			if cur := w.load().Current(); cur.Executed == nil || cur.Executed.Report.State != incident.StateLost {
				t.Errorf("%+v", cur.Executed)
			}
		})
	}
}

func TestWhenTheSwitchCannotBeReadNoJobIsCreated(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.press(alice, incident.Approve, nil)
	w.act(incident.DoLaunch)
	launches := w.launcher.launches
	w.effects.Fresh = func(context.Context) (string, error) { return "", errors.New("no answer") }
	if err := w.try(incident.DoReport); err == nil || w.launcher.launches != launches {
		t.Errorf("%v, %d launches", err, w.launcher.launches-launches)
	}
}

// helm is a helm that remembers what was turned.
func (w *world) helm(turned *[]action.Switch, err error) *Helm {
	return &Helm{Thread: w.thread, Policy: w.effects.Policy, Now: func() time.Time { return w.now }, Turn: func(_ context.Context, s action.Switch) error {
		*turned = append(*turned, s)
		return err
	}}
}

func (w *world) commands(h *Helm, c chat.Command) string {
	w.t.Helper()
	told := ""
	c.Reply = func(_ context.Context, text redact.Text) error { told = text.String(); return nil }
	if err := w.gate.takeCommand(w.t.Context(), c, h); err != nil {
		w.t.Fatal(err)
	}
	return told
}

func TestAnyMemberStopsAndOnlyAnApproverResumes(t *testing.T) {
	w := newWorld(t, nil)
	w.thread.strange["U9"] = redact.Literal("this account is a guest")
	var turned []action.Switch
	h := w.helm(&turned, nil)
	command := func(k chat.Kind, who incident.Person) chat.Command {
		return chat.Command{Query: chat.Query{Kind: k, Reason: redact.Literal("drill")}, Person: who}
	}
	if told := w.commands(h, command(chat.Stop, incident.Person{ID: "U9", Team: "T1"})); len(turned) != 0 || !strings.Contains(told, "guest") {
		t.Fatalf("a guest stopped: %q", told)
	}
	if told := w.commands(h, command(chat.Stop, carol)); len(turned) != 1 || !turned[0].Stopped || turned[0].By != carol.ID || turned[0].Reason != "drill" {
		t.Fatalf("%+v, told %q", turned, told)
	}
	if told := w.commands(h, command(chat.Resume, carol)); len(turned) != 1 || !strings.Contains(told, "not among the general approvers") {
		t.Fatalf("who is no approver resumed: %q", told)
	}
	if w.commands(h, command(chat.Resume, alice)); len(turned) != 2 || turned[1].Stopped {
		t.Fatalf("%+v", turned)
	}
	w.thread.err = errors.New("Slack is down")
	if told := w.commands(h, command(chat.Stop, carol)); len(turned) != 2 || !strings.Contains(told, "countersign stop") {
		t.Errorf("told %q", told)
	}
	w.thread.err = nil
	if told := w.commands(w.helm(&turned, errors.New("forbidden")), command(chat.Stop, carol)); !strings.Contains(told, "NOTHING has changed") {
		t.Errorf("told %q", told)
	}
}

func TestBrokenGlassLetsOnePersonApproveOnceAndOwesAReview(t *testing.T) {
	w := newWorld(t, func(s *policy.Settings) {
		s.BreakGlass = []string{"U1"}
		s.Quorum = map[string]int{"low": 2, "medium": 2, "high": 2}
	})
	w.offered()
	var turned []action.Switch
	h := w.helm(&turned, nil)
	smash := func(who incident.Person, reason redact.Text) string {
		return w.commands(h, chat.Command{Query: chat.Query{Kind: chat.BreakGlass, Incident: theID, Reason: reason}, Person: who})
	}
	if told := smash(bob, redact.Literal("down")); !strings.Contains(told, "not among those who may break the glass") {
		t.Errorf("told %q", told)
	}
	if told := smash(alice, redact.Text{}); !strings.Contains(told, "needs a reason") {
		t.Errorf("told %q", told)
	}
	if w.load().Glass != nil {
		t.Fatal("the glass is broken")
	}
	if told := smash(alice, redact.Literal("checkout is down")); !strings.Contains(told, "broken until") {
		t.Fatalf("told %q", told)
	}
	if page := w.load().Glass.Page; len(page) != 1 || page[0] != bob.ID {
		t.Errorf("called %v", page)
	}
	w.press(alice, incident.Approve, nil)
	cur := w.load().Current()
	if cur.Decided == nil || !cur.Decided.Glass || !w.load().ReviewOwed() {
		t.Fatalf("%+v", cur.Decided)
	}
	if told := smash(alice, redact.Literal("again")); !strings.Contains(told, "could not be written down") {
		t.Errorf("a second glass while a review is owed: %q", told)
	}
	w.press(alice, incident.Review, nil)
	if got := w.thread.told(); !strings.Contains(got, "who broke the glass cannot review it") {
		t.Errorf("told %q", got)
	}
	w.press(bob, incident.Review, nil)
	if w.load().ReviewOwed() {
		t.Error("a review is owed after the review")
	}
}

func TestGlassIsNotUsedUpByWhatWouldHavePassedWithoutIt(t *testing.T) {
	w := newWorld(t, func(s *policy.Settings) { s.BreakGlass = []string{"U1"} })
	w.offered()
	var turned []action.Switch
	w.commands(w.helm(&turned, nil), chat.Command{Query: chat.Query{Kind: chat.BreakGlass, Incident: theID, Reason: redact.Literal("down")}, Person: alice})
	w.press(alice, incident.Approve, nil)
	if cur := w.load().Current(); cur.Decided == nil || cur.Decided.Glass || w.load().ReviewOwed() {
		t.Errorf("%+v", cur.Decided)
	}
}

// steering adopts what it is told to.
type steering struct {
	adopted []action.Hash
	err     error
}

func (s *steering) Adopt(_ context.Context, d action.Hash) error {
	s.adopted = append(s.adopted, d)
	return s.err
}

func TestWhatWidensIsAdoptedAfterTwoApproversAgreed(t *testing.T) {
	w := newWorld(t, nil)
	st := &steering{}
	w.effects.Steering = st
	said := incident.Steered{What: incident.NewPolicy, Old: before, New: after, Agree: 2}
	for range 2 { // two replicas, or a restart
		if err := w.gate.Steer(t.Context(), theID, said); err != nil {
			t.Fatal(err)
		}
	}
	w.says(w.gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: 0})
	press := func(who incident.Person, says string) {
		t.Helper()
		told := len(w.thread.whispers)
		w.press(who, incident.Approve, func(c *incident.Clicked) { c.Digest = after })
		if says == "" && len(w.thread.whispers) != told || says != "" && !strings.Contains(w.thread.told(), says) {
			t.Fatalf("%s was told %q", who.ID, w.thread.told())
		}
	}
	press(carol, "not among the general approvers")
	press(alice, "")
	press(alice, "counted already")
	if len(st.adopted) != 0 {
		t.Fatal("adopted after one vote")
	}
	press(bob, "")
	st.err = errors.New("store away")
	if err := w.try(incident.DoAdopt); err == nil {
		t.Fatal("an adoption that failed is taken for done")
	}
	st.err = nil
	w.act(incident.DoAdopt)
	if i := w.load(); i.Adopted == nil || len(st.adopted) != 2 || st.adopted[1] != after {
		t.Errorf("%+v %v", i.Adopted, st.adopted)
	}
	press(carol, "does not wait")
}

func TestAFreezeAtTheLastVoteIsAskedAgainWhenItIsOver(t *testing.T) {
	// A freeze that begins between the offer and the vote.
	w := newWorld(t, func(s *policy.Settings) {
		s.Freezes = []policy.Freeze{{Name: "night", Dates: noon.Add(5*time.Minute).Format("2006-01-02 15:04") + ".." + noon.Add(time.Hour).Format("2006-01-02 15:04") + " UTC"}}
	})
	w.offered()
	w.now = noon.Add(6 * time.Minute)
	w.press(alice, incident.Approve, nil)
	if got := w.thread.told(); !strings.Contains(got, "frozen until") {
		t.Fatalf("told %q", got)
	}
	if w.launcher.launches != 1 || errors.Is(w.launcher.err, jobs.ErrNoJob) {
		t.Errorf("%d launches", w.launcher.launches)
	}
}

func TestAPressThatIsFasterThanTheRecordOfItsCardWaits(t *testing.T) {
	w := newWorld(t, nil)
	w.effects.Steering = &steering{}
	if err := w.gate.Steer(t.Context(), theID, incident.Steered{What: incident.NewPolicy, Old: before, New: after, Agree: 2}); err != nil {
		t.Fatal(err)
	}
	w.says(w.gate, &incident.Clicked{Click: "k", Verb: incident.Approve, Digest: after, Person: alice, Channel: "C1", Message: "1.1", Genuine: true})
	if err := w.try(incident.DoJudge); err == nil || len(w.thread.whispers) != 0 {
		t.Fatalf("%v, told %q", err, w.thread.told())
	}
	w.says(w.gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"})
	w.act(incident.DoJudge)
	if len(w.load().Agreed) != 1 {
		t.Errorf("told %q", w.thread.told())
	}
}

func TestASignedVoteCountsWhileSlackIsDownAndAPressWaits(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	cur := w.load().Current()
	key, signers := keyOf(t, "U1")
	w.effects.Signers = func() action.AllowedSigners { return signers }
	signature, err := action.SignTerms(cur.Proposed.Terms, "U1", key)
	if err != nil {
		t.Fatal(err)
	}
	w.thread.err = errors.New("Slack is down")
	signed := func(p incident.Person) *incident.Clicked {
		return &incident.Clicked{Click: "s" + p.ID, Verb: incident.Approve, Digest: cur.Proposed.Digest, Person: p, PressedAt: w.now,
			Said: incident.Said{Via: incident.ViaSigned, Signature: &signature}}
	}
	w.says(w.gate, signed(bob)) // with alice's signature
	if err := w.try(incident.DoJudge); err == nil {
		t.Fatal("somebody else's signature identifies")
	}
	w.says(w.gate, &incident.Refused{Click: "sU2"})
	w.says(w.gate, signed(alice))
	w.act(incident.DoJudge)
	cur = w.load().Current()
	if cur.Decided == nil || !cur.Decided.Decision.Allow || cur.Votes[0].Signature == nil {
		t.Fatalf("%+v, told %q", cur, w.thread.told())
	}
	w.act(incident.DoLaunch)
	order, err := action.DecodeOrder(w.load().Current().Launched.Order)
	if err != nil || len(order.Signatures) != 1 || order.Signatures[0].Signer != "U1" {
		t.Errorf("%+v %v", order.Signatures, err)
	}
}

// keyOf makes a key and the list that allows it for one person.
func keyOf(t *testing.T, who string) (ssh.Signer, action.AllowedSigners) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	signers, err := action.ParseAllowedSigners(who + " " + string(ssh.MarshalAuthorizedKey(line)))
	if err != nil {
		t.Fatal(err)
	}
	return key, signers
}

func TestASignedRejectionWithdrawsTheOfferWhileSlackIsDown(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	cur := w.load().Current()
	key, signers := keyOf(t, "U1")
	w.effects.Signers = func() action.AllowedSigners { return signers }
	approval, err := action.SignTerms(cur.Proposed.Terms, "U1", key)
	if err != nil {
		t.Fatal(err)
	}
	rejection, err := action.SignRejection(cur.Proposed.Terms, "U1", key)
	if err != nil {
		t.Fatal(err)
	}
	press := func(click string, verb incident.Verb, s action.Signature) {
		w.says(w.gate, &incident.Clicked{Click: click, Verb: verb, Digest: cur.Proposed.Digest, Person: alice, PressedAt: w.now,
			Said: incident.Said{Via: incident.ViaSigned, Signature: &s}})
		w.act(incident.DoJudge)
	}
	press("s1", incident.Approve, rejection)
	press("s2", incident.Reject, approval)
	if cur := w.load().Current(); !cur.Open() || len(cur.Votes) != 0 {
		t.Fatalf("a signature counts as what it does not say: %+v", cur)
	}
	w.thread.err = errors.New("Slack is down")
	press("s3", incident.Reject, rejection)
	if cur := w.load().Current(); cur.Lapsed != "rejected" {
		t.Errorf("%+v, told %q", cur, w.thread.told())
	}
}
