package calibrate

import (
	"math"
	"slices"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Features are what is known about a model's hypothesis before anybody says
// whether it was right. All are between 0 and 1.
type Features struct {
	// Coverage is the share of the evidence that it cites with quotes that hold
	// up, of as much as it may cite.
	Coverage float64 `json:"coverage"`
	// Agreement is the share of answers to the same question that named this
	// cause, drawn towards a half where there were few.
	Agreement float64 `json:"agreement"`
	// Rules is how far it goes with what the rules found.
	Rules float64 `json:"rules"`
	// SelfReport is the model's own word.
	SelfReport float64 `json:"selfReport"`
}

// citable is how many pieces of evidence a hypothesis may cite.
const citable = 5

// FeaturesOf looks at a hypothesis about a case.
func FeaturesOf(d incident.Diagnosis, evidence []incident.Evidence, h incident.Hypothesis) Features {
	f := Features{
		Agreement: float64(h.Agreeing+1) / float64(h.Samples+2), SelfReport: h.SelfReport, Rules: agreement(d, h),
	}
	if most := min(citable, len(evidence)); most > 0 {
		f.Coverage = min(1, float64(len(h.Cites))/float64(most))
	}
	if h.Samples < 1 || h.Agreeing < 0 || h.Agreeing > h.Samples {
		f.Agreement = 0.5
	}
	return f
}

// agreement with the rules: 1 for the cause that they proved and 0 for another
// one; where they proved none, a half for citing what they found most telling.
func agreement(d incident.Diagnosis, h incident.Hypothesis) float64 {
	switch {
	case d.Proven() && d.Cause == h.Cause:
		return 1
	case !d.Proven() && slices.ContainsFunc(h.Cites, func(id string) bool { return slices.Contains(d.Cites, id) }):
		return 0.5
	}
	return 0
}

// farthest is how near to certainty a self-report counts: models say 1.0 with
// ease, and its logarithm of odds has no end.
const farthest = 0.98

// vector is the features as the regression takes them: all of like size, the
// self-report as its logarithm of odds.
func (f Features) vector() vector {
	self := math.Min(math.Max(f.SelfReport, 1-farthest), farthest)
	if math.IsNaN(f.SelfReport) {
		self = 0.5
	}
	return vector{1, f.Coverage, f.Agreement, f.Rules, math.Log(self/(1-self)) / math.Log(farthest/(1-farthest))}
}
