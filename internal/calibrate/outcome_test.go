package calibrate

import (
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
	config = action.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "shop", Name: "web"}
	before = action.Hash(strings.Repeat("a", 64))
	after  = action.Hash(strings.Repeat("b", 64))
	sealer = &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	alice  = incident.Person{ID: "U1", Team: "T1"}
	bob    = incident.Person{ID: "U2", Team: "T1"}
)

// story is an incident that both roles write.
type story struct {
	t       *testing.T
	records []incident.Record
	clicks  int
}

func begin(t *testing.T) *story {
	s := &story{t: t}
	s.says(incident.Watcher, &incident.Opened{Fingerprint: "f", Signal: incident.Signal{Symptom: incident.SymptomCrashLoop, Subject: web}})
	return s
}

func (s *story) says(role incident.Role, bodies ...incident.Body) {
	s.t.Helper()
	for _, body := range bodies {
		var last action.Hash
		if n := len(s.records); n > 0 {
			last = s.records[n-1].Hash()
		}
		r, err := incident.Next("i000000000001", len(s.records), last, role, body, noon, sealer)
		if err != nil {
			s.t.Fatal(err)
		}
		s.records = append(s.records, r)
		if _, bad := incident.Replay(s.records, sealer); len(bad) > 0 {
			s.t.Fatalf("%T: %s", body, bad[0].Reason)
		}
	}
}

func (s *story) state() incident.Incident {
	i, _ := incident.Replay(s.records, sealer)
	return i
}

func change() action.Action {
	return action.Action{Kind: action.SetImage, Target: web, Bound: before, Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: "shop/web:1"},
	}}
}

// found is a look; without a rule it proves nothing. The card follows it.
func (s *story) found(rule string, cause incident.Cause, root action.Ref, symptomatic bool) {
	s.t.Helper()
	s.says(incident.Watcher, &incident.Collected{
		Digest: before, Evidence: []incident.Evidence{{ID: "e1", Kind: "log", Text: redact.Literal("one")}, {ID: "e2", Kind: "log", Text: redact.Literal("two")}},
		Diagnosis: incident.Diagnosis{
			Cause: cause, Root: root, Object: web, Rule: rule, Cites: []string{"e1"}, Desired: 2,
			Confidence: incident.Confidence{Value: 0.9, Lower: 0.8, Measured: true},
			Candidates: []incident.Candidate{{Action: change(), Symptomatic: symptomatic}},
		},
	})
	s.says(incident.Gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"})
}

func (s *story) explained(guesses ...incident.Cause) {
	e := &incident.Explained{Key: "k", Evidence: before, Model: "m", PromptVersion: "v2"}
	for n, cause := range guesses {
		e.Hypotheses = append(e.Hypotheses, incident.Hypothesis{Cause: cause, Root: web, Cites: []string{"e1"}, SelfReport: 0.9, Samples: 5, Agreeing: 4 - 2*n})
	}
	s.says(incident.Watcher, e)
}

func (s *story) judged(by incident.Person, right bool, cause incident.Cause, root action.Ref) {
	s.t.Helper()
	s.clicks++
	click := strings.Repeat("c", s.clicks)
	said := incident.Verdict{Right: right, Cause: cause, Root: root}
	heard := said
	heard.Click, heard.By, heard.At, heard.Of = click, by, noon, s.state().Claimed()
	if right {
		heard.Cause, heard.Root = heard.Of.Cause, heard.Of.Root
	}
	s.says(incident.Gate, &incident.Clicked{Click: click, Verb: incident.Judge, Person: by, Genuine: true, Verdict: &said}, &heard)
}

// fixed carries an attempt out and concludes it.
func (s *story) fixed(r incident.Rehearsing, state string, result incident.Result) string {
	s.t.Helper()
	i := s.state()
	r.Attempt, r.Candidate, r.Basis = len(i.Attempts)+1, i.Diagnosis.Candidates[0], i.Diagnosis.Basis()
	terms := action.NewTerms(change(), before, noon.Add(time.Duration(15+r.Attempt)*time.Minute))
	digest, err := terms.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	job, err := action.JobName(action.Apply, terms, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.clicks++
	click := strings.Repeat("c", s.clicks)
	report := incident.ExecutorReport{State: incident.StateRehearsed, UID: web.UID, Before: before, After: after}
	s.says(incident.Gate, &r, &incident.Rehearsed{Attempt: r.Attempt, Report: report},
		&incident.Proposed{Attempt: r.Attempt, Terms: terms, Digest: digest, Button: true, Decision: incident.Decision{Allow: true, Quorum: 1}},
		&incident.Clicked{Click: click, Verb: incident.Approve, Digest: digest, Person: alice, Genuine: true},
		&incident.Voted{Click: click, Verb: incident.Approve, Digest: digest, Person: alice},
		&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}},
		&incident.Launched{Digest: digest, Job: job})
	report.State = state
	s.says(incident.Gate, &incident.Executed{Job: job, Report: report})
	s.says(incident.Watcher, &incident.Observed{Execution: job, Healthy: result == incident.Recovered},
		&incident.Concluded{Execution: job, Result: result})
	return job
}

func (s *story) closed() []Outcome {
	s.t.Helper()
	s.says(incident.Watcher, &incident.Closed{Why: "cleared"})
	return Outcomes(s.records)
}

func TestWhatBecameOfARulesClaim(t *testing.T) {
	applied, oom := incident.StateApplied, incident.OOMKilled
	for _, c := range []struct {
		name   string
		tell   func(s *story)
		source Source // 0: nothing is learned
		right  bool
		fault  incident.Cause
	}{
		{name: "nobody said and did anything", tell: func(*story) {}},
		{name: "a person says right", tell: func(s *story) { s.judged(alice, true, "", action.Ref{}) }, source: Told, right: true, fault: oom},
		{name: "a person says wrong", tell: func(s *story) { s.judged(alice, false, "", action.Ref{}) }, source: Told, fault: oom},
		{name: "a person says what it was", tell: func(s *story) { s.judged(alice, false, incident.MemoryLeak, action.Ref{}) }, source: Told, fault: incident.MemoryLeak},
		{name: "a person names another root", tell: func(s *story) { s.judged(alice, false, oom, config) }, source: Told, fault: oom},
		{name: "two disagree", tell: func(s *story) {
			s.judged(alice, true, "", action.Ref{})
			s.judged(bob, false, "", action.Ref{})
		}, source: Told, fault: oom},
		{name: "one who changed her mind", tell: func(s *story) {
			s.judged(alice, false, "", action.Ref{})
			s.judged(alice, true, "", action.Ref{})
		}, source: Told, right: true, fault: oom},
		{name: "a change that helped", tell: func(s *story) { s.fixed(incident.Rehearsing{}, applied, incident.Recovered) }, source: Cured, right: true, fault: oom},
		{name: "a change that did not help", tell: func(s *story) { s.fixed(incident.Rehearsing{}, applied, incident.Unchanged) }, source: Cured, fault: oom},
		{name: "a change that made it worse", tell: func(s *story) { s.fixed(incident.Rehearsing{}, applied, incident.Worse) }, source: Cured, fault: oom},
		{name: "a change that was never made", tell: func(s *story) { s.fixed(incident.Rehearsing{}, incident.StateLost, incident.Unchanged) }},
		{name: "a change that a person edited", tell: func(s *story) { s.fixed(incident.Rehearsing{Edited: true}, applied, incident.Recovered) }},
		{name: "a change that was taken back", tell: func(s *story) {
			job := s.fixed(incident.Rehearsing{}, applied, incident.Recovered)
			s.fixed(incident.Rehearsing{Undo: job}, applied, incident.Undone)
		}},
		{name: "a person's word outranks a change that helped", tell: func(s *story) {
			s.fixed(incident.Rehearsing{}, applied, incident.Recovered)
			s.judged(bob, false, "", action.Ref{})
		}, source: Told, fault: oom},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t)
			s.found("run.oom", oom, web, false)
			s.found("run.oom", oom, web, false) // a second look is no second claim
			c.tell(s)
			if open := Outcomes(s.records); len(open) != 0 {
				t.Errorf("an open incident has outcomes: %+v", open)
			}
			got := s.closed()
			if c.source == 0 {
				if len(got) != 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Source != c.source || got[0].Right != c.right || got[0].Fault != c.fault || got[0].Rule != "run.oom" ||
				got[0].Subject != "shop Deployment/web" || got[0].Shown.Value != 0.9 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAChangeThatHidesTheCauseProvesNoCause(t *testing.T) {
	s := begin(t)
	s.found("run.oom", incident.OOMKilled, web, true)
	s.fixed(incident.Rehearsing{}, incident.StateApplied, incident.Recovered)
	if got := s.closed(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAFailureCountsForTheRuleThatWasBelievedNotForTheNextOne(t *testing.T) {
	s := begin(t)
	s.found("run.oom", incident.OOMKilled, web, false)
	s.fixed(incident.Rehearsing{}, incident.StateApplied, incident.Unchanged)
	s.found("config.missing", incident.ConfigMapMissing, config, false)
	s.judged(alice, true, "", action.Ref{})
	got := s.closed()
	if len(got) != 2 || got[0].Rule != "run.oom" || got[0].Right || got[1].Rule != "config.missing" || !got[1].Right {
		t.Errorf("%+v", got)
	}
}

func TestAVerdictAfterTheEndIsHeard(t *testing.T) {
	s := begin(t)
	s.found("run.oom", incident.OOMKilled, web, false)
	s.closed()
	s.judged(alice, true, "", action.Ref{})
	if got := Outcomes(s.records); len(got) != 1 || !got[0].Right {
		t.Errorf("%+v", got)
	}
}

func TestWhatBecameOfAModelsGuesses(t *testing.T) {
	first, second := incident.AppError, incident.DNSFailure
	for _, c := range []struct {
		name string
		tell func(s *story)
		want string // by rank: r right, w wrong
	}{
		{"nothing was said", func(*story) {}, ""},
		{"right", func(s *story) { s.judged(alice, true, "", action.Ref{}) }, "rw"},
		{"wrong, and no more", func(s *story) { s.judged(alice, false, "", action.Ref{}) }, "w"},
		{"it was the second", func(s *story) { s.judged(alice, false, second, action.Ref{}) }, "wr"},
		{"it was neither", func(s *story) { s.judged(alice, false, incident.OOMKilled, action.Ref{}) }, "ww"},
		{"it was the second, elsewhere", func(s *story) { s.judged(alice, false, second, config) }, "ww"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t)
			s.found("", incident.Unknown, web, false)
			s.explained(first, second)
			c.tell(s)
			got := ""
			for n, o := range s.closed() {
				if o.Rank != n || o.Model != "m with prompt v2" || o.Rule != "" || o.Features.Coverage != 0.5 || o.Features.Rules != 0.5 || o.Features.SelfReport != 0.9 {
					t.Errorf("%+v", o)
				}
				if o.Right {
					got += "r"
				} else {
					got += "w"
				}
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestRecordsThatDoNotFollowEachOtherTeachNothing(t *testing.T) {
	s := begin(t)
	s.found("run.oom", incident.OOMKilled, web, false)
	s.judged(alice, true, "", action.Ref{})
	if got := s.closed(); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	for n := range s.records {
		without := append(append([]incident.Record{}, s.records[:n]...), s.records[n+1:]...)
		if got := Outcomes(without); len(got) != 0 {
			t.Errorf("without record %d: %+v", n+1, got)
		}
	}
	if got := Outcomes(nil); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
