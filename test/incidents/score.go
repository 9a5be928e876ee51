package incidents

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is how one scenario was answered.
type Outcome struct {
	Scenario string
	Healthy  bool
	Faults   []Fault
	Copies   int       // of a storm's documents
	Got      []Finding // of the last look
	Top1     int       // faults named exactly by one of the first len(Faults) findings
	Top3     int       // the same among the first three hypotheses of each
	False    int       // announcements where nothing is wrong
	Harmful  int       // fixes offered that must not be
	Fixable  bool      // a fix would be right
	Fixed    bool      // and one of those is offered
	Problems []string  // why it is no success, empty if it is
	Played   bool      // the fault showed and the program answered
	Took     time.Duration
}

// OK reports whether everything was right: as many findings as faults, each
// exact, nothing forbidden offered, nothing secret shown.
func (o Outcome) OK() bool { return len(o.Problems) == 0 }

func (o *Outcome) problem(format string, args ...any) {
	o.Problems = append(o.Problems, fmt.Sprintf(format, args...))
}

// score judges the looks at a scenario, the last of which counts, and the
// answers to those who asked about one object.
func score(s *Scenario, looks, asked []Look) Outcome {
	o := Outcome{Scenario: s.Name, Healthy: s.Healthy, Faults: s.Faults(), Fixable: len(s.Fixes) > 0}
	if len(looks) == 0 || looks[len(looks)-1].Err != nil {
		o.problem("could not look: %v", lastError(looks))
		return o
	}
	o.Played, o.Got = true, looks[len(looks)-1].Findings
	if s.Healthy {
		o.scoreHealthy(looks, asked)
	} else {
		o.scoreFaults()
	}
	for _, f := range o.Got {
		for _, x := range f.Fixes {
			if slices.Contains(s.Forbidden, x.Kind) {
				o.Harmful++
				o.problem("offered %s, which is forbidden here", x.Kind)
			}
			o.Fixed = o.Fixed || slices.Contains(s.Fixes, x.Kind)
		}
	}
	for _, l := range slices.Concat(looks, asked) {
		for _, secret := range s.Secrets {
			if strings.Contains(l.Raw, secret) {
				o.problem("showed a secret (%.6s…)", secret)
				return o
			}
		}
	}
	return o
}

func lastError(looks []Look) error {
	if len(looks) == 0 {
		return nil
	}
	return looks[len(looks)-1].Err
}

// scoreHealthy counts what was announced in any look, and what still stands at
// the end, settled or not. What settled and went away was never announced.
func (o *Outcome) scoreHealthy(looks, asked []Look) {
	told := map[string]bool{}
	for i, l := range looks {
		for _, f := range l.Findings {
			if !f.Settling || i == len(looks)-1 {
				told[f.answer().String()] = true
			}
		}
	}
	for _, l := range asked {
		for _, f := range l.Findings {
			told["asked: "+f.answer().String()] = true
		}
	}
	o.False = len(told)
	for a := range told {
		o.problem("false: %s", a)
	}
	slices.Sort(o.Problems)
}

// scoreFaults matches each fault with one finding. Only the first len(Faults)
// findings can match: a list of everything imaginable names every fault.
func (o *Outcome) scoreFaults() {
	first := o.Got[:min(len(o.Got), len(o.Faults))]
	exact, near := make([]bool, len(first)), make([]bool, len(first))
	for _, fault := range o.Faults {
		if at := slices.IndexFunc(first, func(f Finding) bool { return fault.Accepts(f.answer()) }); at >= 0 && !exact[at] {
			exact[at] = true
			o.Top1++
		} else {
			o.problem("wanted %s", fault.Answer)
		}
		for i, f := range first {
			if !near[i] && amongThree(f, fault) {
				near[i] = true
				o.Top3++
				break
			}
		}
	}
	if len(o.Got) != len(o.Faults) {
		o.problem("%d findings for %d", len(o.Got), len(o.Faults))
	}
}

func amongThree(f Finding, fault Fault) bool {
	if fault.Accepts(f.answer()) {
		return true
	}
	for _, h := range f.Hypotheses[:min(len(f.Hypotheses), 3)] {
		if fault.Accepts(Answer{Cause: h.Cause, Root: h.Root.String()}) {
			return true
		}
	}
	return false
}

// scoreAbsent wants an error for each object that does not exist: a clean bill
// of health for it would mislead whoever mistyped a name.
func (o *Outcome) scoreAbsent(absent []string, asked []Look) {
	for i, l := range asked {
		if l.Err == nil {
			o.False++
			o.problem("answered about %s, which does not exist", absent[i])
		}
	}
}

// failed is the outcome of a scenario that could not be played. It counts as a
// miss: a fault that nobody looked at is no success.
func failed(s *Scenario, err error) Outcome {
	o := Outcome{Scenario: s.Name, Healthy: s.Healthy, Faults: s.Faults()}
	o.problem("not played: %v", err)
	return o
}
