package doctor

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// state is what Halt says, as far as it is known.
type state struct {
	wall   *wall
	faults map[string]string // of policies and bindings
	fault  string            // anything else
	blind  map[string]bool   // watches that do not stand
	// proven is the time of the last proof; zero where something changed since.
	proven  time.Time
	unsure  time.Time // since when the API server gives no answers to prove by
	changes int
	told    string
}

func newState() state {
	return state{faults: map[string]string{}, blind: map[string]bool{}, told: BeingProven}
}

// BeingProven is what Halt says before the first proof, and after a change that
// shows no fault by itself.
const BeingProven = "the fence is being proven"

// unsureFor is how long answers of the API server may fail before that is a halt,
// which voids open votes: one of some forty is easily lost.
const unsureFor = time.Minute

const notProven = "the fence is not proven: "

func (s *state) sentence(now time.Time) string {
	switch {
	case len(s.faults) > 0:
		first := slices.Min(slices.Collect(maps.Keys(s.faults)))
		return notProven + first + " " + s.faults[first]
	case s.fault != "":
		return notProven + s.fault
	case len(s.blind) > 0:
		return notProven + "its policies cannot be watched"
	case s.proven.IsZero():
		return BeingProven
	case now.Sub(s.proven) > tooLong:
		return notProven + "the last proof is too old"
	}
	return ""
}

// take is the result of a proof that began at the count before of changes; what
// changed meanwhile may not be in it. An error leaves an earlier proof in force
// until it is too old.
func (s *state) take(before int, got proof, err error, now time.Time) {
	var cause *unproven
	switch {
	case s.changes != before:
		return
	case errors.As(err, &cause):
		if s.unsure.IsZero() {
			s.unsure = now
		}
		if s.proven.IsZero() && (!passing(err) || now.Sub(s.unsure) >= unsureFor) {
			s.fault = cause.why
		}
		return
	case err != nil:
		return
	}
	s.fault, s.faults, s.unsure = got.fault, map[string]string{}, time.Time{}
	maps.Copy(s.faults, got.faults)
	if got.wall != nil {
		s.wall = got.wall
	}
	s.proven = time.Time{}
	if got.good() {
		s.proven = now
	}
}

// touched is a change of one policy or binding. What was proven before is void.
func (s *state) touched(what, fault string) {
	s.changes++
	s.proven, s.unsure, s.fault = time.Time{}, time.Time{}, ""
	delete(s.faults, what)
	if fault != "" {
		s.faults[what] = fault
	}
}
