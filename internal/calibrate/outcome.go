package calibrate

import (
	"github.com/countersign-dev/countersign/internal/incident"
)

// Source says how an outcome is known. The zero value is not at all.
type Source int

// The sources.
const (
	Told  Source = iota + 1 // a person said so
	Cured                   // a change was made for this cause, and what it did was seen
)

// Outcome is what became of one claim about the cause of one closed incident.
type Outcome struct {
	Incident incident.ID
	Subject  string         // what failed; outcomes of one subject are not independent
	Fault    incident.Cause // what it really was, as far as somebody knows
	Rule     string         // that made the claim, or
	Model    string         // the model and its prompt
	Rank     int            // of a model's claim; 0 is its best guess
	Right    bool
	Source   Source
	Shown    incident.Confidence // as it stood on the card
	Features Features            // of a model's claim
}

// Outcomes reads what an incident's records say about the claims that were made
// in it. An open incident has none, and records that do not follow each other
// say nothing: what was learned from them could not be told again.
//
// Seals are not checked, because the watcher has no key. Nothing is lost by it:
// whoever can write a false verdict into the store can write a false confidence
// there, too, and neither authorises anything.
func Outcomes(records []incident.Record) []Outcome {
	var state incident.Incident
	f := follower{byBasis: map[string]*claim{}}
	for n := range records {
		next, bad := state.Follow(records[max(n-1, 0):n+1], nil)
		if len(bad) > 0 {
			return nil
		}
		f.step(state, next)
		state = next
	}
	if state.Closed == "" {
		return nil
	}
	var out []Outcome
	for _, o := range f.outcomes(state.Verdicts) {
		o.Incident, o.Subject = state.ID, state.Subject.Namespace+" "+state.Subject.String()
		out = append(out, o)
	}
	return out
}

// follower notes the claims of an incident while its records are replayed, and
// what was seen of each.
type follower struct {
	rules   []*claim
	byBasis map[string]*claim // of a diagnosis
	model   *claim            // the last explanation
}

func (f *follower) step(was, now incident.Incident) {
	if d := now.Diagnosis; d != nil && d != was.Diagnosis && d.Proven() && d.Rule != "" {
		f.byBasis[d.Basis()] = f.ruled(*d)
	}
	if e := now.Explained; e != nil && e != was.Explained && len(e.Hypotheses) > 0 && now.Diagnosis != nil {
		f.model = &claim{diagnosis: *now.Diagnosis, explained: e, weighed: now.Weighed}
	}
	for n := range now.Attempts {
		if now.Attempts[n].Concluded != nil && (n >= len(was.Attempts) || was.Attempts[n].Concluded == nil) {
			f.concluded(now.Attempts[n])
		}
	}
}

// ruled finds the claim of a rule, or begins it. The same rule that names the
// same cause and root again makes no second claim.
func (f *follower) ruled(d incident.Diagnosis) *claim {
	for _, c := range f.rules {
		if c.diagnosis.Rule == d.Rule && c.diagnosis.Cause == d.Cause && c.diagnosis.Root.Same(d.Root) {
			c.diagnosis = d
			return c
		}
	}
	f.rules = append(f.rules, &claim{diagnosis: d})
	return f.rules[len(f.rules)-1]
}

// concluded takes note of what a change did. Nothing is learned from a change
// that hides the cause, from one that a person made another of, from one that
// was never made, and from one that somebody took back again.
func (f *follower) concluded(a incident.Attempt) {
	if a.Rehearsal.Undo != "" {
		for _, c := range f.rules {
			delete(c.helped, a.Rehearsal.Undo)
		}
		return
	}
	c := f.byBasis[a.Basis]
	if c == nil || a.Rehearsal.Candidate.Symptomatic || a.Rehearsal.Edited || a.Executed.Report.State != incident.StateApplied {
		return
	}
	if c.helped == nil {
		c.helped = map[string]bool{}
	}
	c.helped[a.Launched.Job] = a.Concluded.Result == incident.Recovered
}

func (f *follower) outcomes(verdicts []incident.Verdict) []Outcome {
	var out []Outcome
	for _, c := range f.rules {
		if o, ok := c.ruling(verdicts); ok {
			out = append(out, o)
		}
	}
	if f.model != nil {
		out = append(out, f.model.guesses(verdicts)...)
	}
	return out
}
