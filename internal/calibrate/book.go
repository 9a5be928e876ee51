package calibrate

import (
	"maps"
	"slices"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// leastFaults is how many kinds of faults a model's outcomes have to be of: the
// bound rests on how answers differ from kind to kind.
const leastFaults = 8

// belowFloor is what a model's own word counts at most until it is calibrated.
const belowFloor = 0.74

// Book is what is known of every rule and every model. It does not change.
type Book struct {
	shipped Record
	rules   map[string]Tally
	models  map[string]*modelRecord
}

// modelRecord is what is known of one model with one prompt.
type modelRecord struct {
	best, rest guesses
}

// guesses are what a model put first, or what it put behind: the two come true
// each in their own way, so that one fit for both would be wrong about either.
type guesses struct {
	outcomes []Outcome
	faults   int
	fitted   *regression // nil while there is too little
}

// NewBook adds up the shipped record and what became of claims here.
func NewBook(shipped Record, outcomes []Outcome) *Book {
	b := &Book{shipped: shipped, rules: map[string]Tally{}, models: map[string]*modelRecord{}}
	rules := map[string][]Outcome{}
	for _, o := range outcomes {
		switch {
		case o.Rule != "":
			rules[o.Rule] = append(rules[o.Rule], o)
		case o.Model != "":
			m := b.models[o.Model]
			if m == nil {
				m = &modelRecord{}
				b.models[o.Model] = m
			}
			g := m.of(o.Rank)
			g.outcomes = append(g.outcomes, o)
		}
	}
	for rule, its := range rules {
		b.rules[rule] = TallyOf(its)
	}
	for _, m := range b.models {
		m.best.learn()
		m.rest.learn()
	}
	return b
}

func (m *modelRecord) of(rank int) *guesses {
	if rank == 0 {
		return &m.best
	}
	return &m.rest
}

func (g *guesses) learn() {
	rows := make([]row, len(g.outcomes))
	for n, o := range g.outcomes {
		rows[n] = row{x: o.Features.vector(), fault: string(o.Fault)}
		if o.Right {
			rows[n].right = 1
		}
	}
	g.faults = len(faultsOf(rows))
	if len(rows) >= incident.EnoughOutcomes && g.faults >= leastFaults {
		fitted := regress(rows)
		g.fitted = &fitted
	}
}

// Rule is the confidence in what a rule claims.
func (b *Book) Rule(rule string) incident.Confidence {
	return standing(b.shipped.Rules[rule], b.rules[rule])
}

// Rules lists the rules of which something is known.
func (b *Book) Rules() []string {
	all := map[string]bool{}
	for rule := range b.shipped.Rules {
		all[rule] = true
	}
	for rule := range b.rules {
		all[rule] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Weigh gives each hypothesis of an explanation its confidence. While there are
// too few outcomes a model's own word stays, as a number that counts for nothing.
func (b *Book) Weigh(d incident.Diagnosis, evidence []incident.Evidence, e *incident.Explained) {
	evidence = append(slices.Clip(evidence), e.Gained...)
	m := b.models[ModelKey(*e)]
	if m == nil {
		m = &modelRecord{}
	}
	for rank := range e.Hypotheses {
		h := &e.Hypotheses[rank]
		h.Confidence = m.of(rank).confidence(h.Confidence, FeaturesOf(d, evidence, *h))
	}
}

func (g *guesses) confidence(said incident.Confidence, f Features) incident.Confidence {
	n := len(g.outcomes)
	if g.fitted == nil {
		said.Value, said.Lower, said.Measured, said.Outcomes = min(said.Value, belowFloor), 0, false, n
		if n > 0 {
			said.Basis = redact.Sprintf("%s (%s outcomes of %s kinds of faults, %s of %s are needed)", said.Basis,
				count(n), count(g.faults), count(incident.EnoughOutcomes), count(leastFaults))
		}
		return said
	}
	value, bound := g.fitted.at(f.vector())
	return incident.Confidence{
		Value: value, Lower: bound, Measured: true, Outcomes: n,
		Basis: redact.Sprintf("model, calibrated on %s outcomes of %s kinds of faults", count(n), count(g.faults)),
	}
}

func count(n int) redact.Text { return redact.Int(int64(n)) }
