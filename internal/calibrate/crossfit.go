package calibrate

import (
	"maps"
	"math"
	"slices"
)

// penalties are the strengths that are tried; the last all but forbids the
// features and leaves the share of right answers.
var penalties = []float64{0.3, 1, 3, 10, 100, 1e6}

// regression is a fit with what is needed to say how far it may be off.
type regression struct {
	weights vector
	penalty float64
	faults  int
	model   matrix    // covariance of the weights if all outcomes were independent
	robust  matrix    // the same if outcomes of one kind of fault were not
	heldOut []float64 // logarithms of odds, by fits that never saw the row's kind of fault
}

// regress chooses the penalty that does best on kinds of faults that were left
// out, then fits all rows with it.
func regress(rows []row) regression {
	out := regression{faults: len(faultsOf(rows))}
	least := math.Inf(1)
	for _, penalty := range penalties {
		said := crossFit(rows, penalty)
		sum := 0.0
		for n, r := range rows {
			sum += surprise(said[n], r.right)
		}
		if sum < least {
			least, out.penalty, out.heldOut = sum, penalty, said
		}
	}
	out.weights = fit(rows, out.penalty)
	out.covariances(rows)
	return out
}

func faultsOf(rows []row) []string {
	set := map[string]bool{}
	for _, r := range rows {
		set[r.fault] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// crossFit predicts each row, as its logarithm of odds, by a fit of the rows of
// all other kinds of faults.
func crossFit(rows []row, penalty float64) []float64 {
	said := make([]float64, len(rows))
	for _, fault := range faultsOf(rows) {
		var others []row
		for _, r := range rows {
			if r.fault != fault {
				others = append(others, r)
			}
		}
		w := fit(others, penalty)
		for n, r := range rows {
			if r.fault == fault {
				said[n] = w.dot(r.x)
			}
		}
	}
	return said
}

// covariances are the usual one and Huber's sandwich, with outcomes of one kind
// of fault taken together (Liang and Zeger 1986): answers about one kind of fault
// are right or wrong together, so that they tell less than their number.
func (g *regression) covariances(rows []row) {
	_, curvature := derivatives(append(rows[:len(rows):len(rows)], row{x: mean(rows), right: 0.5}), g.weights, g.penalty)
	var ok bool
	if g.model, ok = curvature.inverse(); !ok || g.faults < 2 {
		g.faults = 0
		return
	}
	sums := map[string]vector{}
	for _, r := range rows {
		sums[r.fault] = sums[r.fault].plus(sigmoid(g.weights.dot(r.x))-r.right, r.x)
	}
	var inner matrix
	for _, fault := range slices.Sorted(maps.Keys(sums)) { // in order: sums of floats depend on it
		inner.addOuter(1, sums[fault])
	}
	g.robust = g.model.sandwich(inner)
}

// at is the probability that a hypothesis is right, and its lower 90 % bound. The
// bound takes the larger of the two covariances and, for the few kinds of faults,
// Student's quantile.
func (g *regression) at(x vector) (value, bound float64) {
	z := g.weights.dot(x)
	if g.faults < 2 {
		return sigmoid(z), 0
	}
	few := float64(g.faults) / float64(g.faults-1)
	variance := math.Max(x.dot(g.model.times(x)), few*x.dot(g.robust.times(x)))
	return sigmoid(z), sigmoid(z - studentZ(g.faults-1)*math.Sqrt(math.Max(0, variance)))
}

// studentZ is Student's quantile of a one-sided 90 % bound for so many degrees of
// freedom, by the expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5);
// from 4 on it is off by less than 0.01.
func studentZ(freedom int) float64 {
	z, v := lowerZ, float64(freedom)
	z3, z5 := z*z*z, z*z*z*z*z
	return z + (z3+z)/(4*v) + (5*z5+16*z3+3*z)/(96*v*v)
}
