package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	noon   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	web    = action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"}
	sealer = &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	before = action.Hash(strings.Repeat("a", 64))
	after  = action.Hash(strings.Repeat("b", 64))
	alice  = incident.Person{ID: "U1", Team: "T1", Name: redact.Literal("Alice")}
	bob    = incident.Person{ID: "U2", Team: "T1", Name: redact.Literal("Bob")}
)

// story is an incident under test, its clock, and what each role would do.
type story struct {
	t       *testing.T
	now     time.Time
	i       incident.Incident
	records []incident.Record
	rules   incident.Rules
	ran     map[string]time.Time
}

func newStory(t *testing.T) *story {
	t.Helper()
	return &story{
		t: t, now: noon, ran: map[string]time.Time{},
		rules: incident.Rules{Timing: incident.DefaultTiming(), Mode: func(string) incident.Mode { return incident.ModeApprove }},
	}
}

// says appends an event and fails the test unless it fits.
func (s *story) says(role incident.Role, body incident.Body) {
	s.t.Helper()
	if err := s.try(role, body); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) try(role incident.Role, body incident.Body) error {
	s.t.Helper()
	r, err := incident.Next("i000000000001", s.i.Version, s.i.Head, role, body, s.now, sealer)
	if err != nil {
		return err
	}
	all := append(slices.Clone(s.records), r)
	i, bad := incident.Replay(all, sealer)
	if len(bad) > 0 {
		return &refused{bad[0].Reason}
	}
	s.i, s.records = i, all
	return nil
}

type refused struct{ why string }

func (r *refused) Error() string { return r.why }

func (s *story) watcher(body incident.Body) { s.t.Helper(); s.says(incident.Watcher, body) }
func (s *story) gate(body incident.Body)    { s.t.Helper(); s.says(incident.Gate, body) }

// due checks which steps a role has to do now.
func (s *story) due(role incident.Role, want ...incident.Do) {
	s.t.Helper()
	steps, _ := s.rules.Due(s.i, role, s.now, func(k string) time.Time { return s.ran[k] })
	var got []incident.Do
	lanes := map[incident.Lane]bool{}
	for _, step := range steps {
		got = append(got, step.Do)
		if lanes[step.Lane] {
			s.t.Fatalf("two steps in lane %d: %+v", step.Lane, steps)
		}
		lanes[step.Lane] = true
	}
	if !slices.Equal(got, want) {
		s.t.Fatalf("%s: due %v, want %v", role, got, want)
	}
}

func (s *story) refuses(role incident.Role, body incident.Body, why string) {
	s.t.Helper()
	err := s.try(role, body)
	if err == nil || !strings.Contains(err.Error(), why) {
		s.t.Fatalf("%T: %v, want a refusal that says %q", body, err, why)
	}
}

func setImage() action.Action {
	return action.Action{Kind: action.SetImage, Target: web, Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: "shop/web:1"},
	}}
}

func (s *story) open() {
	s.t.Helper()
	s.watcher(&incident.Opened{Fingerprint: "f", Signal: incident.Signal{Symptom: incident.SymptomImagePull, Subject: web}})
}

func (s *story) diagnosed(cause incident.Cause) {
	s.t.Helper()
	s.watcher(&incident.Collected{Digest: before, Diagnosis: incident.Diagnosis{
		Cause: cause, Root: web, Object: web, Candidates: []incident.Candidate{{Action: setImage()}}, Ready: 0, Desired: 2,
	}})
}

func (s *story) posted() {
	s.t.Helper()
	s.gate(&incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: s.i.Revision})
}

func (s *story) rehearsed(quorum int) action.Terms {
	s.t.Helper()
	n := len(s.i.Attempts) + 1
	s.gate(&incident.Rehearsing{Attempt: n, Basis: s.i.Diagnosis.Basis(), Candidate: s.i.Diagnosis.Candidates[0], Job: "cs-r1"})
	s.gate(&incident.Rehearsed{Attempt: n, Report: incident.ExecutorReport{State: incident.StateRehearsed, UID: web.UID, Before: before, After: after}})
	act := setImage()
	act.Bound = before
	terms := action.NewTerms(act, before, s.now.Add(15*time.Minute))
	digest, err := terms.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	s.gate(&incident.Proposed{Attempt: n, Terms: terms, Digest: digest, Button: true, Decision: incident.Decision{Allow: true, Quorum: quorum}})
	return terms
}

func digestOf(t *testing.T, terms action.Terms) action.Hash {
	t.Helper()
	d, err := terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *story) votes(p incident.Person, verb incident.Verb, digest action.Hash) {
	s.t.Helper()
	id := p.ID + string(verb) + s.now.String()
	s.gate(&incident.Clicked{Click: id, Verb: verb, Digest: digest, Person: p, Genuine: true})
	s.gate(&incident.Voted{Click: id, Verb: verb, Digest: digest, Person: p})
}

func TestAFaultIsLookedAtAnnouncedRehearsedApprovedExecutedAndVerified(t *testing.T) {
	s := newStory(t)
	s.open()
	s.due(incident.Watcher, incident.DoLook)
	s.due(incident.Gate)
	s.diagnosed(incident.ImageNotFound)
	s.due(incident.Gate, incident.DoCard)
	s.posted()
	s.due(incident.Gate, incident.DoPlan)
	terms := s.rehearsed(1)
	digest := digestOf(t, terms)
	s.due(incident.Gate, incident.DoCard)
	s.posted()
	s.due(incident.Gate)
	s.gate(&incident.Clicked{Click: "k", Verb: incident.Approve, Digest: digest, Person: alice, Genuine: true})
	s.due(incident.Gate, incident.DoJudge)
	s.gate(&incident.Voted{Click: "k", Verb: incident.Approve, Digest: digest, Person: alice})
	s.gate(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}})
	s.due(incident.Gate, incident.DoCard, incident.DoLaunch)
	job, err := action.JobName(action.Apply, terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.gate(&incident.Launched{Digest: digest, Job: job})
	s.due(incident.Gate, incident.DoCard, incident.DoReport)
	s.gate(&incident.Executed{Job: job, Report: incident.ExecutorReport{State: incident.StateApplied, After: after}})
	s.due(incident.Watcher, incident.DoObserve)
	s.watcher(&incident.Observed{Execution: job, Healthy: false, Ready: 0, Desired: 2, Cause: incident.ImageNotFound})
	s.now = s.now.Add(10 * time.Second)
	s.watcher(&incident.Observed{Execution: job, Healthy: true, Ready: 2, Desired: 2})
	s.now = s.now.Add(59 * time.Second)
	s.due(incident.Watcher, incident.DoObserve)
	s.now = s.now.Add(time.Second)
	s.due(incident.Watcher, incident.DoConclude)
	end, ok := s.rules.Verdict(s.i, s.now)
	if !ok || end.Result != incident.Recovered {
		t.Fatalf("verdict %+v", end)
	}
	s.watcher(&end)
	s.watcher(&incident.Cleared{Ready: 2, Desired: 2})
	s.posted()
	s.due(incident.Gate, incident.DoNote)
	s.now = s.now.Add(incident.DefaultTiming().Undo)
	s.due(incident.Watcher, incident.DoClose)
}

func TestWhatHealsBeforeItsHoldEndsIsNeverAnnounced(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.InsufficientCPU)
	s.due(incident.Gate)
	s.now = s.now.Add(2*time.Minute - time.Second)
	s.due(incident.Gate)
	s.watcher(&incident.Cleared{})
	s.now = s.now.Add(time.Hour)
	s.due(incident.Gate)
	s.due(incident.Watcher, incident.DoClose)
}

func TestHoldsByCause(t *testing.T) {
	h := incident.DefaultHolds()
	for cause, want := range map[incident.Cause]time.Duration{
		incident.ImageNotFound: 0, incident.ConfigMapMissing: 0, incident.SecretKeyMissing: 0, incident.OOMKilled: 0,
		incident.CommandNotFound: 0, incident.EnvVarMissing: 0, incident.AppError: 0,
		incident.ProbeMisconfigured: time.Minute, incident.ReadinessProbeFailing: time.Minute, incident.LivenessProbeFailing: time.Minute,
		incident.DependencyUnavailable: time.Minute, incident.NodeNotReady: time.Minute, incident.Unknown: time.Minute,
		incident.InsufficientCPU: 2 * time.Minute, incident.NodeSelectorMismatch: 2 * time.Minute, incident.PVCMissing: 2 * time.Minute,
	} {
		if got := h.For(cause); got != want {
			t.Errorf("%s: %s, want %s", cause, got, want)
		}
	}
}

func TestAnOfferLapsesWhenItExpiresClearsOrIsSuperseded(t *testing.T) {
	for name, happens := range map[string]func(*story){
		"expired":    func(s *story) { s.now = s.now.Add(15 * time.Minute) },
		"cleared":    func(s *story) { s.watcher(&incident.Cleared{}) },
		"superseded": func(s *story) { s.diagnosed(incident.ConfigMapMissing) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.open()
			s.diagnosed(incident.ImageNotFound)
			s.posted()
			s.rehearsed(1)
			happens(s)
			s.posted()
			steps, _ := s.rules.Due(s.i, incident.Gate, s.now, func(string) time.Time { return time.Time{} })
			if len(steps) != 1 || steps[0].Do != incident.DoLapse || steps[0].Arg != name {
				t.Fatalf("%+v", steps)
			}
		})
	}
}

func TestEventsThatTheStateDoesNotAllowAreRefused(t *testing.T) {
	s := newStory(t)
	s.refuses(incident.Watcher, &incident.Cleared{}, "before the incident is open")
	s.open()
	s.refuses(incident.Gate, &incident.Cleared{}, "does not belong to the gate")
	s.refuses(incident.Watcher, &incident.Decided{}, "does not belong to the watcher")
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	s.gate(&incident.Rehearsing{Attempt: 1, Basis: "b"})
	s.refuses(incident.Gate, &incident.Rehearsing{Attempt: 2}, "still under way")
	s.gate(&incident.Rehearsed{Attempt: 1, Report: incident.ExecutorReport{State: incident.StateRehearsed, UID: web.UID, Before: before}})
	act := setImage()
	act.Bound = after // not what was rehearsed
	terms := action.NewTerms(act, before, s.now.Add(time.Minute))
	allowed := incident.Decision{Allow: true, Quorum: 2}
	s.refuses(incident.Gate, &incident.Proposed{Attempt: 1, Terms: terms, Digest: digestOf(t, terms), Decision: allowed}, "not what was rehearsed")
	act.Bound = before
	terms = action.NewTerms(act, before, s.now.Add(time.Minute))
	digest := digestOf(t, terms)
	s.refuses(incident.Gate, &incident.Proposed{Attempt: 1, Terms: terms, Digest: after, Decision: allowed}, "not that of the terms")
	s.refuses(incident.Gate, &incident.Proposed{Attempt: 1, Terms: terms, Digest: digest}, "did not allow")
	s.gate(&incident.Proposed{Attempt: 1, Terms: terms, Digest: digest, Decision: allowed, Button: true})
	s.refuses(incident.Gate, &incident.Voted{Click: "x", Verb: incident.Approve, Digest: digest, Person: alice}, "without its click")
	s.votes(alice, incident.Approve, digest)
	s.now = s.now.Add(time.Second)
	s.gate(&incident.Clicked{Click: "again", Verb: incident.Approve, Digest: digest, Person: alice})
	s.refuses(incident.Gate, &incident.Clicked{Click: "again", Verb: incident.Approve}, "already")
	s.refuses(incident.Gate, &incident.Voted{Click: "again", Verb: incident.Approve, Digest: digest, Person: alice}, "second vote")
	s.gate(&incident.Refused{Click: "again"})
	s.refuses(incident.Gate, &incident.Decided{Digest: digest, Decision: allowed}, "1 of 2 votes")
	s.refuses(incident.Gate, &incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true}}, "without any vote")
	s.refuses(incident.Gate, &incident.Launched{Digest: digest, Job: "cs-a-x"}, "not decided")
	s.votes(bob, incident.Approve, digest)
	s.gate(&incident.Decided{Digest: digest, Decision: allowed})
	s.refuses(incident.Gate, &incident.Launched{Digest: digest, Job: "cs-a-x"}, "not that of the proposal")
	s.watcher(&incident.Closed{Why: "cleared"})
	s.refuses(incident.Watcher, &incident.Cleared{}, "after the incident is closed")
}

func TestARejectionEndsTheOfferAndNothingIsPlannedAgainForTheSameFinding(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	digest := digestOf(t, s.rehearsed(1))
	s.votes(alice, incident.Reject, digest)
	s.posted()
	s.gate(&incident.Posted{Slot: "note:1", TS: "2.2"})
	s.due(incident.Gate)
	s.diagnosed(incident.ConfigMapMissing)
	s.posted()
	s.due(incident.Gate, incident.DoPlan)
}

func TestTakenOverByHandTakesTheButtonsAway(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	digest := digestOf(t, s.rehearsed(1))
	s.votes(bob, incident.Manual, digest)
	if cur := s.i.Current(); cur.Open() || cur.Lapsed != "manual" || s.i.Taken.ID != bob.ID {
		t.Fatalf("%+v", cur)
	}
	s.gate(&incident.Clicked{Click: "late", Verb: incident.Approve, Digest: digest, Person: alice})
	s.refuses(incident.Gate, &incident.Voted{Click: "late", Verb: incident.Approve, Digest: digest, Person: alice}, "not open")
}

func TestReplaySetsForgedRecordsAsideWithAllThatRestsOnThem(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	digest := digestOf(t, s.rehearsed(1))
	s.votes(alice, incident.Approve, digest)
	flip := func(n int, old, new string) []incident.Record {
		all := slices.Clone(s.records)
		all[n].Raw = []byte(strings.Replace(string(all[n].Raw), old, new, 1))
		if string(all[n].Raw) == string(s.records[n].Raw) {
			t.Fatalf("%q is not in record %d", old, n+1)
		}
		return all
	}
	last := len(s.records) - 1
	for name, c := range map[string]struct {
		records []incident.Record
		from    int
		why     string
	}{
		"a vote for somebody else":    {flip(last, `"U1"`, `"U9"`), last, "seal"},
		"a seal of another key":       {flip(last, `"seal":"`, `"seal":"00`), last, "seal"},
		"a record left out":           {slices.Delete(slices.Clone(s.records), 2, 3), 2, "predecessor"},
		"two records changed places":  {swap(s.records, 3, 4), 3, "predecessor"},
		"a watcher event with a seal": {flip(0, `}`+"}", `},"seal":"00"}`), 0, ""},
		"a watcher's event altered":   {flip(0, `"image-pull"`, `"crash-loop"`), 1, "predecessor"},
		"an owner exchanged":          {flip(last, `"role":"gate"`, `"role":"watcher"`), last, "belong"},
	} {
		t.Run(name, func(t *testing.T) {
			i, bad := incident.Replay(c.records, sealer)
			if i.Version != c.from || len(bad) != len(c.records)-c.from || !strings.Contains(bad[0].Reason, c.why) {
				t.Fatalf("version %d, set aside %+v", i.Version, bad)
			}
		})
	}
}

func swap(records []incident.Record, a, b int) []incident.Record {
	all := slices.Clone(records)
	all[a], all[b] = all[b], all[a]
	return all
}

func TestEveryEventTypeHasOneOwnerAndARoundTrip(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.posted()
	s.votes(alice, incident.Approve, digestOf(t, s.rehearsed(1)))
	for _, r := range s.records {
		e, err := incident.Decode(r.Raw)
		if err != nil || e.Type != r.Type || e.Version != r.Version {
			t.Fatalf("%s: %v", r.Raw, err)
		}
	}
}

func FuzzDecodeNeverPanicsAndKeepsOwners(f *testing.F) {
	f.Add([]byte(`{"event":{"incident":"i","version":1,"at":"2026-11-20T12:00:00Z","role":"watcher","type":"cleared","body":{"ready":1,"desired":2}}}`))
	f.Add([]byte(`{"event":{},"seal":"x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := incident.Decode(raw)
		if err != nil {
			return
		}
		if e.Body == nil || e.Role != incident.Watcher && e.Role != incident.Gate {
			t.Fatalf("decoded %+v", e)
		}
		i, _ := incident.Replay([]incident.Record{{Raw: raw}}, sealer)
		if e.Role == incident.Gate && i.ID != "" && !strings.Contains(string(raw), "seal") {
			t.Fatal("an unsealed gate event was applied")
		}
	})
}
