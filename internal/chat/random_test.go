package chat

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// hostile are pieces that have broken other bots.
var hostile = []string{
	"<!channel>", "<!here>", "<!everyone>", "<@U0000ALICE>", "<!subteam^S0000ONCALL>", "<https://evil.example|Approve>", "@here",
	"#general", "https://evil.example/x?a=b&c=d", "```", "`", "*bold*", "&lt;!channel&gt;", "&amp;amp;", "\x00", "\x1b[31m", "\u202e",
	"\u200b", "🔴", ":red_circle:", "\n", "\t", "\r", "⟨secret⟩", "ꓤ", "а", strings.Repeat("A", 4000), strings.Repeat("é", 700),
	strings.Repeat("\n", 90), "\xff\xfe", "–", "…", "", " ", "Proposed change", "digest 000000000000", "[Approve Fix]", "\\u{3c}",
}

func (d dice) junk() string {
	var b strings.Builder
	for range d.IntN(5) {
		b.WriteString(hostile[d.IntN(len(hostile))])
		b.WriteString(d.from(lower+" ", 0, 20))
	}
	return b.String()
}

// free is foreign text after the redactor, which is the only way to a card.
func (d dice) free() redact.Text { return filter.Redact(d.junk()) }

var filter = redact.New(redact.Config{})

func (d dice) texts(most int) []redact.Text {
	out := make([]redact.Text, d.IntN(most+1))
	for n := range out {
		out[n] = d.free()
	}
	return out
}

func (d dice) ref() action.Ref {
	r := action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: d.name(), Name: d.name(), UID: d.uid()}
	if d.IntN(4) == 0 {
		r.Kind, r.Namespace, r.Name = d.junk(), d.junk(), d.junk()
	}
	return r
}

func (d dice) confidence() incident.Confidence {
	values := []float64{0, 1, .5, -1, 7, math.NaN(), math.Inf(1), d.Float64()}
	return incident.Confidence{Value: values[d.IntN(len(values))], Lower: values[d.IntN(len(values))], Measured: d.IntN(2) == 0, Basis: d.free()}
}

func (d dice) person() incident.Person {
	return incident.Person{ID: "U" + d.junk(), Team: d.junk(), Name: d.free()}
}

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

func (d dice) diagnosis() *incident.Diagnosis {
	if d.IntN(8) == 0 {
		return nil
	}
	return &incident.Diagnosis{
		Cause: pick(d, incident.Unknown, incident.ImageNotFound, incident.OOMKilled, "", incident.Cause(d.junk())), Rule: d.junk(),
		Summary: d.free(), Confidence: d.confidence(), Cites: pick(d, nil, []string{"e1"}, []string{d.junk(), "e2", "e3"}),
		RuledOut: d.texts(9), Steps: d.texts(20), Owner: pick(d, redact.Text{}, d.free()), Note: pick(d, redact.Text{}, d.free()),
		Ready: d.IntN(5) - 1, Desired: d.IntN(5), Object: d.ref(), Root: d.ref(),
	}
}

func (d dice) explained() *incident.Explained {
	if d.IntN(2) == 0 {
		return nil
	}
	e := &incident.Explained{Model: d.junk(), Failure: pick(d, redact.Text{}, d.free())}
	for range d.IntN(5) {
		e.Hypotheses = append(e.Hypotheses, incident.Hypothesis{Cause: incident.Cause(d.junk()), Summary: d.free(),
			Confidence: d.confidence(), Cites: []string{d.junk(), "e1"}, Steps: d.texts(9)})
	}
	return e
}

func (d dice) votes() []incident.Voted {
	var out []incident.Voted
	for range d.IntN(4) {
		out = append(out, incident.Voted{Verb: pick(d, incident.Approve, incident.Reject), Person: d.person(), Said: d.said()})
	}
	return out
}

func (d dice) said() incident.Said {
	s := incident.Said{Via: pick(d, incident.ViaButton, incident.ViaForm, incident.ViaSigned, incident.Via(d.junk())), Reason: pick(d, redact.Text{}, d.free())}
	if d.IntN(3) == 0 {
		s.Signature = &action.Signature{Signer: d.junk(), SSHSig: d.junk()}
	}
	return s
}

// steered is a stream that is no incident, also in states that never are.
func (d dice) steered() incident.Incident {
	i := incident.Incident{ID: fixtureID, OpenedAt: noon(), Revision: d.IntN(1e6), Closed: pick(d, "", "", "announced")}
	i.Steered = &incident.Steered{
		What: pick(d, incident.Stop, incident.Resume, incident.NewPolicy, incident.Signers, "", incident.What(d.junk())), Person: pick(d, incident.Person{}, d.person()),
		Reason: pick(d, redact.Text{}, d.free()), Old: pick(d, "", d.hash(), action.Hash(d.junk())), New: pick(d, "", d.hash(), d.hash(), action.Hash(d.junk())),
		Wider: d.texts(pick(d, 4, 4, 60)), Agree: d.IntN(4),
	}
	for range d.IntN(3) {
		i.Agreed = append(i.Agreed, d.person())
	}
	if p := d.person(); d.IntN(4) == 0 {
		i.Rejected = &p
	}
	if d.IntN(4) == 0 {
		i.Adopted = &incident.Adopted{Failure: pick(d, redact.Text{}, d.free())}
	}
	return i
}

// storm is the stream that counts, also with more lines than the counter makes.
func (d dice) storm() incident.Incident {
	tallies := func() (all []incident.Tally) {
		for range d.IntN(12) {
			all = append(all, incident.Tally{Name: pick(d, "", "shop", string(incident.ImageNotFound), d.junk()), Count: d.IntN(1e5)})
		}
		return all
	}
	return incident.Incident{
		ID: fixtureID, OpenedAt: noon(), Revision: d.IntN(1e6),
		Storm: &incident.Storm{Budget: d.IntN(100), Waiting: d.IntN(1e6), Causes: tallies(), Namespaces: tallies(), Over: d.IntN(4) == 0},
	}
}

func (d dice) report() incident.ExecutorReport {
	var labels []incident.Label
	if d.IntN(3) == 0 {
		labels = []incident.Label{{Key: d.junk(), Value: "true"}, {Key: action.SignatureLabel, Value: pick(d, "true", "false", d.junk())}}
	}
	return incident.ExecutorReport{Facts: incident.Facts{NamespaceLabels: labels, Editors: d.texts(5)}, State: pick(d, incident.StateRehearsed, incident.StateApplied, incident.StateRefused, incident.StateFailed, incident.StateLost, d.junk()),
		Reason: d.free(), Diff: d.free(), DiffMissing: d.IntN(3)}
}

// attempt is in any state, also in such as the state machine never makes.
func (d dice) attempt() incident.Attempt {
	a := d.action()
	if d.IntN(3) == 0 && a.Params.SetImage != nil {
		a.Params.SetImage.From = d.junk()
	}
	at := incident.Attempt{N: 1, Lapsed: pick(d, "", "", "expired", "rejected", "refused", d.junk()), Votes: d.votes()}
	at.Rehearsal.Candidate = incident.Candidate{Action: a, Why: d.free()}
	at.Rehearsal.Undo = pick(d, "", "", "cs-a")
	if d.IntN(3) == 0 {
		at.Rehearsal.Requester, at.Rehearsal.Edited = d.person(), d.IntN(2) == 0
	}
	at.Lapsed = pick(d, "", "", "", "", at.Lapsed, at.Lapsed, incident.LapsedHalted, incident.LapsedPolicy, "edited")
	if d.IntN(5) > 0 {
		r := d.report()
		at.Report = &r
	}
	if d.IntN(6) == 0 {
		at.Reasons = d.texts(4)
		if len(at.Reasons) > 0 && d.IntN(2) == 0 {
			at.Basis = incident.HaltBasis(at.Reasons[0].String())
		}
	}
	if d.IntN(4) == 0 {
		return at
	}
	terms := action.NewTerms(a, d.hash(), noon().Add(time.Duration(d.IntN(1e9))*time.Second))
	at.Proposed = &incident.Proposed{Terms: terms, Digest: d.hash(), Button: d.IntN(4) > 0, Approvers: d.texts(12),
		Decision: incident.Decision{Allow: true, NeedsReason: d.IntN(3) == 0, Quorum: d.IntN(4), Risk: pick(d, "", "low", d.junk()), Reasons: d.texts(6)}}
	if d.IntN(2) == 0 {
		at.Decided = &incident.Decided{Decision: incident.Decision{Allow: d.IntN(3) > 0, Reasons: d.texts(3)}}
	}
	if d.IntN(3) == 0 {
		at.Launched = &incident.Launched{Job: d.junk()}
		if d.IntN(2) == 0 {
			at.Executed = &incident.Executed{Report: d.report()}
		}
		if d.IntN(2) == 0 {
			at.Observed = &incident.Observed{Ready: d.IntN(9), Desired: d.IntN(9), Summary: d.free()}
		}
		if d.IntN(2) == 0 {
			at.Concluded = &incident.Concluded{Result: pick(d, incident.Recovered, incident.Worse, incident.Unchanged, incident.Undone, ""), Summary: d.free()}
		}
	}
	return at
}

func (d dice) incident() incident.Incident {
	i := incident.Incident{ID: fixtureID, Subject: d.ref(), OpenedAt: noon(), Revision: d.IntN(1e6), Diagnosis: d.diagnosis(), Explained: d.explained(),
		Asking: pick(d, "", "k"), Closed: pick(d, "", "", "", "cleared")}
	for range d.IntN(3) {
		i.Signals = append(i.Signals, incident.Signal{Symptom: pick(d, incident.SymptomImagePull, incident.Symptom(d.junk())), Message: d.free()})
	}
	for n := range d.IntN(12) {
		i.Evidence = append(i.Evidence, incident.Evidence{ID: pick(d, "e1", "e2", "e3", d.junk()), Kind: pick(d, "log", d.junk()), Source: d.ref(), Where: d.free(), Text: d.free(), At: noon().Add(time.Duration(n))})
	}
	if d.IntN(5) == 0 {
		i.ClearedAt = noon()
	}
	if d.IntN(8) == 0 {
		i.Inquiry = &incident.Asked{Subject: i.Subject}
	}
	for range d.IntN(3) {
		i.Attempts = append(i.Attempts, d.attempt())
	}
	for range pick(d, 0, 0, 3, 40) {
		i.Gathered.Subjects = append(i.Gathered.Subjects, d.ref())
	}
	if p := d.person(); d.IntN(8) == 0 {
		i.Taken = &p
	}
	if len(i.Attempts) > 0 && d.IntN(8) == 0 {
		i.Undoing = &incident.Voted{Person: d.person()}
	}
	if d.IntN(4) == 0 {
		i.Glass = &incident.Glass{Person: d.person(), Reason: d.free(), ExpiresAt: noon().Add(time.Duration(d.IntN(2e9)-1e9) * time.Microsecond)}
		i.GlassUsed = pick(d, "", d.hash())
		if p := d.person(); i.GlassUsed != "" && d.IntN(2) == 0 {
			i.Reviewed = &p
		}
	}
	return i
}

// Whatever an incident holds, its card is one that Slack takes, and nothing on
// it is live.
func TestNoIncidentMakesACardThatSlackRefusesOrThatIsLive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rounds := 1000
	if *long {
		rounds = 100_000
	}
	d := roll(seed)
	for n := range rounds {
		i := d.incident()
		if n%5 == 0 {
			i = pick(d, d.steered, d.steered, d.storm)()
		}
		o := Options{Now: noon(), Cluster: d.free(), Mode: pick(d, incident.ModeApprove, incident.ModePropose, incident.ModeOff), Shared: d.IntN(9) == 0,
			Names: map[string]redact.Text{"U0000ALICE": d.free()}}
		blocks, text := Render(i, o)
		if err := ourSeal().sign(blocks); err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, n, err)
		}
		raw := encodeBlocks(t, blocks)
		if err := valid(raw, text); err != nil {
			t.Fatalf("seed %d, round %d: %v\n%s", seed, n, err, raw)
		}
		if s := escape(text.Truncate(maxText)); strings.ContainsAny(s, "<>") {
			t.Fatalf("seed %d, round %d: markup in the notification %q", seed, n, s)
		}
		ownButtons(t, seed, n, i, o, raw)
	}
	t.Logf("%d incidents, seed %d", rounds, seed)
}

// ownButtons checks that a button stands only where its verb means something,
// that it carries the digest of what it is about, and a seal that holds.
func ownButtons(t *testing.T, seed uint64, n int, i incident.Incident, o Options, raw []byte) {
	t.Helper()
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if str(b, "type") != "actions" {
			continue
		}
		for _, e := range b["elements"].([]any) {
			button := e.(map[string]any)
			if !ourSeal().genuine(raw, str(b, "block_id"), str(button, "action_id"), str(button, "value")) {
				t.Fatalf("seed %d, round %d: the seal does not hold", seed, n)
			}
			if id := str(button, "action_id"); o.Shared || str(button, "value") != due(i, o, verbOf(id)) {
				t.Fatalf("seed %d, round %d: a button %s for %s with nothing to press for", seed, n, id, str(button, "value"))
			}
		}
	}
}

// due is the value that a button of the verb must carry, and "none" where there
// must be no such button.
func due(i incident.Incident, o Options, verb incident.Verb) string {
	cur := i.Current()
	open := cur != nil && cur.Open() && o.Mode != incident.ModeOff && i.Closed == "" && i.Taken == nil
	switch {
	case i.Storm != nil:
	case i.Steered != nil:
		if i.Waiting() && (verb == incident.Approve || verb == incident.Reject) {
			return buttonValue(i.ID, i.Steered.New)
		}
	case verb == incident.Judge:
		if i.Diagnosis != nil && i.Inquiry == nil {
			return buttonValue(i.ID, i.Claimed().Digest())
		}
	case verb == incident.Review:
		if i.ReviewOwed() && i.Closed == "" {
			return buttonValue(i.ID, i.GlassUsed)
		}
	case verb == incident.Undo:
		if digest, ok := undoable(i, *cur); ok {
			return buttonValue(i.ID, digest)
		}
	case verb == incident.Edit:
		p := cur.Proposed.Terms.Action.Params
		if open && cur.Rehearsal.Undo == "" && (p.SetImage != nil || p.SetResources != nil) {
			return buttonValue(i.ID, cur.Proposed.Digest)
		}
	case open:
		return buttonValue(i.ID, cur.Proposed.Digest)
	case verb == incident.Manual:
		return buttonValue(i.ID, "")
	}
	return "none"
}

func BenchmarkRender(b *testing.B) {
	i := offered(b, 1, true).i
	o := approveMode()
	for b.Loop() {
		blocks, _ := Render(i, o)
		if err := ourSeal().sign(blocks); err != nil {
			b.Fatal(err)
		}
	}
}
