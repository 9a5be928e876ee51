package chat

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	update = flag.Bool("update", false, "write the goldens anew")
	rounds = flag.Int("rounds", 2_000, "rounds of the property tests that read a card back")
	long   = flag.Bool("long", false, "run the other random tests at full length")
)

func approveMode() Options {
	return Options{Cluster: redact.Literal("demo"), Mode: incident.ModeApprove, Names: map[string]redact.Text{
		"U0000ALICE": redact.Literal("Alice Moreau"), "S0000ONCALL": redact.Literal("group oncall-approvers"),
	}, Now: noon()}
}

type state struct {
	name string
	i    func(t testing.TB) incident.Incident
	o    func(o *Options)
}

func unknownCause() incident.Diagnosis {
	d := diagnosis()
	d.Cause, d.Summary, d.Candidates, d.RuledOut = incident.Unknown, redact.Literal("The container cart exits with code 1 after 3 s."), nil, nil
	d.Confidence = incident.Confidence{Basis: redact.Literal("not measured")}
	return d
}

func opinion() *incident.Explained {
	return &incident.Explained{Key: "k", Evidence: hashOf('e'), Model: "gemini-3.8-flash", Hypotheses: []incident.Hypothesis{
		{Cause: incident.AppError, Summary: redact.Literal("The service cannot parse its configuration <https://evil.example|Approve>."), Cites: []string{"e2"},
			Confidence: incident.Confidence{Value: .72, Lower: .55, Measured: true, Outcomes: 64, Basis: redact.Literal("4 of 5 answers agree")}, Candidate: -1,
			Steps: []redact.Text{redact.Literal("Read the last lines of the log.")}},
		{Cause: incident.DependencyUnavailable, Summary: redact.Literal("The database does not answer."), Cites: []string{"e1"},
			Confidence: incident.Confidence{Basis: redact.Literal("1 of 5 answers")}, Candidate: -1},
	}}
}

func done(s *story) func(testing.TB) incident.Incident {
	return func(testing.TB) incident.Incident { return s.i }
}

// states has every state that a card can show.
func states(t testing.TB) []state {
	withOwner, withHelm := diagnosis(), diagnosis()
	withOwner.Owner, withOwner.Candidates = redact.Literal("Argo CD application shop"), nil
	withHelm.Note = redact.Literal("Helm release shop: its next upgrade undoes this fix; change image.tag in the values.")
	holds := redact.Literal("Recovered: the finding is gone and 3 of 3 replicas have been ready for 1m0s.")
	offer := func() *story { return offered(t, 1, true) }
	lapsed := func(why string) *story {
		s := offer()
		return s.add(&incident.Lapsed{Digest: s.i.Current().Proposed.Digest, Why: why})
	}
	asked := &incident.Asked{Subject: cart(), Person: alice, Channel: "C0000ALERT", Thread: "1.2"}
	inquiry := func() *story {
		s := &story{t: t, at: noon()}
		return s.add(asked)
	}
	off := func(o *Options) { o.Mode = incident.ModeOff }
	recovered := func() *story { return offer().applied().verify(3).concluded(incident.Recovered, holds) }
	undoing := func() *story { return recovered().vote(bob, incident.Undo) }
	undo := func() *story {
		s := undoing()
		inverse, _ := setImage().Inverse()
		inverse.Bound = hashOf('b')
		s.add(&incident.Rehearsing{Attempt: 2, Basis: "undo:x", Undo: s.i.Attempts[0].Launched.Job, Requester: bob,
			Candidate: incident.Candidate{Action: inverse, Why: redact.Literal("takes back what was changed")}})
		return s.rehearsed().proposed(inverse, 1, true)
	}
	return append(gateStates(t), []state{
		{"opened", done(tell(t)), nil},
		{"announced-mode-off", done(tell(t).looked(diagnosis())), off},
		{"announced-mode-approve", done(tell(t).looked(diagnosis())), nil},
		{"unknown-model-asked", done(tell(t).looked(unknownCause()).add(&incident.Explaining{Key: "k", Model: "gemini-3.8-flash"})), off},
		{"model-opinion", done(tell(t).looked(unknownCause()).add(opinion())), off},
		{"model-failed", done(tell(t).looked(unknownCause()).add(&incident.Explained{Key: "k", Failure: redact.Literal("the model refused the request")})), off},
		{"rehearsing", done(tell(t).looked(diagnosis()).rehearsing(setImage())), nil},
		{"rehearsed", done(tell(t).looked(diagnosis()).rehearsing(setImage()).rehearsed()), nil},
		{"proposed", done(offer()), nil},
		{"proposed-restart", done(tell(t).looked(diagnosis()).rehearsing(restart()).rehearsed().proposed(restart(), 1, true)), nil},
		{"proposed-mode-propose", done(offered(t, 1, false)), func(o *Options) { o.Mode = incident.ModePropose }},
		{"proposed-shared-channel", done(offer()), func(o *Options) { o.Shared = true }},
		{"proposed-helm", done(tell(t).looked(withHelm).rehearsing(setImage()).rehearsed().proposed(setImage(), 1, true)), nil},
		{"withheld", done(tell(t).looked(diagnosis()).add(&incident.Withheld{Attempt: 1, Basis: "b", Reasons: []redact.Text{redact.Literal("the namespace is protected"), redact.Literal("3 changes an hour are allowed")}})), nil},
		{"gitops-owned", done(tell(t).looked(withOwner).add(&incident.Withheld{Attempt: 1, Basis: "b", Reasons: []redact.Text{redact.Literal("managed by Argo CD application shop, which would revert a change made here: change it at the source")}})), nil},
		{"one-of-two", done(offered(t, 2, true).vote(alice, incident.Approve)), nil},
		{"decided", done(offer().vote(alice, incident.Approve).decided(true)), nil},
		{"policy-refused-execution", done(offer().vote(alice, incident.Approve).decided(false, redact.Literal("5 changes an hour are allowed"))), nil},
		{"launched", done(offer().vote(alice, incident.Approve).decided(true).launched()), nil},
		{"applied", done(offer().applied()), nil},
		{"verifying", done(offer().applied().verify(2)), nil},
		{"recovered", done(recovered()), nil},
		{"came-back", done(recovered().looked(diagnosis())), nil},
		{"worse", done(offer().applied().verify(1).concluded(incident.Worse, redact.Literal("Worse than before: 1 of 3 replicas are ready, 2 were."))), nil},
		{"unchanged", done(offer().applied().verify(2).concluded(incident.Unchanged, redact.Literal("The change was made and the finding stands: the tag is missing."))), nil},
		{"executor-refused", done(offer().vote(alice, incident.Approve).decided(true).launched().executed(incident.StateRefused, redact.Literal("the spec was changed since the rehearsal"))), nil},
		{"executor-failed", done(offer().vote(alice, incident.Approve).decided(true).launched().executed(incident.StateFailed, redact.Literal("the executor ended without a report"))), nil},
		{"lost", done(offer().vote(alice, incident.Approve).decided(true).launched().executed(incident.StateLost, redact.Text{})), nil},
		{"lapsed-expired", done(lapsed("expired")), nil},
		{"lapsed-cleared", done(lapsed("cleared").add(&incident.Cleared{Ready: 3, Desired: 3})), nil},
		{"lapsed-superseded", done(lapsed("superseded")), nil},
		{"rejected", done(offer().vote(bob, incident.Reject)), nil},
		{"taken-over", done(offer().vote(bob, incident.Manual)), nil},
		{"cleared", done(tell(t).looked(diagnosis()).add(&incident.Cleared{Ready: 3, Desired: 3})), nil},
		{"closed", done(tell(t).looked(diagnosis()).add(&incident.Cleared{Ready: 3, Desired: 3}, &incident.Closed{Why: "cleared"})), nil},
		{"closed-recovered", done(recovered().add(&incident.Cleared{Ready: 3, Desired: 3}, &incident.Closed{Why: "recovered"})), nil},
		{"inquiry-looking", done(inquiry()), off},
		{"inquiry-fault", done(inquiry().looked(diagnosis())), off},
		{"inquiry-healthy", done(inquiry().add(&incident.Cleared{Ready: 3, Desired: 3})), off},
		{"undo-asked", done(undoing()), nil},
		{"undo-proposed", done(undo()), nil},
		{"undone", done(undo().applied().concluded(incident.Undone, redact.Literal("Undone: the change was taken back."))), nil},
	}...)
}

func TestEveryStateHasItsCard(t *testing.T) {
	for _, c := range states(t) {
		t.Run(c.name, func(t *testing.T) {
			o := approveMode()
			if c.o != nil {
				c.o(&o)
			}
			blocks, text := Render(c.i(t), o)
			if err := (seal{key: cardKey(), team: "T0000ACME", channel: "C0000ALERT"}).sign(blocks); err != nil {
				t.Fatal(err)
			}
			raw := encodeBlocks(t, blocks)
			if err := valid(raw, text); err != nil {
				t.Error(err)
			}
			golden(t, c.name+".json", indent(t, raw))
			golden(t, c.name+".txt", "# "+text.String()+"\n\n"+readable(t, raw))
		})
	}
}

func encodeBlocks(t testing.TB, blocks any) []byte {
	t.Helper()
	raw, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func indent(t testing.TB, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s has changed (-golden +now):\n%s", name, d)
	}
}

func TestAChangeThatCannotBeShownInFullHasNoButtonToApproveIt(t *testing.T) {
	secret := setImage()
	secret.Params.SetImage = &action.SetImageParams{Container: "cart", From: "https://bob:" + "hunter2hunter2" + "@registry.example/cart:v2", To: "registry.example/cart:v1"}
	twoLines := setImage()
	twoLines.Params.SetImage = &action.SetImageParams{Container: "cart", From: "a\nto         registry.example/cart:v0", To: "registry.example/cart:v1"}
	for name, i := range map[string]incident.Incident{
		"a parameter that looks like a secret": offerOf(t, secret, hashOf('c')),
		"a parameter of two lines":             offerOf(t, twoLines, hashOf('c')),
		"a diff that is too long":              offered(t, 1, true).diff(strings.Repeat("+ a line of a very long diff\n", 400)).i,
	} {
		blocks, _ := Render(i, approveMode())
		raw := string(encodeBlocks(t, blocks))
		if strings.Contains(raw, approveButton) || !strings.Contains(raw, "cannot be approved here") || !strings.Contains(raw, rejectButton) {
			t.Errorf("%s: the card is\n%s", name, readable(t, []byte(raw)))
		}
		if strings.Contains(raw, "hunter2") {
			t.Errorf("%s: the card shows the secret", name)
		}
	}
}
