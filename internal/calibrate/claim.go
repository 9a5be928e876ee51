package calibrate

import (
	"github.com/countersign-dev/countersign/internal/incident"
)

// claim is what a rule or a model said in an incident, and what came of it.
type claim struct {
	diagnosis incident.Diagnosis
	explained *incident.Explained // nil for a rule's
	weighed   []incident.Evidence // that the explanation cites from
	helped    map[string]bool     // by execution
}

// ruling is the outcome of a rule's claim. What people say outranks what a
// change did.
func (c *claim) ruling(verdicts []incident.Verdict) (Outcome, bool) {
	d := c.diagnosis
	o := Outcome{Rule: d.Rule, Fault: fault(verdicts, d.Cause), Shown: d.Confidence}
	var known bool
	if o.Right, known = heard(verdicts, incident.Claim{Cause: d.Cause, Root: d.Root}); known {
		o.Source = Told
		return o, true
	}
	o.Right, o.Source = true, Cured
	for _, helped := range c.helped {
		o.Right = o.Right && helped
	}
	return o, len(c.helped) > 0
}

// guesses are the outcomes of those of a model's hypotheses that verdicts say
// something about. Only people tell: what a model says is not acted upon.
func (c *claim) guesses(verdicts []incident.Verdict) []Outcome {
	var out []Outcome
	for rank, h := range c.explained.Hypotheses {
		if h.Novel && rank > 0 {
			continue // without a code there is nothing to compare
		}
		right, known := heard(verdicts, incident.Claim{Cause: h.Cause, Root: h.Root})
		if !known {
			continue
		}
		out = append(out, Outcome{
			Model: ModelKey(*c.explained), Rank: rank, Right: right, Source: Told,
			Fault: fault(verdicts, c.explained.Hypotheses[0].Cause),
			Shown: h.Confidence, Features: FeaturesOf(c.diagnosis, c.weighed, h),
		})
	}
	return out
}

// heard is what the verdicts, one of each person, say of a claim: a verdict that
// gives a cause says something of every claim, one that only says wrong speaks of
// the claim that it was given for. Where people disagree it counts as wrong.
func heard(verdicts []incident.Verdict, about incident.Claim) (right, known bool) {
	right = true
	for _, v := range verdicts {
		switch {
		case v.Cause != "":
			right, known = right && about.Names(v.Cause, v.Root), true
		case v.Of.Names(about.Cause, about.Root):
			right, known = false, true
		}
	}
	return right && known, known
}

// fault is the kind of fault as the latest verdict has it; claimed where none
// says one.
func fault(verdicts []incident.Verdict, claimed incident.Cause) incident.Cause {
	for _, v := range verdicts {
		if v.Cause != "" {
			claimed = v.Cause
		}
	}
	return claimed
}

// ModelKey names whose word an explanation is: figures of one model, or of one
// prompt, say nothing of another.
func ModelKey(e incident.Explained) string {
	if e.PromptVersion == "" {
		return e.Model
	}
	return e.Model + " with prompt " + e.PromptVersion
}
