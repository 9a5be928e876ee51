// Package calibrate says how sure a rule is, from what was measured: how often
// it named the right cause and root object in runs against a real cluster. It
// invents nothing: a rule without trials has no figure.
package calibrate

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Trials are a rule's outcomes in the shipped suite.
type Trials struct {
	Right int `json:"right"`
	Of    int `json:"of"`
}

// Record is what a run of the suite measured, by rule.
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

// Confidence of a rule by this record.
func (r Record) Confidence(rule string) incident.Confidence {
	t := r.Rules[rule]
	if t.Of == 0 {
		return incident.Confidence{Basis: redact.Literal("rule, not yet measured")}
	}
	return incident.Confidence{
		Value: float64(t.Right) / float64(t.Of), Lower: Lower(t), Measured: true,
		Basis: redact.Sprintf("rule, %s of %s right", redact.Int(int64(t.Right)), redact.Int(int64(t.Of))),
	}
}

// lowerZ is the normal quantile of a one-sided 90 % bound.
const lowerZ = 1.2815515594465977

// Lower is the lower 90 % bound of a share of successes, by Wilson's interval:
// it stays inside 0 to 1 and does not call 3 of 3 certain.
func Lower(t Trials) float64 {
	if t.Of == 0 {
		return 0
	}
	n, p, z2 := float64(t.Of), float64(t.Right)/float64(t.Of), lowerZ*lowerZ
	centre := p + z2/(2*n)
	spread := lowerZ * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return math.Max(0, (centre-spread)/(1+z2/n))
}
