package incident_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	tamperRounds = flag.Int("tamper-rounds", 2_000, "how many tampered streams TestNothingIsAuthorisedByTamperedRecords reads")
	tamperSeed   = flag.Uint64("tamper-seed", 0, "seed of the tampering; 0 draws one")
)

// tape is a stream as the two roles write it, with the state after every record.
type tape struct {
	t       *testing.T
	id      incident.ID
	now     time.Time
	records []incident.Record
	states  []incident.Incident // states[n] is the fold of the first n records
}

var (
	gateSeal  = &incident.Sealer{Key: []byte(strings.Repeat("g", 32)), Epoch: 3}
	thiefSeal = &incident.Sealer{Key: []byte(strings.Repeat("t", 32)), Epoch: 3}
	bound     = action.Hash(strings.Repeat("a1", 32))
	changed   = action.Hash(strings.Repeat("b2", 32))
)

func newTape(t *testing.T, id incident.ID) *tape {
	return &tape{t: t, id: id, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), states: []incident.Incident{{}}}
}

func (w *tape) last() incident.Incident { return w.states[len(w.states)-1] }

func (w *tape) says(role incident.Role, bodies ...incident.Body) {
	w.t.Helper()
	for _, b := range bodies {
		i := w.last()
		w.now = w.now.Add(time.Second)
		r, err := incident.Next(w.id, i.Version, i.Head, role, b, w.now, gateSeal)
		if err != nil {
			w.t.Fatal(err)
		}
		w.records = append(w.records, r)
		next, bad := i.Follow(w.records[max(i.Version-1, 0):], gateSeal)
		if len(bad) > 0 {
			w.t.Fatalf("%s: %s", b.Type(), bad[0].Reason)
		}
		w.states = append(w.states, next)
	}
}

func (w *tape) gate(bodies ...incident.Body)    { w.t.Helper(); w.says(incident.Gate, bodies...) }
func (w *tape) watcher(bodies ...incident.Body) { w.t.Helper(); w.says(incident.Watcher, bodies...) }

// target is the object of the tape's incident.
func (w *tape) target() action.Ref {
	return action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web-" + string(w.id[len(w.id)-2:]), UID: "11111111-2222-3333-4444-5555555555" + string(w.id[len(w.id)-2:])}
}

func (w *tape) change() action.Action {
	return action.Action{Kind: action.SetImage, Target: w.target(), Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: "shop/web:1"},
	}}
}

func (w *tape) found() *incident.Collected {
	return &incident.Collected{Digest: bound, Diagnosis: incident.Diagnosis{
		Cause: incident.ImageNotFound, Root: w.target(), Object: w.target(), Desired: 2,
		Candidates: []incident.Candidate{{Action: w.change(), Why: redact.Literal("the tag before it was there")}},
	}}
}

func (w *tape) begins() {
	w.t.Helper()
	w.watcher(&incident.Opened{Fingerprint: string(w.id), Signal: incident.Signal{Symptom: incident.SymptomImagePull, Object: w.target(), Subject: w.target()}}, w.found())
	w.posts()
}

func (w *tape) posts() {
	w.t.Helper()
	w.gate(&incident.Posting{Slot: incident.CardSlot}, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: w.last().Revision})
}

// offers rehearses and proposes; undo is the execution that it takes back.
func (w *tape) offers(quorum int, undo string) action.Terms {
	w.t.Helper()
	n := len(w.last().Attempts) + 1
	act := w.change()
	if undo != "" {
		act, _ = act.Inverse()
	}
	candidate := incident.Candidate{Action: act}
	w.gate(&incident.Rehearsing{Attempt: n, Basis: fmt.Sprint("basis ", n), Candidate: candidate, Undo: undo, Job: fmt.Sprintf("cs-r%d", n), Order: strings.Repeat("b3JkZXI", 60)})
	w.gate(&incident.Rehearsed{Attempt: n, Report: incident.ExecutorReport{State: incident.StateRehearsed, UID: w.target().UID, Before: bound, After: changed}})
	act.Bound = bound
	terms := action.NewTerms(act, bound, w.now.Add(15*time.Minute))
	w.gate(&incident.Proposed{Attempt: n, Terms: terms, Digest: w.digest(terms), Button: true, Decision: incident.Decision{Allow: true, Quorum: quorum}})
	w.posts()
	return terms
}

func (w *tape) digest(terms action.Terms) action.Hash {
	w.t.Helper()
	d, err := terms.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *tape) presses(who string, verb incident.Verb, digest action.Hash) {
	w.t.Helper()
	p, click := incident.Person{ID: who, Team: "T1", Name: redact.Literal("somebody")}, fmt.Sprint(who, verb, w.now.Unix())
	w.gate(&incident.Clicked{Click: click, Verb: verb, Digest: digest, Person: p, Genuine: true, Channel: "C1", Message: "1.1"},
		&incident.Voted{Click: click, Verb: verb, Digest: digest, Person: p})
}

func (w *tape) executes(terms action.Terms, quorum int) string {
	w.t.Helper()
	job, err := action.JobName(action.Apply, terms, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	digest := w.digest(terms)
	w.gate(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: quorum}},
		&incident.Launched{Digest: digest, Job: job, Order: strings.Repeat("b3JkZXI", 60), ExpiresAt: w.now.Add(time.Minute)},
		&incident.Executed{Job: job, Report: incident.ExecutorReport{State: incident.StateApplied, UID: w.target().UID, Before: bound, After: changed}})
	w.watcher(&incident.Observed{Execution: job, Desired: 2, Cause: incident.ImageNotFound}, &incident.Observed{Execution: job, Healthy: true, Ready: 2, Desired: 2},
		&incident.Concluded{Execution: job, Result: incident.Recovered, Summary: redact.Literal("Recovered.")})
	w.posts()
	return job
}

// tapes are the ways that incidents go, whole.
func tapes(t *testing.T) []*tape {
	t.Helper()
	var out []*tape
	add := func(play func(w *tape)) {
		w := newTape(t, incident.ID(fmt.Sprintf("i0000000000%02x", len(out)+0xa0)))
		play(w)
		out = append(out, w)
	}
	done := func(w *tape) { w.watcher(&incident.Cleared{Ready: 2, Desired: 2}, &incident.Closed{Why: "recovered"}) }
	add(func(w *tape) { // two people approve
		w.begins()
		terms := w.offers(2, "")
		w.presses("U1", incident.Approve, w.digest(terms))
		w.presses("U2", incident.Approve, w.digest(terms))
		w.executes(terms, 2)
		done(w)
	})
	add(func(w *tape) { // one approves, another rejects
		w.begins()
		terms := w.offers(2, "")
		w.presses("U1", incident.Approve, w.digest(terms))
		w.presses("U2", incident.Reject, w.digest(terms))
		done(w)
	})
	add(func(w *tape) { // an offer expires, the next is approved and taken back
		w.begins()
		w.gate(&incident.Lapsed{Digest: w.digest(w.offers(1, "")), Why: "expired"})
		w.watcher(w.found())
		terms := w.offers(1, "")
		w.presses("U1", incident.Approve, w.digest(terms))
		job := w.executes(terms, 1)
		w.presses("U2", incident.Undo, w.digest(terms))
		undo := w.offers(1, job)
		w.presses("U3", incident.Approve, w.digest(undo))
		w.executes(undo, 1)
		done(w)
	})
	add(func(w *tape) { // policy refuses what was voted for; somebody takes it over
		w.begins()
		terms := w.offers(1, "")
		w.presses("U1", incident.Approve, w.digest(terms))
		w.gate(&incident.Decided{Digest: w.digest(terms), Decision: incident.Decision{Quorum: 1}})
		w.presses("U2", incident.Manual, w.digest(terms))
		done(w)
	})
	add(func(w *tape) { // nobody presses
		w.begins()
		w.offers(1, "")
		w.watcher(&incident.Signalled{Signal: incident.Signal{Symptom: incident.SymptomCrashLoop, Object: w.target(), Subject: w.target()}}, w.found(),
			&incident.Explaining{Key: "e", Model: "m"}, &incident.Explained{Key: "e", Model: "m", Evidence: bound})
	})
	return out
}

// authorised is everything by which a state lets an execution happen.
func authorised(i incident.Incident) map[string]bool {
	out := map[string]bool{}
	for _, a := range i.Attempts {
		if a.Decided != nil && a.Decided.Decision.Allow {
			out["decided "+string(a.Decided.Digest)] = true
		}
		if a.Launched != nil {
			out["launched "+a.Launched.Job] = true
		}
	}
	rules := incident.Rules{Timing: incident.DefaultTiming(), Mode: func(string) incident.Mode { return incident.ModeApprove }}
	steps, _ := rules.Due(i, incident.Gate, time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC), func(string) time.Time { return time.Time{} })
	for _, s := range steps {
		if s.Do == incident.DoLaunch {
			out["due "+s.Arg] = true
		}
	}
	return out
}

// votes are the presses that a state counts.
func votes(i incident.Incident) map[string]bool {
	out := map[string]bool{}
	for _, a := range i.Attempts {
		for _, v := range a.Votes {
			out[string(v.Digest)+" "+v.Person.ID+" "+string(v.Verb)] = true
		}
	}
	return out
}

func beyond(got, allowed map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(got)), func(s string) bool { return allowed[s] })
}

// common is how many records both begin with. What counts of the last is the
// sealed event: other letters around it break the chain behind it and say
// nothing else.
func common(a, b []incident.Record) int {
	n := 0
	for n < len(a) && n < len(b) && bytes.Equal(a[n].Raw, b[n].Raw) {
		n++
	}
	if n < len(a) && n < len(b) {
		x, y := opened(a[n]), opened(b[n])
		if x.Seal != "" && x.Seal == y.Seal && bytes.Equal(x.Event, y.Event) {
			n++
		}
	}
	return n
}

type sealed struct {
	Event json.RawMessage `json:"event"`
	Seal  string          `json:"seal,omitempty"`
}

func opened(r incident.Record) (s sealed) {
	if json.Unmarshal(r.Raw, &s) != nil {
		return sealed{}
	}
	return s
}

// A tampered stream may lose what was authorised. It never authorises what its
// untampered beginning did not, and never counts a vote that was not cast there.
func TestNothingIsAuthorisedByTamperedRecords(t *testing.T) {
	seed := *tamperSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-tamper-seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	all := tapes(t)
	names := slices.Sorted(maps.Keys(tamperings))
	type tally struct{ tried, cut, kept int }
	counts := map[string]*tally{}
	for round := 0; round < *tamperRounds; {
		name := names[round%len(names)]
		w := all[rng.IntN(len(all))]
		forged := tamperings[name](forger{rng, w, all})
		if forged == nil || slices.EqualFunc(forged, w.records, func(a, b incident.Record) bool { return bytes.Equal(a.Raw, b.Raw) }) {
			continue // this record does not have what the tampering is about
		}
		round++
		c := counts[name]
		if c == nil {
			c = &tally{}
			counts[name] = c
		}
		c.tried++
		sound := common(forged, w.records)
		got, bad := incident.Replay(forged, gateSeal)
		was := w.states[min(sound, got.Version)]
		allowed, cast := authorised(was), votes(was)
		if len(bad) > 0 {
			c.cut++
		} else {
			c.kept++
		}
		if more := append(beyond(authorised(got), allowed), beyond(votes(got), cast)...); len(more) > 0 {
			t.Fatalf("%s, round %d: replayed as version %d of %d sound records, it gives %q", name, round, got.Version, sound, more)
		}
		for n := sound; n < got.Version; n++ {
			if e, err := incident.Decode(forged[n].Raw); err != nil || e.Role != incident.Watcher {
				t.Fatalf("%s, round %d: record %d is forged, and believed as the gate's", name, round, n+1)
			}
		}
		// A process that has read some of the stream before does no worse.
		read := rng.IntN(len(w.states))
		followed, _ := w.states[read].Follow(forged, gateSeal)
		until := sound
		if read > 0 {
			until = read
			if read <= len(forged) && forged[read-1].Hash() == w.states[read].Head {
				// It goes on from what it read itself, whatever was done to that since.
				until += common(forged[read:], w.records[read:])
			}
		}
		known := w.states[min(until, followed.Version)]
		if more := append(beyond(authorised(followed), authorised(known)), beyond(votes(followed), votes(known))...); len(more) > 0 {
			t.Fatalf("%s, round %d: followed after %d records, it gives %q", name, round, read, more)
		}
	}
	for _, name := range names {
		c := counts[name]
		t.Logf("%6d × %-52s %6d set aside, %6d a sound beginning or a watcher's word", c.tried, name, c.cut, c.kept)
	}
}

// Two streams that the gate sealed itself and that part at one record: the store
// failed over and lost the one, and somebody puts it back. The seals are right
// in both, so that Replay alone cannot tell; who has read the other can, and the
// audit anchor can.
func TestAStreamThatTheStoreLostIsNotBelievedByWhoHasReadAnother(t *testing.T) {
	lost, kept := newTape(t, "i0000000000f0"), newTape(t, "i0000000000f0")
	for _, w := range []*tape{lost, kept} {
		w.begins()
		terms := w.offers(1, "")
		if w == lost {
			w.presses("U1", incident.Approve, w.digest(terms))
			w.executes(terms, 1)
			continue
		}
		w.presses("U2", incident.Reject, w.digest(terms))
	}
	fork := common(lost.records, kept.records)
	if fork == 0 || len(authorised(lost.last())) == 0 {
		t.Fatal("the streams do not part where one of them authorises")
	}
	for read := fork + 1; read < len(kept.states); read++ {
		i, bad := kept.states[read].Follow(lost.records, gateSeal)
		if len(bad) == 0 || len(authorised(i)) > 0 {
			t.Fatalf("after %d records of the other stream, the lost one gives %v", read, authorised(i))
		}
	}
}

// What a forger of watcher's records can reach: they carry no seal. The word
// that stands after the gate's last record is believed, so that the forger
// chooses what is rehearsed next, hides a fault, ends an incident or an offer,
// and says that a change was healthy. No such word decides, orders, votes,
// alters an offer that stands, or survives the gate's next record.
func TestAForgerOfWatchersRecordsChoosesWhatIsRehearsedAndAuthorisesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	reached := map[incident.Do]int{}
	rules := incident.Rules{Timing: incident.DefaultTiming(), Mode: func(string) incident.Mode { return incident.ModeApprove }}
	never := func(string) time.Time { return time.Time{} }
	for _, w := range tapes(t) {
		for sound := 1; sound < len(w.states); sound++ {
			was := w.states[sound]
			for range 20 {
				i := was
				for range 1 + rng.IntN(4) {
					next, ok := apply(i, watchersWord(rng, w), w.now)
					if ok {
						i = next
					}
				}
				if more := append(beyond(authorised(i), authorised(was)), beyond(votes(i), votes(was))...); len(more) > 0 {
					t.Fatalf("after %d records, a watcher's word gives %q", sound, more)
				}
				for n, a := range was.Attempts {
					if got, want := gatesPart(t, i.Attempts[n]), gatesPart(t, a); got != want {
						t.Fatalf("after %d records, a watcher's word alters attempt %d:\n%s\n%s", sound, n+1, want, got)
					}
				}
				steps, _ := rules.Due(i, incident.Gate, w.now, never)
				before, _ := rules.Due(was, incident.Gate, w.now, never)
				for _, s := range steps {
					if !slices.Contains(before, s) {
						reached[s.Do]++
					}
				}
			}
		}
	}
	for do, n := range reached {
		if !slices.Contains([]incident.Do{incident.DoCard, incident.DoNote, incident.DoPlan, incident.DoLapse}, do) {
			t.Errorf("a watcher's word makes step %d of the gate due, %d times", do, n)
		}
	}
	for _, do := range []incident.Do{incident.DoCard, incident.DoPlan, incident.DoLapse} {
		if reached[do] == 0 {
			t.Errorf("the forger never reached step %d: this test shows nothing", do)
		}
	}
	t.Logf("steps of the gate that a watcher's word made due: card %d, note %d, plan %d, lapse %d",
		reached[incident.DoCard], reached[incident.DoNote], reached[incident.DoPlan], reached[incident.DoLapse])
}

// apply lets the forger say a body as the watcher, on top of what is there.
func apply(i incident.Incident, b incident.Body, at time.Time) (incident.Incident, bool) {
	r, err := incident.Next(i.ID, i.Version, i.Head, incident.Watcher, b, at, nil)
	if err != nil {
		return i, false
	}
	e, err := incident.Decode(r.Raw)
	if err != nil {
		return i, false
	}
	next, err := i.Apply(e)
	if err != nil {
		return i, false
	}
	next.Version, next.Head = r.Version, r.Hash()
	return next, true
}

// gatesPart is an attempt without what the watcher says of its effect.
func gatesPart(t *testing.T, a incident.Attempt) string {
	t.Helper()
	a.Observed, a.SeenAt, a.Concluded = nil, time.Time{}, nil
	raw, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
