// Package calibrate says how sure a claim about a cause is, from what became of
// such claims: a rule's from trials on a real cluster and from the incidents of
// this installation, a model's from the incidents alone. It invents nothing: a
// rule without trials has no figure, and what a model says of itself is one
// feature among several. It reads records and computes; it does no I/O and
// decides nothing. docs/calibration.md tells the method.
package calibrate

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Trials are counted outcomes: so many right of so many.
type Trials struct {
	Right int `json:"right"`
	Of    int `json:"of"`
}

// Record is what a run of the suite measured, by rule. It holds no figure of a
// model: a suite's model is a stand-in, and its accuracy is the suite's choice.
type Record struct {
	By    string            `json:"by"` // the command that made it
	Rules map[string]Trials `json:"rules"`
}

//go:embed record.json
var shipped []byte

// Shipped is the record that this build carries.
func Shipped() (Record, error) {
	var r Record
	if err := json.Unmarshal(shipped, &r); err != nil {
		return Record{}, fmt.Errorf("read the shipped record: %w", err)
	}
	return r, nil
}

// Confidence of a rule by this record alone.
func (r Record) Confidence(rule string) incident.Confidence {
	return standing(r.Rules[rule], Tally{})
}

// lowerZ is the normal quantile of a one-sided 90 % bound.
const lowerZ = 1.2815515594465977

// Lower is the lower 90 % bound of a share of successes, by Wilson's interval:
// it stays inside 0 to 1 and does not call 3 of 3 certain.
func Lower(t Trials) float64 { return lower(float64(t.Right), float64(t.Of)) }

// lower is the bound for weighed outcomes, whose counts are no whole numbers.
func lower(right, of float64) float64 {
	if !(of > 0) {
		return 0
	}
	p, z2 := right/of, lowerZ*lowerZ
	centre := p + z2/(2*of)
	spread := lowerZ * math.Sqrt(p*(1-p)/of+z2/(4*of*of))
	return math.Max(0, (centre-spread)/(1+z2/of))
}
