package calibrate

import (
	"math"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// priorCap is what the shipped trials of a rule weigh at most, in outcomes. The
// suite's faults are ours, not the user's: each weighed outcome of the
// installation takes the place of one of them, so that after this many only the
// installation's own count.
const priorCap = 30

// curedWeight is what a change that helped weighs against a person's word of 1.
// Such outcomes are chosen: only causes that were sure enough are offered, only
// offers that people believed in are approved, and some faults heal whatever is
// changed. A change that did not help has none of these excuses and weighs 1.
const curedWeight = 0.5

// Tally is what became of one rule's claims in this installation.
type Tally struct {
	Told  Trials `json:"told"`  // by people's verdicts
	Cured Trials `json:"cured"` // by changes that were made and looked at
	// Right and Of are the same, weighed.
	Right float64 `json:"weightRight"`
	Of    float64 `json:"weightOf"`
}

// TallyOf weighs the outcomes of one rule. What was right on one subject weighs
// 1 at most in all: a fault that comes back in the same workload proves little
// anew. What was wrong weighs each time: the mistake was offered each time.
func TallyOf(outcomes []Outcome) Tally {
	var t Tally
	right := map[string]float64{}
	for _, o := range outcomes {
		counts, weight := &t.Told, 1.0
		if o.Source == Cured {
			counts = &t.Cured
			if o.Right {
				weight = curedWeight
			}
		}
		counts.Of++
		if !o.Right {
			t.Of += weight
			continue
		}
		counts.Right++
		fresh := math.Min(weight, 1-right[o.Subject])
		right[o.Subject] += fresh
		t.Right, t.Of = t.Right+fresh, t.Of+fresh
	}
	return t
}

// standing is the confidence that trials and outcomes add up to.
func standing(shipped Trials, here Tally) incident.Confidence {
	prior := math.Max(0, math.Min(float64(shipped.Of), priorCap-here.Of))
	right, of := here.Right, here.Of+prior
	if shipped.Of > 0 {
		right += prior * float64(shipped.Right) / float64(shipped.Of)
	}
	if of == 0 {
		return incident.Confidence{Basis: redact.Literal("rule, not yet measured")}
	}
	return incident.Confidence{
		Value: right / of, Lower: lower(right, of), Measured: true,
		Outcomes: int(of + 1e-9), // a sum of halves and shares may fall short by a rounding
		Basis:    basisOf(shipped, here),
	}
}

// basisOf says what was counted, not what it weighs.
func basisOf(shipped Trials, here Tally) redact.Text {
	suite := share(shipped)
	local := share(Trials{here.Told.Right + here.Cured.Right, here.Told.Of + here.Cured.Of})
	switch {
	case here.Of == 0:
		return redact.Sprintf("rule, %s right", suite)
	case here.Of >= priorCap || shipped.Of == 0:
		return redact.Sprintf("rule, %s right here", local)
	}
	return redact.Sprintf("rule, %s right in trials, %s here", suite, local)
}

func share(t Trials) redact.Text {
	return redact.Sprintf("%s of %s", count(t.Right), count(t.Of))
}
